"""A log in PostgreSQL, through psycopg 3.

Reads see one state throughout (REPEATABLE READ). Writers lock the head row, so READ COMMITTED is enough for them and
none has to be tried again. A session that hangs in a transaction is ended by the server, so that a stalled process
cannot keep the head locked; no advisory lock is relied upon except while the tables are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["READING", "engine", "insert_arrays", "lock_schema", "unsafe_settings"]

READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Execution options of a transaction that only reads."""

_SCHEMA_LOCK = 0x53454544
_SETTINGS = {
    "connect_timeout": "10",
    "application_name": "seedproof",
    "options": "-c lock_timeout=30s -c statement_timeout=120s -c idle_in_transaction_session_timeout=60s",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}


def engine(url: URL) -> Engine:
    """An engine on the database; a connection that the server has closed meanwhile is replaced."""
    given = {**_SETTINGS, **{name: value for name, value in url.query.items() if isinstance(value, str)}}
    made = create_engine(
        url.set(query={}), connect_args=given, pool_pre_ping=True, pool_size=8, max_overflow=16, pool_timeout=30
    )
    event.listen(made, "connect", _on_connect)
    return made


def lock_schema(connection: Connection) -> None:
    """Let one process at a time make or change the tables."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def unsafe_settings(connection: Connection) -> list[str]:
    """Those settings of the server that are off and without which a crash may lose or damage what was committed."""
    statement = (
        "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY 1"
    )
    return [row[0] for row in connection.exec_driver_sql(statement)]


def insert_arrays(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> tuple[str, tuple[list[Any], ...]]:
    """One INSERT for many rows: a statement that takes each column as an array, and the arrays."""
    types = [table.c[name].type.compile(connection.dialect) for name in columns]
    marks = ", ".join(f"%b::{kind}[]" for kind in types)
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM unnest({marks})"  # noqa: S608 - ours
    return statement, tuple(list(column) for column in zip(*rows, strict=True))


def _on_connect(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('synchronous_commit')")
        if cursor.fetchone()[0] == "off":  # what is answered must be durable; stronger settings stay as they are
            cursor.execute("SET synchronous_commit = on")
    connection.commit()
