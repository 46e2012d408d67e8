"""Keys move from table to table as a log grows, and are found all the time, in log order."""

import random

import pytest
from sqlalchemy import event, func, select

from ledger import database, keyindex
from ledger.keyindex import KEY_TABLES, add_keys, count_keys, leaves_with, stored_keys
from ledger.models import key_of, prefix
from tests.support.entries import digest

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
POPULAR = prefix(b"popular")
LOW, HIGH = -(2**63), 2**63 - 1


@pytest.fixture
def connection(kind, request, tmp_path):
    location = str(tmp_path / "x.db") if kind == "sqlite" else request.getfixturevalue("postgres_url")
    engine = database.open_engine(location)
    with database.writing(engine) as opened:
        database.migrate(opened)
        yield opened
    engine.dispose()


def grow(connection, batches):
    """Keys by leaf: each one popular, one of its own, and the ends of all possible keys now and then."""
    chance, size, logged = random.Random(7), 0, []
    for count in batches:
        rows = []
        for index in range(size, size + count):
            keys = {POPULAR, chance.getrandbits(64) - 2**63, *([LOW, HIGH] if index % 50 == 0 else [])}
            rows += [(key, index) for key in keys]
        add_keys(connection, rows, size, size + count)
        logged += rows
        size += count
    return logged


@BOTH
@pytest.mark.parametrize("batches", [[700], [100] * 7, [1] * 130, [15, 1, 16, 17, 31, 300, 1]])
def test_every_key_is_found_in_log_order_wherever_it_is(connection, monkeypatch, batches):
    monkeypatch.setattr(keyindex, "_STEP", 4)
    logged = grow(connection, batches)
    for key in {key for key, _ in logged}:
        assert leaves_with(connection, key, after=-1, most=10_000) == [i for k, i in logged if k == key]
    assert count_keys(connection) == len(logged)
    assert stored_keys(connection, [*logged[:90], (1, 1)]) == set(logged[:90])


@BOTH
def test_a_page_goes_on_where_the_last_one_ended(connection, monkeypatch):
    monkeypatch.setattr(keyindex, "_STEP", 4)
    grow(connection, [10] * 30)
    found, after = [], -1
    while page := leaves_with(connection, POPULAR, after=after, most=7):
        found += page
        after = page[-1]
    assert found == list(range(300))


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_smaller_tables_stay_small_and_in_order(connection, monkeypatch):
    monkeypatch.setattr(keyindex, "_STEP", 4)
    grow(connection, [3] * 201)
    counts = [
        connection.execute(select(func.count(table.leaf_index.distinct())).select_from(table)).scalar_one()
        for table in KEY_TABLES
    ]
    assert all(counts)
    assert counts[2] <= 4
    assert counts[1] <= 4 * 33
    of_one = [
        connection.execute(select(t.leaf_index).where(t.key == POPULAR).order_by(t.leaf_index)).scalars().all()
        for t in KEY_TABLES
    ]
    assert [index for part in of_one for index in part] == list(range(603))


@pytest.mark.parametrize("kind", ["postgresql"])
def test_postgresql_has_one_table(connection, monkeypatch):
    monkeypatch.setattr(keyindex, "_STEP", 4)
    grow(connection, [10] * 10)
    assert [bool(connection.execute(select(table.key).limit(1)).all()) for table in KEY_TABLES] == [True, False, False]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_look_up_reads_what_it_finds_and_no_table_in_full(connection, monkeypatch):
    monkeypatch.setattr(keyindex, "_STEP", 4)
    grow(connection, [10] * 30)
    said = []
    event.listen(connection, "before_cursor_execute", lambda *args: said.append((args[2], args[3])))
    leaves_with(connection, POPULAR, after=5, most=3)
    [(statement, values)] = said
    plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
    assert plan.count("USING PRIMARY KEY (key=? AND leaf_index>?)") == len(KEY_TABLES)
    assert "SEARCH keys" in plan
    assert "SCAN keys" not in plan


def test_pixels_and_a_latent_of_the_same_bytes_have_other_keys():
    value = digest("value")
    assert len({prefix(value), *(key_of(what, value) for what in ("commitment", "pixels", "latent"))}) == 4
    assert all(LOW <= key_of("pixels", digest(str(i))) <= HIGH for i in range(100))
