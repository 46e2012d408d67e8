"""An open log; :mod:`ledger.log` opens one."""

from __future__ import annotations

import contextlib
from threading import Lock
from typing import TYPE_CHECKING

from ledger import evidence, lookup, publication
from ledger.beside import Beside
from ledger.database import database_faults, reading, stored_data, writing
from ledger.newest import check_not_older, remember_newest
from ledger.receipts import ReceiptMaker
from ledger.sequencer import State, TreeHead, append, current_state, sign_head
from ledger.tree import StoredTree
from provenance.checkpoint import open_checkpoint, sign_checkpoint
from provenance.errors import ForgedError, InvalidError, LedgerFault
from provenance.merkle import EMPTY_ROOT
from provenance.tiles import format_bundle, format_tile, parse_bundle, parse_tile, parse_tile_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from ledger.admission import Prepared
    from ledger.database import Place
    from ledger.sequencer import Accepted
    from ledger.tilestore import TileStore
    from ledger.tree import TileCache
    from provenance.checkpoint import NoteSigner, VerifierKey
    from provenance.ports import LoggedEntry

__all__ = ["Log"]


class Log(Beside):
    """An open log. Every method may raise LedgerFault; after a fault it works again once the database does.

    May be shared between threads. What is written is one batch at a time; reads do not wait for it.
    """

    def __init__(
        self,
        place: Place,
        engine: Engine,
        keys: Sequence[VerifierKey],
        signers: Sequence[NoteSigner],
        store: TileStore | None,
        newest: Path,
        state: State,
        cache: TileCache,
    ) -> None:
        super().__init__(engine)
        self._place = place
        self._keys = tuple(keys)
        self._signers = tuple(signers)
        self._store = store
        self._newest = newest
        self._state = state
        self._cache = cache
        self._receipts = ReceiptMaker(keys)
        self._appending, self._publishing = Lock(), Lock()

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

    def head(self) -> TreeHead:
        """The newest tree that is signed and durable, published or not."""
        with self._reading() as (_, state):
            return state.head

    def published(self) -> TreeHead:
        """The newest tree that everybody can see; in an embedded log that is the head."""
        with self._reading() as (connection, state):
            return self._shown(connection, state)

    def submit_batch(self, batch: Sequence[Prepared]) -> list[Accepted | InvalidError]:
        """Append entries in their order, in one transaction; all that is accepted is durable when this returns.

        One outcome for each: accepted (perhaps as a duplicate), ConflictError where another entry has its slot, or
        InvalidError where it does not fit what the log has (its claim is missing, an owner did not sign).

        Raises:
            LedgerFault: nothing was logged, or (a connection lost while committing) it is not known; submit again.
        """
        if not self._signers:
            raise LedgerFault(f"ledger {self.location}: is open for reading only")
        with self._appending:
            known = self._state
            with writing(self._engine) as connection:
                state = current_state(connection, self._keys, known, lock=True)
                outcomes, state = append(connection, self._signers, state, batch)
            self._state = state
        if state.head is not known.head and self._store is None:
            remember_newest(self._newest, state.head.note)
        return outcomes

    def publish(self, cosign: Callable[[TreeHead], Sequence[bytes]] | None = None) -> TreeHead:
        """Bring the tile store to the head: tiles and bundles, then the checkpoint. Nothing happens when it is there.

        ``cosign`` is called with the checkpoint between the two, and may return cosignature lines to publish with it.
        A process that dies in between, or another one that publishes at the same time, does no harm.
        """
        return self._publish(None, cosign)

    def publish_from(self, size: int) -> TreeHead:
        """Publish what a store lacks that shows only ``size`` entries, whatever the database remembers."""
        return self._publish(size, None)

    def sign_again(self) -> TreeHead:
        """Sign the head as it is with the present keys, after some were retired."""
        with self._appending:
            known = self._state
            with writing(self._engine) as connection:
                state = current_state(connection, self._keys, known, lock=True)
                head = sign_head(connection, state.head, self._signers)
            self._state = State(head, state.edge)
        return head

    def entry(self, index: int) -> bytes:
        """The bytes of one leaf."""
        with self._reading() as (connection, state):
            self._check_index(index, state)
            return lookup.entry_at(connection, index)

    def find(self, entry_id: bytes) -> LoggedEntry | None:
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
    ) -> list[LoggedEntry]:
        """Claims that match every given criterion, in log order, beyond index ``after``; at most ``limit``."""
        wanted = {"commitment": commitment, "pixels": pixels, "latent": latent, "author": author}
        with reading(self._engine) as connection:
            return lookup.search_claims(connection, **wanted, after=after, limit=limit)

    def follow_ups(self, subject: bytes, *, after: int = -1, limit: int = lookup.MAX_RESULTS) -> list[LoggedEntry]:
        """Entries about a claim (by its id), without itself, or revocations of a key, in log order."""
        with reading(self._engine) as connection:
            return lookup.follow_ups_of(connection, subject, after=after, limit=limit)

    def receipt(self, index: int) -> bytes:
        """A canonical receipt: in the first stamped checkpoint that has this leaf, else in the newest published one.

        Timestamps, cosignatures and attestations that are known by now are in it. It has been checked.

        Raises:
            NotPublishedFault: logged and durable, but in no published checkpoint yet; ask again in a moment.
            LedgerFault: there is no such entry, or the log is damaged.
        """
        with self._reading() as (connection, state):
            self._check_index(index, state)
            tree = StoredTree(connection, state.edge, self._cache)
            return self._receipts.make(connection, tree, index, state.head, served=self._store is not None)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """The RFC 6962 consistency path between two sizes of this log, for witnesses: empty from 0 and from ``size``.

        Raises:
            ForgedError: the sizes are not in order. LedgerFault: the log is not that large.
        """
        with self._reading() as (connection, state):
            if size > state.head.size:
                raise LedgerFault(f"ledger {self.location}: has {state.head.size} entries, not {size}")
            tree = StoredTree(connection, state.edge, self._cache)
            return [] if old == 0 <= size else tree.consistency_path(old, size)

    def add_stamp(self, size: int, note: bytes, authority: str, token: bytes) -> bool:
        """Keep a token over the checkpoint ``note`` of this size; False when this authority's is there already."""
        known = self._state
        with writing(self._engine) as connection:
            self._check_own(connection, known, size, note)
            return evidence.add_stamp(connection, evidence.StampRow(size, authority, note, token))

    def stamps(self, size: int) -> list[evidence.StampRow]:
        """The tokens over the checkpoint of exactly this size."""
        with reading(self._engine) as connection:
            return evidence.stamps_of(connection, size)

    def last_stamped(self, authority: str) -> int:
        """The largest size that this authority has stamped, 0 if none."""
        with reading(self._engine) as connection:
            return evidence.last_stamped(connection, authority)

    def add_cosignature(self, size: int, line: bytes) -> bool:
        """Keep a witness's signature line (with its newline) over the checkpoint of this size; False when it is there.

        Whether it holds is for the caller to check. Later receipts carry it, and the published note once it is
        published again, which :meth:`publish` does.

        Raises:
            InvalidError: it is not one signature line of somebody else.
            LedgerFault: this log has not published such a checkpoint.
        """
        known = self._state
        with writing(self._engine) as connection:
            state = current_state(connection, self._keys, known)
            if not 0 <= size <= self._shown(connection, state).size:
                raise LedgerFault(f"ledger {self.location}: has not published a checkpoint of {size} entries")
            root = StoredTree(connection, state.edge, self._cache).root(size) if size else EMPTY_ROOT
            note = sign_checkpoint(self.origin, size, root, self._signers)
            return evidence.add_cosignature(connection, size, note, line)

    def cosigned(self) -> dict[str, int]:
        """Name of each witness -> the largest size that it has cosigned here."""
        with reading(self._engine) as connection:
            return evidence.newest_cosigned(connection)

    def check_seen(self, note: bytes, who: str) -> None:
        """Refuse to go on if somebody, say a witness, holds a checkpoint of ours that the database does not have.

        Raises:
            LedgerFault: it is of a larger tree, of another one, or not ours.
        """
        with self._reading() as (connection, state), stored_data():
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

    def checkpoint(self) -> bytes:
        """The newest checkpoint that everybody can see, as bytes."""
        return self.published().note

    def check_health(self) -> None:
        """Raise LedgerFault unless the database answers and the head holds."""
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

    def _shown(self, connection: Connection, state: State) -> TreeHead:
        if self._store is None:
            return state.head
        shown = publication.read_published(connection, self.origin)
        return shown or TreeHead(self.origin, 0, EMPTY_ROOT, b"")

    def _publish(self, start: int | None, cosign: Callable[[TreeHead], Sequence[bytes]] | None) -> TreeHead:
        if self._store is None:
            return self.head()
        with self._publishing:
            with self._reading() as (connection, state):
                head, old = state.head, self._shown(connection, state)
                lines = evidence.cosignature_lines(connection, head.size)
                same = start is None and bool(old.note) and old.size == head.size
                if same and evidence.with_lines(old.note, lines) == old.note:
                    return old
                tree = StoredTree(connection, state.edge, self._cache)
                start = old.size if start is None else min(start, old.size)
                publication.put_tiles(connection, tree, self._store, start, head.size)
            lines += cosign(head) if cosign else ()
            shown = TreeHead(head.origin, head.size, head.root, evidence.with_lines(head.note, lines))
            self._store.put_checkpoint(shown.note)
            with writing(self._engine) as connection:
                publication.record_published(connection, shown)
            remember_newest(self._newest, shown.note)
            publication.remove_partial(self._store, start, head.size)
            return shown

    def _tile_of_embedded(self, path: str) -> bytes | None:
        tile = parse_tile_path(path)
        with self._reading() as (connection, state):
            return publication.tile_data(connection, StoredTree(connection, state.edge, self._cache), tile)

    def _check_own(self, connection: Connection, known: State, size: int, note: bytes) -> None:
        """Refuse a checkpoint that is not of this log at this size."""
        state = current_state(connection, self._keys, known)
        checkpoint = open_checkpoint(note, self._keys)
        if checkpoint.size != size or not 0 < size <= state.head.size:
            raise LedgerFault(f"ledger {self.location}: has signed no such checkpoint of {size} entries")
        if StoredTree(connection, state.edge, self._cache).root(size) != checkpoint.root:
            raise ForgedError(f"checkpoint: not of this log's tree of {size} entries")

    def _check_index(self, index: int, state: State) -> None:
        if not 0 <= index < state.head.size:
            raise LedgerFault(f"ledger {self.location}: has {state.head.size} entries and so no entry {index}")
