"""Inclusion proofs out of the published tiles: neither database nor thread stands in the way of most.

What everybody can see is asked for at most every FRESH_SECONDS. A full tile hangs together, and in the one above it,
which is checked as it is used; what is at the edge of a published tree is checked against its root once. So a proof
that does not lead to the checkpoint's root is not handed out, and takes hashing within one group of 16 leaves only.

Caches are bounded: MAX_TOPS tiles of leaves at 1.2 KB, MAX_WHOLE others at 17 KB.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ledger.database import stored_data
from ledger.fulltile import GROUP_BYTES, INNER_HEIGHT, TileTop, WholeTile, group_of
from ledger.lru import Lru
from ledger.server.edgetiles import MissingTile, ShownTree
from provenance.errors import ForgedError, LedgerFault
from provenance.notation import format_base64
from provenance.tiles import FULL_WIDTH, Tile, parse_tile, tile_path

if TYPE_CHECKING:
    from ledger.log import Log, TreeHead
    from ledger.server.threads import Threads
    from ledger.server.tilecache import TileCache

__all__ = ["FRESH_SECONDS", "MAX_TOPS", "MAX_WHOLE", "Proofs", "format_proof"]

FRESH_SECONDS = 0.1
"""How old the checkpoint may be that is shown; a log publishes a few times a second."""

MAX_TOPS = 16_384
"""Tiles of leaves that are kept, in short: those of the proofs of four million entries, in 20 MB."""

MAX_WHOLE = 256
"""Tiles of other levels that are kept, in 4.3 MB."""


class Proofs:
    """The published tree as readers see it. For one event loop."""

    def __init__(self, log: Log, tiles: TileCache, threads: Threads) -> None:
        self._log = log
        self._tiles = tiles
        self._threads = threads
        self._shown: TreeHead | None = None
        self._until = 0.0
        self._asking: asyncio.Task[TreeHead] | None = None
        self._tree: ShownTree | None = None
        self._tops: Lru[int, TileTop] = Lru(MAX_TOPS)
        self._whole: Lru[tuple[int, int], WholeTile] = Lru(MAX_WHOLE)

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
        if not 0 <= index < head.size:
            raise ForgedError(f"inclusion proof: a tree of {head.size} leaves has no leaf {index}")
        tree = self._tree
        if tree is None or tree.head != head:
            tree = self._tree = ShownTree(head)
        read: dict[Tile, bytes] = {}
        with stored_data():
            while True:
                try:
                    return self._path(index, tree, read)
                except MissingTile as missing:
                    await self._read(missing.tile, tree, read)

    def show(self, head: TreeHead) -> None:
        """This is the newest published tree now, if a larger one was not shown before: nobody is shown less again."""
        if self._shown is None or head.size >= self._shown.size:
            self._shown = head
        self._until = asyncio.get_running_loop().time() + FRESH_SECONDS

    def _keep(self, task: asyncio.Task[TreeHead]) -> None:
        self._asking = None
        if not task.cancelled() and task.exception() is None:
            self.show(task.result())

    def _path(self, index: int, tree: ShownTree, read: dict[Tile, bytes]) -> list[bytes]:
        at, offset = divmod(index, FULL_WIDTH)
        if not tree.has_full(0, at):
            return tree.path(0, index)
        top = self._tops.get(at)
        if top is None:
            raise MissingTile(Tile(0, at))
        return top.siblings(offset, self._group(at, offset >> INNER_HEIGHT, read)) + self._above(at, top.root, tree)

    def _above(self, position: int, value: bytes, tree: ShownTree) -> list[bytes]:
        """The path from the root of the full tile of leaves at a place to that of the tree, if it stands there."""
        path: list[bytes] = []
        level = 1
        while tree.has_full(level, at := position // FULL_WIDTH):
            tile = self._whole.get((level, at))
            if tile is None:
                raise MissingTile(Tile(level, at))
            offset = position % FULL_WIDTH
            if tile.node(0, offset) != value:
                raise LedgerFault(f"the published tile {position} at level {level - 1} is not part of the one above it")
            path += tile.siblings(offset)
            position, value, level = at, tile.root, level + 1
        return path + tree.path(level, position, value)

    def _group(self, at: int, number: int, read: dict[Tile, bytes]) -> bytes:
        path = tile_path(0, at)
        data = read.get(Tile(0, at)) if read else None
        data = data or self._tiles.get(path)
        if data is not None:
            return group_of(data, number)
        found = self._log.peek(path, number * GROUP_BYTES, GROUP_BYTES)
        if found is None:
            raise MissingTile(Tile(0, at))
        return found

    async def _read(self, tile: Tile, tree: ShownTree, read: dict[Tile, bytes]) -> None:
        data = self._tiles.get(tile.path) or await self._threads.run(self._log.tile, tile.path)
        if data is None:
            raise LedgerFault(f"the published {tile.path} is missing")
        if tile.width < FULL_WIDTH:
            tree.take(tile.level or 0, WholeTile(parse_tile(data, tile.width)))
        elif tile.level:
            self._whole.put((tile.level, tile.index), WholeTile(parse_tile(data, FULL_WIDTH)))
        elif self._tops.get(tile.index) is None:
            self._tops.put(tile.index, TileTop.of(data))
            read[tile] = data
        else:  # only a group was wanting, which could not be had at once
            self._tiles.put(tile.path, data)
            read[tile] = data


def format_proof(index: int, path: list[bytes], note: bytes) -> bytes:
    """A C2SP tlog-proof: see provenance.receipt for its grammar."""
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(format_base64, path), "", ""]
    return "\n".join(lines).encode() + note
