"""After a log's keys changed, what it stamped before still counts."""

import pytest

from ledger import keys
from ledger.local import open_ledger
from ledger.log import open_log, prepare
from provenance.history import read_history
from tests.support.entries import make_entry


@pytest.fixture
def stamped(tmp_path, monkeypatch):
    """A log whose only entry stands in a stamped checkpoint, and the id of that entry."""
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    path = tmp_path / "log.db"
    log = open_log(str(path), create=True, origin="log.example/1")
    accepted = log.submit_batch([prepare(make_entry("a"))])[0]
    log.add_stamp(1, log.head().note, "http://tsa.example", b"token")
    log.close()
    return path, accepted.id


@pytest.mark.parametrize("retired", [False, True])
def test_a_stamped_entry_is_proved_by_the_keys_of_then(stamped, retired):
    path, claim = stamped
    key_file = keys.key_path(path)
    keys.add_keys(key_file, post_quantum=False)
    if retired:
        keys.retire_keys(key_file)
        log = open_log(str(path))
        log.sign_again()
        log.close()
    ledger = open_ledger(str(path), create=False)
    assert read_history(claim, ledger).claim.index == 0
    ledger.close()
