"""Appending: the one place where entries get their index.

::

    lock the head row
    the head is the one in memory? else read it: signed by our keys, and the root of the stored tree
    for each entry: logged already -> the entry that stands there; refused -> why; else the next index
    insert leaves, keys and the tiles that became full
    sign the new checkpoint
    compare and swap the head: only if it is still the one that was read

All in one transaction, which commits or leaves nothing. On SQLite the transaction holds the write lock from its start;
on PostgreSQL the locked row does. The compare-and-swap is what correctness rests on: two writers that read the same
head cannot both replace it, so no index is used twice and no two trees of one size are signed.

What is signed continues the tree in memory, never what somebody may have written into the database meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, CursorResult, bindparam, insert, select, update

from ledger.admission import LEAF_COLUMNS, MAX_CHAINED, check_in_log, entry_keys, leaf_row
from ledger.database import insert_rows, stored_data
from ledger.edge import TILE_COLUMNS, Edge, FullTile, read_edge
from ledger.keyindex import add_keys
from ledger.lookup import count_chained
from ledger.models import Base, Head, Leaf
from ledger.newest import ForkFault
from ledger.tree import StoredTree, TileCache
from provenance.checkpoint import open_checkpoint, sign_checkpoint
from provenance.entry import ATTESTATION, parse_any
from provenance.errors import InvalidError, LedgerFault
from provenance.merkle import EMPTY_ROOT, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.admission import Prepared
    from provenance.checkpoint import NoteSigner, VerifierKey
    from provenance.entry import AnyEntry

__all__ = [
    "Accepted",
    "Published",
    "State",
    "TreeHead",
    "append",
    "begin",
    "check_stored_leaf",
    "current_state",
    "read_head",
    "sign_head",
]

_TABLES = Base.metadata.tables
_HEAD = select(Head.origin, Head.size, Head.root, Head.note).where(Head.id == 1)
_LOCKED_HEAD = _HEAD.with_for_update()
_SWAP = (
    update(_TABLES["head"])
    .where(Head.id == 1, Head.size == bindparam("old_size"), Head.root == bindparam("old_root"))
    .values(size=bindparam("new_size"), root=bindparam("new_root"), note=bindparam("new_note"))
)
_LOGGED = select(Leaf.entry_id, Leaf.leaf_index, Leaf.entry, Leaf.leaf_hash).where(
    Leaf.entry_id.in_(bindparam("identifiers", expanding=True))
)


@dataclass(frozen=True)
class TreeHead:
    """The head row: ``note`` is the signed checkpoint over ``size`` leaves with this ``root``."""

    origin: str
    size: int
    root: bytes
    note: bytes


Published = TreeHead
"""A head that everybody can see; its note has the cosignatures known by then."""


@dataclass(frozen=True)
class State:
    """A head that was checked, and the right edge of its tree."""

    head: TreeHead
    edge: Edge


@dataclass(frozen=True)
class Accepted:
    """Where an entry stands: ``entry`` are the bytes that are logged there, the first ones if it is a ``duplicate``."""

    index: int
    id: bytes
    entry: bytes
    duplicate: bool


def begin(connection: Connection, origin: str, signers: Sequence[NoteSigner]) -> TreeHead:
    """Insert the head of the empty tree."""
    head = TreeHead(origin, 0, EMPTY_ROOT, sign_checkpoint(origin, 0, EMPTY_ROOT, signers))
    connection.execute(insert(Head).values(id=1, origin=head.origin, size=head.size, root=head.root, note=head.note))
    return head


def read_head(connection: Connection, *, lock: bool = False) -> TreeHead | None:
    """The head row as it stands, unchecked; locked until the end of the transaction when asked."""
    row = connection.execute(_LOCKED_HEAD if lock else _HEAD).one_or_none()
    return None if row is None else TreeHead(*row)


def current_state(
    connection: Connection, keys: Sequence[VerifierKey], known: State | None, *, lock: bool = False
) -> State:
    """The head and its edge: ``known`` if that is still it, else read and checked.

    Raises:
        LedgerFault: it is missing, not ours, or not the root of what is stored: tampering, truncation, damage.
        ForkFault: it does not continue ``known``, say after a failover to a copy that lags behind.
    """
    head = read_head(connection, lock=lock)
    if head is None:
        raise LedgerFault("ledger: the database has no head row; it is damaged")
    if known is not None and head == known.head:
        return known
    with stored_data():
        checkpoint = open_checkpoint(head.note, keys)
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (head.origin, head.size, head.root):
        raise LedgerFault("ledger: the head and its checkpoint differ; the database was tampered with")
    if known is not None and (head.size, head.root) == (known.head.size, known.head.root):
        return State(head, known.edge)  # signed again, with other keys
    if known is not None and head.size <= known.head.size:
        raise ForkFault("ledger: the head went back or changed at its size; the database was replaced or tampered with")
    edge = read_edge(connection, head.size)
    if edge.root != head.root:
        raise LedgerFault(
            "ledger: the stored tree has another root than the checkpoint; the database was tampered with"
        )
    if known is not None and known.head.size and _root(connection, edge, known.head.size) != known.head.root:
        raise ForkFault("ledger: the head does not continue the tree that was known; the database was replaced")
    return State(head, edge)


def append(
    connection: Connection, signers: Sequence[NoteSigner], state: State, batch: Sequence[Prepared]
) -> tuple[list[Accepted | InvalidError], State]:
    """Log a batch, in its order, on the locked head ``state``; an entry that is there already keeps its first index.

    Returns one outcome for each of the batch, and the state once this is committed.

    Raises:
        LedgerFault: another writer was faster; the transaction must be rolled back.
    """
    outcomes, new = _decide(connection, state.head, batch)
    if not new:
        return outcomes, state
    edge, full = state.edge.extended([item.leaf_hash for _, item in new])
    _insert(connection, new, full)
    return outcomes, State(_swap_head(connection, state.head, edge, signers), edge)


def sign_head(connection: Connection, head: TreeHead, signers: Sequence[NoteSigner]) -> TreeHead:
    """Replace the signatures of the locked head by those of the present keys; the tree stays the same."""
    note = sign_checkpoint(head.origin, head.size, head.root, signers)
    connection.execute(update(Head).where(Head.id == 1, Head.size == head.size).values(note=note))
    return TreeHead(head.origin, head.size, head.root, note)


def _root(connection: Connection, edge: Edge, size: int) -> bytes:
    """Root of the first ``size`` leaves as they are stored now, with nothing that was read before."""
    return StoredTree(connection, edge, TileCache()).root(size)


def _decide(
    connection: Connection, head: TreeHead, batch: Sequence[Prepared]
) -> tuple[list[Accepted | InvalidError], list[tuple[int, Prepared]]]:
    places = _logged(connection, [item.entry.id for item in batch])
    new: list[tuple[int, Prepared]] = []
    fresh: dict[bytes, AnyEntry] = {}
    slots: dict[bytes, int] = {}

    def find(identifier: bytes) -> AnyEntry | None:
        return fresh.get(identifier) or _find(connection, identifier)

    def holder(slot: bytes) -> int | None:
        found = slots.get(slot)
        return connection.execute(select(Leaf.leaf_index).where(Leaf.slot == slot)).scalar() if found is None else found

    def chained(subject: bytes) -> int:
        kinds = [item.entry.kind for _, item in new if item.entry.subject == subject]
        fresh_ones = sum(kind not in ("claim", ATTESTATION) for kind in kinds)
        return fresh_ones + count_chained(connection, subject, most=MAX_CHAINED)

    outcomes: list[Accepted | InvalidError] = []
    for item in batch:
        entry = item.entry
        if entry.id in places:
            outcomes.append(places[entry.id])
            continue
        try:
            check_in_log(entry, find, holder, chained, origin=head.origin, index=head.size + len(new))
        except InvalidError as error:
            outcomes.append(error)
            continue
        index = head.size + len(new)
        new.append((index, item))
        fresh[entry.id] = entry
        if entry.slot is not None:
            slots[entry.slot] = index
        outcomes.append(Accepted(index, entry.id, entry.data, duplicate=False))
        places[entry.id] = Accepted(index, entry.id, entry.data, duplicate=True)
    return outcomes, new


def _logged(connection: Connection, identifiers: Sequence[bytes]) -> dict[bytes, Accepted]:
    found: dict[bytes, Accepted] = {}
    for row in connection.execute(_LOGGED, {"identifiers": list(identifiers)}):
        check_stored_leaf(row.leaf_index, row.entry, row.leaf_hash)
        found[row.entry_id] = Accepted(row.leaf_index, row.entry_id, row.entry, duplicate=True)
    return found


def _find(connection: Connection, identifier: bytes) -> AnyEntry | None:
    statement = select(Leaf.leaf_index, Leaf.entry, Leaf.leaf_hash).where(Leaf.entry_id == identifier)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    check_stored_leaf(row.leaf_index, row.entry, row.leaf_hash)
    with stored_data():
        return parse_any(row.entry)


def check_stored_leaf(index: int, entry: object, stored: object) -> None:
    """Refuse an entry that is not what was logged, or whose column holds something else than bytes."""
    if not isinstance(entry, bytes) or leaf_hash(entry) != stored:
        raise LedgerFault(f"ledger: entry {index} is not what was logged; the database is damaged")


def _insert(connection: Connection, new: Sequence[tuple[int, Prepared]], full: Sequence[FullTile]) -> None:
    insert_rows(connection, _TABLES["leaves"], LEAF_COLUMNS, [leaf_row(index, item) for index, item in new])
    keys = [(key, index) for index, item in new for key in entry_keys(item.entry)]
    add_keys(connection, keys, new[0][0], new[-1][0] + 1)
    insert_rows(connection, _TABLES["tiles"], TILE_COLUMNS, [tile.row() for tile in full])


def _swap_head(connection: Connection, old: TreeHead, edge: Edge, signers: Sequence[NoteSigner]) -> TreeHead:
    new = TreeHead(old.origin, edge.size, edge.root, sign_checkpoint(old.origin, edge.size, edge.root, signers))
    result: CursorResult[tuple[object, ...]] = connection.execute(
        _SWAP,
        {
            "old_size": old.size,
            "old_root": old.root,
            "new_size": new.size,
            "new_root": new.root,
            "new_note": new.note,
        },
    )
    if result.rowcount != 1:
        raise LedgerFault("ledger: another writer was faster; nothing was logged, try again")
    return new
