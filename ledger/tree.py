"""The stored tree: full tiles in the database, the partial ones at its right edge in memory, as merkle.py reads them.

A proof needs one tile a level. Full tiles never change, so those that were read last stay in a cache of bounded size,
which threads share. Of a tile only what a proof asks for is hashed, and compared with what stands beside it.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import text

from ledger.edge import INNER_HEIGHT
from ledger.paths import Tails, inclusion_path
from provenance import merkle
from provenance.errors import LedgerFault
from provenance.tiles import FULL_WIDTH, MAX_TILE_BYTES, TILE_HEIGHT, Tile, subtrees

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ledger.edge import Edge

__all__ = ["StoredTile", "StoredTree", "TileCache"]

_GROUP = 1 << INNER_HEIGHT
_HELD = 32
_SIZE = merkle.HASH_SIZE
_READ = text("SELECT root, middle, hashes FROM tiles WHERE level = :level AND position = :position")


class _Nodes(Protocol):
    """A tile as its proofs need it."""

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of this height over the tile's hashes, the ``offset``-th from the left."""

    def hashes(self) -> list[bytes]:
        """All of its hashes."""


class StoredTile:
    """A full tile out of its row.

    Raises:
        LedgerFault: the row is not that of a tile, or what stands in it does not hang together.
    """

    def __init__(self, level: int, index: int, root: object, middle: object, hashes: object) -> None:
        self._where = f"tile {index} at level {level}"
        if (
            not isinstance(middle, bytes)
            or not isinstance(hashes, bytes)
            or len(middle) != FULL_WIDTH // _GROUP * _SIZE
        ):
            raise self._damaged()
        self._hashes = hashes
        self._upper = subtrees(_split(middle))
        if len(hashes) != MAX_TILE_BYTES or self._upper[-1][0] != root:
            raise self._damaged()
        self._kept = FULL_WIDTH if level else 1  # above the leaves there are few tiles, and every proof needs one
        self._groups: dict[int, list[list[bytes]]] = {}

    def node(self, height: int, offset: int) -> bytes:
        """See :class:`_Nodes`."""
        if height >= INNER_HEIGHT:
            return self._upper[height - INNER_HEIGHT][offset]
        group, place = divmod(offset << height, _GROUP)
        return self._group(group)[height][place >> height]

    def hashes(self) -> list[bytes]:
        """See :class:`_Nodes`."""
        return [value for group in range(FULL_WIDTH // _GROUP) for value in self._group(group)[0]]

    def _group(self, number: int) -> list[list[bytes]]:
        found = self._groups.get(number)
        if found is None:
            start = number * _GROUP * _SIZE
            found = subtrees(_split(self._hashes[start : start + _GROUP * _SIZE]))
            if found[-1][0] != self._upper[0][number]:
                raise self._damaged()
            self._groups = {**self._groups, number: found} if len(self._groups) < self._kept else {number: found}
        return found

    def _damaged(self) -> LedgerFault:
        return LedgerFault(f"ledger: {self._where} was tampered with, or is damaged")


class _EdgeTile:
    """The partial tile at the right edge of a level."""

    def __init__(self, rows: list[list[bytes]]) -> None:
        self._rows = rows

    def node(self, height: int, offset: int) -> bytes:
        return self._rows[height][offset]

    def hashes(self) -> list[bytes]:
        return self._rows[0]


class TileCache:
    """Full tiles of one log, and the ``tails`` of its trees; the tile that was not used for longest goes first."""

    def __init__(self, limit: int = 4_096) -> None:
        self.tails = Tails()
        self._limit = limit
        self._tiles: OrderedDict[tuple[int, int], StoredTile] = OrderedDict()
        self._lock = Lock()

    def get(self, level: int, index: int) -> StoredTile | None:
        """A tile, if it is here."""
        with self._lock:
            found = self._tiles.get((level, index))
            if found is not None:
                self._tiles.move_to_end((level, index))
            return found

    def put(self, level: int, index: int, tile: StoredTile) -> None:
        """Keep it; 12 KB. All of them are the proofs of a million entries."""
        with self._lock:
            self._tiles[level, index] = tile
            if len(self._tiles) > self._limit:
                self._tiles.popitem(last=False)


class StoredTree:
    """Complete subtrees by (level, position). Lives for one transaction, in which ``edge`` is the head's."""

    def __init__(self, connection: Connection, edge: Edge, cache: TileCache) -> None:
        self._connection = connection
        self._edge = edge
        self._cache = cache
        self._held: dict[tuple[int, int], _Nodes] = {}

    def node(self, level: int, position: int) -> bytes:
        """The hash of one complete subtree.

        Raises:
            LedgerFault: it is missing, or is no hash.
        """
        tile_level, height = divmod(level, TILE_HEIGHT)
        index, first = divmod(position << height, FULL_WIDTH)
        tile = self._held.get((tile_level, index)) or self._hold(tile_level, index)
        try:
            return tile.node(height, first >> height)
        except IndexError:
            raise LedgerFault(
                f"ledger: the tree has no node {position} at level {level}; the database is damaged"
            ) from None

    def hashes(self, tile: Tile) -> list[bytes]:
        """The hashes of a tile of the tree, of which a partial one has the first."""
        found = self._tile(tile.level or 0, tile.index).hashes()[: tile.width]
        if len(found) != tile.width:
            raise LedgerFault(f"ledger: the tree has no {tile.path}; the database is damaged")
        return found

    def root(self, size: int) -> bytes:
        """Root of the first ``size`` leaves."""
        return self._edge.root if size == self._edge.size else merkle.tree_root(self.node, size)

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """Path of the leaf ``index`` in the tree of the first ``size`` leaves."""
        return inclusion_path(self.node, index, size, self._cache.tails)

    def consistency_path(self, old: int, size: int) -> list[bytes]:
        """That the tree of ``old`` leaves is a prefix of that of ``size`` leaves."""
        return merkle.consistency_path(self.node, old, size)

    def lacks(self, leaf: int) -> int | None:
        """The tile of level 0 with this leaf, if it is neither here nor at the edge: to be read in one go."""
        index = leaf // FULL_WIDTH
        return None if self._edge.covers(Tile(0, index)) or self._cache.get(0, index) is not None else index

    def keep(self, level: int, index: int, row: tuple[object, object, object]) -> StoredTile:
        """Take a tile's row (root, middle, hashes) that was read."""
        tile = StoredTile(level, index, *row)
        self._cache.put(level, index, tile)
        return tile

    def _tile(self, level: int, index: int) -> _Nodes:
        if self._edge.covers(Tile(level, index)):
            return _EdgeTile(self._edge.subtrees(level))
        return self._cache.get(level, index) or self._read(level, index)

    def _hold(self, level: int, index: int) -> _Nodes:
        """A tile, which is at hand from now on: a proof asks each of its few tiles up to eight times."""
        if len(self._held) == _HELD:
            self._held.clear()
        found = self._held[level, index] = self._tile(level, index)
        return found

    def _read(self, level: int, index: int) -> StoredTile:
        row = self._connection.execute(_READ, {"level": level, "position": index}).one_or_none()
        if row is None:
            raise LedgerFault(f"ledger: the tree has no tile {index} at level {level}; the database is damaged")
        return self.keep(level, index, (row[0], row[1], row[2]))


def _split(data: bytes) -> list[bytes]:
    return [data[i : i + _SIZE] for i in range(0, len(data), _SIZE)]
