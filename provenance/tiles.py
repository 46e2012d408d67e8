r"""Tiles: a log's hashes and entries as immutable files (C2SP tlog-tiles).

::

    tile/<L>/<N>[.p/<W>]        hashes of the complete subtrees at tree level 8 L, from position 256 N on
    tile/entries/<N>[.p/<W>]    the entries from index 256 N on, each after its length as a big-endian uint16
    checkpoint                  the newest signed checkpoint, the one file that changes

L is 0 to 63, N the tile's index in groups of three digits, all but the last after an ``x``, and W the width of a tile
that is not full yet, 1 to 255. Worked example: a tree of 70,000 leaves has 273 full tiles ``tile/0/000`` to
``tile/0/272`` and ``tile/0/273.p/112``; ``tile/1/000`` and ``tile/1/001.p/17``; ``tile/2/000.p/1``. Tile 1,234,067 of
level 0 is ``tile/0/x001/x234/067``. There is no empty tile.

Every path has one spelling, and ``parse_tile_path(tile.path) == tile``. Nothing here is authenticated: hashes out of
tiles count once they lead to the root of a checkpoint.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.claim import MAX_ENTRY_BYTES
from provenance.errors import EncodingError, LimitError
from provenance.merkle import HASH_SIZE, node_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provenance.merkle import Nodes

    ReadTile = Callable[["Tile"], Sequence[bytes]]

__all__ = [
    "CHECKPOINT_PATH",
    "FULL_WIDTH",
    "MAX_BUNDLE_BYTES",
    "MAX_TILE_BYTES",
    "TILE_HEIGHT",
    "Tile",
    "bundle_path",
    "bundles_of",
    "format_bundle",
    "format_tile",
    "new_tiles",
    "parse_bundle",
    "parse_tile",
    "parse_tile_path",
    "subtrees",
    "tile_nodes",
    "tile_path",
    "tile_width",
]

TILE_HEIGHT = 8
"""Tree levels from one level of tiles to the next."""

FULL_WIDTH = 256
"""Hashes of a full tile, entries of a full bundle."""

MAX_TILE_BYTES = FULL_WIDTH * HASH_SIZE
"""8,192 bytes."""

MAX_BUNDLE_BYTES = FULL_WIDTH * (2 + MAX_ENTRY_BYTES)
"""About 16.8 MB, if all of its 256 entries were as long as one may be; usual entries have 1 KB."""

CHECKPOINT_PATH = "checkpoint"
"""Where the newest checkpoint stands beside the tiles."""

MAX_LEVEL = 63
"""Highest level that a path may name; a tree of fewer than 2^63 leaves has tiles up to level 7."""

MAX_INDEX = 2**63 // FULL_WIDTH - 1
"""Last tile of level 0 in the largest tree."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Tile:
    """The address of a tile of hashes, or of a bundle of entries when ``level`` is None; ``width`` is 1 to 256."""

    level: int | None
    index: int
    width: int = FULL_WIDTH

    @property
    def path(self) -> str:
        """Its path below the log's prefix."""
        return (
            bundle_path(self.index, self.width) if self.level is None else tile_path(self.level, self.index, self.width)
        )

    @property
    def full(self) -> Tile:
        """The same tile once it is full, whose first ``width`` items are this one's."""
        return Tile(self.level, self.index)


def tile_path(level: int, index: int, width: int = FULL_WIDTH) -> str:
    """``tile/<L>/<N>[.p/<W>]``.

    Raises:
        EncodingError: a level, index or width that no tile has.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise EncodingError(f"tile: level {level} is not between 0 and {MAX_LEVEL}")
    return f"tile/{level}/{_place(index, width)}"


def bundle_path(index: int, width: int = FULL_WIDTH) -> str:
    """``tile/entries/<N>[.p/<W>]``.

    Raises:
        EncodingError: an index or width that no bundle has.
    """
    return f"tile/entries/{_place(index, width)}"


def parse_tile_path(path: str) -> Tile:
    """The tile or bundle at a path, which must be its one spelling.

    Raises:
        EncodingError: it is the path of none.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise EncodingError(f"tile: {path[:80]!r} is no path of a tile or an entry bundle")
    level = None if found["level"] == "entries" else int(found["level"])
    tile = Tile(level, int(found["index"].replace("x", "").replace("/", "")), int(found["width"] or FULL_WIDTH))
    if tile.path != path:  # leading x000 groups, a width of 256 and more, a level or index beyond every tree
        raise EncodingError(f"tile: {path[:80]!r} is not how that tile's path is spelled")
    return tile


def format_tile(hashes: Sequence[bytes]) -> bytes:
    """A tile of 1 to 256 hashes.

    Raises:
        EncodingError: too few or too many, or something that is no hash.
    """
    if not 1 <= len(hashes) <= FULL_WIDTH or any(len(value) != HASH_SIZE for value in hashes):
        raise EncodingError(f"tile: must have 1 to {FULL_WIDTH} hashes of {HASH_SIZE} bytes")
    return b"".join(hashes)


def parse_tile(data: bytes, width: int) -> list[bytes]:
    """The ``width`` hashes of a tile.

    Raises:
        EncodingError: it has another length.
    """
    if len(data) != width * HASH_SIZE or not 1 <= width <= FULL_WIDTH:
        raise EncodingError(f"tile: {len(data)} bytes where {width} hashes of {HASH_SIZE} are expected")
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """A bundle of 1 to 256 entries.

    Raises:
        EncodingError: too few or too many, or an entry that is longer than its length can say.
    """
    if not 1 <= len(entries) <= FULL_WIDTH or any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise EncodingError(f"entry bundle: must have 1 to {FULL_WIDTH} entries of at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(part for entry in entries for part in (struct.pack(">H", len(entry)), entry))


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle, as bytes; nothing in them is read.

    Raises:
        LimitError: longer than any bundle. EncodingError: cut short, or with another number of entries.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise LimitError(f"entry bundle: {len(data)} bytes are more than the limit of {MAX_BUNDLE_BYTES}")
    entries: list[bytes] = []
    offset = 0
    while offset < len(data) and len(entries) < FULL_WIDTH:
        start = offset + 2
        offset = start + int.from_bytes(data[offset:start], "big")
        if start > len(data) or offset > len(data):
            raise EncodingError("entry bundle: cut short")
        entries.append(data[start:offset])
    if offset != len(data) or len(entries) != width:
        raise EncodingError(f"entry bundle: it does not hold exactly {width} entries")
    return entries


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes the tile has in the tree of ``size`` leaves: 0 when it is not there yet, 256 when it is full."""
    return max(0, min(FULL_WIDTH, (size >> TILE_HEIGHT * level) - index * FULL_WIDTH))


def new_tiles(old: int, size: int) -> Iterator[Tile]:
    """The tiles of hashes that a tree of ``size`` leaves has and that of ``old`` has not, lowest level first.

    With ``old`` 0 these are all tiles of the tree. A partial tile that has grown is new.
    """
    level = 0
    while size >> TILE_HEIGHT * level:
        before, after = old >> TILE_HEIGHT * level, size >> TILE_HEIGHT * level
        if after > before:
            for index in range(before // FULL_WIDTH, (after - 1) // FULL_WIDTH + 1):
                yield Tile(level, index, tile_width(level, index, size))
        level += 1


def bundles_of(start: int, size: int) -> Iterator[Tile]:
    """The bundles of a log of ``size`` entries that hold entry ``start`` and the later ones, in order."""
    for index in range(start // FULL_WIDTH, -(-size // FULL_WIDTH) if start < size else 0):
        yield Tile(None, index, tile_width(0, index, size))


def tile_nodes(read: ReadTile, size: int) -> Nodes:
    """The complete subtrees of the tree of ``size`` leaves, for :mod:`provenance.merkle`, out of tiles.

    ``read`` gives the hashes of a tile; it is asked for tiles of this tree alone, each once as long as the returned
    function lives.
    """
    inner: dict[Tile, list[list[bytes]]] = {}

    def node(level: int, position: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = position << height
        index = first // FULL_WIDTH
        tile = Tile(tile_level, index, tile_width(tile_level, index, size))
        if tile not in inner:
            inner[tile] = subtrees(read(tile))
        rows = inner[tile]
        offset = (first % FULL_WIDTH) >> height
        if height >= len(rows) or offset >= len(rows[height]):
            raise EncodingError(f"tile: {tile.path} is too narrow for node {position} at level {level}")
        return rows[height][offset]

    return node


def subtrees(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The complete subtrees over a tile's hashes: row h has those of height h, from 0 to at most 7."""
    rows = [list(hashes)]
    while len(rows[-1]) > 1 and len(rows) < TILE_HEIGHT:
        below = rows[-1]
        rows.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return rows


def _place(index: int, width: int) -> str:
    if not 0 <= index <= MAX_INDEX:
        raise EncodingError(f"tile: index {index} is beyond the largest tree")
    if not 1 <= width <= FULL_WIDTH:
        raise EncodingError(f"tile: width {width} is not between 1 and {FULL_WIDTH}")
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups) + ("" if width == FULL_WIDTH else f".p/{width}")
