"""The stored tree grows and is read in O(log n), and equals the tree in memory at every size."""

import pytest
from sqlalchemy import event, insert

from ledger import database
from ledger.models import Leaf
from ledger.tree import StoredTree
from provenance import merkle
from provenance.errors import LedgerFault
from tests.support.entries import make_entry

LEAVES = [merkle.leaf_hash(str(i).encode()) for i in range(70)]


@pytest.fixture
def engine(tmp_path):
    made = database.open_engine(tmp_path / "tree.db")
    with database.writing(made) as connection:
        database.migrate(connection)
        tree = StoredTree(connection)
        for index, leaf in enumerate(LEAVES):
            tree.append(index, leaf)
            name = index.to_bytes(32, "big")
            row = {"leaf_index": index, "entry": b"", "leaf_hash": leaf, "claim_id": name}
            connection.execute(insert(Leaf).values(**row, commitment=name, pixels=name, latent=name))
        tree.write()
    yield made
    made.dispose()


def test_roots_and_paths_of_every_size(engine):
    nodes = merkle.nodes_of(LEAVES)
    with database.reading(engine) as connection:
        tree = StoredTree(connection)
        for size in range(71):
            assert tree.root(size) == merkle.tree_root(nodes, size)
            for index in range(size):
                assert tree.inclusion_path(index, size) == merkle.inclusion_path(nodes, index, size)


def test_a_missing_node_is_a_fault_of_the_ledger(engine):
    with database.reading(engine) as connection, pytest.raises(LedgerFault, match="no node 64 at level 1"):
        StoredTree(connection).node(1, 64)


def test_a_submission_and_a_receipt_do_not_read_the_whole_log(ledger):
    entries = [make_entry(i) for i in range(65)]
    ledger.submit_batch(entries[:64])
    statements = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    ledger.submit(entries[64])
    submitted = len(statements)
    ledger.receipt(64)
    ledger.receipt(11)
    assert submitted <= 12
    assert len(statements) - submitted <= 2 * 14


def test_a_batch_is_one_transaction_and_keeps_duplicates_together(ledger):
    entries = [make_entry(i) for i in range(5)]
    logged = ledger.submit_batch([entries[0], entries[1], make_entry(0), entries[2], entries[1]])
    assert [item.index for item in logged] == [0, 1, 0, 2, 1]
    assert logged[2].entry == entries[0]
    assert ledger.submit_batch([]) == []
    assert [item.index for item in ledger.submit_batch([entries[4], entries[2], entries[3]])] == [3, 2, 4]


def test_a_batch_with_one_bad_entry_logs_nothing(ledger):
    from provenance.errors import InvalidError

    with pytest.raises(InvalidError):
        ledger.submit_batch([make_entry(1), b"{}"])
    assert ledger.search() == []


def test_the_head_is_swapped_only_from_the_state_that_was_read(ledger, path):
    """Compare-and-swap, where no lock has kept another writer away."""
    from dataclasses import replace

    from ledger import keys, sequencer

    ledger.submit(make_entry(1))
    signer = keys.load_key(keys.key_path(path))
    for stale in (replace(ledger.head(), size=0), replace(ledger.head(), root=bytes(32))):
        with pytest.raises(LedgerFault, match="faster"), database.writing(ledger.engine) as connection:
            sequencer._swap_head(connection, stale, 2, bytes(32), signer)
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
