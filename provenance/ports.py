"""What the protocol asks of others: a log that stores claims, and a machine that can make a picture again.

``ledger`` and ``generator`` implement these and register under the entry-point groups ``seedproof.ledgers`` and
``seedproof.regenerators``; provenance never imports them. An entry point of ``seedproof.ledgers`` is a function
``open_ledger(location: str, *, create: bool) -> Ledger``; one of ``seedproof.regenerators`` is a function
``open_regenerator(progress: Progress | None) -> Regenerator``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from provenance.recipe import Prompt, Recipe

__all__ = [
    "About",
    "BatchLedger",
    "BlobSource",
    "Ledger",
    "LoggedEntry",
    "Material",
    "Progress",
    "Regenerator",
    "Vouched",
]

About = Literal["chained", "attestation"]
"""Part of what a log has about a subject: ``attestation`` are the attestations, of which anybody can log any number,
``chained`` is everything else, which takes an owner's, an author's or the key's own signature."""


@dataclass(frozen=True)
class LoggedEntry:
    """One leaf of a log: its zero-based ``index`` and its canonical bytes ``entry``."""

    index: int
    entry: bytes


@dataclass(frozen=True)
class Material:
    """One source of a remix, as an operation needs it.

    Attributes:
        latent: float32 (C, H, W), dequantised from the stored integers.
        recipe: how the source was made; None for an outside picture.
        prompt: what it was made with, where that is open.
    """

    latent: NDArray[np.float32]
    recipe: Recipe | None
    prompt: Prompt | None


@dataclass(frozen=True)
class Vouched:
    """A checkpoint of a log, with the cosignatures in its ``note``, and RFC 3161 tokens (DER) over it.

    Whose they are, and whether those hold, is for the caller to check.
    """

    note: bytes
    timestamps: tuple[bytes, ...] = ()


class Progress(Protocol):
    """Called with (done, total) and a short label while something takes long."""

    def __call__(self, done: int, total: int, label: str) -> None:
        """Show that ``done`` of ``total`` are done."""


class Ledger(Protocol):
    """An append-only log of entries, local or remote. Every method may raise LedgerFault."""

    @property
    def location(self) -> str:
        """Where it is, for messages."""

    @property
    def verifier_key(self) -> str:
        """Its signed-note verifier key, ``name+keyid+base64`` (C2SP signed-note)."""

    @property
    def verifier_keys(self) -> Sequence[str]:
        """Every key that its checkpoints may be signed by, old ones too: what was stamped once keeps its signatures."""

    @property
    def size(self) -> int:
        """Leaves of the tree in which its answers are looked up."""

    def vouched(self) -> Sequence[Vouched] | None:
        """Checkpoints that others have signed lately, each of a tree that what is shown here was proved to continue.

        None where the log itself is read, and nobody stands between who could show an older state.
        """

    def submit(self, entry: bytes) -> LoggedEntry:
        """Append a canonical entry of any kind durably; an entry with the same id returns the one logged first.

        Raises:
            ConflictError: another entry has its place, such as a transfer that came first (``provenance.entry``, slot).
            InvalidError: a proof in the entry does not hold, it is not canonical, or its claim is not in this log.
                Nothing is logged.
        """

    def receipt(self, index: int) -> bytes:
        """A canonical receipt (``provenance.receipt``) for the leaf at ``index`` in a current checkpoint."""

    def find(self, entry_id: bytes) -> LoggedEntry | None:
        """The entry of any kind with this id; of a claim that is the claim id."""

    def search(
        self,
        *,
        commitment: bytes | None = None,
        pixels: bytes | None = None,
        latent: bytes | None = None,
        author: bytes | None = None,
        after: int = -1,
    ) -> Sequence[LoggedEntry]:
        """Claims that match every given criterion, in log order, from beyond index ``after``; at most 1,000.

        Claims of a version that this program does not know may be among them.
        """

    def follow_ups(
        self, subject: bytes, *, kind: About | None = None, notary: bytes | None = None, after: int = -1
    ) -> Sequence[LoggedEntry]:
        """Entries about a claim (by its id) or revocations of a key, in log order, beyond ``after``; at most 1,000.

        With ``kind`` only that part of them; with ``notary`` only the attestations by this key. The claim itself is not
        among them. A caller asks on, with the last index, until nothing comes. Entries of a kind or version that this
        program does not know may be among them.
        """

    def close(self) -> None:
        """Release files and connections."""


@runtime_checkable
class BatchLedger(Protocol):
    """A ledger that takes several entries in one transaction: a local one does."""

    def submit_batch(self, entries: Sequence[bytes]) -> Sequence[LoggedEntry]:
        """As :meth:`Ledger.submit`, for each of them in their order."""


@runtime_checkable
class BlobSource(Protocol):
    """A ledger that also keeps recipes and stored latents which their owners let everybody read: a service does, and
    the database of one.
    """

    def get_blob(self, digest: bytes, *, limit: int) -> bytes | None:
        """The recipe or stored latent of this digest, not checked; None where none is published.

        Raises:
            LedgerFault: it has more than ``limit`` bytes, or the ledger is away.
        """


class Regenerator(Protocol):
    """A machine that has (or has not) the model of a recipe. Latents and noise are float32 arrays (C, H, W)."""

    def why_not(self, recipe: Recipe) -> str | None:
        """None when this machine can make the picture of this recipe, else one line that says what is missing."""

    def decode(self, recipe: Recipe, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixels uint8 (height, width, 3) of one latent."""

    def regenerate(
        self, recipe: Recipe, prompt: Prompt, seeds: Sequence[bytes], sources: Sequence[Material] = ()
    ) -> list[NDArray[np.float32]]:
        """The final latent for each seed (32 bytes) under the same recipe, one by one (batch 1).

        ``sources``: of a remix, one for each of its operation's sources, in their order.
        """

    def invert(
        self, recipe: Recipe, prompt: Prompt, latent: NDArray[np.float32], sources: Sequence[Material] = ()
    ) -> NDArray[np.float32] | None:
        """The noise of stream 0 that the sampler's ODE leads back to; None where there is no such way.

        Of a remix, the noise that entered at its first level. Of an inpainting only the values under the mask count:
        the others follow the recipe's own noise, so that those inside owe nothing to the tested noise inside.
        """
