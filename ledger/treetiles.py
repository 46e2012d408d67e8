"""Tiles of the stored tree, as its paths ask for them, and the memory of those that were read last."""

from __future__ import annotations

import contextlib
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from ledger.fulltile import INNER_HEIGHT, TileTop, WholeTile
from ledger.lru import Lru
from ledger.paths import Tails
from provenance.errors import EncodingError, LedgerFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EdgeTile", "LeafTile", "TileCache", "TreeTile", "tile_damage"]

_TOPS, _WHOLE = 16_384, 256


class TreeTile(Protocol):
    """A tile as its proofs need it."""

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of this height over the tile's hashes, the ``offset``-th from the left."""

    def siblings(self, offset: int, height: int) -> list[bytes]:
        """The hashes beside the way from its ``offset``-th up to this height."""


class LeafTile:
    """A full tile of leaves, whose groups are read when they are needed; for one transaction."""

    def __init__(self, index: int, top: TileTop, read: Callable[[int], object]) -> None:
        self._index = index
        self._top = top
        self._read = read
        self._groups: dict[int, list[list[bytes]]] = {}

    def node(self, height: int, offset: int) -> bytes:
        """See :class:`TreeTile`."""
        if height >= INNER_HEIGHT:
            return self._top.node(height, offset)
        number, place = divmod(offset << height, 1 << INNER_HEIGHT)
        return self._group(number)[height][place >> height]

    def siblings(self, offset: int, height: int) -> list[bytes]:
        """See :class:`TreeTile`."""
        number, place = divmod(offset, 1 << INNER_HEIGHT)
        rows = self._group(number)
        below = [rows[h][(place >> h) ^ 1] for h in range(min(height, INNER_HEIGHT))]
        return below + [self._top.node(h, (offset >> h) ^ 1) for h in range(INNER_HEIGHT, height)]

    def take(self, number: int, data: object) -> None:
        """A group that was read."""
        self._groups[number] = self._top.group(number, data)

    def _group(self, number: int) -> list[list[bytes]]:
        if number not in self._groups:
            data = self._read(number)
            with tile_damage(0, self._index):
                self.take(number, data)
        return self._groups[number]


class EdgeTile:
    """The partial tile at the right edge of a level."""

    def __init__(self, rows: list[list[bytes]]) -> None:
        self._rows = rows

    def node(self, height: int, offset: int) -> bytes:
        """See :class:`TreeTile`."""
        return self._rows[height][offset]

    def siblings(self, offset: int, height: int) -> list[bytes]:
        """See :class:`TreeTile`."""
        return [self._rows[h][(offset >> h) ^ 1] for h in range(height)]


class TileCache:
    """Full tiles of one log, and the ``tails`` of its trees. Those of leaves take 1.2 KB each, the others 17."""

    def __init__(self, tops: int = _TOPS, whole: int = _WHOLE) -> None:
        self.tails = Tails()
        self._tops: Lru[int, TileTop] = Lru(tops)
        self._whole: Lru[tuple[int, int], WholeTile] = Lru(whole)
        self._lock = Lock()

    def top(self, index: int) -> TileTop | None:
        """A tile of leaves, if it is here."""
        with self._lock:
            return self._tops.get(index)

    def whole(self, level: int, index: int) -> WholeTile | None:
        """Another tile, if it is here."""
        with self._lock:
            return self._whole.get((level, index))

    def keep_top(self, index: int, top: TileTop) -> None:
        """Keep a tile of leaves."""
        with self._lock:
            self._tops.put(index, top)

    def keep_whole(self, level: int, index: int, tile: WholeTile) -> None:
        """Keep another tile."""
        with self._lock:
            self._whole.put((level, index), tile)


@contextlib.contextmanager
def tile_damage(level: int, index: int) -> Iterator[None]:
    """What is malformed within is a tile of the log's own: LedgerFault."""
    try:
        yield
    except EncodingError as error:
        raise LedgerFault(f"ledger: tile {index} at level {level} was tampered with, or is damaged: {error}") from error
