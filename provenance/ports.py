"""What the protocol asks of others: a log that stores claims, and a machine that can make a picture again.

``ledger`` and ``generator`` implement these and register under the entry-point groups ``seedproof.ledgers`` and
``seedproof.regenerators``; provenance never imports them. An entry point of ``seedproof.ledgers`` is a function
``open_ledger(location: str, *, create: bool) -> Ledger``; one of ``seedproof.regenerators`` is a function
``open_regenerator(progress: Progress | None) -> Regenerator``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from provenance.recipe import Prompt, Recipe

__all__ = ["Ledger", "LoggedEntry", "Progress", "Regenerator"]


@dataclass(frozen=True)
class LoggedEntry:
    """One leaf of a log: its zero-based ``index`` and its canonical bytes ``entry``."""

    index: int
    entry: bytes


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

    def submit(self, entry: bytes) -> LoggedEntry:
        """Append a canonical entry durably; an entry with the same claim id returns the one logged first.

        Raises:
            InvalidError: a proof in the entry does not hold, or it is not canonical; nothing is logged.
        """

    def receipt(self, index: int) -> bytes:
        """A canonical receipt (``provenance.receipt``) for the leaf at ``index`` in a current checkpoint."""

    def find(self, claim_id: bytes) -> LoggedEntry | None:
        """The entry whose claim has this id."""

    def search(
        self,
        *,
        commitment: bytes | None = None,
        pixels: bytes | None = None,
        latent: bytes | None = None,
        author: bytes | None = None,
    ) -> Sequence[LoggedEntry]:
        """Entries that match every given criterion, in log order; at most 1,000."""

    def follow_ups(self, claim_id: bytes) -> Sequence[LoggedEntry]:
        """Transfers, revocations and attestations that name this claim, in log order."""

    def close(self) -> None:
        """Release files and connections."""


class Regenerator(Protocol):
    """A machine that has (or has not) the model of a recipe. Latents and noise are float32 arrays (C, H, W)."""

    def why_not(self, recipe: Recipe) -> str | None:
        """None when this machine can make the picture of this recipe, else one line that says what is missing."""

    def decode(self, recipe: Recipe, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixels uint8 (height, width, 3) of one latent."""

    def regenerate(
        self, recipe: Recipe, prompt: Prompt, noises: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """The final latent for each initial noise under the same recipe, one by one (batch 1)."""

    def invert(self, recipe: Recipe, prompt: Prompt, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """The initial noise that the sampler's ODE leads back to."""
