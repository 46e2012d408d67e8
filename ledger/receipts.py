"""Receipts out of a log: inclusion in a checkpoint that everybody can see, with what others have signed about it.

Most receipts take one statement: the entry, the head, the published checkpoint, and whether there is more to fetch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from ledger.database import stored_data
from ledger.evidence import checkpoint_for
from ledger.lookup import entry_at
from ledger.models import prefix
from ledger.sequencer import TreeHead, check_stored_leaf
from ledger.timestamping import MAX_STORED_TOKEN
from provenance.checkpoint import open_checkpoint
from provenance.entry import parse_any
from provenance.errors import LedgerFault
from provenance.merkle import check_inclusion, leaf_hash
from provenance.receipt import MAX_ATTESTATION_BYTES, MAX_ATTESTATIONS, Receipt, format_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ledger.tree import StoredTree
    from provenance.checkpoint import Checkpoint, VerifierKey

__all__ = ["NotPublishedFault", "ReceiptMaker"]

_NOTES = 64
_ATTESTED = text(
    "SELECT leaf_index FROM leaves WHERE subject = :subject AND kind = 'attestation' ORDER BY leaf_index LIMIT 32"
)
_BASE = """
    SELECT l.entry, l.leaf_hash, l.entry_id, p.size, p.root, p.note,
           EXISTS (SELECT 1 FROM stamps s WHERE s.size > :leaf),
           EXISTS (SELECT 1 FROM cosignatures c WHERE c.size > :leaf) {}
    FROM leaves l LEFT JOIN published p ON p.id = 1 {} WHERE l.leaf_index = :leaf
"""
_FACTS = text(_BASE.format("", ""))
_FACTS_AND_TILE = text(
    _BASE.format(", t.root, t.middle, t.hashes", "LEFT JOIN tiles t ON t.level = 0 AND t.position = :tile")
)


class NotPublishedFault(LedgerFault):
    """The entry is logged and durable, but in no published checkpoint yet; ``retry_after`` is in seconds."""

    def __init__(self, index: int, retry_after: float = 1.0) -> None:
        super().__init__(f"ledger: entry {index} is logged and not published yet; ask again in a moment")
        self.retry_after = retry_after


class ReceiptMaker:
    """Makes receipts, each of them checked; remembers the checkpoints whose signatures it has checked last."""

    def __init__(self, keys: Sequence[VerifierKey]) -> None:
        self._keys = tuple(keys)
        self._opened: dict[bytes, Checkpoint] = {}

    def make(self, connection: Connection, tree: StoredTree, index: int, head: TreeHead, *, served: bool) -> bytes:
        """A canonical receipt for the leaf at ``index``, which ``head`` has; a log that is not served shows it.

        Raises:
            NotPublishedFault: no published checkpoint has the leaf. LedgerFault: the log is damaged.
        """
        entry, stored, claim, size, root, note, stamped, cosigned = _facts(connection, tree, index)
        check_stored_leaf(index, entry, stored)
        newest = _shown(head.origin, size, root, note) if served or size is not None else head
        if index >= newest.size:
            raise NotPublishedFault(index)
        size, note, tokens = newest.size, newest.note, list[bytes]()
        if stamped or cosigned:
            size, note, tokens = checkpoint_for(connection, index, newest)
        attestations = _attestations(connection, claim, sum(map(len, tokens)))
        with stored_data():
            checkpoint = self._open(note)
            if checkpoint.size != size:
                raise LedgerFault("ledger: a stored checkpoint is of another size; the database was tampered with")
            path = tree.inclusion_path(index, size)
            check_inclusion(leaf_hash(entry), index, size, path, checkpoint.root)
            return format_receipt(Receipt(index, tuple(path), checkpoint, tuple(tokens), tuple(attestations)))

    def _open(self, note: bytes) -> Checkpoint:
        found = self._opened.get(note)
        if found is None:
            found = open_checkpoint(note, self._keys)
            self._opened = {note: found, **dict(list(self._opened.items())[: _NOTES - 1])}
        return found


def _facts(connection: Connection, tree: StoredTree, index: int) -> Sequence[Any]:
    """What the statement of the module gives; the leaf's tile, where it is needed, comes with it."""
    lacking = tree.lacks(index)
    statement = _FACTS if lacking is None else _FACTS_AND_TILE
    row = connection.execute(statement, {"leaf": index} | ({} if lacking is None else {"tile": lacking})).one_or_none()
    if row is None:
        raise LedgerFault(f"ledger: entry {index} is missing; the database is damaged")
    if lacking is not None:
        tree.keep(0, lacking, (row[-3], row[-2], row[-1]))
    return row[:8]


def _shown(origin: str, size: object, root: object, note: object) -> TreeHead:
    if size is None:
        return TreeHead(origin, 0, b"", b"")
    if not isinstance(size, int) or not isinstance(root, bytes) or not isinstance(note, bytes):
        raise LedgerFault("ledger: the published row holds something else; the database was tampered with")
    return TreeHead(origin, size, root, note)


def _attestations(connection: Connection, claim: bytes, taken: int) -> list[bytes]:
    """Entries of the kind attestation about a claim: the first ones, as many as find room."""
    rows = connection.execute(_ATTESTED, {"subject": prefix(claim)}).scalars().all()
    entries: list[bytes] = []
    for found in rows:
        entry = entry_at(connection, found)
        taken += len(entry)
        fits = len(entry) <= MAX_ATTESTATION_BYTES and taken <= MAX_STORED_TOKEN
        if fits and len(entries) < MAX_ATTESTATIONS and parse_any(entry).subject == claim:
            entries.append(entry)
    return entries
