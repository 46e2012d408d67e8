"""Tiles that were asked for lately, in memory: most readers ask for the same few hundred.

Tiles and bundles never change, so nothing is ever invalid here. Bounded in bytes, whatever their sizes are.
"""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["MAX_CACHE_BYTES", "TileCache"]

MAX_CACHE_BYTES = 32 * 2**20
"""4,096 full tiles of hashes, or a hundred bundles of entries."""

_LARGEST = 2**20
"""A bundle of larger entries would drive out a hundred others."""


class TileCache:
    """Path -> bytes; the one that was not asked for longest goes first. For one thread."""

    def __init__(self, limit: int = MAX_CACHE_BYTES) -> None:
        self._limit = limit
        self._held = 0
        self._tiles: OrderedDict[str, bytes] = OrderedDict()

    def get(self, path: str) -> bytes | None:
        """The bytes at a path, if they are here."""
        data = self._tiles.get(path)
        if data is not None:
            self._tiles.move_to_end(path)
        return data

    def put(self, path: str, data: bytes) -> None:
        """Keep them."""
        if path in self._tiles or len(data) > _LARGEST:
            return
        self._tiles[path] = data
        self._held += len(data)
        while self._held > self._limit:
            _, dropped = self._tiles.popitem(last=False)
            self._held -= len(dropped)
