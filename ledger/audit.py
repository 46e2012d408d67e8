"""The full check of a log: every leaf, proof, column, node and checkpoint, recomputed from the entries alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ledger.database import reading
from ledger.models import Author, Leaf, Node, Stamp
from ledger.sequencer import check_head, lookup_columns, prepare
from provenance import merkle
from provenance.checkpoint import open_checkpoint
from provenance.errors import InvalidError, LedgerFault, UnsupportedVersionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    from ledger.sequencer import TreeHead
    from provenance.checkpoint import VerifierKey

__all__ = ["check_log"]

_PAGE = 1_000


def check_log(engine: Engine, key: VerifierKey, progress: Callable[[int, int], None] | None = None) -> list[str]:
    """What is wrong with the log, one line each; empty when all of it verifies. Reads everything once.

    Raises:
        LedgerFault: the database cannot be read at all.
    """
    with reading(engine) as connection:
        try:
            head, _ = check_head(connection, key)
        except LedgerFault as fault:
            return [str(fault)]
        found = _check_leaves(connection, head, progress)
        found += _check_stamps(connection, key)
        result = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
    return found if result == "ok" else [*found, f"SQLite: {result}"]


def _check_leaves(connection: Connection, head: TreeHead, progress: Callable[[int, int], None] | None) -> list[str]:
    found: list[str] = []
    nodes: dict[tuple[int, int], bytes] = {}
    stored = {(row.level, row.position): row.hash for row in connection.execute(select(Node.__table__))}
    count = connection.execute(select(func.count()).select_from(Leaf)).scalar_one()
    if count != head.size:
        found.append(f"{count} entries are stored, the checkpoint says {head.size}")
    for start in range(0, head.size, _PAGE):
        authors = _authors(connection, start)
        statement = select(Leaf.__table__).where(Leaf.leaf_index.between(start, start + _PAGE - 1))
        rows = {row.leaf_index: row for row in connection.execute(statement)}
        for index in range(start, min(start + _PAGE, head.size)):
            if index not in rows:
                return [*found, f"entry {index} is missing"]
            found += _check_leaf(rows[index], authors.get(index, set()))
            value = merkle.leaf_hash(rows[index].entry)
            for level, position, node in merkle.appended_nodes(lambda *at: nodes[at], index, value):
                nodes[level, position] = node
        if progress:
            progress(min(start + _PAGE, head.size), head.size)
    if merkle.tree_root(lambda *at: nodes[at], head.size) != head.root:
        found.append("the entries do not give the root that the checkpoint signs")
    if {at: value for at, value in nodes.items() if at[0] > 0} != stored:
        found.append("the stored tree is not the tree of the entries")
    return found


def _check_leaf(row: object, authors: set[bytes]) -> list[str]:
    index, entry = getattr(row, "leaf_index"), getattr(row, "entry")  # noqa: B009 - a row has no static type
    try:
        prepared = prepare(entry)
    except (InvalidError, UnsupportedVersionError) as error:
        return [f"entry {index}: {error}"]
    wrong = [name for name, value in lookup_columns(prepared.claim).items() if getattr(row, name) != value]
    if getattr(row, "leaf_hash") != merkle.leaf_hash(entry):  # noqa: B009
        wrong.append("leaf_hash")
    if authors != set(prepared.claim.authors):
        wrong.append("authors")
    return [f"entry {index}: the column {name} does not follow from the entry" for name in wrong]


def _authors(connection: Connection, start: int) -> dict[int, set[bytes]]:
    result: dict[int, set[bytes]] = {}
    statement = select(Author.leaf_index, Author.key).where(Author.leaf_index.between(start, start + _PAGE - 1))
    for index, key in connection.execute(statement):
        result.setdefault(index, set()).add(key)
    return result


def _check_stamps(connection: Connection, key: VerifierKey) -> list[str]:
    """Timestamped checkpoints must be ours, and of this very tree. The tokens are for whoever trusts the authority."""
    from ledger.tree import StoredTree

    tree, found = StoredTree(connection), []
    for row in connection.execute(select(Stamp.size, Stamp.authority, Stamp.note)):
        try:
            checkpoint = open_checkpoint(row.note, [key])
            if checkpoint.size != row.size or tree.root(row.size) != checkpoint.root:
                found.append(f"the checkpoint of size {row.size} that {row.authority} stamped is not of this tree")
        except (InvalidError, LedgerFault) as error:
            found.append(f"the checkpoint of size {row.size} that {row.authority} stamped: {error}")
    return found
