"""The stored tree: full tiles in the database, the partial ones at its right edge in memory, as merkle.py reads them.

A proof needs one tile a level. Full tiles never change, so those that were read last stay in a cache of bounded size,
which threads share.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import select

from ledger.models import TileRow
from provenance import merkle
from provenance.errors import EncodingError, LedgerFault
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, Tile, parse_tile, subtrees

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ledger.edge import Edge

__all__ = ["StoredTree", "TileCache"]

Rows = list[list[bytes]]


class TileCache:
    """Full tiles with the subtrees above their hashes; the least used one goes first."""

    def __init__(self, limit: int = 512) -> None:
        self._limit = limit
        self._tiles: OrderedDict[tuple[int, int], Rows] = OrderedDict()
        self._lock = Lock()

    def get(self, level: int, index: int) -> Rows | None:
        """The subtrees over a tile, if they are here."""
        with self._lock:
            found = self._tiles.get((level, index))
            if found is not None:
                self._tiles.move_to_end((level, index))
            return found

    def put(self, level: int, index: int, rows: Rows) -> None:
        """Keep them; about 35 KB."""
        with self._lock:
            self._tiles[level, index] = rows
            if len(self._tiles) > self._limit:
                self._tiles.popitem(last=False)


class StoredTree:
    """Complete subtrees by (level, position). Lives for one transaction, in which ``edge`` is the head's."""

    def __init__(self, connection: Connection, edge: Edge, cache: TileCache) -> None:
        self._connection = connection
        self._edge = edge
        self._cache = cache
        self._partial: dict[int, Rows] = {}

    def node(self, level: int, position: int) -> bytes:
        """The hash of one complete subtree.

        Raises:
            LedgerFault: it is missing, or is no hash.
        """
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = position << height
        rows = self._subtrees(tile_level, first // FULL_WIDTH)
        try:
            return rows[height][(first % FULL_WIDTH) >> height]
        except IndexError:
            raise LedgerFault(
                f"ledger: the tree has no node {position} at level {level}; the database is damaged"
            ) from None

    def hashes(self, tile: Tile) -> list[bytes]:
        """The hashes of a tile of the tree, of which a partial one has the first."""
        found = self._subtrees(tile.level or 0, tile.index)[0][: tile.width]
        if len(found) != tile.width:
            raise LedgerFault(f"ledger: the tree has no {tile.path}; the database is damaged")
        return found

    def root(self, size: int) -> bytes:
        """Root of the first ``size`` leaves."""
        return self._edge.root if size == self._edge.size else merkle.tree_root(self.node, size)

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """Path of the leaf ``index`` in the tree of the first ``size`` leaves."""
        return merkle.inclusion_path(self.node, index, size)

    def consistency_path(self, old: int, size: int) -> list[bytes]:
        """That the tree of ``old`` leaves is a prefix of that of ``size`` leaves."""
        return merkle.consistency_path(self.node, old, size)

    def _subtrees(self, level: int, index: int) -> Rows:
        if self._edge.covers(Tile(level, index)):
            if level not in self._partial:
                self._partial[level] = subtrees(self._edge.rows[level])
            return self._partial[level]
        found = self._cache.get(level, index)
        if found is None:
            found = self._read(level, index)
            self._cache.put(level, index, found)
        return found

    def _read(self, level: int, index: int) -> Rows:
        statement = select(TileRow.root, TileRow.hashes).where(TileRow.level == level, TileRow.position == index)
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            raise LedgerFault(f"ledger: the tree has no tile {index} at level {level}; the database is damaged")
        try:
            rows = subtrees(parse_tile(row.hashes, FULL_WIDTH))
        except EncodingError as error:
            raise LedgerFault(f"ledger: tile {index} at level {level} is damaged: {error}") from error
        if merkle.node_hash(*rows[-1]) != row.root:
            raise LedgerFault(f"ledger: tile {index} at level {level} was tampered with, or is damaged")
        return rows
