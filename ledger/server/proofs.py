"""Inclusion proofs out of the published tiles: neither database nor thread stands in the way of most.

What everybody can see is asked for at most every FRESH_SECONDS. A full tile hangs together, and in the one above it,
which is checked as it is used; what is at the edge of a published tree is checked against its root once. So a proof
that does not lead to the checkpoint's root is not handed out, and takes hashing within one group of 16 leaves only.

Full tiles are kept with those of the stored tree, once a path through them has led to the root. A group of leaves is
read for each proof, at once where the system has it in memory, else in a thread. Where nothing is ever had at once (an
object store), its tile stays among those that are served.
"""

from __future__ import annotations

import asyncio
from binascii import b2a_base64
from typing import TYPE_CHECKING

from ledger.database import stored_data
from ledger.fulltile import GROUP_BYTES, INNER_HEIGHT, TileTop, WholeTile, group_of
from ledger.server.edgetiles import MissingTile, ShownTree
from provenance.errors import ForgedError, InvalidError, LedgerFault
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, Tile, parse_tile, tile_path

if TYPE_CHECKING:
    from ledger.log import Log, TreeHead
    from ledger.server.threads import Threads
    from ledger.server.tilecache import TileCache
    from ledger.treetiles import TileCache as CheckedTiles

__all__ = ["FRESH_SECONDS", "Proofs", "format_proof"]

FRESH_SECONDS = 0.1
"""How old the checkpoint may be that is shown; a log publishes a few times a second."""

_MOMENT = 0.001


class _MissingGroup(Exception):  # noqa: N818 - never leaves the making of a proof
    """A group of the tile of leaves ``at`` is needed first."""

    def __init__(self, at: int, number: int) -> None:
        super().__init__(at, number)
        self.at = at
        self.number = number


class _Reading:
    """What was read for one path, which is made of it where others have read the same meanwhile.

    It is kept once the path leads to the root.
    """

    def __init__(self) -> None:
        self.groups: dict[tuple[int, int], bytes] = {}
        self.data: dict[int, bytes] = {}
        self.tops: dict[int, TileTop] = {}
        self.whole: dict[tuple[int, int], WholeTile] = {}

    def keep(self, checked: CheckedTiles) -> None:
        for index, top in self.tops.items():
            checked.keep_top(index, top)
        for (level, index), tile in self.whole.items():
            checked.keep_whole(level, index, tile)


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
        self._checked = log.checked_tiles

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
        reading: _Reading | None = None
        with stored_data():
            while True:
                try:
                    path = self._path(index, tree, reading)
                except MissingTile as missing:
                    reading = reading or _Reading()
                    await self._read(missing.tile, tree, reading)
                except _MissingGroup as missing:
                    reading = reading or _Reading()
                    await self._read_group(missing.at, missing.number, reading)
                except (InvalidError, LedgerFault):
                    if self._tree is tree:
                        self._tree = None  # what was read at its edge may be to blame: the next one reads it anew
                    raise
                else:
                    if reading:
                        reading.keep(self._checked)
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

    def _path(self, index: int, tree: ShownTree, reading: _Reading | None) -> list[bytes]:
        at, offset = divmod(index, FULL_WIDTH)
        if not tree.has_full(0, at):
            return tree.path(0, index)
        top = (reading and reading.tops.get(at)) or self._checked.top(at)
        if not top:
            raise MissingTile(Tile(0, at))
        path = top.siblings(offset, self._group(at, offset >> INNER_HEIGHT, reading))
        path += self._above(at, top.root, tree, reading)
        return path

    def _above(self, position: int, value: bytes, tree: ShownTree, reading: _Reading | None) -> list[bytes]:
        """The path from the root of the full tile of leaves at a place to that of the tree, if it stands there."""
        path: list[bytes] = []
        level = 1
        full = tree.head.size >> 2 * TILE_HEIGHT  # tiles of this level
        while (at := position // FULL_WIDTH) < full:
            tile = (reading and reading.whole.get((level, at))) or self._checked.whole(level, at)
            if not tile:
                raise MissingTile(Tile(level, at))
            offset = position % FULL_WIDTH
            if tile.node(0, offset) != value:
                raise LedgerFault(f"the published tile {position} at level {level - 1} is not part of the one above it")
            path += tile.beside(offset)
            position, value, level, full = at, tile.root, level + 1, full >> TILE_HEIGHT
        return path + tree.path(level, position, value)

    def _group(self, at: int, number: int, reading: _Reading | None) -> bytes:
        path = tile_path(0, at)
        if reading and (at, number) in reading.groups:
            return reading.groups[at, number]
        data = (reading and reading.data.get(at)) or self._tiles.get(path)
        if data:
            return group_of(data, number)
        found = self._log.peek(path, number * GROUP_BYTES, GROUP_BYTES)
        if found is None:
            raise _MissingGroup(at, number)
        return found

    async def _read(self, tile: Tile, tree: ShownTree, reading: _Reading) -> None:
        data = await self._data(tile.path)
        if tile.width < FULL_WIDTH:
            tree.take(tile.level or 0, WholeTile(parse_tile(data, tile.width)))
        elif tile.level:
            reading.whole[tile.level, tile.index] = WholeTile(parse_tile(data, FULL_WIDTH))
        else:
            reading.tops[tile.index] = TileTop.of(data)
            reading.data[tile.index] = data

    async def _read_group(self, at: int, number: int, reading: _Reading) -> None:
        """Read a group of a tile that is known in short.

        A system that was asked for what it has not in memory may have begun to read it (Linux): it is there in a moment
        then, and a thread would cost more.
        """
        path, start = tile_path(0, at), number * GROUP_BYTES
        await asyncio.sleep(_MOMENT)
        found = self._log.peek(path, start, GROUP_BYTES)
        if found is None:
            data = await self._data(path)
            found = group_of(data, number)
            top = self._checked.top(at)
            if self._log.peek(path, start, GROUP_BYTES) is None and top and TileTop.of(data).root == top.root:
                self._tiles.put(path, data)  # nor had now that it was just read: it never will be
        reading.groups[at, number] = found

    async def _data(self, path: str) -> bytes:
        data = self._tiles.get(path) or await self._threads.run(self._log.tile, path)
        if data is None:
            raise LedgerFault(f"the published {path} is missing")
        return data


def format_proof(index: int, path: list[bytes], note: bytes) -> bytes:
    """A C2SP tlog-proof: see provenance.receipt for its grammar."""
    hashes = b"".join(map(b2a_base64, path))  # each with its newline
    return b"c2sp.org/tlog-proof@v1\nindex %d\n%b\n%b" % (index, hashes, note)
