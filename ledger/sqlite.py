"""A log in a SQLite file: how safely it is written, and that a foreign file is refused by its header.

Writing transactions take SQLite's write lock at their start (BEGIN IMMEDIATE), so that two processes never decide on
the same state; WAL with synchronous=FULL makes a commit durable before it returns.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event

from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["begin_file", "engine"]

_BUSY_SECONDS = 30
_CACHE_KIB = 4_096
_CHECKPOINT_PAGES = 4_000
_APPLICATION_ID = 0x53454544  # "SEED"; in the file header at offset 68 (sqlite.org/fileformat2.html, section 1.3)


def engine(path: Path, write_option: str) -> Engine:
    """An engine on the file, which is begun when it is missing. A transaction with ``write_option`` locks at once.

    Raises:
        LedgerFault: the file is something else.
    """
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        begin_file(path)
    _check_header(path)
    made = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": _BUSY_SECONDS}, pool_pre_ping=False
    )
    event.listen(made, "connect", _on_connect)

    def on_begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(write_option, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    event.listen(made, "begin", on_begin)
    return made


def begin_file(path: Path) -> None:
    """Mark the file as ours in its header before the write-ahead log could hide that page."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    try:
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    finally:
        connection.close()


def _check_header(path: Path) -> None:
    """Refuse a file that is not ours, by what SQLite itself reads of it, without a lock.

    This process may have the file open already: one that opens it by itself and closes it loses the locks that SQLite
    has there (fcntl(2); sqlite.org/howtocorrupt.html, section 2.2), and another process takes the log for closed.
    """
    if not path.is_file():
        raise LedgerFault(f"{path} is not a file; a ledger is a SQLite file")
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path.absolute()))}?immutable=1", uri=True)
        ) as connection:
            found = connection.execute("PRAGMA application_id").fetchone()
    except sqlite3.OperationalError as error:
        raise LedgerFault(f"{path} cannot be read: {error}; check its rights") from error
    except sqlite3.DatabaseError:
        found = None
    if found != (_APPLICATION_ID,):
        raise LedgerFault(f"{path} is not a ledger of seedproof; nothing was changed in it")


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the driver would begin too late, and not around DDL
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
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
