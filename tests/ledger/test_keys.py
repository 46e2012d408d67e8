"""The log's key: where it stands, who may read it, and that it is never lost or replaced."""

import base64
import hashlib
import stat

import pytest

from ledger import keys
from ledger.local import open_ledger
from provenance.checkpoint import VerifierKey, open_checkpoint
from provenance.errors import LedgerFault
from provenance.home import find_home
from tests.support.entries import make_entry


def test_the_key_is_private_and_names_the_log(ledger, path):
    file = path.with_name("ledger.db.key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not path.with_name("ledger.db.key.new").exists()
    key = VerifierKey.parse(ledger.verifier_key)
    assert key.name == f"seedproof.local/{hashlib.sha256(key.public_key).hexdigest()[:16]}"
    assert open_checkpoint(ledger.head().note, [key]).size == 0


def test_a_key_reads_back(ledger, path):
    file = keys.key_path(path)
    assert keys.format_keys(keys.load_keys(file)) == file.read_bytes()
    assert [signer.verifier_key.format() for signer in keys.load_keys(file)] == [ledger.verifier_key]


def test_opening_again_keeps_the_key(ledger, path):
    before = keys.key_path(path).read_bytes()
    ledger.close()
    for create in (True, False):
        open_ledger(str(path), create=create).close()
    assert keys.key_path(path).read_bytes() == before


def test_own_logs_are_remembered_once(ledger, path, tmp_path):
    open_ledger(str(path), create=True).close()
    other = open_ledger(str(tmp_path / "other.db"), create=True)
    other.close()
    lines = find_home().own_logs.read_text().splitlines()
    assert lines == [ledger.verifier_key, other.verifier_key]


def test_own_logs_keep_what_the_user_wrote(own_home, path):
    find_home().make(find_home().config)
    find_home().own_logs.write_text("mine")
    opened = open_ledger(str(path), create=True)
    opened.close()
    assert find_home().own_logs.read_text() == f"mine\n{opened.verifier_key}\n"


def test_a_log_opened_without_create_is_not_called_ones_own(ledger, path, monkeypatch, tmp_path):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "visitor"))
    open_ledger(str(path), create=False).close()
    assert not find_home().own_logs.exists()


def damage(edit):
    def apply(file):
        data = edit(file.read_bytes())
        file.write_bytes(data)

    return apply


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.unlink(),
        lambda file: file.chmod(0o640),
        lambda file: file.chmod(0o604),
        damage(lambda data: b""),
        damage(lambda data: data[:-3]),
        damage(lambda data: b"\xff" + data),
        damage(lambda data: data.replace(b"PRIVATE+KEY+", b"")),
        damage(lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:]),
        damage(lambda data: data * 100),
    ],
)
def test_a_key_that_is_not_right_is_refused_and_never_replaced(ledger, path, harm):
    ledger.submit(make_entry(1))
    ledger.close()
    file = keys.key_path(path)
    harm(file)
    before = file.read_bytes() if file.exists() else None
    for create in (True, False):
        with pytest.raises(LedgerFault):
            open_ledger(str(path), create=create)
    assert (file.read_bytes() if file.exists() else None) == before


def test_the_key_of_another_log_is_refused(ledger, path, tmp_path):
    open_ledger(str(tmp_path / "other.db"), create=True).close()
    ledger.close()
    keys.key_path(path).write_bytes(keys.key_path(tmp_path / "other.db").read_bytes())
    with pytest.raises(LedgerFault, match="mixed up"):
        open_ledger(str(path), create=False)


@pytest.mark.parametrize("remains", [None, b""])
def test_a_lost_database_does_not_begin_anew_under_its_key(ledger, path, remains):
    """That would sign a second, other tree of size 1: a fork."""
    ledger.submit(make_entry(1))
    ledger.close()
    for file in path.parent.glob("ledger.db*"):
        if file != keys.key_path(path):
            file.unlink()
    if remains is not None:
        path.write_bytes(remains)
    for create in (True, False):
        with pytest.raises(LedgerFault, match="restore"):
            open_ledger(str(path), create=create)
        assert (path.read_bytes() if path.exists() else None) == remains, "nothing may be begun in its place"


def test_a_database_emptied_of_its_tables_does_not_begin_anew(ledger, path):
    ledger.submit(make_entry(1))
    ledger.close()
    for file in path.parent.glob("ledger.db*"):
        if file != keys.key_path(path):
            file.unlink()
    from ledger.sqlite import begin_file

    begin_file(path)
    with pytest.raises(LedgerFault, match="restore"):
        open_ledger(str(path), create=True)


def test_a_pending_key_of_a_durable_log_is_settled(ledger, path):
    """Killed after the database was committed and before the key had its name."""
    ledger.close()
    file = keys.key_path(path)
    file.rename(file.with_name("ledger.db.key.new"))
    again = open_ledger(str(path), create=False)
    assert again.verifier_key == ledger.verifier_key
    assert again.submit(make_entry(1)).index == 0
    again.close()
    assert file.exists()
    assert not file.with_name("ledger.db.key.new").exists()


def test_a_pending_key_of_another_log_is_not_settled(ledger, path):
    ledger.close()
    keys.key_path(path).unlink()
    keys.make_pending_keys(keys.key_path(path))
    with pytest.raises(LedgerFault, match="missing"):
        open_ledger(str(path), create=True)
    assert not keys.key_path(path).exists()


def test_a_pending_key_that_signed_nothing_is_replaced(path):
    """Killed before the database was committed."""
    path.parent.mkdir()
    [stale] = keys.make_pending_keys(keys.key_path(path))
    opened = open_ledger(str(path), create=True)
    assert opened.verifier_key != stale.verifier_key.format()
    opened.close()


def test_the_seed_is_in_the_key_file(ledger, path):
    text = keys.key_path(path).read_text()
    assert text.startswith("PRIVATE+KEY+seedproof.local/")
    assert len(base64.b64decode(text.rstrip("\n").split("+", 4)[-1])) == 33
