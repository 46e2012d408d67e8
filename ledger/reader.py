"""The reading side of an open log: entries, receipts, tiles. Nothing here writes to the log or needs its secrets."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ledger import evidence, lookup, publication
from ledger.beside import Beside
from ledger.database import database_faults, reading, stored_data
from ledger.newest import ForkFault, check_not_older
from ledger.receipts import ReceiptMaker
from ledger.sequencer import State, TreeHead, current_state
from ledger.tree import StoredTree
from provenance.checkpoint import open_checkpoint
from provenance.errors import InvalidError, LedgerFault
from provenance.merkle import EMPTY_ROOT
from provenance.tiles import format_bundle, format_tile, parse_bundle, parse_tile, parse_tile_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from ledger.database import Place
    from ledger.lookup import FoundEntry
    from ledger.tilestore import TileStore
    from ledger.tree import TileCache
    from provenance.checkpoint import VerifierKey
    from provenance.ports import About

__all__ = ["Reader"]


class Reader(Beside):
    """What :class:`ledger.opened.Log` reads. Every method may raise LedgerFault."""

    def __init__(
        self,
        place: Place,
        engine: Engine,
        keys: Sequence[VerifierKey],
        store: TileStore | None,
        state: State,
        cache: TileCache,
    ) -> None:
        super().__init__(engine)
        self._place = place
        self._keys = tuple(keys)
        self._store = store
        self._state = state
        self._cache = cache
        self._fork: str | None = None
        self._receipts = ReceiptMaker(keys)

    @property
    def origin(self) -> str:
        """Its name: the first line of its checkpoints."""
        return self._state.head.origin

    @property
    def verifier_keys(self) -> tuple[str, ...]:
        """A line ``name+keyid+base64`` for each of its keys, the primary Ed25519 key first."""
        return tuple(key.format() for key in self._keys)

    @property
    def location(self) -> str:
        """Where it is, for messages; never with a password."""
        return str(self._place)

    @property
    def engine(self) -> Engine:
        """The database, for the audit and for backups."""
        return self._engine

    @property
    def store(self) -> TileStore | None:
        """Where its tiles stand, if it is served."""
        return self._store

    @property
    def checked_tiles(self) -> TileCache:
        """Full tiles that were read, each of which led to a signed root."""
        return self._cache

    def head(self) -> TreeHead:
        """The newest tree that is signed and durable, published or not."""
        with self._reading() as (_, state):
            return state.head

    def published(self) -> TreeHead:
        """The newest tree that everybody can see; in a log that was never served that is the head."""
        with self._reading() as (connection, state):
            return self._shown(connection, state)

    def entry(self, index: int) -> bytes:
        """The bytes of one leaf."""
        with self._reading() as (connection, state):
            self._check_index(index, state)
            return lookup.entry_at(connection, index)

    def find(self, entry_id: bytes) -> FoundEntry | None:
        """The entry of any kind with this id; of a claim that is the claim id."""
        with reading(self._engine) as connection:
            return lookup.find_entry(connection, entry_id)

    def search(
        self,
        *,
        commitment: bytes | None = None,
        pixels: bytes | None = None,
        latent: bytes | None = None,
        author: bytes | None = None,
        after: int = -1,
        limit: int = lookup.MAX_RESULTS,
    ) -> list[FoundEntry]:
        """Claims that match every given criterion, in log order, beyond index ``after``; at most ``limit``."""
        wanted = {"commitment": commitment, "pixels": pixels, "latent": latent, "author": author}
        with reading(self._engine) as connection:
            return lookup.search_claims(connection, **wanted, after=after, limit=limit)

    def follow_ups(
        self,
        subject: bytes,
        *,
        kind: About | None = None,
        notary: bytes | None = None,
        after: int = -1,
        limit: int = lookup.MAX_RESULTS,
    ) -> list[FoundEntry]:
        """Entries about a claim (by its id), without itself, or revocations of a key: see ``provenance.ports``."""
        with reading(self._engine) as connection:
            return lookup.follow_ups_of(connection, subject, kind=kind, notary=notary, after=after, limit=limit)

    def receipt(self, index: int) -> bytes:
        """A canonical receipt: in the first stamped checkpoint that has this leaf, else in the newest published one.

        Timestamps, cosignatures and attestations that are known by now are in it. It has been checked.

        Raises:
            NotPublishedFault: logged and durable, but in no published checkpoint yet; ask again in a moment.
            LedgerFault: there is no such entry, or the log is damaged.
        """
        with self._reading() as (connection, state):
            self._check_index(index, state)
            tree = StoredTree(connection, state.edge, self._cache, self.part)
            return self._receipts.make(connection, tree, index, state.head, served=self._store is not None)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """The RFC 6962 consistency path between two sizes of this log, for witnesses: empty from 0 and from ``size``.

        Raises:
            ForgedError: the sizes are not in order. LedgerFault: the log is not that large.
        """
        with self._reading() as (connection, state):
            if size > state.head.size:
                raise LedgerFault(f"ledger {self.location}: has {state.head.size} entries, not {size}")
            tree = StoredTree(connection, state.edge, self._cache, self.part)
            return [] if old == 0 <= size else tree.consistency_path(old, size)

    def stamps(self, size: int) -> list[evidence.StampRow]:
        """The tokens over the checkpoint of exactly this size."""
        with reading(self._engine) as connection:
            return evidence.stamps_of(connection, size)

    def last_stamped(self, authority: str) -> int:
        """The largest size that this authority has stamped, 0 if none."""
        with reading(self._engine) as connection:
            return evidence.last_stamped(connection, authority)

    def cosigned(self) -> dict[str, int]:
        """Name of each witness -> the largest size that it has cosigned here."""
        with reading(self._engine) as connection:
            return evidence.newest_cosigned(connection)

    def check_seen(self, note: bytes, who: str) -> None:
        """Refuse to go on if somebody, say a witness, holds a checkpoint of ours that the database does not have.

        Raises:
            ForkFault: it is of a larger tree, or of another one; from now on this log signs nothing more.
            LedgerFault: it is not ours.
        """
        with self._noticing_forks(), self._reading() as (connection, state), stored_data():
            seen = open_checkpoint(note, self._keys)
            check_not_older(seen, StoredTree(connection, state.edge, self._cache), state.head.size, f"{who} has seen")

    def tile(self, path: str) -> bytes | None:
        """The tile or bundle at a path, None when there is none. A partial one outlives its file."""
        try:
            tile = parse_tile_path(path)
        except InvalidError:
            return None
        if self._store is None:
            return self._tile_of_embedded(path)
        found = self._store.get(path)
        if found is not None or tile == tile.full:
            return found
        full = self._store.get(tile.full.path)
        if full is None:
            return None
        with stored_data():
            if tile.level is None:
                return format_bundle(parse_bundle(full, tile.full.width)[: tile.width])
            return format_tile(parse_tile(full, tile.full.width)[: tile.width])

    def peek(self, path: str, start: int, length: int) -> bytes | None:
        """That part of a tile, if its store has it without waiting; None says nothing."""
        return None if self._store is None else self._store.part(path, start, length, wait=False)

    def part(self, path: str, start: int, length: int) -> bytes | None:
        """That part of a tile, if its store is a folder; None says nothing."""
        return None if self._store is None else self._store.part(path, start, length)

    def checkpoint(self) -> bytes:
        """The newest checkpoint that everybody can see, as bytes."""
        return self.published().note

    def check_health(self) -> None:
        """Raise LedgerFault unless the database answers and the head holds."""
        self._refuse_fork()
        self.head()

    def close(self) -> None:
        """Release files and connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[Connection, State]]:
        """A transaction that sees one state, and the head in it with its edge."""
        known = self._state  # before the transaction: what is known must not be newer than what it sees
        with database_faults(), reading(self._engine) as connection:
            state = current_state(connection, self._keys, known)
            if self._state is known:
                self._state = state
            yield connection, state

    @contextlib.contextmanager
    def _noticing_forks(self) -> Iterator[None]:
        """Remember that somebody has seen what the database does not continue: this process signs nothing more."""
        try:
            yield
        except ForkFault as fault:
            self._fork = str(fault)
            raise

    def _refuse_fork(self) -> None:
        if self._fork is not None:
            raise LedgerFault(f"{self._fork}. Nothing is signed until the newest state is back and this is restarted")

    def _shown(self, connection: Connection, state: State) -> TreeHead:
        """What everybody can see. A log that was ever served has published no more than its tile store shows."""
        shown = publication.read_published(connection, self.origin)
        if shown is None and self._store is None:
            return state.head
        return shown or TreeHead(self.origin, 0, EMPTY_ROOT, b"")

    def _tile_of_embedded(self, path: str) -> bytes | None:
        tile = parse_tile_path(path)
        with self._reading() as (connection, state):
            return publication.tile_data(connection, StoredTree(connection, state.edge, self._cache), tile)

    def _check_index(self, index: int, state: State) -> None:
        if not 0 <= index < state.head.size:
            raise LedgerFault(f"ledger {self.location}: has {state.head.size} entries and so no entry {index}")
