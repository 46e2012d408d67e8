"""The stored tree: full tiles in the database, the partial ones at its right edge in memory, as merkle.py reads them.

A proof needs one tile a level. Full tiles never change, so those that were read last stay in a cache of bounded size,
which threads share: of those of leaves what :mod:`ledger.fulltile` keeps in short, so that every path reads one group.
Of a tile only what a proof asks for is hashed, and compared with what stands beside it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy import text

from ledger.fulltile import GROUP_BYTES, INNER_HEIGHT, TileTop, WholeTile
from ledger.paths import consistency_path, inclusion_path
from ledger.treetiles import EdgeTile, LeafTile, TileCache, damaged
from provenance import merkle
from provenance.errors import EncodingError, LedgerFault
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, Tile, parse_tile, tile_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection

    from ledger.edge import Edge
    from ledger.treetiles import TreeTile

    Part = Callable[[str, int, int], bytes | None]

__all__ = ["GROUP_COLUMNS", "StoredTree", "TileCache"]

GROUP_COLUMNS = f"t.root, t.middle, substr(t.hashes, :start, {GROUP_BYTES})"
"""What :meth:`StoredTree.keep` takes of a tile of leaves, for a statement that has it as ``t``."""

_HELD = 32
_READ = text("SELECT root, hashes FROM tiles WHERE level = :level AND position = :position")
_READ_GROUP = text(f"SELECT {GROUP_COLUMNS} FROM tiles t WHERE t.level = 0 AND t.position = :tile")  # noqa: S608 - ours


class StoredTree:
    """Complete subtrees by (level, position). Lives for one transaction, in which ``edge`` is the head's.

    ``part`` may have a part of a published tile more cheaply than the database, as that of
    :class:`ledger.tilestore.TileStore` does. It is believed as little as the database is.
    """

    def __init__(self, connection: Connection, edge: Edge, cache: TileCache, part: Part | None = None) -> None:
        self._connection = connection
        self._edge = edge
        self._cache = cache
        self._part = part
        self._held: dict[tuple[int, int], TreeTile] = {}

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
        level = tile.level or 0
        if self._edge.covers(tile):
            found = self._edge.subtrees(level)[0][: tile.width]
        else:
            found = self._whole(level, tile.index).hashes()[: tile.width]
        if len(found) != tile.width:
            raise LedgerFault(f"ledger: the tree has no {tile.path}; the database is damaged")
        return found

    def root(self, size: int) -> bytes:
        """Root of the first ``size`` leaves."""
        return self._edge.root if size == self._edge.size else merkle.tree_root(self.node, size)

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """Path of the leaf ``index`` in the tree of the first ``size`` leaves."""
        return inclusion_path(self.node, index, size, self._cache.tails, siblings=self._siblings)

    def consistency_path(self, old: int, size: int) -> list[bytes]:
        """That the tree of ``old`` leaves is a prefix of that of ``size`` leaves."""
        return consistency_path(self.node, old, size, self._cache.tails, siblings=self._siblings)

    def group_place(self, leaf: int) -> tuple[int, int] | None:
        """Where GROUP_COLUMNS of a leaf's path have to be read: the tile, and the start. None: they are at hand."""
        index, offset = divmod(leaf, FULL_WIDTH)
        if self._edge.has(0, index):
            return None
        number, top = offset >> INNER_HEIGHT, self._cache.top(index)
        if top is not None:
            tile = self._with_groups(index, top)
            if self._cache.group(index, number) is not None or self._taken(tile, index, number):
                self._held[0, index] = tile
                return None
        return index, number * GROUP_BYTES + 1

    def keep(self, index: int, start: int, row: Sequence[object]) -> None:
        """Take GROUP_COLUMNS of a tile of leaves, which were read beside something else.

        Raises:
            LedgerFault: there is no such tile, or what stands in it does not hang together.
        """
        self._held[0, index] = self._leaf_tile(index, start, row)

    def _siblings(self, index: int, low: int, high: int) -> list[bytes]:
        """The hashes beside the way of a leaf from the complete subtree of height ``low`` to that of ``high``."""
        path: list[bytes] = []
        for level in range(low // TILE_HEIGHT, -(-high // TILE_HEIGHT)):
            start = TILE_HEIGHT * level
            position, offset = divmod(index >> start, FULL_WIDTH)
            tile = self._held.get((level, position)) or self._hold(level, position)
            try:
                path += tile.siblings(offset, max(low - start, 0), min(high - start, TILE_HEIGHT))
            except IndexError:
                raise LedgerFault(
                    f"ledger: tile {position} at level {level} is too narrow; the database is damaged"
                ) from None
        return path

    def _hold(self, level: int, index: int) -> TreeTile:
        """A tile, which is at hand from now on: a proof asks each of its few tiles up to eight times."""
        if len(self._held) == _HELD:
            self._held.clear()
        found = self._held[level, index] = self._tile(level, index)
        return found

    def _tile(self, level: int, index: int) -> TreeTile:
        if self._edge.has(level, index):
            return EdgeTile(self._edge.subtrees(level))
        if level:
            return self._whole(level, index)
        top = self._cache.top(index)
        return self._leaf_tile(index, 1, self._group_row(index, 1)) if top is None else self._with_groups(index, top)

    def _leaf_tile(self, index: int, start: int, row: Sequence[object]) -> LeafTile:
        root, middle, group = row
        top = self._cache.top(index)
        if top is None:
            try:
                top = TileTop(middle)
                self._check_root(0, index, top.root, root)
            except EncodingError as error:
                raise damaged(0, index, error) from error
            self._cache.keep_top(index, top)
        tile = self._with_groups(index, top)
        tile.take(start // GROUP_BYTES, group)
        return tile

    def _with_groups(self, index: int, top: TileTop) -> LeafTile:
        def read(number: int) -> Iterator[object]:
            start = number * GROUP_BYTES
            stored = self._from_store(index, start)
            if stored is not None:
                yield stored
            yield self._group_row(index, start + 1)[2]

        return LeafTile(index, top, self._cache, read)

    def _taken(self, tile: LeafTile, index: int, number: int) -> bool:
        """Whether the tile has taken this group out of the store. One that is damaged there is in the database too."""
        data = self._from_store(index, number * GROUP_BYTES)
        if data is None:
            return False
        with contextlib.suppress(LedgerFault):
            tile.take(number, data)
            return True
        return False

    def _from_store(self, index: int, start: int) -> bytes | None:
        return None if self._part is None else self._part(tile_path(0, index), start, GROUP_BYTES)

    def _group_row(self, index: int, start: int) -> Sequence[object]:
        row = self._connection.execute(_READ_GROUP, {"tile": index, "start": start}).one_or_none()
        if row is None:
            raise LedgerFault(f"ledger: the tree has no tile {index} at level 0; the database is damaged")
        return row

    def _whole(self, level: int, index: int) -> WholeTile:
        """A full tile with all of its hashes; those of leaves are not kept so."""
        found = self._cache.whole(level, index) if level else None
        if found is not None:
            return found
        row = self._connection.execute(_READ, {"level": level, "position": index}).one_or_none()
        if row is None:
            raise LedgerFault(f"ledger: the tree has no tile {index} at level {level}; the database is damaged")
        try:
            tile = WholeTile(parse_tile(_bytes(row[1]), FULL_WIDTH))
            self._check_root(level, index, tile.root, row[0])
        except EncodingError as error:
            raise damaged(level, index, error) from error
        if level:
            self._cache.keep_whole(level, index, tile)
        return tile

    def _check_root(self, level: int, index: int, root: bytes, stated: object) -> None:
        """Refuse a full tile that is not part of the one above it, and so on to the edge, whose root is signed."""
        if not root == stated == self.node(TILE_HEIGHT * (level + 1), index):
            raise EncodingError("its root is another")


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise EncodingError("no bytes where hashes should be")
    return value
