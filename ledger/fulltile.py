"""Full tiles as paths need them: those of leaves in short, the others whole.

A path takes eight hashes of each tile that it goes through, one at each height. Of a tile of leaves the 31 hashes from
INNER_HEIGHT on are kept, in 1 KB where all of them take 16; the *group* of 16 leaf hashes below one of them is read
when a path goes through it, and must be what that one was made of. So paths cost alike, wherever in the log they begin.
Above the leaves there are few tiles, and every path needs one.
"""

from __future__ import annotations

from itertools import accumulate
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING

from provenance.errors import EncodingError
from provenance.merkle import HASH_SIZE, node_hash
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, subtrees

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["GROUP_BYTES", "INNER_HEIGHT", "TileTop", "WholeTile", "group_beside", "group_node", "group_of"]

INNER_HEIGHT = 4
"""Levels from a tile's hashes to the 16 that are stored beside them."""

_GROUP = 1 << INNER_HEIGHT

GROUP_BYTES = _GROUP * HASH_SIZE
"""512: a group, and also the 16 hashes above the groups."""

_split = Struct(f"{HASH_SIZE}s" * _GROUP).unpack


def _takers(width: int) -> list[Callable[[bytes], tuple[bytes, ...]]]:
    """For each of ``width`` places what takes the hashes beside its way up, the lowest first.

    It takes them out of all complete subtrees over ``width`` hashes, height after height.
    """
    one = [slice(i * HASH_SIZE, (i + 1) * HASH_SIZE) for i in range(2 * width)]
    starts = [2 * width - (2 * width >> height) for height in range(width.bit_length() - 1)]
    return [
        itemgetter(*(one[start + ((place >> height) ^ 1)] for height, start in enumerate(starts)))
        for place in range(width)
    ]


_BESIDE_16, _BESIDE_256 = _takers(_GROUP), _takers(FULL_WIDTH)


class TileTop:
    """A full tile from INNER_HEIGHT on, made from the 16 hashes there.

    Raises:
        EncodingError: these are not 16 hashes.
    """

    __slots__ = ("_hashes",)

    def __init__(self, middle: object) -> None:
        self._hashes = _over_16(middle)

    @classmethod
    def of(cls, data: bytes) -> TileTop:
        """That of a tile, of which these are the 256 hashes."""
        groups = (group_of(data, number) for number in range(FULL_WIDTH // _GROUP))
        return cls(b"".join(_over_16(group)[-HASH_SIZE:] for group in groups))

    @property
    def root(self) -> bytes:
        """The one hash of the level above that the tile is for."""
        return self._hashes[-HASH_SIZE:]

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of a height from INNER_HEIGHT on, the ``offset``-th from the left."""
        return group_node(self._hashes, height - INNER_HEIGHT, offset)

    def beside(self, number: int) -> tuple[bytes, ...]:
        """The hashes beside the way from a group to the tile's root."""
        return _BESIDE_16[number](self._hashes)

    def group(self, number: int, data: object) -> bytes:
        """The complete subtrees over a group, of which ``data`` are the hashes: see :func:`group_node`.

        Raises:
            EncodingError: it is not this tile's.
        """
        group = _over_16(data)
        if group[-HASH_SIZE:] != self._hashes[number * HASH_SIZE : (number + 1) * HASH_SIZE]:
            raise EncodingError(f"tile: its hashes from {number * _GROUP} on do not belong to the others")
        return group

    def siblings(self, offset: int, data: object) -> list[bytes]:
        """The hashes beside the way from the ``offset``-th leaf to the tile's root; ``data`` is its group.

        Raises:
            EncodingError: the group is not this tile's.
        """
        number, place = divmod(offset, _GROUP)
        return [*group_beside(self.group(number, data), place), *self.beside(number)]


class WholeTile:
    """All complete subtrees over a tile's hashes, which may be fewer than 256."""

    __slots__ = ("_hashes", "_starts")

    def __init__(self, hashes: Sequence[bytes]) -> None:
        rows = subtrees(hashes)
        if len(hashes) == FULL_WIDTH:
            rows.append([node_hash(*rows[-1])])
        self._hashes = b"".join(map(b"".join, rows))
        self._starts = tuple(accumulate(map(len, rows), initial=0))

    @property
    def root(self) -> bytes:
        """Of a full tile: the one hash of the level above that it is for."""
        return self._hashes[-HASH_SIZE:]

    def node(self, height: int, offset: int) -> bytes:
        """The subtree of this height over the tile's hashes, the ``offset``-th from the left.

        Raises:
            IndexError: the tile is too narrow for it.
        """
        end, at = self._starts[height + 1], self._starts[height] + offset
        if at >= end:
            raise IndexError(offset)
        return self._hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE]

    def hashes(self) -> list[bytes]:
        """Its hashes."""
        return [self._hashes[i : i + HASH_SIZE] for i in range(0, self._starts[1] * HASH_SIZE, HASH_SIZE)]

    def beside(self, offset: int) -> tuple[bytes, ...]:
        """Of a full tile: the hashes beside the way of its ``offset``-th to its root."""
        return _BESIDE_256[offset](self._hashes)

    def siblings(self, offset: int, low: int = 0, high: int = TILE_HEIGHT) -> list[bytes]:
        """The hashes beside the way of its ``offset``-th from height ``low`` to ``high``, of a full tile to its root.

        Raises:
            IndexError: the tile is too narrow for it.
        """
        if self._starts[1] == FULL_WIDTH:
            return list(self.beside(offset)[low:high])
        return [self.node(height, (offset >> height) ^ 1) for height in range(low, high)]


def group_of(data: bytes, number: int) -> bytes:
    """The hashes of a group out of those of the whole tile."""
    return data[number * GROUP_BYTES : (number + 1) * GROUP_BYTES]


def group_node(group: bytes, height: int, offset: int) -> bytes:
    """Out of the complete subtrees over 16 hashes, height after height: one of a height from 0 to 4."""
    at = (2 * _GROUP - (2 * _GROUP >> height) + offset) * HASH_SIZE
    return group[at : at + HASH_SIZE]


def group_beside(group: bytes, place: int) -> tuple[bytes, ...]:
    """Out of the same: the four hashes beside the way from the ``place``-th to the top, the lowest first."""
    return _BESIDE_16[place](group)


def _over_16(data: object) -> bytes:
    """The complete subtrees over 16 hashes, height after height: 31 hashes."""
    if not isinstance(data, bytes) or len(data) != GROUP_BYTES:
        raise EncodingError(f"tile: {_GROUP} hashes are expected")
    hashes = list(_split(data))
    for i in range(0, 2 * _GROUP - 2, 2):
        hashes.append(node_hash(hashes[i], hashes[i + 1]))
    return b"".join(hashes)
