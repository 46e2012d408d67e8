"""Inclusion proofs out of the published tiles, in memory: neither database nor thread stands in the way of most.

What everybody can see is asked for at most every FRESH_SECONDS; the tiles of a proof stay in a cache of bounded size.
A proof that does not lead to the checkpoint's root is not handed out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from ledger.paths import Tails, inclusion_path
from provenance.errors import LedgerFault
from provenance.merkle import HASH_SIZE, check_inclusion
from provenance.notation import format_base64
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, Tile, parse_tile, subtrees, tile_width

if TYPE_CHECKING:
    from ledger.log import Log, TreeHead
    from ledger.server.threads import Threads
    from ledger.server.tilecache import TileCache

__all__ = ["FRESH_SECONDS", "Proofs", "format_proof"]

FRESH_SECONDS = 0.1
"""How old the checkpoint may be that is shown; a log publishes a few times a second."""

_TILES = 4_096
"""Tiles that are kept, 11 KB each: those of the proofs of a million entries."""

_INNER = 4


class _MissingTile(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, tile: Tile) -> None:
        super().__init__(tile.path)
        self.tile = tile


class _Nodes:
    """Complete subtrees of a tile: of a height of 4 and more as they are, the others out of its ``data`` when asked."""

    def __init__(self, data: bytes, tile: Tile) -> None:
        rows = subtrees(parse_tile(data, tile.width))
        self._data = data
        self._lowest = 1 if tile.level else _INNER  # above the leaves there are few tiles, and every proof needs one
        self._rows = rows[self._lowest :]

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of this height over the tile's hashes, the ``offset``-th from the left."""
        if height >= self._lowest:
            return self._rows[height - self._lowest][offset]
        part = self._data[(offset << height) * HASH_SIZE : (offset + 1 << height) * HASH_SIZE]
        return subtrees(parse_tile(part, 1 << height))[-1][0]


class Proofs:
    """The published tree as readers see it. For one event loop."""

    def __init__(self, log: Log, tiles: TileCache, threads: Threads) -> None:
        self._log = log
        self._tiles = tiles
        self._threads = threads
        self._shown: TreeHead | None = None
        self._until = 0.0
        self._asking: asyncio.Task[TreeHead] | None = None
        self._nodes: OrderedDict[Tile, _Nodes] = OrderedDict()
        self._tails = Tails()

    async def shown(self) -> TreeHead:
        """The newest published tree, at most FRESH_SECONDS old; many who ask at once cost one question.

        Raises:
            LedgerFault: the database is away.
        """
        loop = asyncio.get_running_loop()
        if self._shown is not None and loop.time() < self._until:
            return self._shown
        if self._asking is None:
            self._asking = loop.create_task(self._threads.run(self._log.published))
            self._asking.add_done_callback(self._keep)
        head = await asyncio.shield(self._asking)
        return head if self._shown is None or head.size >= self._shown.size else self._shown

    async def path(self, index: int, head: TreeHead) -> list[bytes]:
        """The inclusion path of the leaf ``index`` in the published tree ``head``.

        Raises:
            LedgerFault: a tile is missing or damaged. ForgedError: there is no such leaf.
        """
        held: dict[tuple[int, int], _Nodes] = {}

        def nodes(level: int, position: int) -> bytes:
            tile_level, height = divmod(level, TILE_HEIGHT)
            at, first = divmod(position << height, FULL_WIDTH)
            tile = held.get((tile_level, at))
            if tile is None:
                tile = held[tile_level, at] = self._tile(tile_level, at, head.size)
            return tile.node(height, first >> height)

        while True:
            try:
                path = inclusion_path(nodes, index, head.size, self._tails)
                check_inclusion(nodes(0, index), index, head.size, path, head.root)
            except _MissingTile as missing:
                await self._read(missing.tile)
                continue
            return path

    def show(self, head: TreeHead) -> None:
        """This is the newest published tree now, if a larger one was not shown before: nobody is shown less again."""
        if self._shown is None or head.size >= self._shown.size:
            self._shown = head
        self._until = asyncio.get_running_loop().time() + FRESH_SECONDS

    def _keep(self, task: asyncio.Task[TreeHead]) -> None:
        self._asking = None
        if not task.cancelled() and task.exception() is None:
            self.show(task.result())

    def _tile(self, level: int, index: int, size: int) -> _Nodes:
        tile = Tile(level, index, tile_width(level, index, size))
        found = self._nodes.get(tile)
        if found is None:
            raise _MissingTile(tile)
        self._nodes.move_to_end(tile)
        return found

    async def _read(self, tile: Tile) -> None:
        data = self._tiles.get(tile.path) or await self._threads.run(self._log.tile, tile.path)
        if data is None:
            raise LedgerFault(f"the published {tile.path} is missing")
        self._nodes[tile] = _Nodes(data, tile)
        if len(self._nodes) > _TILES:
            self._nodes.popitem(last=False)


def format_proof(index: int, path: list[bytes], note: bytes) -> bytes:
    """A C2SP tlog-proof: see provenance.receipt for its grammar."""
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(format_base64, path), "", ""]
    return "\n".join(lines).encode() + note
