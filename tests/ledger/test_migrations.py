"""The migrated schema is the models' schema; logs of earlier programs go up, down and up again with all they have."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, insert, inspect, text

from ledger import audit, database, keyindex, keys
from ledger.local import LocalLedger, open_ledger
from ledger.log import open_log, prepare
from ledger.models import Base
from provenance.checkpoint import VerifierKey
from provenance.claim import claim_id, parse_entry
from provenance.errors import LedgerFault
from provenance.followup import format_follow_up
from provenance.receipt import check_receipt, parse_receipt
from tests.support.entries import make_entry
from tests.support.follow import revocation
from tests.support.logs import signer
from tests.support.oldlog import dump, write_first_log

ENTRIES = [make_entry(i, authors=["ann", "bob"][: i % 3]) for i in range(520)]
"""Two full tiles and a rest."""


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request, tmp_path):
    return str(tmp_path / "x.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def engine(location):
    made = database.open_engine(location)
    yield made
    made.dispose()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "x.db.key"
    path.write_bytes(keys.format_keys([signer()]))
    path.chmod(0o600)
    return path


def test_the_migrated_schema_is_that_of_the_models(engine):
    with database.writing(engine) as connection:
        database.migrate(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        for table in Base.metadata.tables.values():  # alembic does not compare checks
            ours = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
            assert {c["name"] for c in inspect(connection).get_check_constraints(table.name)} == ours


def test_an_upgraded_schema_is_that_of_the_models(engine):
    write_first_log(engine, signer(), ENTRIES[:3])
    with database.writing(engine) as connection:
        database.migrate(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        names = {c["name"] for c in inspect(connection).get_unique_constraints("leaves")}
        names.add(inspect(connection).get_pk_constraint("leaves")["name"])
        assert names - {None} <= {"uq_leaves_entry_id", "pk_leaves"}


def test_migrations_go_up_and_down_and_up(engine):
    with database.writing(engine) as connection:
        database.migrate(connection)
        database.migrate(connection, "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
        inspect(connection).clear_cache()
        database.migrate(connection)
        assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())


def test_a_log_of_the_first_revision_opens_with_all_it_has(location, engine, key_file):
    write_first_log(engine, signer(), ENTRIES)
    ledger = LocalLedger(open_log(location, key_file=key_file))
    try:
        assert [item.entry for item in ledger.search()] == ENTRIES
        assert ledger.submit(ENTRIES[5]).index == 5
        assert ledger.submit(make_entry("new")).index == len(ENTRIES)
        assert audit.check_log(ledger.engine, [signer().verifier_key]) == []
        first, last = (parse_receipt(ledger.receipt(index)) for index in (1, 519))
        assert (first.checkpoint.size, first.timestamps) == (2, (b"token",))
        assert check_receipt(last, ENTRIES[519], [signer().verifier_key]).size == 521
    finally:
        ledger.close()


def test_a_log_goes_down_and_up_again_with_all_it_has(engine):
    write_first_log(engine, signer(), ENTRIES)
    first = dump(engine)
    with database.writing(engine) as connection:
        database.migrate(connection)
    second = dump(engine)
    assert second != first
    with database.writing(engine) as connection:
        database.migrate(connection, "0001")
    assert dump(engine) == first
    with database.writing(engine) as connection:
        database.migrate(connection)
    assert dump(engine) == second


def test_what_was_published_goes_down_and_up_again(tmp_path):
    log = open_log(tmp_path / "log.db", create=True, tiles=str(tmp_path / "tiles"))
    log.submit_batch([prepare(entry) for entry in ENTRIES[:3]])
    log.publish()
    before = dump(log.engine)["published"]
    for revision in ("0003", database.HEAD_REVISION):
        with database.writing(log.engine) as connection:
            database.migrate(connection, revision)
    [row] = dump(log.engine)["published"]
    assert row == (*before[0][:-1], None)
    assert before[0][-1] is not None
    log.publish()
    log.submit_batch([prepare(ENTRIES[3])])
    log.publish()
    assert dump(log.engine)["published"][0][-1] == before[0][-1]
    log.close()


def test_what_an_upgrade_makes_is_what_the_program_would_have_written(tmp_path, engine):
    """An upgraded log and one that the present program wrote have the same rows."""
    write_first_log(engine, signer(), ENTRIES)
    with database.writing(engine) as connection:
        database.migrate(connection)
    ledger = open_ledger(str(tmp_path / "new.db"), create=True)
    ledger.submit_batch(ENTRIES)
    old, new = dump(engine), dump(ledger.engine)
    ledger.close()
    for table in ("leaves", "tiles"):
        assert old[table] == new[table]
    assert old["new_keys"] == old["recent_keys"] == []
    assert sorted(old["keys"]) == sorted(new["keys"] + new["recent_keys"] + new["new_keys"])


def test_keys_in_every_table_go_down_and_up_again(tmp_path, monkeypatch):
    monkeypatch.setattr(keyindex, "_STEP", 16)
    ledger = open_ledger(str(tmp_path / "new.db"), create=True)
    for start in range(0, 510, 10):
        ledger.submit_batch(ENTRIES[start : start + 10])
    tables = ("keys", "recent_keys", "new_keys")
    before = dump(ledger.engine)
    assert all(before[table] for table in tables)
    whole = sorted(row for table in tables for row in before[table])
    with database.writing(ledger.engine) as connection:
        database.migrate(connection, "0004")
        authors = sorted(map(tuple, connection.execute(text("SELECT key, leaf_index FROM keys"))))
        names = {index["name"] for index in inspect(connection).get_indexes("leaves")}
    assert {"ix_leaves_commitment", "ix_leaves_pixels", "ix_leaves_latent"} <= names
    assert authors == [row for row in whole if row in set(authors)]
    assert len(authors) == sum(len(parse_entry(entry).claim.authors) for entry in ENTRIES[:510])
    with database.writing(ledger.engine) as connection:
        database.migrate(connection)
    assert sorted(dump(ledger.engine)["keys"]) == whole
    assert audit.check_log(ledger.engine, [VerifierKey.parse(ledger.verifier_key)]) == []
    ledger.close()


def test_going_down_is_refused_where_something_would_be_lost(location, engine, key_file):
    sold = make_entry("sold", authors=["ann"])
    write_first_log(engine, signer(), [sold, make_entry(1)])
    ledger = LocalLedger(open_log(location, key_file=key_file))
    identifier = claim_id(parse_entry(sold).claim)
    ledger.submit(format_follow_up(revocation(identifier, identifier, "ann")))
    ledger.close()
    before = dump(engine)
    with pytest.raises(LedgerFault, match="older program does not know"), database.writing(engine) as connection:
        database.migrate(connection, "0001")
    assert dump(engine) == before


@pytest.mark.parametrize("table", ["blobs", "grants", "api_keys", "cosignatures"])
def test_going_down_loses_nothing_without_a_word(engine, table):
    """A grant that is forgotten could be used once more, and what was withdrawn would be public again."""
    write_first_log(engine, signer(), ENTRIES[:3])
    rows = {
        "blobs": {"digest": bytes(32), "kind": "recipe", "size": 4096, "data": b"{}"},
        "grants": {"claim": bytes(32), "digest": bytes(32), "serial": 7, "published": True},
        "api_keys": {"name": "gallery", "digest": bytes(32)},
        "cosignatures": {"size": 3, "witness": "w+1", "note": b"note", "line": b"line"},
    }
    with database.writing(engine) as connection:
        database.migrate(connection)
        connection.execute(insert(Base.metadata.tables[table]).values(rows[table]))
    before = dump(engine)
    refused = pytest.raises(LedgerFault, match=f"would lose 1 .*empty {table} first")
    with refused, database.writing(engine) as connection:
        database.migrate(connection, "0001")
    assert dump(engine) == before
    with database.writing(engine) as connection:
        database.migrate(connection, "0001", lose=True)
        assert table not in inspect(connection).get_table_names()


def test_a_failed_migration_leaves_nothing(engine):
    with pytest.raises(RuntimeError), database.writing(engine) as connection:
        database.migrate(connection)
        raise RuntimeError
    with database.reading(engine) as connection:
        assert inspect(connection).get_table_names() == []


def test_a_failed_upgrade_leaves_the_old_log(engine):
    write_first_log(engine, signer(), ENTRIES[:5])
    before = dump(engine)
    with pytest.raises(RuntimeError), database.writing(engine) as connection:
        database.migrate(connection)
        raise RuntimeError
    assert dump(engine) == before


def test_the_head_revision_is_the_newest_file():
    scripts = ScriptDirectory(str(database._MIGRATIONS))
    assert scripts.get_heads() == [database.HEAD_REVISION]
    assert not (database._MIGRATIONS / "__init__.py").exists()


def test_a_newer_database_is_refused_and_left_alone(ledger, path):
    ledger.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(LedgerFault, match="newer than this program"):
        open_ledger(str(path), create=True)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_log_that_only_reads_does_not_migrate(location, engine, key_file):
    write_first_log(engine, signer(), ENTRIES[:3])
    before = dump(engine)
    with pytest.raises(LedgerFault, match="older program"):
        open_log(location, key_file=key_file, read_only=True)
    assert dump(engine) == before
    open_log(location, key_file=key_file).close()
    public = key_file.with_name("public")
    public.write_text(f"{signer().verifier_key.format()}\n")
    reader = open_log(location, key_file=public, read_only=True)
    assert reader.verifier_keys == (signer().verifier_key.format(),)
    assert len(reader.search()) == 3
    assert check_receipt(parse_receipt(reader.receipt(2)), ENTRIES[2], [VerifierKey.parse(reader.verifier_keys[0])])
    with pytest.raises(LedgerFault, match="reading only"):
        reader.submit_batch([])
    reader.close()
