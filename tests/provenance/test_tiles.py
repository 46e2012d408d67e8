"""Tiles as C2SP tlog-tiles lays them out: its own examples first, then properties."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance import merkle
from provenance.errors import EncodingError, InvalidError, LimitError
from provenance.tiles import (
    MAX_BUNDLE_BYTES,
    MAX_INDEX,
    Tile,
    bundle_path,
    bundles_of,
    format_bundle,
    format_tile,
    new_tiles,
    parse_bundle,
    parse_tile,
    parse_tile_path,
    tile_nodes,
    tile_path,
    tile_width,
)

HASHES = [merkle.leaf_hash(str(i).encode()) for i in range(300)]


def test_the_paths_of_the_specification():
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(3, 0, 7) == "tile/3/000.p/7"
    assert bundle_path(1_234_067, 255) == "tile/entries/x001/x234/067.p/255"
    assert bundle_path(999) == "tile/entries/999"
    assert bundle_path(1_000) == "tile/entries/x001/000"
    assert tile_path(63, 0) == "tile/63/000"


def test_the_tree_of_70_000_of_the_specification():
    paths = [tile.path for tile in new_tiles(0, 70_000)]
    assert paths[:2] == ["tile/0/000", "tile/0/001"]
    assert paths[272:] == ["tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    bundles = [tile.path for tile in bundles_of(0, 70_000)]
    assert len(bundles) == 274
    assert bundles[-1] == "tile/entries/273.p/112"


def test_the_tree_of_256_of_the_specification():
    assert [tile.path for tile in new_tiles(0, 256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert [tile.path for tile in bundles_of(0, 256)] == ["tile/entries/000"]


def test_an_empty_tree_has_no_tile():
    assert list(new_tiles(0, 0)) == []
    assert list(bundles_of(0, 0)) == []
    assert list(bundles_of(5, 5)) == []


@given(st.none() | st.integers(0, 63), st.integers(0, MAX_INDEX), st.integers(1, 256))
def test_a_path_reads_back(level, index, width):
    tile = Tile(level, index, width)
    assert parse_tile_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/x1/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/X001/000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/ 0/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/300",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/p/1",
        "tile/0/000.p/1/",
        "tile/0/000.p/+1",
        "tile/0/\u0661\u0661\u0661",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/0/../000",
        "tile//000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x036/x028/x797/x018/x963/968",
        "tile/0/" + "x001/" * 50 + "000",
        "tile/entries",
        "tile/entries/0",
        "tile/Entries/000",
        "tile/data/000",
        "checkpoint",
    ],
)
def test_other_paths_are_refused(path):
    with pytest.raises(EncodingError):
        parse_tile_path(path)


@given(st.text(alphabet="tile/entrisx0129.p-+ ", max_size=40))
def test_whatever_is_accepted_is_spelled_so(path):
    with contextlib.suppress(EncodingError):
        assert parse_tile_path(path).path == path


@pytest.mark.parametrize(
    ("level", "index", "width"), [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, MAX_INDEX + 1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_no_path_of_what_is_no_tile(level, index, width):
    with pytest.raises(EncodingError):
        tile_path(level, index, width)
    if level == 0:
        with pytest.raises(EncodingError):
            bundle_path(index, width)


def test_the_last_tile_of_the_largest_tree_has_a_path():
    assert tile_path(0, MAX_INDEX) == "tile/0/x036/x028/x797/x018/x963/967"
    assert parse_tile_path("tile/0/x036/x028/x797/x018/x963/967") == Tile(0, MAX_INDEX)


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_new_tiles_are_what_the_older_tree_lacks(old, size):
    old, size = min(old, size), max(old, size)
    assert set(new_tiles(old, size)) == set(new_tiles(0, size)) - set(new_tiles(0, old))


@pytest.mark.parametrize("width", [1, 2, 255, 256])
def test_tiles_read_back(width):
    assert parse_tile(format_tile(HASHES[:width]), width) == HASHES[:width]


@pytest.mark.parametrize("hashes", [[], HASHES[:257], [b"x" * 31], [HASHES[0], b""]])
def test_no_tile_of_what_is_none(hashes):
    with pytest.raises(EncodingError):
        format_tile(hashes)


@pytest.mark.parametrize(
    ("data", "width"), [(b"", 0), (b"", 1), (bytes(32), 2), (bytes(33), 1), (bytes(257 * 32), 257)]
)
def test_tiles_of_another_length_are_refused(data, width):
    with pytest.raises(EncodingError):
        parse_tile(data, width)


def test_a_bundle_is_lengths_and_entries():
    assert format_bundle([b"ab", b"", b"c" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"c" * 258


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_read_back(entries):
    assert parse_bundle(format_bundle(entries), len(entries)) == entries


def test_the_longest_entry_fits():
    assert parse_bundle(format_bundle([bytes(65_535)]), 1) == [bytes(65_535)]
    with pytest.raises(EncodingError):
        format_bundle([bytes(65_536)])


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"", 1),
        (b"", 0),
        (b"\x00", 1),
        (b"\x00\x01", 1),
        (b"\x00\x02a", 1),
        (b"\x00\x01a", 2),
        (b"\x00\x01a\x00\x01b", 1),
        (b"\x00\x01ab", 1),
        (b"\x00\x00" * 257, 257),
        (b"\x00\x00" * 257, 256),
    ],
)
def test_other_bundles_are_refused(data, width):
    if (data, width) == (b"", 0):
        assert parse_bundle(data, width) == []
        return
    with pytest.raises(EncodingError):
        parse_bundle(data, width)


def test_a_bundle_too_long_for_any_is_not_read():
    with pytest.raises(LimitError):
        parse_bundle(bytes(MAX_BUNDLE_BYTES + 1), 256)
    with pytest.raises(EncodingError):
        format_bundle([])


def tiles_in_memory(leaves, size):
    """All tiles of a tree, computed from its leaves by the definition alone."""
    nodes = merkle.nodes_of(leaves)
    return {
        tile: [nodes(8 * tile.level, tile.index * 256 + i) for i in range(tile.width)] for tile in new_tiles(0, size)
    }


@pytest.mark.parametrize("size", [1, 2, 7, 255, 256, 257, 300])
def test_proofs_out_of_tiles_are_those_of_the_leaves(size):
    tiles = tiles_in_memory(HASHES[:size], size)
    reads = []

    def read(tile):
        reads.append(tile)
        return tiles[tile]

    nodes, plain = tile_nodes(read, size), merkle.nodes_of(HASHES[:size])
    assert merkle.tree_root(nodes, size) == merkle.root(HASHES[:size])
    for index in range(0, size, 17):
        assert merkle.inclusion_path(nodes, index, size) == merkle.inclusion_path(plain, index, size)
        if index:
            assert merkle.consistency_path(nodes, index, size) == merkle.consistency_path(plain, index, size)
    assert len(reads) == len(set(reads)), "a tile is read once"


def test_proofs_of_a_large_tree_need_few_tiles():
    leaves = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(70_000)]
    tiles = tiles_in_memory(leaves, 70_000)
    reads = []
    nodes = tile_nodes(lambda tile: reads.append(tile) or tiles[tile], 70_000)
    path = merkle.inclusion_path(nodes, 12_345, 70_000)
    merkle.check_inclusion(leaves[12_345], 12_345, 70_000, path, merkle.root(leaves))
    assert len(reads) <= 5


def test_a_tile_too_narrow_for_its_node_is_refused():
    nodes = tile_nodes(lambda tile: HASHES[: tile.width - 1], 7)
    with pytest.raises(InvalidError):
        merkle.tree_root(nodes, 7)


@given(st.integers(0, 70_000), st.integers(0, 2), st.integers(0, 300))
def test_the_width_is_what_the_specification_says(size, level, index):
    width = tile_width(level, index, size)
    assert (width > 0) == any(tile.level == level and tile.index == index for tile in new_tiles(0, size))
    if 0 < width < 256:
        assert width == size // 256**level % 256
