"""The database of a log: what may be opened, how a transaction begins, and its faults as ours.

Two kinds, with the same code above them: a SQLite file for one machine, PostgreSQL for a platform. What differs stands
in :mod:`ledger.sqlite` and :mod:`ledger.postgres`. A commit is durable before it returns in both.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Table, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from ledger import postgres, sqlite
from provenance.errors import InvalidError, LedgerFault, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "HEAD_REVISION",
    "Place",
    "database_faults",
    "insert_rows",
    "is_current",
    "is_known",
    "is_missing",
    "migrate",
    "open_engine",
    "reading",
    "require_durable",
    "resolve",
    "stored_data",
    "writing",
]

HEAD_REVISION = "0005"
"""The newest migration that this program knows."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_WRITE = "seedproof_write"


class Place:
    """Where a database is: ``path`` of a SQLite file, or ``url`` of a PostgreSQL database."""

    def __init__(self, url: URL, path: Path | None) -> None:
        self.url = url
        self.path = path

    def __str__(self) -> str:
        return str(self.path) if self.path else _shown(self.url)


def resolve(location: str | Path) -> Place:
    """A path, ``sqlite:///path`` or ``postgresql+psycopg://...`` as a place.

    Raises:
        UsageError: an address of something else, or one with a password among its options.
    """
    text_form = str(location)
    if "://" not in text_form:
        path = Path(location).expanduser().absolute()
        return Place(URL.create("sqlite", database=str(path)), path)
    try:
        url = make_url(text_form)
    except (ArgumentError, ValueError) as error:
        raise UsageError("ledger: the database's address cannot be read; write sqlite:///PATH or a path") from error
    if url.get_backend_name() == "sqlite" and url.database:
        return resolve(url.database)
    if any("password" in name.lower() for name in url.query):
        raise UsageError(f"ledger {_shown(url)}: no password in the address, it would be shown; put it into ~/.pgpass")
    if url.get_backend_name() == "postgresql" and url.database:
        return Place(url.set(drivername="postgresql+psycopg"), None)
    raise UsageError(
        f"ledger {_shown(url)[:200]}: only a SQLite file (a path) or postgresql+psycopg://HOST/NAME can be opened here"
    )


def is_missing(path: Path) -> bool:
    """Whether there is no file yet, or only the empty one that SQLite leaves when it is killed at once."""
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def open_engine(location: str | Path) -> Engine:
    """An engine on a log's database; a SQLite file is begun when it is missing.

    Raises:
        LedgerFault: it is something else, or cannot be opened.
    """
    place = resolve(location)
    with database_faults(str(place)):
        return sqlite.engine(place.path, _WRITE) if place.path else postgres.engine(place.url)


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that writes; committed at the end, or not at all.

    On SQLite it holds the write lock from its start. On PostgreSQL the caller locks the head row.
    """
    with database_faults(), engine.execution_options(**{_WRITE: True}).begin() as connection:
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that sees one state of the database throughout."""
    options = postgres.READING if engine.dialect.name == "postgresql" else {}
    with database_faults(), engine.execution_options(**options).begin() as connection:
        yield connection


def require_durable(location: str | Path, *, allow: bool = False) -> None:
    """Refuse a PostgreSQL that is set up to lose what it has confirmed, unless that is to be allowed.

    Raises:
        LedgerFault: it is set up so, or cannot be asked.
    """
    place = resolve(location)
    if allow or place.path:
        return
    engine = open_engine(location)
    try:
        with reading(engine) as connection:
            off = postgres.unsafe_settings(connection)
    finally:
        engine.dispose()
    if off:
        raise LedgerFault(
            f"ledger {place}: {' and '.join(off)} off in this PostgreSQL, so that a crash may lose what was answered "
            "as logged, and going on would sign a fork. Turn it on, or insist with --allow-unsafe-database"
        )


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows in one statement."""
    if not rows:
        return
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        statement, parameters = postgres.insert_arrays(connection, table, columns, rows)
        connection.exec_driver_sql(statement, parameters)
        return
    marks = ", ".join("?" * len(columns))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))  # noqa: S608 - ours


def is_current(connection: Connection) -> bool:
    """Whether the schema is the newest that this program knows."""
    return _revision(connection) == HEAD_REVISION


def is_known(connection: Connection) -> bool:
    """Whether there is a schema of some revision at all."""
    return _revision(connection) is not None


def migrate(connection: Connection, revision: str = HEAD_REVISION, *, lose: bool = False) -> None:
    """Bring the schema to ``revision``, up or down, in the caller's transaction. Nothing happens when it is there.

    With ``lose`` what is beside the entries (blobs, grants, API keys, cosignatures) may be lost on the way down.

    Raises:
        LedgerFault: the database was written by a newer program, or holds what an older one could not keep.
    """
    if connection.dialect.name == "postgresql":
        postgres.lock_schema(connection)
    present = _revision(connection)
    if present == revision:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["lose"] = lose
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if present is not None and present not in known:
        raise LedgerFault(
            f"the ledger's database has revision {present[:40]}, newer than this program; update seedproof"
        )
    downwards = revision == "base" or (present in known and known.index(present) < known.index(revision))
    (command.downgrade if downwards else command.upgrade)(config, revision)


@contextlib.contextmanager
def database_faults(where: str = "") -> Iterator[None]:
    """Errors of the database, and data in it that does not verify, become LedgerFault with one line."""
    where = f"ledger {where}" if where else "ledger"
    try:
        yield
    except OperationalError as error:
        reason = _first_line(error.orig)
        busy = "locked" in reason or "busy" in reason or "lock timeout" in reason
        advice = "another process holds it; try again" if busy else "check that it is there, its disk and permissions"
        raise LedgerFault(f"{where}: {reason}; {advice}") from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = _first_line(getattr(error, "orig", None) or error)
        raise LedgerFault(f"{where}: the database is damaged or cannot be used: {reason}") from error
    except UnicodeDecodeError as error:
        raise LedgerFault(f"{where}: the database is damaged: text that is not UTF-8") from error


@contextlib.contextmanager
def stored_data() -> Iterator[None]:
    """What the log itself stored must verify: when it does not, the log is at fault and not a caller's file."""
    try:
        yield
    except InvalidError as error:
        raise LedgerFault(
            f"ledger: what is stored does not verify, it was tampered with or damaged: {error}"
        ) from error


def _shown(url: URL) -> str:
    """The address without its password and its options, which may hold others."""
    return url.set(query={}).render_as_string(hide_password=True)


def _first_line(error: object) -> str:
    return str(error).strip().split("\n", 1)[0][:300] or type(error).__name__


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
