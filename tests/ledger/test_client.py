"""A log over HTTP: what it does with an honest service, whose keys it believes, and who is told what."""

import json
import subprocess
import sys

import pytest

from ledger.apikey import api_key
from ledger.client import open_ledger
from provenance.claim import claim_id
from provenance.errors import (
    ConflictError,
    EncodingError,
    ForgedError,
    InvalidError,
    LedgerFault,
    LimitError,
    UnsupportedVersionError,
    UsageError,
)
from provenance.home import find_home
from provenance.notekey import KeyType, VerifierKey, new_signer
from provenance.plugins import open_ledger as open_any
from provenance.policy import load_policy
from provenance.receipt import check_receipt, parse_receipt
from tests.support.entries import make_claim, make_entry
from tests.support.logs import signer
from tests.support.standin import StandIn


@pytest.fixture
def standin():
    with StandIn([make_entry(0), make_entry(1, authors=["ann"]), make_entry(2, pixels=0)]) as running:
        yield running


@pytest.fixture
def ledger(standin):
    opened = open_ledger(standin.url)
    yield opened
    opened.close()


def test_what_is_submitted_has_a_receipt_that_holds_offline(ledger):
    logged = ledger.submit(make_entry("new"))
    assert logged.index == 3
    receipt = parse_receipt(ledger.receipt(3))
    assert check_receipt(receipt, logged.entry, [VerifierKey.parse(ledger.verifier_key)]).known
    assert ledger.submit(make_entry("new")) == logged  # the proofs of then, not those of now


def test_lookups(ledger, standin):
    claims = [make_claim(0), make_claim(1, authors=["ann"]), make_claim(2, pixels=0)]
    assert ledger.find(claim_id(claims[1])).index == 1
    assert ledger.find(bytes(32)) is None
    assert [item.index for item in ledger.search(pixels=claims[0].pixels)] == [0, 2]
    assert [item.index for item in ledger.search(pixels=claims[0].pixels, after=0)] == [2]
    assert [item.index for item in ledger.search(author=claims[1].authors[0])] == [1]
    assert ledger.search(commitment=bytes(32)) == []
    assert [item.entry for item in ledger.search()] == standin.entries
    assert ledger.follow_ups(claim_id(claims[0])) == []
    assert ledger.location == standin.url


def test_long_answers_come_in_pages():
    with StandIn([make_entry(i) for i in range(230)]) as standin:
        ledger = open_ledger(standin.url)
        assert [item.index for item in ledger.search()] == list(range(230))
        assert sum(path.startswith("/v1/claims?") for _, path in standin.asked) == 4
        ledger.close()


def test_receipts_of_entries_that_were_never_seen(ledger):
    for index in range(3):
        assert parse_receipt(ledger.receipt(index)).index == index


def test_an_entry_that_is_not_published_yet_is_waited_for(ledger, standin):
    import threading

    standin.published = 3
    logged = ledger.submit(make_entry("new"))
    standin.lies["/v1/receipts/3"] = lambda handler: (
        handler.send(503, b"", Retry_After="0") if standin.published else handler.send(200, standin.receipt(3))
    )
    timer = threading.Timer(0.5, lambda: setattr(standin, "published", None))
    timer.start()
    assert parse_receipt(ledger.receipt(logged.index)).index == 3
    timer.join()


def test_an_entry_beyond_the_checkpoint_is_not_believed_for_ever(ledger, standin, monkeypatch):
    monkeypatch.setattr("ledger.client._PUBLISHED_SECONDS", 0.3)
    standin.published = 2
    with pytest.raises(LedgerFault, match="its checkpoint has 2 entries"):
        ledger.find(claim_id(make_claim(2, pixels=0)))


@pytest.mark.parametrize(
    ("status", "problem", "error"),
    [
        (400, {"type": "urn:seedproof:problem:malformed", "title": "no", "detail": "canonical"}, EncodingError),
        (413, {}, InvalidError),
        (422, {"type": "urn:seedproof:problem:forged"}, ForgedError),
        (422, {"type": "urn:seedproof:problem:limit"}, LimitError),
        (422, {"type": "urn:seedproof:problem:invalid"}, InvalidError),
        (422, {"type": "about:blank"}, InvalidError),
        (422, {"type": 7}, InvalidError),
        (422, {"type": "urn:seedproof:problem:unsupported"}, UnsupportedVersionError),
        (409, {"index": 7}, ConflictError),
        (409, {"index": -7}, LedgerFault),
        (409, {}, LedgerFault),
        (401, {}, LedgerFault),
        (403, {}, LedgerFault),
        (404, {}, LedgerFault),
        (500, {}, LedgerFault),
        (503, {}, LedgerFault),
    ],
)
def test_refusals_say_who_is_to_blame(ledger, standin, status, problem, error):
    standin.lies["/v1/claims"] = (status, json.dumps(problem).encode())
    with pytest.raises(error) as caught:
        ledger.submit(make_entry("x"))
    assert type(caught.value) is error
    assert str(status) in str(caught.value) or error is LedgerFault
    if error is ConflictError:
        assert caught.value.index == 7


def test_what_a_service_says_moves_no_cursor(ledger, standin):
    standin.lies["/v1/claims"] = (400, json.dumps({"title": "\x1b[2J\u202e\n", "detail": "x" * 9000}).encode())
    with pytest.raises(InvalidError) as caught:
        ledger.submit(make_entry("x"))
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_nothing_is_sent_that_is_no_entry(ledger, standin):
    before = len(standin.asked)
    with pytest.raises(InvalidError):
        ledger.submit(b"{}")
    assert len(standin.asked) == before


def test_asking_a_service_loads_no_database():
    code = "import ledger.client, sys; print(*(m for m in ('sqlalchemy', 'alembic', 'starlette') if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


# --- whose keys -----------------------------------------------------------------------------------------------------


def test_the_key_is_remembered_at_the_first_meeting(standin, capsys):
    open_ledger(standin.url).close()
    assert "first time" in capsys.readouterr().err
    assert find_home().known_logs.read_text() == f"{standin.url} {standin.vkeys[0]}\n"
    assert find_home().known_logs.stat().st_mode & 0o777 == 0o600
    open_ledger(f"{standin.url}/").close()
    assert capsys.readouterr().err == ""


def test_another_key_under_a_known_address_is_a_fault(standin):
    open_ledger(standin.url).close()
    standin.signers = [signer("log.example/1", 9)]
    with pytest.raises(LedgerFault, match="its key has changed"):
        open_ledger(standin.url)
    before = find_home().known_logs.read_text()
    assert standin.vkeys[0] not in before


def test_a_log_may_sign_with_an_old_and_a_new_key(standin):
    old = standin.signers
    open_ledger(standin.url).close()
    standin.signers = [new_signer("log.example/1", KeyType.MLDSA44), *old]
    again = open_ledger(standin.url)
    assert again.head().signed_by == (old[0].verifier_key,)
    assert again.verifier_key == old[0].verifier_key.format()
    again.close()
    standin.signers = standin.signers[:1]
    with pytest.raises(LedgerFault, match="its key has changed"):
        open_ledger(standin.url)


def test_a_key_that_is_offered_beside_the_known_one_is_not_taken_over(standin):
    open_ledger(standin.url).close()
    thief = signer("log.example/1", 9)
    standin.lies["/log/vkey"] = f"{thief.verifier_key.format()}\n{standin.vkeys[0]}\n".encode()
    standin.signers = [thief]
    ledger = open_ledger(standin.url)
    with pytest.raises(LedgerFault):
        ledger.head()
    ledger.close()


def write_policy(key):
    home = find_home()
    home.make(home.config)
    document = {
        "kind": "policy",
        "v": 1,
        "models": [],
        "logs": [{"key": key, "independent": True}],
        "timestamp_authorities": [],
        "c2pa_anchors": [],
    }
    home.policy.write_text(json.dumps(document))


def test_the_policy_comes_before_what_was_met(standin):
    write_policy(standin.vkeys[0])
    open_ledger(standin.url).close()
    assert not find_home().known_logs.exists()
    find_home().known_logs.write_text(f"{standin.url} {signer('other.example').verifier_key.format()}\n")
    open_ledger(standin.url).close()


@pytest.mark.parametrize(
    "keys",
    [
        b"",
        b"junk\n",
        b"\xff\xfe",
        new_signer("w.example", KeyType.COSIGNATURE).verifier_key.format().encode(),
        "\n".join(signer(f"log{n}.example").verifier_key.format() for n in range(2)).encode(),
        b"x" * 70_000,
        (404, b""),
        (500, b"x"),
    ],
    ids=["empty", "junk", "not text", "a witness's key", "two logs", "70 KB", "404", "500"],
)
def test_what_names_no_log_is_no_ledger(standin, keys):
    standin.lies["/log/vkey"] = keys
    with pytest.raises(LedgerFault):
        open_ledger(standin.url)
    assert not find_home().known_logs.exists()


def test_unknown_kinds_of_keys_are_left_out(standin):
    standin.lies["/log/vkey"] = f"log.example/1+00000000+/wAAAA==\n{standin.vkeys[0]}\n".encode()
    open_ledger(standin.url).close()


def test_a_damaged_list_of_known_logs_is_named(standin):
    home = find_home()
    home.make(home.config)
    home.known_logs.write_text(f"{standin.url} junk\n")
    with pytest.raises(LedgerFault, match=r"known-logs\.txt"):
        open_ledger(standin.url)
    home.known_logs.write_bytes(b"\xff")
    with pytest.raises(LedgerFault, match=r"known-logs\.txt"):
        open_ledger(standin.url)


def test_addresses_are_opened_through_the_port(standin):
    ledger = open_any(standin.url, create=False)
    assert ledger.location == standin.url
    ledger.close()
    with pytest.raises(UsageError):
        open_any("https://", create=False)


def test_a_log_that_was_met_is_known_and_proves_no_time(standin):
    open_ledger(standin.url).close()
    home = find_home()
    key = VerifierKey.parse(standin.vkeys[0])
    assert load_policy(home).met == (key,)
    assert key not in [trust.key for trust in load_policy(home).logs]
    write_policy(standin.vkeys[0])
    assert [trust.independent for trust in load_policy(home).logs if trust.key == key] == [True]
    assert load_policy(home).met == ()
    home.known_logs.write_bytes(b"\xff junk\n")
    assert load_policy(home)  # a damaged list takes nothing from what does not need it


# --- API keys -------------------------------------------------------------------------------------------------------


def write_keys(text, mode=0o600):
    home = find_home()
    home.make(home.config)
    path = home.config / "api-keys.txt"
    path.write_text(text)
    path.chmod(mode)


def test_an_api_key_goes_along_with_what_writes(standin):
    seen = []

    def look(handler):
        seen.append(handler.headers.get("Authorization"))
        handler.send(*standin.answer("POST", "/v1/claims", {}, handler.body))

    standin.lies["/v1/claims"] = look
    write_keys(f"https://other.example no\n{standin.url} spk_abc\n")
    ledger = open_ledger(standin.url)
    ledger.submit(make_entry("x"))
    ledger.close()
    assert seen == ["Bearer spk_abc"]


def test_api_keys_are_kept_secret():
    write_keys("http://ledger.example spk_abc\nhttps://ledger.example spk_abc\nhttp://localhost:1 a b\n")
    assert api_key("https://ledger.example") == "spk_abc"
    assert api_key("https://nobody.example") is None
    with pytest.raises(LedgerFault, match="without encryption") as caught:
        api_key("http://ledger.example")
    assert "spk_abc" not in str(caught.value)
    with pytest.raises(LedgerFault, match="not one word"):
        api_key("http://localhost:1")
    write_keys("https://ledger.example spk_abc\n", mode=0o644)
    with pytest.raises(LedgerFault, match="chmod 600"):
        api_key("https://ledger.example")
