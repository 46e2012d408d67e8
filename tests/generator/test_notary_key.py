"""The notary's key file, and what the command refuses before it asks anybody."""

import json
import stat

import pytest

from generator.cli_notary import notary
from generator.notary_key import load_key, make_key
from provenance.errors import LedgerFault, OutputError, UnsupportedVersionError, UsageError


def test_a_key_is_made_once_kept_private_and_never_shown(tmp_path):
    path = tmp_path / "keys" / "notary.key"
    key = make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path) == key
    assert key.secret.hex() not in repr(key)
    with pytest.raises(OutputError, match="exists"):
        make_key(path)
    assert load_key(path) == key


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "00" * 32},
        {"secret": "ff" * 32},
        {"secret": "00" * 31},
        {"kind": "author-key"},
        {"v": 2},
        {"more": 1},
    ],
)
def test_a_damaged_key_is_refused_and_not_quoted(tmp_path, change):
    path = tmp_path / "notary.key"
    make_key(path)
    document = json.loads(path.read_text()) | change
    path.write_text(json.dumps(document))
    with pytest.raises((UsageError, UnsupportedVersionError)) as caught:
        load_key(path)
    assert document["secret"] not in str(caught.value)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "notary.key"
    make_key(path)
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        load_key(path)


def call(*arguments):
    notary.main([str(argument) for argument in arguments], standalone_mode=False)


def test_what_the_command_refuses(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="follows a service"):
        call("--ledger", tmp_path / "log.db")
    with pytest.raises(UsageError, match="--new-key"):
        call("--ledger", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match="--new-key"):
        call("--ledger", "http://127.0.0.1:9", "--key", tmp_path / "missing.key")
    with pytest.raises(LedgerFault, match="cannot be reached"):
        call("--ledger", "http://127.0.0.1:9", "--new-key")
    with pytest.raises(OutputError, match="exists"):
        call("--ledger", "http://127.0.0.1:9", "--new-key")
