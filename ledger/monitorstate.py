"""What a monitor remembers of one log: the last tree that it found sound, and which entries stand where.

A SQLite file. A round of the monitor is one transaction: it is kept whole when everything held, and not at all when
something did not, so the last sound tree stays there as evidence. Two monitors on one file wait for each other.

==========  ========================================================================================================
kept        one row: size, root and checkpoint of the last sound tree, and its right edge (``ledger.edge``)
ids         id of an entry -> index
slots       slot of an entry -> index: what a log may have once (``provenance.entry``)
==========  ========================================================================================================
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.edge import Edge
from provenance.errors import LedgerFault
from provenance.merkle import HASH_SIZE
from provenance.terminal import printable
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provenance.checkpoint import Checkpoint

__all__ = ["Kept", "MonitorState"]

_BUSY_SECONDS = 30
_APPLICATION_ID = 0x53454D4F  # "SEMO"
_SCHEMA = (
    "CREATE TABLE kept (id INTEGER PRIMARY KEY, origin TEXT, size INTEGER, root BLOB, note BLOB, edge BLOB)",
    "CREATE TABLE ids (id BLOB PRIMARY KEY, leaf_index INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE slots (slot BLOB PRIMARY KEY, leaf_index INTEGER NOT NULL) WITHOUT ROWID",
    f"PRAGMA application_id = {_APPLICATION_ID}",
)


@dataclass(frozen=True)
class Kept:
    """The last sound tree of the log ``origin``; ``note`` is the checkpoint that signed it."""

    origin: str
    size: int
    root: bytes
    note: bytes
    edge: Edge


class MonitorState:
    """The file at ``path``, made when it is missing.

    Raises:
        LedgerFault: it is something else, damaged, or cannot be written. So may every method.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._faults():
            self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._database.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                self._begin()

    def kept(self) -> Kept | None:
        """The last sound tree, None before the first."""
        with self._faults():
            row = self._database.execute("SELECT origin, size, root, note, edge FROM kept").fetchone()
        if row is None:
            return None
        origin, size, root, note, edge = row
        sound = isinstance(origin, str) and all(isinstance(part, bytes) for part in (root, note, edge))
        made = _read_edge(size, edge) if sound and isinstance(size, int) else None
        if made is None or made.root != root:
            raise LedgerFault(f"{self.path}: is damaged; delete it to begin anew, if you know no reason for that")
        return Kept(origin, size, root, note, made)

    @contextlib.contextmanager
    def round(self, *, anew: bool) -> Iterator[None]:
        """A transaction around one round, committed at its end; ``anew`` forgets entries, to meet them all again."""
        with self._faults(), self._transaction():
            if anew:
                self._database.execute("DELETE FROM ids")
                self._database.execute("DELETE FROM slots")
            yield

    def index_of(self, entry_id: bytes) -> int | None:
        """Where the entry with this id stands."""
        row = self._database.execute("SELECT leaf_index FROM ids WHERE id = ?", (entry_id,)).fetchone()
        return None if row is None else int(row[0])

    def add(self, entry_id: bytes, slot: bytes | None, index: int) -> int | None:
        """Remember an entry; the index of an earlier one with its id or its slot, if there is one."""
        for table, column, key in (("ids", "id", entry_id), ("slots", "slot", slot)):
            if key is None:
                continue
            try:
                self._database.execute(f"INSERT INTO {table} VALUES (?, ?)", (key, index))  # noqa: S608 - two constants
            except sqlite3.IntegrityError:
                row = self._database.execute(
                    f"SELECT leaf_index FROM {table} WHERE {column} = ?",  # noqa: S608 - constants
                    (key,),
                ).fetchone()
                return int(row[0])
        return None

    def keep(self, checkpoint: Checkpoint, edge: Edge) -> None:
        """Within a round: this tree was found sound."""
        hashes = b"".join(value for row in edge.rows for value in row)
        values = (1, checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.note, hashes)
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?)", values)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def _begin(self) -> None:
        application = self._database.execute("PRAGMA application_id").fetchone()[0]
        if application == _APPLICATION_ID:
            return
        if application or self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise LedgerFault(f"{self.path}: is not a monitor's state; nothing was changed in it")
        for statement in _SCHEMA:
            self._database.execute(statement)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter for an error about text that is none
            said = printable(" ".join(str(error).split()), limit=200)
            raise LedgerFault(f"{self.path}: the monitor's state cannot be used: {said}") from error


def _read_edge(size: int, hashes: bytes) -> Edge | None:
    """None where there are not as many hashes as a tree of this size has at its edge."""
    wanted = sum((size >> TILE_HEIGHT * level) % FULL_WIDTH for level in range(-(-size.bit_length() // TILE_HEIGHT)))
    if size < 0 or len(hashes) != HASH_SIZE * wanted:
        return None
    rows: list[tuple[bytes, ...]] = []
    level = offset = 0
    while size >> TILE_HEIGHT * level:
        end = offset + HASH_SIZE * ((size >> TILE_HEIGHT * level) % FULL_WIDTH)
        row = hashes[offset:end]
        rows.append(tuple(row[i : i + HASH_SIZE] for i in range(0, len(row), HASH_SIZE)))
        level, offset = level + 1, end
    return Edge(size, tuple(rows))
