"""Appending: the one place where entries get their index.

::

    lock the head row
    check the head: signed by our key, and the root of the stored tree
    for each entry: logged already -> the entry that stands there; else the next index
    insert leaves, authors, nodes
    sign the new checkpoint
    compare and swap the head: only if its size is still the one that was read

All in the caller's transaction, which commits or leaves nothing. On SQLite the transaction holds the write lock from
its start; elsewhere the locked row does. The compare-and-swap is what correctness rests on: two writers that read the
same head cannot both replace it, so no index is used twice and no two trees of one size are signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, CursorResult, insert, select, update

from ledger.database import stored_data
from ledger.models import Author, Head, Leaf
from ledger.tree import StoredTree
from provenance.checkpoint import open_checkpoint, sign_checkpoint
from provenance.claim import Claim, check_entry, claim_id, parse_entry
from provenance.errors import LedgerFault
from provenance.merkle import EMPTY_ROOT, leaf_hash
from provenance.ports import LoggedEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.checkpoint import NoteSigner, VerifierKey

__all__ = ["Prepared", "TreeHead", "append", "begin", "check_head", "prepare", "read_head"]


@dataclass(frozen=True)
class Prepared:
    """An entry whose proofs hold: its canonical bytes and the claim in it."""

    entry: bytes
    claim: Claim
    claim_id: bytes


@dataclass(frozen=True)
class TreeHead:
    """The head row: ``note`` is the signed checkpoint over ``size`` leaves with this ``root``."""

    origin: str
    size: int
    root: bytes
    note: bytes


def prepare(entry: bytes) -> Prepared:
    """Parse an entry strictly and check its proofs; needs no database.

    Raises:
        InvalidError: it is not canonical, too long, or a proof does not hold. UnsupportedVersionError: it is newer.
    """
    parsed = parse_entry(entry)
    check_entry(parsed, second_opinion=False)
    return Prepared(entry, parsed.claim, claim_id(parsed.claim))


def begin(connection: Connection, signer: NoteSigner) -> TreeHead:
    """Insert the head of the empty tree."""
    note = sign_checkpoint(signer.name, 0, EMPTY_ROOT, signer)
    head = TreeHead(signer.name, 0, EMPTY_ROOT, note)
    connection.execute(insert(Head).values(id=1, origin=head.origin, size=head.size, root=head.root, note=head.note))
    return head


def read_head(connection: Connection, *, lock: bool = False) -> TreeHead | None:
    """The head row as it stands, unchecked; locked until the end of the transaction when asked."""
    statement = select(Head.origin, Head.size, Head.root, Head.note).where(Head.id == 1)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else TreeHead(*row)


def check_head(connection: Connection, key: VerifierKey, *, lock: bool = False) -> tuple[TreeHead, StoredTree]:
    """The head and its tree, after checking that the log's key signed it and that the stored tree has its root.

    Raises:
        LedgerFault: it is missing, not ours, or not the root of what is stored: tampering, truncation, damage.
    """
    head = read_head(connection, lock=lock)
    if head is None:
        raise LedgerFault("ledger: the database has no head row; it is damaged")
    tree = StoredTree(connection)
    with stored_data():
        checkpoint = open_checkpoint(head.note, [key])
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (head.origin, head.size, head.root):
        raise LedgerFault("ledger: the head and its checkpoint differ; the database was tampered with")
    if tree.root(head.size) != head.root:
        raise LedgerFault(
            "ledger: the stored tree has another root than the checkpoint; the database was tampered with"
        )
    return head, tree


def append(connection: Connection, signer: NoteSigner, batch: Sequence[Prepared]) -> tuple[list[LoggedEntry], bytes]:
    """Log a batch, in its order; an entry whose claim is logged already, or twice in the batch, keeps its first index.

    Returns one logged entry for each of the batch, and the checkpoint that holds them once this is committed.

    Raises:
        LedgerFault: the head does not check, or another writer was faster; the transaction must be rolled back.
    """
    head, tree = check_head(connection, signer.verifier_key, lock=True)
    results: dict[bytes, LoggedEntry] = _logged(connection, [item.claim_id for item in batch])
    new: list[tuple[int, Prepared]] = []
    for item in batch:
        if item.claim_id not in results:
            index = head.size + len(new)
            results[item.claim_id] = LoggedEntry(index, item.entry)
            new.append((index, item))
    note = head.note
    if new:
        _insert(connection, tree, new)
        size = head.size + len(new)
        note = _swap_head(connection, head, size, tree.root(size), signer)
    return [results[item.claim_id] for item in batch], note


def _logged(connection: Connection, identifiers: Sequence[bytes]) -> dict[bytes, LoggedEntry]:
    statement = select(Leaf.claim_id, Leaf.leaf_index, Leaf.entry).where(Leaf.claim_id.in_(identifiers))
    return {identifier: LoggedEntry(index, entry) for identifier, index, entry in connection.execute(statement)}


def _insert(connection: Connection, tree: StoredTree, new: Sequence[tuple[int, Prepared]]) -> None:
    leaves: list[dict[str, object]] = []
    authors: list[dict[str, object]] = []
    for index, item in new:
        value = leaf_hash(item.entry)
        tree.append(index, value)
        leaves.append({"leaf_index": index, "entry": item.entry, "leaf_hash": value, **lookup_columns(item.claim)})
        authors += [{"key": key, "leaf_index": index} for key in item.claim.authors]
    connection.execute(insert(Leaf), leaves)
    if authors:
        connection.execute(insert(Author), authors)
    tree.write()


def lookup_columns(claim: Claim) -> dict[str, bytes]:
    """The columns of a leaf that follow from its claim."""
    return {
        "claim_id": claim_id(claim),
        "commitment": claim.Y,
        "pixels": claim.pixels,
        "latent": claim.latent.digest,
    }


def _swap_head(connection: Connection, old: TreeHead, size: int, root: bytes, signer: NoteSigner) -> bytes:
    note = sign_checkpoint(old.origin, size, root, signer)
    result: CursorResult[tuple[object, ...]] = connection.execute(
        update(Head)
        .where(Head.id == 1, Head.size == old.size, Head.root == old.root)
        .values(size=size, root=root, note=note)
    )
    if result.rowcount != 1:
        raise LedgerFault("ledger: another writer was faster; nothing was logged, try again")
    return note
