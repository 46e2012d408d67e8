"""The migrated schema is the models' schema, up and down, and newer databases are refused."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, inspect

from ledger import database
from ledger.local import open_ledger
from ledger.models import Base
from provenance.errors import LedgerFault


@pytest.fixture
def engine(tmp_path):
    made = database.open_engine(tmp_path / "x.db")
    yield made
    made.dispose()


def test_the_migrated_schema_is_that_of_the_models(engine):
    with database.writing(engine) as connection:
        database.migrate(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        for table in Base.metadata.tables.values():  # alembic does not compare checks
            ours = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
            assert {c["name"] for c in inspect(connection).get_check_constraints(table.name)} == ours


def test_migrations_go_up_and_down_and_up(engine):
    with database.writing(engine) as connection:
        database.migrate(connection)
        database.migrate(connection, "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
        inspect(connection).clear_cache()
        database.migrate(connection)
        assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())


def test_a_failed_migration_leaves_nothing(engine):
    with pytest.raises(RuntimeError), database.writing(engine) as connection:
        database.migrate(connection)
        raise RuntimeError
    with database.reading(engine) as connection:
        assert inspect(connection).get_table_names() == []


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
