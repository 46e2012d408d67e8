"""Tiles of the stored tree, as its paths ask for them, and the memory of those that were read last."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol

from ledger.fulltile import INNER_HEIGHT, TileTop, WholeTile, group_beside, group_node
from ledger.lru import Lru
from ledger.paths import Tails
from provenance.errors import EncodingError, LedgerFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EdgeTile", "LeafTile", "TileCache", "TreeTile", "damaged"]

_TOPS, _WHOLE, _GROUPS = 16_384, 256, 2_048


class TreeTile(Protocol):
    """A tile as its proofs need it."""

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of this height over the tile's hashes, the ``offset``-th from the left."""

    def siblings(self, offset: int, low: int, high: int) -> list[bytes]:
        """The hashes beside the way of its ``offset``-th from height ``low`` to ``high``."""


class LeafTile:
    """A full tile of leaves, whose groups are read when they are needed; for one transaction.

    ``read`` gives a group as it stands in one place after the other; the first that is this tile's is taken.
    """

    def __init__(self, index: int, top: TileTop, cache: TileCache, read: Callable[[int], Iterator[object]]) -> None:
        self._index = index
        self._top = top
        self._cache = cache
        self._read = read
        self._groups: dict[int, bytes] = {}

    def node(self, height: int, offset: int) -> bytes:
        """See :class:`TreeTile`."""
        if height >= INNER_HEIGHT:
            return self._top.node(height, offset)
        number, place = divmod(offset << height, 1 << INNER_HEIGHT)
        return group_node(self._group(number), height, place >> height)

    def siblings(self, offset: int, low: int, high: int) -> list[bytes]:
        """See :class:`TreeTile`."""
        number, place = divmod(offset, 1 << INNER_HEIGHT)
        if low >= INNER_HEIGHT:
            return list(self._top.beside(number)[low - INNER_HEIGHT : high - INNER_HEIGHT])
        return [*group_beside(self._group(number), place), *self._top.beside(number)][low:high]

    def take(self, number: int, data: object) -> bytes:
        """A group that was read, with the subtrees over it.

        Raises:
            LedgerFault: it is not this tile's.
        """
        try:
            self._groups[number] = group = self._top.group(number, data)
        except EncodingError as error:
            raise damaged(0, self._index, error) from error
        self._cache.keep_group(self._index, number, group)
        return group

    def _group(self, number: int) -> bytes:
        found = self._groups.get(number) or self._cache.group(self._index, number)
        if found is not None:
            return found
        fault = LedgerFault(f"ledger: tile {self._index} at level 0 is missing; the database is damaged")
        for data in self._read(number):
            try:
                return self.take(number, data)
            except LedgerFault as error:
                fault = error
        raise fault


class EdgeTile:
    """The partial tile at the right edge of a level."""

    def __init__(self, rows: list[list[bytes]]) -> None:
        self._rows = rows

    def node(self, height: int, offset: int) -> bytes:
        """See :class:`TreeTile`."""
        return self._rows[height][offset]

    def siblings(self, offset: int, low: int, high: int) -> list[bytes]:
        """See :class:`TreeTile`."""
        return [self._rows[h][(offset >> h) ^ 1] for h in range(low, high)]


class TileCache:
    """Full tiles of one log, and the ``tails`` of its trees.

    Those of leaves take 1.2 KB each, and as much for each of the groups that were used last; the others take 17 KB.
    """

    def __init__(self, tops: int = _TOPS, whole: int = _WHOLE, groups: int = _GROUPS) -> None:
        self.tails = Tails()
        self._groups: Lru[tuple[int, int], bytes] = Lru(groups)
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

    def group(self, index: int, number: int) -> bytes | None:
        """The subtrees over a group of a tile of leaves, if they are here."""
        with self._lock:
            return self._groups.get((index, number))

    def keep_group(self, index: int, number: int, group: bytes) -> None:
        """Keep the subtrees over a group."""
        with self._lock:
            self._groups.put((index, number), group)

    def keep_top(self, index: int, top: TileTop) -> None:
        """Keep a tile of leaves."""
        with self._lock:
            self._tops.put(index, top)

    def keep_whole(self, level: int, index: int, tile: WholeTile) -> None:
        """Keep another tile."""
        with self._lock:
            self._whole.put((level, index), tile)


def damaged(level: int, index: int, error: EncodingError) -> LedgerFault:
    """What is malformed is a tile of the log's own."""
    return LedgerFault(f"ledger: tile {index} at level {level} was tampered with, or is damaged: {error}")
