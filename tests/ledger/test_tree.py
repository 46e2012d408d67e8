"""The right edge of the tree and the stored tree: they equal the tree in memory at every size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from ledger import database
from ledger.edge import TILE_COLUMNS, Edge, read_edge
from ledger.models import Base
from ledger.paths import Tails, consistency_path, inclusion_path
from ledger.tree import StoredTree, TileCache
from provenance import merkle
from provenance.errors import ForgedError, InvalidError, LedgerFault
from provenance.tiles import Tile
from tests.support.entries import make_entry

SIZES = 300
LEAVES = [merkle.leaf_hash(str(i).encode()) for i in range(700)]
MEMORY = merkle.nodes_of(LEAVES)


def store(connection, size):
    """The first leaves, as the sequencer stores them; their edge."""
    edge, full = Edge().extended(LEAVES[:size])
    rows = [
        (i, "claim", i.to_bytes(32, "big"), leaf, None, None, None, None, None, b"")
        for i, leaf in enumerate(LEAVES[:size])
    ]
    columns = (
        "leaf_index",
        "kind",
        "entry_id",
        "leaf_hash",
        "commitment",
        "pixels",
        "latent",
        "subject",
        "slot",
        "entry",
    )
    database.insert_rows(connection, Base.metadata.tables["leaves"], columns, rows)
    database.insert_rows(connection, Base.metadata.tables["tiles"], TILE_COLUMNS, [tile.row() for tile in full])
    return edge


@pytest.fixture
def engine(tmp_path):
    made = database.open_engine(tmp_path / "tree.db")
    with database.writing(made) as connection:
        database.migrate(connection)
        store(connection, len(LEAVES))
    yield made
    made.dispose()


def test_the_edge_of_every_size_has_the_root_of_the_tree():
    edge = Edge()
    assert edge.root == merkle.EMPTY_ROOT
    for size, leaf in enumerate(LEAVES, 1):
        edge, _ = edge.extended([leaf])
        assert (edge.size, edge.root) == (size, merkle.tree_root(MEMORY, size))


@given(st.lists(st.integers(0, 400), max_size=6))
def test_an_edge_grows_alike_in_any_steps(steps):
    """One batch or many: the same edge and the same full tiles."""
    leaves = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(sum(steps))]
    edge, tiles, done = Edge(), [], 0
    for step in steps:
        edge, full = edge.extended(leaves[done : done + step])
        tiles += full
        done += step
    whole, full = Edge().extended(leaves)
    assert edge.root == whole.root == merkle.root(leaves)
    assert sorted(tiles, key=lambda t: (t.level, t.position)) == sorted(full, key=lambda t: (t.level, t.position))


def test_an_edge_over_three_levels_of_tiles():
    leaves = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(65_536 + 513)]
    edge, full = Edge().extended(leaves)
    assert edge.root == merkle.root(leaves)
    assert [(tile.level, tile.position) for tile in full[-1:]] == [(1, 0)]
    assert full[-1].root == merkle.root(leaves[:65_536])
    assert [len(row) for row in edge.rows] == [1, 2, 1]


def test_an_edge_is_not_changed_by_what_comes_next():
    edge, _ = Edge().extended(LEAVES[:255])
    before = edge.rows
    edge.extended(LEAVES[255:600])
    assert edge.rows == before
    assert edge.root == merkle.tree_root(MEMORY, 255)


def test_the_edge_reads_back_at_every_size(engine):
    with database.reading(engine) as connection:
        for size in range(0, len(LEAVES) + 1, 7):
            assert read_edge(connection, size).root == merkle.tree_root(MEMORY, size)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM leaves WHERE leaf_index = 699",
        "DELETE FROM leaves WHERE leaf_index = 520",
        "UPDATE leaves SET leaf_hash = x'00' WHERE leaf_index = 600",
        "DELETE FROM tiles WHERE position = 1",
        "UPDATE tiles SET root = x'00'",
    ],
)
def test_an_edge_with_holes_is_a_fault_of_the_ledger(engine, harm):
    with database.writing(engine) as connection:
        connection.exec_driver_sql(harm)
    with database.reading(engine) as connection, pytest.raises(LedgerFault):
        read_edge(connection, len(LEAVES))


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_size_every_pair_and_every_wrong_turn(engine, every):
    """Each proof to 300 leaves holds, and none with another index, size, leaf, root or path."""
    with database.reading(engine) as connection:
        tree = StoredTree(connection, read_edge(connection, len(LEAVES)), TileCache())
        roots = [tree.root(size) for size in range(SIZES + 1)]
        assert roots == [merkle.tree_root(MEMORY, size) for size in range(SIZES + 1)]
        for size in range(1, SIZES + 1):
            every_index = every or size < 40 or size % 13 == 0 or size > SIZES - 3
            for index in range(size) if every_index else (0, size // 2, size - 1):
                check_leaf(tree, index, size, roots)
            for old in range(1, size + 1):
                path = tree.consistency_path(old, size)
                assert path == merkle.consistency_path(MEMORY, old, size)
                merkle.check_consistency(old, size, roots[old], roots[size], path)
                refuse_consistency(old, size, roots, path)


def check_leaf(tree, index, size, roots):
    path = tree.inclusion_path(index, size)
    assert path == merkle.inclusion_path(MEMORY, index, size)
    leaf, root = LEAVES[index], roots[size]
    merkle.check_inclusion(leaf, index, size, path, root)
    wrong = [
        (leaf, index + 1, size, path, root),
        (leaf, index - 1, size, path, root),
        (leaf, size, size, path, root),
        (LEAVES[index + 1], index, size, path, root),
        (leaf, index, size, path, roots[size - 1]),
        (leaf, index, size, [*path, root], root),
    ]
    if path:
        wrong += [
            (leaf, index, size, path[:-1], root),
            (leaf, index, size, [*path[:-1], bytes(32)], root),
            (leaf, index, size, [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]], root),
        ]
    for arguments in wrong:
        with pytest.raises(ForgedError):
            merkle.check_inclusion(*arguments)


def refuse_consistency(old, size, roots, path):
    wrong = [(old, size, roots[old - 1], roots[size], path), (old, size, roots[old], roots[size - 1], path)]
    wrong += [(old, size, roots[old], roots[size], [*path, bytes(32)]), (size + 1, size, roots[old], roots[size], path)]
    if path:
        wrong.append((old, size, roots[old], roots[size], path[:-1]))
        wrong.append((old, size, roots[old], roots[size], [*path[:-1], bytes(32)]))
    for arguments in wrong:
        with pytest.raises(ForgedError):
            merkle.check_consistency(*arguments)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM tiles WHERE position = 0",
        "UPDATE tiles SET hashes = zeroblob(8192) WHERE position = 0",
        "UPDATE tiles SET hashes = zeroblob(10) WHERE position = 0",
        "UPDATE tiles SET middle = zeroblob(512) WHERE position = 0",
        "UPDATE tiles SET middle = zeroblob(10) WHERE position = 0",
        "UPDATE tiles SET hashes = 'text' WHERE position = 0",
    ],
)
def test_a_missing_or_changed_tile_is_a_fault_of_the_ledger(engine, harm):
    with database.reading(engine) as connection:
        edge = read_edge(connection, len(LEAVES))
    with database.writing(engine) as connection:
        connection.exec_driver_sql(harm)
    with database.reading(engine) as connection, pytest.raises(LedgerFault, match="tile 0 at level 0"):
        StoredTree(connection, edge, TileCache()).inclusion_path(3, 300)


@pytest.mark.parametrize("level", [0, 1])
def test_a_tile_that_is_sound_in_itself_and_not_part_of_the_tree_is_a_fault_of_the_ledger(engine, level):
    """Whoever can write into the database can make all columns of a row agree, but not with the signed root."""
    leaves = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(65_536 + 300)]
    edge, full = Edge().extended(leaves)
    rows = [tile.row() for tile in full if (tile.level, tile.position) != (level, 0)]
    other = next(tile for tile in Edge().extended(leaves[::-1])[1] if tile.level == level)
    with database.writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM tiles")
        rows.append((level, 0, *other.row()[2:]))
        database.insert_rows(connection, Base.metadata.tables["tiles"], TILE_COLUMNS, rows)
    cache = TileCache()
    with database.reading(engine) as connection:
        for ask in (
            lambda tree: tree.inclusion_path(3, 65_800),
            lambda tree: tree.consistency_path(3, 65_800),
            lambda tree: tree.hashes(Tile(level, 0)),
        ):
            with pytest.raises(LedgerFault, match=f"tile 0 at level {level}"):
                ask(StoredTree(connection, edge, cache))
    assert cache.top(0) is None
    assert (cache.whole(1, 0) is None) == (level == 1)


def test_paths_over_three_levels_of_tiles(engine):
    leaves = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(65_536 + 300)]
    nodes, (edge, full) = merkle.nodes_of(leaves), Edge().extended(leaves)
    with database.writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM tiles")
        database.insert_rows(connection, Base.metadata.tables["tiles"], TILE_COLUMNS, [tile.row() for tile in full])
    asked = []

    def part(path, start, length):
        asked.append((path, start, length))
        return (
            None
            if len(asked) % 2
            else b"".join(leaves[start // 32 :][: length // 32])
            if path == "tile/0/000"
            else None
        )

    with database.reading(engine) as connection:
        tree = StoredTree(connection, edge, TileCache(), part)
        for size in (700, 65_536, 65_537, 65_800, len(leaves)):
            for index in (0, 1, 15, 16, 100, 255, 256, 511, 512, size // 2, size - 257, size - 2, size - 1):
                assert tree.inclusion_path(index, size) == merkle.inclusion_path(nodes, index, size)
                assert tree.consistency_path(index + 1, size) == merkle.consistency_path(nodes, index + 1, size)
    assert {length for *_, length in asked} == {512}


@pytest.mark.parametrize("index", [16, 20])
def test_a_group_that_does_not_belong_to_its_tile_is_a_fault_of_the_ledger(engine, index):
    """The tile is known in short; of its hashes only those are read that a path takes, and they are compared."""
    cache = TileCache()
    with database.reading(engine) as connection:
        edge = read_edge(connection, len(LEAVES))
        assert StoredTree(connection, edge, cache).inclusion_path(40, 300) == merkle.inclusion_path(MEMORY, 40, 300)
    changed = bytes(1024) + b"".join(LEAVES[32:256])
    with database.writing(engine) as connection:
        connection.exec_driver_sql("UPDATE tiles SET hashes = ? WHERE level = 0 AND position = 0", (changed,))
    with database.reading(engine) as connection:
        with pytest.raises(LedgerFault, match="tile 0 at level 0"):
            StoredTree(connection, edge, cache).inclusion_path(index, 300)
        assert StoredTree(connection, edge, cache).inclusion_path(40, 300) == merkle.inclusion_path(MEMORY, 40, 300)


def test_a_node_beyond_the_tree_is_a_fault_of_the_ledger(engine):
    with database.reading(engine) as connection:
        tree = StoredTree(connection, read_edge(connection, 300), TileCache())
        for level, position in ((0, 300), (1, 150), (8, 1), (9, 0)):
            with pytest.raises((LedgerFault, InvalidError)):
                tree.node(level, position)


def test_the_cache_of_tiles_is_bounded():
    for level in (0, 1):
        cache = TileCache(tops=2, whole=2, groups=2)
        get = cache.top if level == 0 else lambda index, cache=cache: cache.whole(1, index)
        keep = cache.keep_top if level == 0 else lambda index, tile, cache=cache: cache.keep_whole(1, index, tile)
        for index in (1, 2, 3):
            keep(index, str(index))
        assert get(1) is None
        get(2)
        keep(4, "4")
        assert get(3) is None
        assert get(2) == "2"


def test_the_cache_of_groups_is_bounded(engine):
    cache = TileCache(groups=2)
    with database.reading(engine) as connection:
        tree = StoredTree(connection, read_edge(connection, len(LEAVES)), cache)
        for index in range(0, 256, 16):
            assert tree.inclusion_path(index, 300) == merkle.inclusion_path(MEMORY, index, 300)
    assert [number for number in range(16) if cache.group(0, number)] == [14, 15]


def test_a_submission_and_a_receipt_do_not_read_the_whole_log(ledger):
    entries = [make_entry(i) for i in range(65)]
    ledger.submit_batch(entries[:64])
    statements = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    ledger.submit(entries[64])
    submitted = len(statements)
    ledger.receipt(64)
    ledger.receipt(11)
    assert submitted <= 6
    assert len(statements) - submitted <= 2 * 5


def test_a_batch_is_one_transaction_and_keeps_duplicates_together(ledger):
    entries = [make_entry(i) for i in range(5)]
    logged = ledger.submit_batch([entries[0], entries[1], make_entry(0), entries[2], entries[1]])
    assert [item.index for item in logged] == [0, 1, 0, 2, 1]
    assert logged[2].entry == entries[0]
    assert ledger.submit_batch([]) == []
    assert [item.index for item in ledger.submit_batch([entries[4], entries[2], entries[3]])] == [3, 2, 4]


def test_a_batch_with_one_bad_entry_logs_nothing(ledger):
    with pytest.raises(InvalidError):
        ledger.submit_batch([make_entry(1), b"{}"])
    assert ledger.search() == []


def test_the_head_is_swapped_only_from_the_state_that_was_read(ledger, path):
    """Compare-and-swap, where no lock has kept another writer away."""
    from dataclasses import replace

    from ledger import keys, sequencer

    ledger.submit(make_entry(1))
    signers = keys.load_keys(keys.key_path(path))
    edge = Edge().extended([merkle.leaf_hash(make_entry(i)) for i in range(2)])[0]
    for stale in (replace(ledger.head(), size=0), replace(ledger.head(), root=bytes(32))):
        with pytest.raises(LedgerFault, match="faster"), database.writing(ledger.engine) as connection:
            sequencer._swap_head(connection, stale, edge, signers)
    assert ledger.head().size == 1


def test_two_writers_do_not_decide_on_one_state(ledger, path):
    """The write lock is taken before the head is read, so the second writer waits; here it gives up at once."""
    import sqlite3

    with database.writing(ledger.engine) as connection:
        connection.exec_driver_sql("SELECT size FROM head")
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


@pytest.mark.parametrize("sizes", [range(1, 130), [255, 256, 257, 300]])
def test_paths_with_common_parts_are_those_of_rfc_6962(sizes):
    tails = Tails()
    nodes = merkle.nodes_of(LEAVES)
    for size in sizes:
        for index in range(size):
            assert inclusion_path(nodes, index, size, tails) == merkle.inclusion_path(nodes, index, size)
            first = index + 1
            assert consistency_path(nodes, first, size, tails) == merkle.consistency_path(nodes, first, size)
        for index in (-1, size):
            with pytest.raises(ForgedError):
                inclusion_path(nodes, index, size, tails)
            with pytest.raises(ForgedError):
                consistency_path(nodes, index + 1, size, tails)
