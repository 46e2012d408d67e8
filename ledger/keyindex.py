"""What leaves are looked up by: keys in no order, in tables that stay quick to write however many there are.

A digest falls anywhere into a sorted table, so that in a large one every key costs a page of its own, and SQLite writes
whole pages: twice, in its log and in the file. There keys go into a small table first, whose pages are few; from 1,024
leaves to the next all of them are moved, in order, into a larger one, and of that one a slice, a 32nd of all possible
keys in turn, into the largest. So a page that is written takes several keys with it::

    new_keys       of up to 1,024 leaves
    recent_keys    of up to 32,768 leaves
    keys           of all others

All of it happens in the transaction that logs the leaves. A move takes every row of a key that is there, so that of one
key the rows in ``keys`` have lower indices than those in ``recent_keys``, and these than those in ``new_keys``.
PostgreSQL logs what changed in a page and not the page: there keys go to ``keys`` at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, text, tuple_

from ledger.database import insert_rows
from ledger.models import Base, Key, NewKey, RecentKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

__all__ = ["KEY_TABLES", "add_keys", "count_keys", "leaves_with", "stored_keys"]

KEY_TABLES = (Key, RecentKey, NewKey)
"""The tables, oldest rows first."""

_STEP = 1_024
_SLICES = 32
_WIDTH = 2**64 // _SLICES
_COLUMNS = ("key", "leaf_index")
_MOVE_NEW = ("INSERT INTO recent_keys SELECT key, leaf_index FROM new_keys", "DELETE FROM new_keys")
_MOVE_SLICE = (
    text("INSERT INTO keys SELECT key, leaf_index FROM recent_keys WHERE key BETWEEN :low AND :high"),
    text("DELETE FROM recent_keys WHERE key BETWEEN :low AND :high"),
)
_ARM = "SELECT * FROM (SELECT leaf_index FROM {} WHERE key = :key AND leaf_index > :after ORDER BY 1 LIMIT :most) {}"
_FIND = text(
    " UNION ALL ".join(_ARM.format(table.__tablename__, name) for table, name in zip(KEY_TABLES, "abc", strict=True))
    + " ORDER BY 1 LIMIT :most"
)


def add_keys(connection: Connection, rows: Iterable[tuple[int, int]], before: int, size: int) -> None:
    """Add pairs of key and leaf index, of the leaves from ``before`` to ``size``, to a log of ``before`` leaves."""
    tables = Base.metadata.tables
    if connection.dialect.name != "sqlite":
        insert_rows(connection, tables["keys"], _COLUMNS, list(rows))
        return
    insert_rows(connection, tables["new_keys"], _COLUMNS, sorted(rows))
    first, last = before // _STEP, size // _STEP
    if first == last:
        return
    for statement in _MOVE_NEW:
        connection.exec_driver_sql(statement)
    for number in range(max(first, last - _SLICES) + 1, last + 1):
        low = number % _SLICES * _WIDTH - 2**63
        for move in _MOVE_SLICE:
            connection.execute(move, {"low": low, "high": low + _WIDTH - 1})


def leaves_with(connection: Connection, key: int, *, after: int, most: int) -> list[int]:
    """Indices beyond ``after`` of the leaves that have a key, in order, at most ``most``."""
    return list(connection.execute(_FIND, {"key": key, "after": after, "most": most}).scalars())


def stored_keys(connection: Connection, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of some pairs of key and leaf index that are stored."""
    found: set[tuple[int, int]] = set()
    for table in KEY_TABLES:
        both = tuple_(table.key, table.leaf_index)
        rows = connection.execute(select(table.key, table.leaf_index).where(both.in_(pairs)))
        found.update((row.key, row.leaf_index) for row in rows)
    return found


def count_keys(connection: Connection) -> int:
    """How many rows there are in all."""
    return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in KEY_TABLES)
