"""Full tiles as paths need them: those of leaves in short, the others whole.

A path takes eight hashes of each tile that it goes through, one at each height. Of a tile of leaves the 31 hashes from
INNER_HEIGHT on are kept, in 1 KB where all of them take 16; the *group* of 16 leaf hashes below one of them is read
when a path goes through it, and must be what that one was made of. So paths cost alike, wherever in the log they begin.
Above the leaves there are few tiles, and every path needs one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.errors import EncodingError
from provenance.merkle import HASH_SIZE, node_hash, parents
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, subtrees

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GROUP_BYTES", "INNER_HEIGHT", "TileTop", "WholeTile", "group_of", "hash_at"]

INNER_HEIGHT = 4
"""Levels from a tile's hashes to the 16 that are stored beside them."""

_GROUP = 1 << INNER_HEIGHT

GROUP_BYTES = _GROUP * HASH_SIZE
"""512: a group, and also the 16 hashes above the groups."""


class TileTop:
    """A full tile from INNER_HEIGHT on, made from the 16 hashes there.

    Raises:
        EncodingError: these are not 16 hashes.
    """

    __slots__ = ("_hashes",)

    def __init__(self, middle: object) -> None:
        self._hashes = b"".join(_rows(middle))

    @classmethod
    def of(cls, data: bytes) -> TileTop:
        """That of a tile, of which these are the 256 hashes."""
        return cls(b"".join(_rows(group_of(data, number))[-1] for number in range(FULL_WIDTH // _GROUP)))

    @property
    def root(self) -> bytes:
        """The one hash of the level above that the tile is for."""
        return self._hashes[-HASH_SIZE:]

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of a height from INNER_HEIGHT on, the ``offset``-th from the left."""
        start = (2 * _GROUP - (2 * _GROUP >> height - INNER_HEIGHT) + offset) * HASH_SIZE
        return self._hashes[start : start + HASH_SIZE]

    def group(self, number: int, data: object) -> list[bytes]:
        """The subtrees over a group, of which ``data`` are the hashes: for each height to INNER_HEIGHT in one row.

        Raises:
            EncodingError: it is not this tile's.
        """
        rows = _rows(data)
        if rows[INNER_HEIGHT] != self.node(INNER_HEIGHT, number):
            raise EncodingError(f"tile: its hashes from {number * _GROUP} on do not belong to the others")
        return rows

    def siblings(self, offset: int, data: object) -> list[bytes]:
        """The hashes beside the way from the ``offset``-th leaf to the tile's root; ``data`` is its group.

        Raises:
            EncodingError: the group is not this tile's.
        """
        number, place = divmod(offset, _GROUP)
        rows = self.group(number, data)
        below = [hash_at(rows[height], (place >> height) ^ 1) for height in range(INNER_HEIGHT)]
        return below + [self.node(height, (offset >> height) ^ 1) for height in range(INNER_HEIGHT, TILE_HEIGHT)]


class WholeTile:
    """All complete subtrees over a tile's hashes, which may be fewer than 256."""

    __slots__ = ("_rows",)

    def __init__(self, hashes: Sequence[bytes]) -> None:
        rows = subtrees(hashes)
        if len(hashes) == FULL_WIDTH:
            rows.append([node_hash(*rows[-1])])
        self._rows = tuple(map(b"".join, rows))

    @property
    def root(self) -> bytes:
        """Of a full tile: the one hash of the level above that it is for."""
        return self._rows[TILE_HEIGHT]

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of this height over the tile's hashes, the ``offset``-th from the left.

        Raises:
            IndexError: the tile is too narrow for it.
        """
        found = self._rows[height][offset * HASH_SIZE : (offset + 1) * HASH_SIZE]
        if not found:
            raise IndexError(offset)
        return found

    def hashes(self) -> list[bytes]:
        """Its hashes."""
        data = self._rows[0]
        return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]

    def siblings(self, offset: int, height: int = TILE_HEIGHT) -> list[bytes]:
        """The hashes beside the way from its ``offset``-th up to this height, of a full tile to its root.

        Raises:
            IndexError: the tile is too narrow for it.
        """
        places = [((offset >> h) ^ 1) * HASH_SIZE for h in range(height)]
        found = [row[place : place + HASH_SIZE] for row, place in zip(self._rows, places, strict=False)]
        if len(found) < height or b"" in found:
            raise IndexError(offset)
        return found


def group_of(data: bytes, number: int) -> bytes:
    """The hashes of a group out of those of the whole tile."""
    return data[number * GROUP_BYTES : (number + 1) * GROUP_BYTES]


def hash_at(row: bytes, place: int) -> bytes:
    """One of the hashes that stand one after another."""
    return row[place * HASH_SIZE : (place + 1) * HASH_SIZE]


def _rows(data: object) -> list[bytes]:
    """The subtrees of 16 hashes, for each height from 0 to 4 one after another."""
    if not isinstance(data, bytes) or len(data) != GROUP_BYTES:
        raise EncodingError(f"tile: {_GROUP} hashes are expected")
    rows = [data]
    while len(rows) <= INNER_HEIGHT:
        rows.append(parents(rows[-1]))
    return rows
