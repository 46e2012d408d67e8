"""A database that falls back under a service that keeps running: nobody may sign or show a second tree."""

import pytest
from sqlalchemy import text

from ledger.database import writing
from ledger.log import prepare
from provenance.checkpoint import parse_checkpoint
from provenance.errors import LedgerFault
from tests.support.entries import make_entry


def submit(log, prefix, count):
    return log.submit_batch([prepare(make_entry(f"{prefix}{i}")) for i in range(count)])


def rows(log):
    with log.engine.connect() as connection:
        return [connection.execute(text(f"SELECT size, root, note FROM {t}")).one() for t in ("head", "published")]


def fall_back(log, head, published):
    """What a failover to a replica does that lacks the newest transactions."""
    with writing(log.engine) as connection:
        connection.execute(text("DELETE FROM leaves WHERE leaf_index >= :size"), {"size": head.size})
        for table in ("keys", "recent_keys", "new_keys"):
            connection.execute(text(f"DELETE FROM {table} WHERE leaf_index >= :size"), {"size": head.size})
        for table, row in (("head", head), ("published", published)):
            statement = text(f"UPDATE {table} SET size = :size, root = :root, note = :note")
            connection.execute(statement, row._asdict())


@pytest.fixture
def tiles(tmp_path):
    return str(tmp_path / "tiles")


@pytest.fixture
def one(backend, tiles):
    opened = backend.log(create=True, tiles=tiles)
    yield opened
    opened.close()


@pytest.fixture
def other(one, backend, tiles):
    submit(one, "x", 5)
    one.publish()
    opened = backend.log(tiles=tiles)
    yield opened
    opened.close()


def test_a_worker_that_was_idle_publishes_no_fork_after_a_failover(one, other):
    submit(one, "y", 5)
    one.publish()
    older = rows(one)
    submit(one, "z", 10)
    shown = one.publish()
    fall_back(one, *older)
    submit(other, "fork", 12)
    with pytest.raises(LedgerFault, match="a fork"):
        other.publish()
    assert other.store.get_checkpoint() == shown.note, "what everybody has seen stands"
    with pytest.raises(LedgerFault, match="restarted"):
        submit(other, "more", 1)
    with pytest.raises(LedgerFault, match="restarted"):
        other.check_health()


def test_a_worker_that_knows_more_goes_on_from_no_other_tree(one, other):
    older = rows(one)
    submit(one, "z", 10)
    one.publish()
    fall_back(one, *older)
    submit(other, "fork", 12)
    for attempt in (one.head, one.publish, lambda: submit(one, "more", 1)):
        with pytest.raises(LedgerFault, match=r"does not continue|restarted"):
            attempt()


def test_a_witness_that_has_seen_more_ends_signing(one):
    from provenance.checkpoint import sign_checkpoint

    submit(one, "x", 2)
    with pytest.raises(LedgerFault, match="older copy"):
        one.check_seen(sign_checkpoint(one.origin, 9, bytes(32), one._signers), "a witness")
    with pytest.raises(LedgerFault, match="restarted"):
        submit(one, "y", 1)


def test_a_checkpoint_that_came_between_is_compared_before_it_is_replaced(one, monkeypatch):
    from provenance.checkpoint import sign_checkpoint

    submit(one, "x", 2)
    forged = sign_checkpoint(one.origin, 1, bytes(32), one._signers)

    def cosign(_head):
        one.store.put_checkpoint(forged)
        return ()

    with pytest.raises(LedgerFault, match="a fork"):
        one.publish(cosign)
    assert one.store.get_checkpoint() == forged


def test_a_store_that_lags_behind_the_published_row_gets_no_holes(one, backend, tmp_path):
    submit(one, "x", 250)
    one.publish()
    submit(one, "y", 10)
    with writing(one.engine) as connection:  # what a process with another tile store does
        row = connection.execute(text("SELECT size, root, note FROM head")).one()
        statement = text("UPDATE published SET size = :size, root = :root, note = :note")
        connection.execute(statement, row._asdict())
    one.publish()
    assert parse_checkpoint(one.store.get_checkpoint()).size == 260
    assert one.store.get("tile/0/000") is not None
    assert one.store.get("tile/entries/000") is not None
