"""The edge of one published tree: its partial tiles, and the ways from there to the root, each checked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.paths import Tails, inclusion_path
from provenance.errors import LedgerFault
from provenance.merkle import check_inclusion
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, Tile, tile_width

if TYPE_CHECKING:
    from ledger.fulltile import WholeTile
    from ledger.log import TreeHead

__all__ = ["MissingTile", "ShownTree"]


class MissingTile(Exception):  # noqa: N818 - never leaves the making of a proof
    """This tile is needed first."""

    def __init__(self, tile: Tile) -> None:
        super().__init__(tile.path)
        self.tile = tile


class ShownTree:
    """What is particular to the published tree ``head``: at most one partial tile a level, and 255 ways out of each."""

    def __init__(self, head: TreeHead) -> None:
        self.head = head
        self._edge: dict[int, WholeTile] = {}
        self._ways: dict[tuple[int, int, bytes], list[bytes]] = {}
        self._tails = Tails()

    def has_full(self, level: int, index: int) -> bool:
        """Whether this tile is full in it."""
        return (index + 1) * FULL_WIDTH <= self.head.size >> TILE_HEIGHT * level

    def take(self, level: int, tile: WholeTile) -> None:
        """The partial tile of a level."""
        self._edge[level] = tile

    def path(self, level: int, position: int, value: bytes | None = None) -> list[bytes]:
        """The path from a hash in the partial tile of a level, which must be ``value``, to the root; it was checked.

        Raises:
            MissingTile: a partial tile is needed. LedgerFault: another hash stands there.
            ForgedError: it does not lead to the root.
        """
        found = self._node(TILE_HEIGHT * level, position)
        if value not in (None, found):
            raise LedgerFault(f"the published tile {position} at level {level - 1} is not part of the one above it")
        known = self._ways.get((level, position, found))
        if known is None:
            height, size = TILE_HEIGHT * level, self.head.size
            known = inclusion_path(self._node, position << height, size, self._tails, above=height)
            check_inclusion(found, position, (size - 1 >> height) + 1, known, self.head.root)
            self._ways[level, position, found] = known
        return known

    def _node(self, level: int, position: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        index, first = divmod(position << height, FULL_WIDTH)
        tile = self._edge.get(tile_level)
        if tile is None:
            raise MissingTile(Tile(tile_level, index, tile_width(tile_level, index, self.head.size)))
        return tile.node(height, first >> height)
