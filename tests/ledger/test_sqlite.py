"""A log in a SQLite file: whose file it is, and that looking at it costs nobody his locks."""

import sqlite3
import subprocess
import sys

import pytest

from ledger import sqlite
from ledger.database import resolve
from ledger.log import open_log, prepare
from provenance.errors import LedgerFault, UsageError
from tests.support.entries import make_entry


def test_a_second_opening_in_this_process_keeps_the_locks_of_the_first(tmp_path):
    """Else another process that comes and goes takes the log for closed, and removes its write-ahead log."""
    path = tmp_path / "a log?#%41.db"
    log = open_log(path, create=True)
    log.submit_batch([prepare(make_entry(1))])
    open_log(path).close()
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM head').fetchall(); c.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert (tmp_path / f"{path.name}-wal").exists()
    assert log.submit_batch([prepare(make_entry(2))])[0].index == 1
    log.close()


def test_files_that_are_no_log_are_refused_and_not_changed(tmp_path):
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    text = tmp_path / "letter.txt"
    text.write_bytes(b"dear reader, " * 100)
    short = tmp_path / "short"
    short.write_bytes(b"x")
    for path in (other, text, short):
        before = path.read_bytes()
        with pytest.raises(LedgerFault, match="is not a ledger"):
            sqlite.engine(path, "write")
        assert path.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"other.db", "letter.txt", "short"}
    with pytest.raises(LedgerFault, match="not a file"):
        sqlite.engine(tmp_path, "write")


@pytest.mark.parametrize("location", ["mysql://host/name", "postgresql://", "http://log.example"])
def test_what_is_no_database_that_is_opened_here_is_a_wrong_use(location, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="only a SQLite file"):
        resolve(location)
    assert not list(tmp_path.iterdir())
