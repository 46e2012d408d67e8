"""A log: everything that a service, the command line or a test does with one, behind one class.

A log is a database (SQLite or PostgreSQL), a file with its signing keys, and, where it is served, a store of tiles::

    log = open_log("postgresql+psycopg://host/name", key_file=path, tiles="/var/lib/seedproof/tiles", create=True)
    prepared = prepare(data)                       parses and checks every signature; no database
    [accepted] = log.submit_batch([prepared])      durable when it returns; the head is signed
    log.publish()                                  tiles, then the checkpoint: now everybody can see it
    log.receipt(accepted.index)                    inclusion in a published checkpoint

Several processes may have one log open at once, each for itself; the database decides whose batch comes first. A
``Log`` may be shared between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from provenance.entry import AnyEntry
    from provenance.errors import InvalidError
    from provenance.ports import LoggedEntry

__all__ = ["Accepted", "Log", "Prepared", "Published", "StampRow", "open_log", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """An entry of any kind whose own signatures hold; ``leaf_hash`` is that of its canonical bytes."""

    entry: AnyEntry
    leaf_hash: bytes


@dataclass(frozen=True)
class Accepted:
    """Where an entry stands: ``entry`` are the bytes that are logged there, the first ones if it is a ``duplicate``."""

    index: int
    id: bytes
    entry: bytes
    duplicate: bool


@dataclass(frozen=True)
class Published:
    """The newest checkpoint that everybody can see; ``note`` is all of it, with the cosignatures known by then."""

    size: int
    root: bytes
    note: bytes


@dataclass(frozen=True)
class StampRow:
    """One RFC 3161 token (DER) over the checkpoint ``note`` of ``size`` leaves, by the authority at this URL."""

    size: int
    authority: str
    note: bytes
    token: bytes


def prepare(data: bytes) -> Prepared:
    """Parse an entry of any kind strictly and check every signature that needs no other entry.

    Raises:
        InvalidError: not canonical, too long, or a proof does not hold. UnsupportedVersionError: a kind or version that
            this program does not know.
    """
    raise NotImplementedError


def open_log(
    database: str,
    *,
    key_file: Path | None = None,
    tiles: str | None = None,
    origin: str | None = None,
    create: bool = False,
    read_only: bool = False,
) -> Log:
    """Open a log; with ``create`` one that is not there is begun.

    Args:
        database: a path or ``sqlite:///path``, or ``postgresql+psycopg://user@host/name``.
        key_file: its signing keys, mode 0600; by default ``<database>.key`` beside a SQLite file.
        tiles: a folder, ``s3://bucket/prefix`` (and what else obstore opens) or ``memory://``; without one the log is
            embedded: nothing is served, and what is logged counts as published.
        origin: the name of a log that is begun; later it must be that name, or None.
        read_only: never writes and needs no private key: the key file may hold verifier keys.

    Raises:
        LedgerFault: it is missing, something else, from a newer program, without its key, does not verify, or is older
            than what it has published or what a witness has signed.
    """
    raise NotImplementedError


class Log:
    """An open log. Every method may raise LedgerFault; after a fault it works again once the database does."""

    @property
    def origin(self) -> str:
        """Its name: the first line of its checkpoints."""
        raise NotImplementedError

    @property
    def verifier_keys(self) -> tuple[str, ...]:
        """A line ``name+keyid+base64`` for each of its keys, the primary Ed25519 key first."""
        raise NotImplementedError

    @property
    def location(self) -> str:
        """Where it is, for messages; never with a password."""
        raise NotImplementedError

    def head(self) -> Published:
        """The newest tree that is signed and durable, published or not."""
        raise NotImplementedError

    def published(self) -> Published:
        """The newest tree that everybody can see; in an embedded log that is the head."""
        raise NotImplementedError

    def submit_batch(self, batch: Sequence[Prepared]) -> list[Accepted | InvalidError]:
        """Append entries in their order, in one transaction; all that is accepted is durable when this returns.

        One outcome for each: accepted (perhaps as a duplicate), ConflictError where another entry has its slot, or
        InvalidError where it does not fit what the log has (its claim is missing, an owner did not sign).

        Raises:
            LedgerFault: nothing was logged, or (a connection lost while committing) it is not known; submit again.
        """
        raise NotImplementedError

    def publish(self, cosign: Callable[[Published], Sequence[bytes]] | None = None) -> Published:
        """Bring the tile store to the head: tiles and bundles, then the checkpoint. Nothing happens when it is there.

        ``cosign`` is called with the checkpoint between the two, and may return cosignature lines to publish with it.
        A process that dies in between, or another one that publishes at the same time, does no harm.
        """
        raise NotImplementedError

    def entry(self, index: int) -> bytes:
        """The bytes of one leaf."""
        raise NotImplementedError

    def find(self, entry_id: bytes) -> LoggedEntry | None:
        """The entry of any kind with this id; of a claim that is the claim id."""
        raise NotImplementedError

    def search(
        self,
        *,
        commitment: bytes | None = None,
        pixels: bytes | None = None,
        latent: bytes | None = None,
        author: bytes | None = None,
        after: int = -1,
        limit: int = 1_000,
    ) -> list[LoggedEntry]:
        """Claims that match every given criterion, in log order, beyond index ``after``; at most ``limit``."""
        raise NotImplementedError

    def follow_ups(self, subject: bytes, *, after: int = -1, limit: int = 1_000) -> list[LoggedEntry]:
        """Entries about a claim (by its id), without itself, or revocations of a key, in log order."""
        raise NotImplementedError

    def receipt(self, index: int) -> bytes:
        """A canonical receipt: in the first stamped checkpoint that has this leaf, else in the newest published one.

        Timestamps, cosignatures and attestations that are known by now are in it. It has been checked.

        Raises:
            NotPublishedFault: logged and durable, but in no published checkpoint yet; ask again in a moment.
            LedgerFault: there is no such entry, or the log is damaged.
        """
        raise NotImplementedError

    def consistency(self, old: int, size: int) -> list[bytes]:
        """The RFC 6962 consistency path between two sizes of this log, for witnesses."""
        raise NotImplementedError

    def add_stamp(self, size: int, note: bytes, authority: str, token: bytes) -> bool:
        """Keep a token over the checkpoint of this size; False when this authority's is there already."""
        raise NotImplementedError

    def stamps(self, size: int) -> list[StampRow]:
        """The tokens over the checkpoint of exactly this size."""
        raise NotImplementedError

    def last_stamped(self, authority: str) -> int:
        """The largest size that this authority has stamped, 0 if none."""
        raise NotImplementedError

    def add_cosignature(self, size: int, line: bytes) -> None:
        """Keep a witness's signature line (with its newline) over the published checkpoint of this size.

        Whether it holds is for the caller to check. The published note and later receipts carry it.
        """
        raise NotImplementedError

    def cosigned(self) -> dict[str, int]:
        """Name of each witness -> the largest size that it has cosigned here."""
        raise NotImplementedError

    def put_blob(self, digest: bytes, kind: str, data: bytes) -> bool:
        """Keep a recipe or latent under its digest, which the caller has checked; False when it is there."""
        raise NotImplementedError

    def get_blob(self, digest: bytes) -> bytes | None:
        """The blob, if it is kept."""
        raise NotImplementedError

    def delete_blob(self, digest: bytes) -> bool:
        """Forget a blob; False when there was none. The log itself does not change."""
        raise NotImplementedError

    def claims_naming(self, digest: bytes) -> list[LoggedEntry]:
        """Claims whose recipe or latent has this digest, in log order; at most 1,000: who may publish a blob."""
        raise NotImplementedError

    def use_grant(self, claim: bytes, digest: bytes, serial: int) -> bool:
        """Remember a grant's serial; False when this or a higher one was used for this claim and digest."""
        raise NotImplementedError

    def add_api_key(self, name: str, digest: bytes) -> None:
        """Keep the SHA-256 of an API key under a name."""
        raise NotImplementedError

    def remove_api_key(self, name: str) -> bool:
        """Forget an API key by its name; False when there was none."""
        raise NotImplementedError

    def api_keys(self) -> dict[str, bytes]:
        """Name -> SHA-256 of every API key."""
        raise NotImplementedError

    def tile(self, path: str) -> bytes | None:
        """The tile or bundle at a path, from the store; None when there is none. A partial one outlives its file."""
        raise NotImplementedError

    def checkpoint(self) -> bytes | None:
        """The newest checkpoint, from the store; None before the first one."""
        raise NotImplementedError

    def check_health(self) -> None:
        """Raise LedgerFault unless the database answers and the head holds."""
        raise NotImplementedError

    def close(self) -> None:
        """Release files and connections."""
        raise NotImplementedError
