"""The database file of a log: what may be opened, how safely it is written, and its migrations.

Writing transactions take SQLite's write lock at their start (BEGIN IMMEDIATE), so that two processes never decide on
the same state; WAL with synchronous=FULL makes a commit durable before it returns. A foreign file is refused by its
header before SQLite touches it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from provenance.errors import InvalidError, LedgerFault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "HEAD_REVISION",
    "database_faults",
    "is_current",
    "is_missing",
    "migrate",
    "open_engine",
    "reading",
    "stored_data",
    "writing",
]

HEAD_REVISION = "0001"
"""The newest migration that this program knows."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 30
_MAGIC = b"SQLite format 3\x00"
_APPLICATION_ID = 0x53454544  # "SEED"; in the file header at offset 68 (sqlite.org/fileformat2.html, section 1.3)
_WRITE = "seedproof_write"


def is_missing(path: Path) -> bool:
    """Whether there is no file yet, or only the empty one that SQLite leaves when it is killed at once."""
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def open_engine(path: Path) -> Engine:
    """An engine on a log's database, which is begun when it is missing.

    Raises:
        LedgerFault: the file is something else, or cannot be opened.
    """
    with database_faults(path):
        if is_missing(path):
            _begin_file(path)
        _check_header(path)
        engine = create_engine(
            URL.create("sqlite", database=str(path)), connect_args={"timeout": _BUSY_SECONDS}, pool_pre_ping=False
        )
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    return engine


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that holds the write lock from its start; committed at the end, or not at all."""
    with database_faults(), engine.execution_options(**{_WRITE: True}).begin() as connection:
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that sees one state of the database throughout."""
    with database_faults(), engine.begin() as connection:
        yield connection


def is_current(connection: Connection) -> bool:
    """Whether the schema is the newest that this program knows."""
    return _revision(connection) == HEAD_REVISION


def migrate(connection: Connection, revision: str = HEAD_REVISION) -> None:
    """Bring the schema to ``revision``, up or down, in the caller's transaction. Nothing happens when it is there.

    Raises:
        LedgerFault: the database was written by a newer program.
    """
    present = _revision(connection)
    if present == revision:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if present is not None and present not in known:
        raise LedgerFault(
            f"the ledger's database has revision {present[:40]}, newer than this program; update seedproof"
        )
    downwards = revision == "base" or (present in known and known.index(present) < known.index(revision))
    (command.downgrade if downwards else command.upgrade)(config, revision)


@contextlib.contextmanager
def database_faults(path: Path | None = None) -> Iterator[None]:
    """Errors of the database, and data in it that does not verify, become LedgerFault with one line."""
    where = f"ledger {path}" if path else "ledger"
    try:
        yield
    except OperationalError as error:
        busy = "locked" in str(error.orig) or "busy" in str(error.orig)
        advice = "another process holds it; try again" if busy else "check the disk and the file's permissions"
        raise LedgerFault(f"{where}: {error.orig}; {advice}") from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).split("\n", 1)[0]
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


def _begin_file(path: Path) -> None:
    """Mark the file as ours in its header before the write-ahead log could hide that page."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    try:
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    finally:
        connection.close()


def _check_header(path: Path) -> None:
    if not path.is_file():
        raise LedgerFault(f"{path} is not a file; a ledger is a SQLite file")
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != _MAGIC or int.from_bytes(header[68:72], "big") != _APPLICATION_ID:
        raise LedgerFault(f"{path} is not a ledger of seedproof; nothing was changed in it")


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the driver would begin too late, and not around DDL
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switching to WAL does not wait for the busy timeout, so two processes that create a log at once must."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
