"""An open log; :mod:`ledger.log` opens one."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from ledger import evidence, publication
from ledger.database import stored_data, writing
from ledger.keychange import retired_at
from ledger.newest import check_not_older, remember_newest
from ledger.reader import Reader
from ledger.receipts import ReceiptMaker
from ledger.recovery import read_shown
from ledger.sequencer import State, TreeHead, append, current_state, sign_head
from ledger.storeid import check_store_id
from ledger.tree import StoredTree
from ledger.vouched import newest_vouched, renew_cosignature
from provenance.checkpoint import open_checkpoint, sign_checkpoint
from provenance.errors import ForgedError, InvalidError, LedgerFault
from provenance.merkle import EMPTY_ROOT
from provenance.succession import format_successions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from ledger.admission import Prepared
    from ledger.database import Place
    from ledger.sequencer import Accepted
    from ledger.tilestore import TileStore
    from ledger.tree import TileCache
    from provenance.checkpoint import Checkpoint, NoteSigner, VerifierKey
    from provenance.succession import Succession

__all__ = ["Log"]


class Log(Reader):
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
        successions: Sequence[Succession] = (),
        store_id: str | None = None,
    ) -> None:
        super().__init__(place, engine, keys, store, state, cache)
        self._signers = tuple(signers)
        self._receipts = ReceiptMaker(keys, signers)
        self._successions = tuple(successions)
        self._store_id = store_id
        self._newest = newest
        self._appending, self._publishing = Lock(), Lock()

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """A line for each key that signs now, newest first: a process without secrets sees it at the head."""
        if self._signers:
            return tuple(signer.verifier_key.format() for signer in self._signers)
        with stored_data():
            signed_by = open_checkpoint(self._state.head.note, self._keys).signed_by
        return tuple(key.format() for key in self._keys if key in signed_by)

    @property
    def retired_keys(self) -> dict[str, int | None]:
        """A line for each key that does not sign any more -> how many leaves there were then, if that is known."""
        present = self.signing_keys
        return {key.format(): retired_at(self._successions, key) for key in self._keys if key.format() not in present}

    @property
    def successions(self) -> bytes:
        """What was announced when the keys changed, as it is served (``provenance.succession``)."""
        return format_successions([item.note for item in self._successions])

    @property
    def needs_signing(self) -> bool:
        """Whether the head lacks the signature of a present key, after keys were added or retired."""
        present = {signer.verifier_key for signer in self._signers}
        with stored_data():
            return not present.issubset(open_checkpoint(self._state.head.note, self._keys).signed_by)

    def stamps(self, size: int) -> list[evidence.StampRow]:
        """The tokens over the checkpoint of exactly this size, which the present keys sign."""
        with self._reading() as (connection, state):
            rows = evidence.stamps_of(connection, size)
            tree = StoredTree(connection, state.edge, self._cache)
            tokens = [row.token for row in rows]
            return [replace(row, note=self._receipts.signed_now(tree, state.head, row.note, tokens)) for row in rows]

    def vouched(self) -> list[tuple[bytes, list[bytes]]]:
        """Checkpoints that others have signed lately, with their tokens, newest first (:mod:`ledger.vouched`)."""
        with self._reading() as (connection, state):
            tree = StoredTree(connection, state.edge, self._cache)
            found = newest_vouched(connection, self._shown(connection, state).size)
            return [(self._receipts.signed_now(tree, state.head, note, tokens), tokens) for note, tokens in found]

    def submit_batch(self, batch: Sequence[Prepared]) -> list[Accepted | InvalidError]:
        """Append entries in their order, in one transaction; all that is accepted is durable when this returns.

        One outcome for each: accepted (perhaps as a duplicate), ConflictError where another entry has its slot, or
        InvalidError where it does not fit what the log has (its claim is missing, an owner did not sign).

        Raises:
            LedgerFault: nothing was logged, or (a connection lost while committing) it is not known; submit again.
        """
        if not self._signers:
            raise LedgerFault(f"ledger {self.location}: is open for reading only")
        self._refuse_fork()
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
        """Sign the head as it is with the present keys, after some were added or retired."""
        self._refuse_fork()
        with self._appending:
            known = self._state
            with writing(self._engine) as connection:
                state = current_state(connection, self._keys, known, lock=True)
                head = sign_head(connection, state.head, self._signers)
            self._state = State(head, state.edge)
        return head

    def add_stamp(self, size: int, note: bytes, authority: str, token: bytes) -> bool:
        """Keep a token over the checkpoint ``note`` of this size; False when this authority's is there already."""
        known = self._state
        with writing(self._engine) as connection:
            self._check_own(connection, known, size, note)
            return evidence.add_stamp(connection, evidence.StampRow(size, authority, note, token))

    def add_cosignature(self, size: int, line: bytes) -> bool:
        """Keep a witness's signature line (with its newline) over the checkpoint of this size; False when it is there.

        One that states a later time than the witness's present one over this checkpoint takes its place.

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
            added = evidence.add_cosignature(connection, size, note, line)
            return added or renew_cosignature(connection, size, line)

    def _publish(self, start: int | None, cosign: Callable[[TreeHead], Sequence[bytes]] | None) -> TreeHead:
        if self._store is None:
            return self.head()
        self._refuse_fork()
        with self._publishing, self._noticing_forks():
            there = read_shown(self._store, self._keys)  # before the database, which must not be older than it
            with self._reading() as (connection, state):
                check_store_id(connection, self._store_id)
                head, old = state.head, self._shown(connection, state)
                tree = StoredTree(connection, state.edge, self._cache)
                check_not_older(there, tree, head.size, "the tile store shows")
                lines = evidence.cosignature_lines(connection, head.size)
                begun = min(old.size, there.size if there else 0)
                same = start is None and bool(old.note) and begun == head.size
                if same and evidence.with_lines(old.note, lines) == old.note:
                    return old
                start = begun if start is None else min(start, begun)
                publication.put_tiles(connection, tree, self._store, start, head.size)
            lines += cosign(head) if cosign else ()
            shown = TreeHead(head.origin, head.size, head.root, evidence.with_lines(head.note, lines))
            self._store.put_checkpoint(shown.note, lambda present: self._check_replaced(present, there))
            with writing(self._engine) as connection:
                publication.record_published(connection, shown, self._store_id)
            remember_newest(self._newest, shown.note)
            publication.remove_partial(self._store, start, head.size)
            return shown

    def _check_replaced(self, present: bytes, known: Checkpoint | None) -> None:
        """Refuse to publish over what the log does not continue; ``known`` was looked at before."""
        if known is None or present != known.note:
            self.check_seen(present, "the tile store")

    def _check_own(self, connection: Connection, known: State, size: int, note: bytes) -> None:
        """Refuse a checkpoint that is not of this log at this size."""
        state = current_state(connection, self._keys, known)
        checkpoint = open_checkpoint(note, self._keys)
        if checkpoint.size != size or not 0 < size <= self._shown(connection, state).size:
            raise LedgerFault(f"ledger {self.location}: has published no such checkpoint of {size} entries")
        if StoredTree(connection, state.edge, self._cache).root(size) != checkpoint.root:
            raise ForgedError(f"checkpoint: not of this log's tree of {size} entries")
