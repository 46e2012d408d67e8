"""The right edge of the tree, in memory: the one tile of each level that is not full yet.

It is all that it takes to append and to know the root: at most 255 hashes a level, whatever the size. An edge is never
changed; :meth:`Edge.extended` makes the next one, so that a transaction that fails leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from ledger.fulltile import INNER_HEIGHT
from ledger.models import Leaf, TileRow
from provenance.errors import EncodingError, LedgerFault
from provenance.merkle import HASH_SIZE, node_hash, tree_root
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, subtrees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from provenance.tiles import Tile

    Subtrees = list[list[bytes]]

__all__ = ["TILE_COLUMNS", "Edge", "FullTile", "read_edge"]

TILE_COLUMNS = ("level", "position", "root", "middle", "hashes")
"""Columns of ``tiles``."""


@dataclass(frozen=True)
class FullTile:
    """A tile that became full: its 256 ``hashes``, the 16 four levels above, and the ``root`` of the level above it."""

    level: int
    position: int
    root: bytes
    middle: tuple[bytes, ...]
    hashes: tuple[bytes, ...]

    def row(self) -> tuple[int, int, bytes, bytes, bytes]:
        """Its row in ``tiles``, in the order of :data:`TILE_COLUMNS`."""
        return self.level, self.position, self.root, b"".join(self.middle), b"".join(self.hashes)


@dataclass(frozen=True)
class Edge:
    """The tree of ``size`` leaves: ``rows[level]`` are the hashes of its partial tile at that level, 0 to 255."""

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()
    _inner: dict[int, Subtrees] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def root(self) -> bytes:
        """Root of the tree."""
        return tree_root(self._node, self.size)

    def subtrees(self, level: int) -> Subtrees:
        """What :func:`provenance.tiles.subtrees` gives for the partial tile of a level; worked out once."""
        found = self._inner.get(level)
        if found is None:
            found = self._inner[level] = subtrees(self.rows[level])
        return found

    def extended(self, leaves: Sequence[bytes]) -> tuple[Edge, list[FullTile]]:
        """The edge after these leaf hashes, and the tiles that they filled, lower levels first."""
        full: list[FullTile] = []
        rows: list[tuple[bytes, ...]] = []
        coming, before, level = list(leaves), self.size, 0
        while coming or level < len(self.rows):
            row = list(self.rows[level] if level < len(self.rows) else ())
            row += coming
            position = (before >> TILE_HEIGHT * level) // FULL_WIDTH
            coming = []
            while len(row) >= FULL_WIDTH:
                hashes, row = tuple(row[:FULL_WIDTH]), row[FULL_WIDTH:]
                above = subtrees(hashes)
                made = FullTile(level, position, node_hash(*above[-1]), tuple(above[INNER_HEIGHT]), hashes)
                full.append(made)
                coming.append(made.root)
                position += 1
            rows.append(tuple(row))
            level += 1
        same = {n: known for n, known in self._inner.items() if rows[n] == self.rows[n]}
        return Edge(self.size + len(leaves), tuple(rows), same), full

    def covers(self, tile: Tile) -> bool:
        """Whether this is (a part of) the edge's own partial tile."""
        return self.has(tile.level or 0, tile.index)

    def has(self, level: int, index: int) -> bool:
        """Whether its partial tile of a level is that of this index."""
        return level < len(self.rows) and index == (self.size >> TILE_HEIGHT * level) // FULL_WIDTH

    def _node(self, level: int, position: int) -> bytes:
        """A complete subtree that the root is made of: all of them stand in partial tiles."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        try:
            return self.subtrees(tile_level)[height][((position << height) % FULL_WIDTH) >> height]
        except IndexError:
            raise EncodingError(f"tree: too few hashes at tile level {tile_level} for {self.size} leaves") from None


def read_edge(connection: Connection, size: int) -> Edge:
    """The edge of the first ``size`` stored leaves.

    Raises:
        LedgerFault: some of it is missing, or is no hash.
    """
    rows: list[tuple[bytes, ...]] = []
    level = 0
    while size >> TILE_HEIGHT * level:
        end = size >> TILE_HEIGHT * level
        start = end // FULL_WIDTH * FULL_WIDTH
        rows.append(_hashes(connection, level, start, end))
        level += 1
    return Edge(size, tuple(rows))


def _hashes(connection: Connection, level: int, start: int, end: int) -> tuple[bytes, ...]:
    statement = (
        select(Leaf.leaf_hash).where(Leaf.leaf_index >= start, Leaf.leaf_index < end).order_by(Leaf.leaf_index)
        if level == 0
        else select(TileRow.root)
        .where(TileRow.level == level - 1, TileRow.position >= start, TileRow.position < end)
        .order_by(TileRow.position)
    )
    found = tuple(connection.execute(statement).scalars())
    if len(found) != end - start or any(len(value) != HASH_SIZE for value in found):
        raise LedgerFault(
            f"ledger: the tree lacks hashes between {start} and {end} at tile level {level}; the database is damaged"
        )
    return found
