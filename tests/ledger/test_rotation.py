"""After a log's keys changed, what it stamped before still counts, for those who know the old keys and for the others."""

import hashlib
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from ledger import cli_operate, keychange, keys
from ledger.client import open_ledger as open_remote
from ledger.database import writing
from ledger.local import open_ledger
from ledger.log import open_log, prepare
from provenance.checkpoint import VerifierKey, open_checkpoint, sign_checkpoint
from provenance.errors import ForgedError, LedgerFault, OutputError
from provenance.history import read_history
from provenance.home import find_home
from provenance.note import split_note
from provenance.policy import load_policy
from provenance.receipt import check_receipt, parse_receipt
from provenance.succession import follow, parse_successions
from provenance.timeevidence import stamped_text
from tests.support.entries import make_entry
from tests.support.service import serving

ENTRY = make_entry("a")


@pytest.fixture
def stamped(tmp_path, monkeypatch):
    """A log whose first of two entries stands in a stamped checkpoint, and the id of that entry."""
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    path = tmp_path / "log.db"
    log = open_log(str(path), create=True, origin="log.example/1", tiles=str(tmp_path / "tiles"))
    accepted = log.submit_batch([prepare(ENTRY)])[0]
    log.publish()
    log.add_stamp(1, log.published().note, "http://tsa.example", b"token")
    log.submit_batch([prepare(make_entry("b"))])
    log.publish()
    log.close()
    return path, accepted.id


def rotated(path, *, retire):
    key_file = keys.key_path(path)
    old = [signer.verifier_key for signer in keys.load_keys(key_file)]
    new = [signer.verifier_key for signer in keychange.add_keys(key_file, size=2, post_quantum=True)]
    if retire:
        keychange.retire_keys(key_file, size=2)
    return old, new


@pytest.mark.parametrize("retire", [False, True])
def test_a_stamped_entry_is_proved_by_the_keys_of_then(stamped, retire):
    path, claim = stamped
    rotated(path, retire=retire)
    ledger = open_ledger(str(path), create=False)
    assert read_history(claim, ledger).claim.index == 0
    ledger.close()


@pytest.mark.parametrize("retire", [False, True])
def test_a_stamped_entry_is_proved_to_those_who_know_the_new_keys_alone(stamped, retire):
    path, _ = stamped
    log = open_log(str(path), tiles=str(path.parent / "tiles"))
    before = parse_receipt(log.receipt(0))
    log.close()
    old, new = rotated(path, retire=retire)
    log = open_log(str(path), tiles=str(path.parent / "tiles"))
    receipt = parse_receipt(log.receipt(0))
    again = parse_receipt(log.receipt(0))
    assert receipt == again, "signatures of type 06 are randomised; a checkpoint is signed again once"
    assert (receipt.checkpoint.size, receipt.timestamps) == (1, (b"token",))
    assert stamped_text(receipt.checkpoint.note) == stamped_text(before.checkpoint.note)
    for known in (old, new, new[1:], old[:1]):
        assert check_receipt(receipt, ENTRY, known).known
    assert open_checkpoint(log.stamps(1)[0].note, new).size == 1
    for shown in (log.published().note, log.store.get_checkpoint()):
        assert open_checkpoint(shown, new).size == 2
    log.close()


def test_a_checkpoint_that_the_tree_does_not_continue_is_not_signed_again(stamped):
    """Whoever writes into the database and has a retired key gets no signature of the present ones for another tree."""
    path, _ = stamped
    thief = keys.load_keys(keys.key_path(path))
    rotated(path, retire=True)
    log = open_log(str(path))
    for root in (bytes(32), hashlib.sha256(b"x").digest()):
        with writing(log.engine) as connection:
            note = sign_checkpoint(log.origin, 1, root, thief)
            connection.execute(text("UPDATE stamps SET note = :note"), {"note": note})
        with pytest.raises(LedgerFault):
            log.stamps(1)
        with pytest.raises(LedgerFault):
            log.receipt(0)
    with writing(log.engine) as connection:
        note = sign_checkpoint(log.origin, 9, bytes(32), thief)
        connection.execute(text("UPDATE stamps SET note = :note, size = 9"), {"note": note})
    with pytest.raises(LedgerFault):
        log.stamps(9)
    log.close()


def test_a_token_over_the_whole_note_keeps_it_as_it_is(stamped, monkeypatch):
    path, _ = stamped
    rotated(path, retire=True)
    log = open_log(str(path))
    note = parse_receipt(log.receipt(0)).checkpoint.note
    own = split_note(note)[1]
    log.close()
    monkeypatch.setattr("ledger.receipts._is_over", lambda *_: True)
    log = open_log(str(path))
    assert len(split_note(parse_receipt(log.receipt(0)).checkpoint.note)[1]) == len(own) - 2
    log.close()


def test_a_process_without_secrets_hands_out_what_the_present_keys_signed(stamped, tmp_path):
    path, _ = stamped
    old, new = rotated(path, retire=True)
    open_log(str(path), tiles=str(tmp_path / "tiles")).close()
    public = tmp_path / "public"
    public.write_text("".join(f"{key.format()}\n" for key in keys.load_verifiers(keys.key_path(path))))
    keychange.succession_path(public).write_bytes(keychange.succession_path(keys.key_path(path)).read_bytes())
    reader = open_log(str(path), key_file=public, tiles=str(tmp_path / "tiles"), read_only=True)
    receipt = parse_receipt(reader.receipt(0))
    assert (receipt.checkpoint.size, receipt.timestamps) == (2, ())
    assert check_receipt(receipt, ENTRY, new).known
    assert reader.signing_keys == tuple(key.format() for key in new)
    assert reader.retired_keys == {key.format(): 2 for key in old}
    reader.close()


def test_it_is_not_stale_where_a_present_key_signed_it(stamped, tmp_path):
    path, _ = stamped
    public = tmp_path / "public"
    public.write_text("".join(f"{key.format()}\n" for key in keys.load_verifiers(keys.key_path(path))))
    reader = open_log(str(path), key_file=public, tiles=str(tmp_path / "tiles"), read_only=True)
    assert parse_receipt(reader.receipt(0)).timestamps == (b"token",)
    reader.close()


def test_a_damaged_or_swapped_succession_is_named(stamped):
    path, _ = stamped
    rotated(path, retire=False)
    file = keychange.succession_path(keys.key_path(path))
    whole = file.read_bytes()
    for data in (b"", whole[:-9], whole.replace(b"log.example/1", b"log.example/2")):
        file.write_bytes(data)
        with pytest.raises(LedgerFault, match="successions"):
            open_log(str(path))
    file.write_bytes(whole)
    open_log(str(path)).close()


def test_an_announcement_that_was_lost_is_made_good_by_the_next_one(stamped):
    """Killed after the new secrets were durable and before they were announced."""
    path, _ = stamped
    key_file = keys.key_path(path)
    old, new = rotated(path, retire=False)
    keychange.succession_path(key_file).unlink()
    keychange.retire_keys(key_file, size=2)
    chain = keychange.load_successions(key_file, "log.example/1")
    assert len(chain) == 1
    assert follow(old, chain) == tuple(new)


def test_a_change_that_cannot_be_announced_retires_nothing(stamped, monkeypatch):
    path, _ = stamped
    key_file = keys.key_path(path)
    rotated(path, retire=False)
    before = key_file.read_bytes()

    def full(*_, **__):
        raise OutputError("no space left")

    write = keychange.write_atomic
    monkeypatch.setattr(
        keychange, "write_atomic", lambda path, *a, **k: (full if "succ" in path.name else write)(path, *a, **k)
    )
    with pytest.raises(LedgerFault, match="cannot be announced"):
        keychange.retire_keys(key_file, size=2)
    assert key_file.read_bytes() == before


def run(path, *arguments):
    result = CliRunner().invoke(cli_operate.rotate_key, ["--database", str(path), *arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def test_ones_own_receipts_do_not_read_forged_after_a_change(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    path = tmp_path / "own.db"
    ledger = open_ledger(str(path), create=True)
    ledger.submit(ENTRY)
    old = ledger.receipt(0)
    ledger.close()
    run(path)
    run(path, "--retire")
    ledger = open_ledger(str(path), create=False)
    ledger.submit(make_entry("b"))
    new = ledger.receipt(0)
    ledger.close()
    known = [trust.key for trust in load_policy(find_home()).logs]
    assert len(known) == 2
    for receipt in (old, new):
        assert check_receipt(parse_receipt(receipt), ENTRY, known).known
    with pytest.raises(ForgedError):
        check_receipt(parse_receipt(new), ENTRY, known[:1])


def test_a_log_that_is_not_ones_own_does_not_become_it(stamped):
    path, _ = stamped
    run(path)
    assert not find_home().own_logs.exists()
    find_home().make(find_home().config)
    find_home().own_logs.write_text("other.example+00000000+AA==\n")
    run(path)
    assert find_home().own_logs.read_text() == "other.example+00000000+AA==\n"


def test_a_service_changes_its_keys_and_its_clients_follow(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "client"))
    entries = [make_entry(i) for i in range(3)]
    with serving(tmp_path, "--origin", "log.example/1") as service:
        port = service.address[1]
        assert service.get("/log/keys").json() == {"kind": "successions", "v": 1, "notes": []}
        meet(service, entries[0], 0)
        first = service.get("/log/vkey").body.decode().split()
        service.stop()
        added = run(tmp_path / "log.db").stdout.split()
        service.start(port)
        assert service.get("/log/vkey").body.decode().split() == [*added, *first]
        meet(service, entries[1], 1)
        service.stop()
        assert run(tmp_path / "log.db", "--retire").stdout.split() == first
        service.start(port)
        assert service.get("/log/vkey").body.decode().split() == added
        about = service.get("/v1/log").json()
        assert about["keys"] == added
        assert about["retired"] == [{"key": key, "size": 2} for key in first]
        assert [item.size for item in parse_successions(service.get("/log/keys").body)] == [1, 2]
        meet(service, entries[2], 2)
        meet(service, entries[0], 0)
        assert find_home().known_logs.read_text().split()[1::2] == added
        told = capsys.readouterr().err
        assert "2 keys learned" in told
        assert "2 keys retired" in told
        assert json.loads(service.get("/v1/claims").body)["entries"]


def meet(service, entry, index):
    ledger = open_remote(service.url)
    assert ledger.submit(entry).index == index
    receipt = parse_receipt(ledger.receipt(index))
    assert check_receipt(receipt, entry, [VerifierKey.parse(key) for key in ledger.verifier_keys]).known
    ledger.close()
