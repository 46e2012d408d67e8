"""Inclusion proofs out of published tiles: those of RFC 6962 at every size, and none out of tiles that do not fit."""

import asyncio

import pytest

from ledger.fulltile import TileTop, WholeTile
from ledger.sequencer import TreeHead
from ledger.server.edgetiles import ShownTree
from ledger.server.proofs import Proofs
from ledger.server.tilecache import TileCache
from ledger.treetiles import TileCache as CheckedTiles
from provenance import merkle
from provenance.errors import EncodingError, ForgedError, LedgerFault
from provenance.tiles import Tile, format_tile, parse_tile_path

LEAVES = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(65_536 + 700)]
NODES = merkle.nodes_of(LEAVES)
SIZES = (1, 2, 255, 256, 257, 512, 700, 769, 65_536, 65_537, 65_792, 66_000)


def hashes_of(tile):
    return [NODES(8 * tile.level, 256 * tile.index + i) for i in range(tile.width)]


class Published:
    """A log that shows tiles, some at once and some not; and a thread that is none."""

    def __init__(self, *, at_once=False, harm=None):
        self.at_once = at_once
        self.harm = harm or (lambda _path, data: data)
        self.read = []
        self.checked_tiles = CheckedTiles()

    def tile(self, path):
        self.read.append(path)
        return self.harm(path, format_tile(hashes_of(parse_tile_path(path))))

    def peek(self, path, start, length):
        if not self.at_once:
            return None
        return self.harm(path, format_tile(hashes_of(parse_tile_path(path))))[start : start + length]

    async def run(self, function, *arguments):
        return function(*arguments)

    def proofs(self):
        return Proofs(self, TileCache(), self)


def head(size):
    return TreeHead("log.example/1", size, merkle.tree_root(NODES, size), b"")


def ask(proofs, *wanted):
    async def all_of_them():
        return [await proofs.path(index, head(size)) for index, size in wanted]

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("at_once", [True, False])
def test_paths_are_those_of_rfc_6962_while_the_log_grows(at_once):
    wanted = [(index, size) for size in SIZES for index in sorted({*range(0, size, 2_999), size // 2, size - 1})]
    found = ask(Published(at_once=at_once).proofs(), *wanted, *reversed(wanted))
    assert found == [merkle.inclusion_path(NODES, *leaf) for leaf in [*wanted, *reversed(wanted)]]


def test_no_path_of_a_leaf_that_is_not_there():
    proofs = Published().proofs()
    for index in (-1, 300, 301):
        with pytest.raises(ForgedError):
            ask(proofs, (index, 300))


@pytest.mark.parametrize("reads", [True, False])
def test_a_tile_that_is_at_hand_in_short_is_not_read_again(reads):
    published = Published(at_once=not reads)
    proofs = published.proofs()
    ask(proofs, *((index, 65_600) for index in range(0, 256, 3)))
    assert published.read.count("tile/0/000") == 1 + reads
    assert published.read.count("tile/1/000") == 1


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/257.p/108", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_flipped_byte_in_any_tile_gives_no_proof(path, at_once):
    def flip(at, data):
        return bytes([data[0] ^ 1]) + data[1:] if at == path else data

    proofs = Published(at_once=at_once, harm=flip).proofs()
    leaf = {"tile/0/257.p/108": 65_800, "tile/1/001.p/1": 65_600}.get(path, 2)
    with pytest.raises(LedgerFault):
        ask(proofs, (leaf, 65_900))


def test_a_group_that_changed_after_its_tile_was_read_gives_no_proof():
    lies = []
    published = Published(at_once=True, harm=lambda _at, data: bytes(32) + data[32:] if lies else data)
    proofs = published.proofs()
    assert ask(proofs, (0, 700), (20, 700)) == [merkle.inclusion_path(NODES, index, 700) for index in (0, 20)]
    lies.append(True)
    assert ask(proofs, (20, 700)) == [merkle.inclusion_path(NODES, 20, 700)]
    with pytest.raises(LedgerFault):
        ask(proofs, (1, 700))


def test_a_tile_that_does_not_lead_to_the_root_is_not_kept():
    """It would stand in the way of receipts, which use the same memory."""
    other = format_tile(LEAVES[1_000:1_256])
    for path, kept in (("tile/0/000", lambda found: found.top(0)), ("tile/1/000", lambda found: found.whole(1, 0))):
        published = Published(harm=lambda at, data, path=path: other if at == path else data)
        with pytest.raises(LedgerFault, match="not part of"):
            ask(published.proofs(), (2, 65_900))
        assert kept(published.checked_tiles) is None
        published.harm = lambda _at, data: data
        assert ask(published.proofs(), (2, 65_900)) == [merkle.inclusion_path(NODES, 2, 65_900)]
        assert kept(published.checked_tiles) is not None


@pytest.mark.parametrize("path", ["tile/0/000", "tile/1/000"])
def test_a_tile_that_was_read_damaged_does_not_take_the_place_of_the_whole_one_that_another_read(path):
    """The first reader's damage is where its own path does not go, and the second one's path holds meanwhile."""
    published, reads = Published(), []
    published.harm = lambda at, data: data[:-32] + bytes(32) if at == path and len(reads) == 1 else data

    async def both():
        go_on = asyncio.Event()

        async def run(function, at):
            if at == path:
                reads.append(at)
            data = function(at)
            if len(reads) == 1 and at != "tile/0/000":
                await go_on.wait()
            return data

        published.run = run
        proofs = published.proofs()
        first = asyncio.create_task(proofs.path(2, head(65_900)))
        for _ in range(9):
            await asyncio.sleep(0)
        found = await proofs.path(3, head(65_900))
        go_on.set()
        await asyncio.gather(first, return_exceptions=True)
        return [found, *[await proofs.path(index, head(65_900)) for index in (2, 255, 65_535)]]

    assert asyncio.run(both()) == [merkle.inclusion_path(NODES, index, 65_900) for index in (3, 2, 255, 65_535)]


def test_an_edge_that_was_read_damaged_is_read_anew():
    published = Published(harm=lambda at, data: bytes(32) + data[32:] if at.endswith(".p/2") else data)
    proofs = published.proofs()
    with pytest.raises(LedgerFault):
        ask(proofs, (2, 700))
    published.harm = lambda _at, data: data
    assert ask(proofs, (2, 700)) == [merkle.inclusion_path(NODES, 2, 700)]


def test_a_way_out_of_an_edge_is_that_of_one_hash_alone():
    """Two readers may bring an edge at once; what the second one brings is held against the root as well."""
    edge, tree = hashes_of(Tile(1, 0, 2)), ShownTree(head(700))
    tree.take(0, WholeTile(hashes_of(Tile(0, 2, 188))))
    tree.take(1, WholeTile(edge))
    assert tree.path(1, 0, edge[0]) == merkle.inclusion_path(NODES, 0, 700)[8:]
    tree.take(1, WholeTile([LEAVES[0], edge[1]]))
    with pytest.raises(ForgedError):
        tree.path(1, 0, LEAVES[0])


def test_a_tile_of_an_object_store_is_kept_for_readers_only_if_it_is_whole():
    published, tiles = Published(), TileCache()
    proofs = Proofs(published, tiles, published)
    ask(proofs, (2, 700))
    published.harm = lambda at, data: data[:-32] + bytes(32) if at == "tile/0/000" else data
    assert ask(proofs, (2, 700)) == [merkle.inclusion_path(NODES, 2, 700)]
    assert tiles.get("tile/0/000") is None
    published.harm = lambda _at, data: data
    ask(proofs, (2, 700))
    assert tiles.get("tile/0/000") == format_tile(LEAVES[:256])


def test_tiles_that_receipts_have_checked_are_not_read_again():
    published = Published(at_once=True)
    published.checked_tiles.keep_top(0, TileTop.of(format_tile(LEAVES[:256])))
    published.checked_tiles.keep_whole(1, 0, WholeTile(hashes_of(Tile(1, 0))))
    assert ask(published.proofs(), (2, 65_900)) == [merkle.inclusion_path(NODES, 2, 65_900)]
    assert not {"tile/0/000", "tile/1/000"} & set(published.read)


def test_a_top_from_elsewhere_that_is_not_part_of_the_tree_gives_no_proof():
    published = Published()
    published.checked_tiles.keep_top(0, TileTop.of(format_tile(LEAVES[1_000:1_256])))
    with pytest.raises(LedgerFault):
        ask(published.proofs(), (2, 65_900))


def test_what_the_system_reads_in_a_moment_takes_no_thread_and_no_memory():
    published = Published(at_once=True)
    tiles = TileCache()
    proofs = Proofs(published, tiles, published)
    ask(proofs, (2, 65_900))
    peek, times = published.peek, []
    published.peek = lambda *place: (
        times.append(place) if len(times) % 2 == 0 else [times.append(place), peek(*place)][1]
    )
    published.read.clear()
    wanted = [(index, 65_900) for index in (17, 40, 99)]
    assert ask(proofs, *wanted) == [merkle.inclusion_path(NODES, *leaf) for leaf in wanted]
    assert len(times) == 2 * len(wanted)
    assert published.read == []
    assert tiles.get("tile/0/000") is None


def test_what_is_at_hand_once_it_was_read_takes_no_memory():
    published = Published(at_once=True)
    tiles = TileCache()
    proofs = Proofs(published, tiles, published)
    ask(proofs, (2, 65_900))
    published.read.clear()
    published.at_once = False
    tile = published.tile
    published.tile = lambda path: [setattr(published, "at_once", True), tile(path)][1]
    assert ask(proofs, (40, 65_900)) == [merkle.inclusion_path(NODES, 40, 65_900)]
    assert published.read == ["tile/0/000"]
    assert tiles.get("tile/0/000") is None


def test_a_missing_tile_gives_no_proof():
    published = Published()
    published.tile = lambda _path: None
    with pytest.raises(LedgerFault, match="missing"):
        ask(published.proofs(), (0, 700))


def test_a_tile_in_short_is_the_tile():
    data = format_tile(LEAVES[:256])
    top, whole = TileTop.of(data), WholeTile(LEAVES[:256])
    assert top.root == whole.root == NODES(8, 0)
    for height in range(4, 9):
        assert [top.node(height, i) for i in range(256 >> height)] == [NODES(height, i) for i in range(256 >> height)]
    for offset in (0, 1, 100, 255):
        group = data[offset // 16 * 512 :][:512]
        assert top.siblings(offset, group) == whole.siblings(offset) == merkle.inclusion_path(NODES, offset, 256)
        for wrong in (group[:-1], group + b"x", group[:-1] + b"x", None, data[16 * 500 :][:512]):
            with pytest.raises(EncodingError):
                top.siblings(offset, wrong)
