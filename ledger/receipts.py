"""Receipts out of a log: inclusion in a checkpoint that everybody can see, with what others have signed about it.

Most receipts take one statement: the entry, the head, the published checkpoint, and whether there is more to fetch.

A checkpoint that was stamped under keys which the log has changed since is signed again with the present ones, beside
the old lines, so that those who know only the new keys can check it: timestamps and cosignatures are over its text.
Only what the present tree provably continues is signed, whatever stands in the database.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from ledger.database import stored_data
from ledger.evidence import checkpoint_for, cosignature_lines, with_lines
from ledger.lookup import entry_at
from ledger.models import prefix
from ledger.sequencer import TreeHead, check_stored_leaf
from ledger.timestamping import MAX_STORED_TOKEN
from ledger.tree import GROUP_COLUMNS
from provenance.checkpoint import open_checkpoint
from provenance.entry import parse_any
from provenance.errors import ForgedError, InvalidError, LedgerFault
from provenance.merkle import check_consistency, check_inclusion, leaf_hash
from provenance.note import MAX_SIGNATURES, format_note, sign_line, split_note
from provenance.receipt import MAX_ATTESTATION_BYTES, MAX_ATTESTATIONS, Receipt, format_receipt
from provenance.timestamp import imprint_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ledger.tree import StoredTree
    from provenance.checkpoint import Checkpoint, NoteSigner, VerifierKey

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
_FACTS_AND_GROUP = text(_BASE.format(f", {GROUP_COLUMNS}", "LEFT JOIN tiles t ON t.level = 0 AND t.position = :tile"))


class NotPublishedFault(LedgerFault):
    """The entry is logged and durable, but in no published checkpoint yet; ``retry_after`` is in seconds."""

    def __init__(self, index: int, retry_after: float = 1.0) -> None:
        super().__init__(f"ledger: entry {index} is logged and not published yet; ask again in a moment")
        self.retry_after = retry_after


class ReceiptMaker:
    """Makes receipts, each of them checked; remembers the checkpoints whose signatures it has checked last.

    Args:
        keys: every key that signed for this log, retired ones too.
        signers: the present keys, where this process has them.
    """

    def __init__(self, keys: Sequence[VerifierKey], signers: Sequence[NoteSigner] = ()) -> None:
        self._keys = tuple(keys)
        self._signers = tuple(signers)
        self._opened: dict[bytes, Checkpoint] = {}
        self._again: dict[bytes, bytes] = {}

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
            if self._is_stale(note, newest):
                size, tokens = newest.size, []
                note = with_lines(newest.note, cosignature_lines(connection, size))
        note = self.signed_now(tree, head, note, tokens)
        attestations = _attestations(connection, claim, sum(map(len, tokens)))
        with stored_data():
            checkpoint = self._open(note)
            if checkpoint.size != size:
                raise LedgerFault("ledger: a stored checkpoint is of another size; the database was tampered with")
            path = tree.inclusion_path(index, size)
            check_inclusion(leaf_hash(entry), index, size, path, checkpoint.root)
            return format_receipt(Receipt(index, tuple(path), checkpoint, tuple(tokens), tuple(attestations)))

    def signed_now(self, tree: StoredTree, head: TreeHead, note: bytes, tokens: Sequence[bytes]) -> bytes:
        """A checkpoint of this log with the lines of its present keys before those that it has, if it lacks some.

        It stays what it is in a process without the secrets, and where a token is over the whole note, as earlier
        programs asked for.

        Raises:
            LedgerFault: it is not this log's, or the tree of ``head`` does not continue it.
        """
        found = self._again.get(note)
        if found is None:
            with stored_data():
                checkpoint = self._open(note)
                lacking = [signer for signer in self._signers if signer.verifier_key not in checkpoint.signed_by]
                if not lacking or any(_is_over(token, note) for token in tokens):
                    return note
                _check_continued(tree, head, checkpoint)
                stated, lines = split_note(note)
                lines = [*(sign_line(stated, signer) for signer in lacking), *lines]
                found = format_note(stated, lines[:MAX_SIGNATURES])
            self._again = {note: found, **dict(list(self._again.items())[: _NOTES - 1])}
        return found

    def _is_stale(self, note: bytes, newest: TreeHead) -> bool:
        """Whether the keys that sign now have not signed this older checkpoint, and it cannot be mended here."""
        if self._signers or note == newest.note:
            return False
        with stored_data():
            return not set(self._open(note).signed_by).intersection(self._open(newest.note).signed_by)

    def _open(self, note: bytes) -> Checkpoint:
        found = self._opened.get(note)
        if found is None:
            found = open_checkpoint(note, self._keys)
            self._opened = {note: found, **dict(list(self._opened.items())[: _NOTES - 1])}
        return found


def _check_continued(tree: StoredTree, head: TreeHead, checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint that is not of the tree of ``head``, which was checked when it was read."""
    if checkpoint.size == head.size:
        if checkpoint.root != head.root:
            raise ForgedError("checkpoint: of another tree of this size")
    elif not 0 < checkpoint.size < head.size:
        raise ForgedError("checkpoint: of a tree that this log never had")
    else:
        path = tree.consistency_path(checkpoint.size, head.size)
        check_consistency(checkpoint.size, head.size, checkpoint.root, head.root, path)


def _is_over(token: bytes, note: bytes) -> bool:
    try:
        return imprint_of(token) == hashlib.sha256(note).digest()
    except InvalidError:
        return False


def _facts(connection: Connection, tree: StoredTree, index: int) -> Sequence[Any]:
    """What the statement of the module gives; what the path needs of the leaf's tile comes with it."""
    place = tree.group_place(index)
    statement, given = _FACTS, {"leaf": index}
    if place is not None:
        statement, given = _FACTS_AND_GROUP, {"leaf": index, "tile": place[0], "start": place[1]}
    row = connection.execute(statement, given).one_or_none()
    if row is None:
        raise LedgerFault(f"ledger: entry {index} is missing; the database is damaged")
    if place is not None:
        tree.keep(*place, row[-3:])
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
