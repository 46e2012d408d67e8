"""Inclusion proofs out of the published tiles, in memory: neither database nor thread stands in the way of most.

What everybody can see is asked for at most every FRESH_SECONDS; the tiles of a proof stay in a cache of bounded size.
A proof that does not lead to the checkpoint's root is not handed out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from provenance.errors import LedgerFault
from provenance.merkle import check_inclusion, inclusion_path
from provenance.notation import format_base64
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, Tile, parse_tile, subtrees, tile_width

if TYPE_CHECKING:
    from ledger.log import Log, TreeHead
    from ledger.server.threads import Threads
    from ledger.server.tilecache import TileCache

__all__ = ["FRESH_SECONDS", "Proofs", "format_proof"]

FRESH_SECONDS = 0.1
"""How old the checkpoint may be that is shown; a log publishes a few times a second."""

_TILES = 1_024
"""Tiles whose subtrees are kept: 35 KB each."""

Rows = list[list[bytes]]


class _MissingTile(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, tile: Tile) -> None:
        super().__init__(tile.path)
        self.tile = tile


class Proofs:
    """The published tree as readers see it. For one event loop."""

    def __init__(self, log: Log, tiles: TileCache, threads: Threads) -> None:
        self._log = log
        self._tiles = tiles
        self._threads = threads
        self._shown: TreeHead | None = None
        self._until = 0.0
        self._asking: asyncio.Task[TreeHead] | None = None
        self._rows: OrderedDict[Tile, Rows] = OrderedDict()

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
        while True:
            try:
                path = inclusion_path(lambda level, position: self._node(level, position, head.size), index, head.size)
                check_inclusion(self._node(0, index, head.size), index, head.size, path, head.root)
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

    def _node(self, level: int, position: int, size: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = position << height
        index = first // FULL_WIDTH
        tile = Tile(tile_level, index, tile_width(tile_level, index, size))
        rows = self._rows.get(tile)
        if rows is None:
            raise _MissingTile(tile)
        self._rows.move_to_end(tile)
        return rows[height][(first % FULL_WIDTH) >> height]

    async def _read(self, tile: Tile) -> None:
        data = self._tiles.get(tile.path) or await self._threads.run(self._log.tile, tile.path)
        if data is None:
            raise LedgerFault(f"the published {tile.path} is missing")
        self._rows[tile] = subtrees(parse_tile(data, tile.width))
        if len(self._rows) > _TILES:
            self._rows.popitem(last=False)


def format_proof(index: int, path: list[bytes], note: bytes) -> bytes:
    """A C2SP tlog-proof: see provenance.receipt for its grammar."""
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(format_base64, path), "", ""]
    return "\n".join(lines).encode() + note
