"""Looking entries up costs what is found, whoever chose what stands there."""

import pytest
from sqlalchemy import event

from ledger import lookup
from ledger.log import prepare
from ledger.models import prefix
from tests.contract.test_log import by_ann
from tests.support import follow
from tests.support.entries import digest, make_entry


@pytest.fixture
def log(backend):
    opened = backend.log(create=True)
    yield opened
    opened.close()


def test_chosen_first_bytes_do_not_collide():
    victim = digest("pixels")
    assert len({prefix(victim[:8] + bytes([i]) * 24) for i in range(100)} | {prefix(victim)}) == 101


def test_claims_with_the_first_bytes_of_another_are_not_read_for_it(log, monkeypatch):
    victim = prepare(make_entry("victim"))
    log.submit_batch([victim])
    read = []
    monkeypatch.setattr(lookup, "parse_any", lambda data: read.append(data) or victim.entry)
    pixels = victim.entry.claim.pixels
    assert log.search(pixels=pixels[:8] + bytes(24)) == []
    assert read == []
    assert [item.index for item in log.search(pixels=pixels)] == [0]


def test_an_author_of_many_works_is_read_a_page_at_a_time(log):
    log.submit_batch([prepare(by_ann(str(i))[0]) for i in range(6)])
    author, statements = follow.key("ann"), []
    event.listen(log.engine, "before_cursor_execute", lambda *args: statements.append((args[2], args[3])))
    assert [item.index for item in log.search(author=author, after=2, limit=2)] == [3, 4]
    assert [item.index for item in log.search(author=author)] == list(range(6))
    assert len([found for found in statements if "FROM leaves" in found[0]]) == 2
    [(statement, values), *_] = [found for found in statements if "FROM keys" in found[0]]
    if log.engine.dialect.name == "sqlite":
        with log.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert str(plan).count("USING PRIMARY KEY (key=? AND leaf_index>?)") == 3
