"""An older state of the database is never gone on from: that would sign a fork."""

import shutil
import sqlite3

import pytest

from ledger import keys
from ledger.local import open_ledger
from ledger.newest import newest_path
from provenance.errors import LedgerFault
from tests.support.entries import make_entry


def copy_log(path, target):
    shutil.copy(path, target)
    shutil.copy(keys.key_path(path), keys.key_path(target))


@pytest.fixture
def older(path, tmp_path):
    """A log of three entries at ``path``, and a backup of it from when it had two."""
    ledger = open_ledger(str(path), create=True)
    ledger.submit(make_entry(1))
    ledger.submit(make_entry(2))
    ledger.close()
    backup = tmp_path / "backup.db"
    shutil.copy(path, backup)
    ledger = open_ledger(str(path), create=False)
    ledger.submit(make_entry(3))
    ledger.close()
    return backup


def test_a_backup_put_back_is_refused(older, path):
    shutil.copy(older, path)
    for create in (True, False):
        with pytest.raises(LedgerFault, match="older copy"):
            open_ledger(str(path), create=create)


def test_a_deleted_write_ahead_log_is_refused(path, tmp_path):
    """The last entries are in ``-wal`` until SQLite moves them; a copy without that file is an older state."""
    ledger = open_ledger(str(path), create=True)
    ledger.submit(make_entry(1))
    ledger.close()
    ledger = open_ledger(str(path), create=False)
    ledger.submit(make_entry(2))
    copy_log(path, tmp_path / "copy.db")  # while it is open, and without its -wal
    shutil.copy(newest_path(path), newest_path(tmp_path / "copy.db"))
    ledger.close()
    with pytest.raises(LedgerFault, match="older copy"):
        open_ledger(str(tmp_path / "copy.db"), create=False)


def test_another_tree_of_the_same_log_is_refused(older, path, tmp_path):
    fork = tmp_path / "fork.db"
    shutil.copy(older, fork)
    shutil.copy(keys.key_path(path), keys.key_path(fork))
    ledger = open_ledger(str(fork), create=False)  # no newest checkpoint lies beside it
    ledger.submit(make_entry("other"))
    ledger.submit(make_entry("another"))
    ledger.close()
    shutil.copy(newest_path(path), newest_path(fork))
    with pytest.raises(LedgerFault, match="fork"):
        open_ledger(str(fork), create=False)


@pytest.mark.parametrize("content", [None, b"", b"junk", bytes(20_000)])
def test_a_lost_or_damaged_hint_does_no_harm(older, path, content):
    newest_path(path).unlink()
    if content is not None:
        newest_path(path).write_bytes(content)
    ledger = open_ledger(str(path), create=False)
    assert ledger.submit(make_entry(4)).index == 3
    ledger.close()
    assert b"\n4\n" in newest_path(path).read_bytes()
    assert not list(path.parent.glob(".*"))


def test_the_hint_of_another_log_does_no_harm(older, path, tmp_path):
    other = open_ledger(str(tmp_path / "other.db"), create=True)
    for i in range(5):
        other.submit(make_entry(i))
    other.close()
    shutil.copy(newest_path(tmp_path / "other.db"), newest_path(path))
    open_ledger(str(path), create=False).close()


def test_a_hint_that_cannot_be_written_costs_no_entry(ledger, path, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError("No space left on device")

    monkeypatch.setattr("ledger.newest.tempfile.NamedTemporaryFile", full)
    assert ledger.submit(make_entry(1)).index == 0


def test_commits_are_durable(ledger):
    from ledger.database import reading

    with reading(ledger.engine) as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_opening_does_not_wait_for_a_writer(ledger, path):
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    open_ledger(str(path), create=False).close()
    holder.execute("ROLLBACK")
    holder.close()
