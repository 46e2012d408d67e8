"""A log's service that lies, over real HTTP. Whatever it answers, nothing false is believed; the fault names it."""

import json

import pytest

from ledger.client import open_ledger
from provenance.checkpoint import sign_checkpoint
from provenance.claim import claim_id
from provenance.errors import ForgedError, LedgerFault
from provenance.followup import format_follow_up
from provenance.home import find_home
from provenance.notekey import new_signer
from provenance.policy import load_policy
from provenance.ports import LoggedEntry
from provenance.receipt import check_receipt, format_receipt, make_receipt, parse_receipt
from tests.support.entries import make_claim, make_entry
from tests.support.logs import signer
from tests.support.standin import StandIn, described

ENTRIES = [make_entry(i) for i in range(5)]
PIXELS = make_claim(2).pixels


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("ledger.client._PUBLISHED_SECONDS", 0.3)


@pytest.fixture
def service():
    with StandIn(ENTRIES) as running:
        yield running


@pytest.fixture
def ledger(service):
    opened = open_ledger(service.url)
    yield opened
    opened.close()


def found(entry, index=2, **change):
    return json.dumps(described(index, entry) | change).encode()


def test_receipts_of_two_entries_swapped(ledger, service):
    service.lies["/v1/receipts/2"] = service.receipt(3)
    with pytest.raises(LedgerFault):
        ledger.receipt(2)


def test_receipt_of_another_log_in_the_name_of_this_one(ledger, service):
    other = StandIn(ENTRIES, [signer("log.example/1", 9)])
    service.lies["/v1/receipts/2"] = other.receipt(2)
    with pytest.raises(LedgerFault):
        ledger.receipt(2)


def test_receipt_of_an_unknown_log(ledger, service):
    service.lies["/v1/receipts/2"] = StandIn(ENTRIES, [signer("other.example", 9)]).receipt(2)
    with pytest.raises(LedgerFault, match="another log"):
        ledger.receipt(2)


def test_receipt_for_an_entry_that_was_never_logged(ledger, service):
    """The service says that the claim was logged, and hands out a receipt for another entry in its place."""
    entry = make_entry("mine")
    made = {"index": 2, "id": claim_id(make_claim("mine")).hex(), "duplicate": False}
    service.lies["/v1/claims"] = (201, json.dumps(made).encode())
    assert ledger.submit(entry).index == 2
    with pytest.raises(LedgerFault):
        ledger.receipt(2)


def test_receipt_under_a_tree_that_the_entry_is_not_in(ledger, service):
    shorter = StandIn(ENTRIES[:2])
    path = [bytes(32)]
    service.lies["/v1/receipts/1"] = format_receipt(make_receipt(1, path, shorter.checkpoint()))
    with pytest.raises(LedgerFault):
        ledger.receipt(1)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"kind":"receipt"', b"x" * 100_000])
def test_receipts_that_are_none(ledger, service, data):
    service.lies["/v1/receipts/1"] = data
    with pytest.raises(LedgerFault):
        ledger.receipt(1)


@pytest.mark.parametrize(
    "change",
    [{"index": 1}, {"index": 99}, {"index": 2**53}, {"index": -1}, {"index": True}, {"index": "2"}, {"id": "00" * 32}],
)
def test_an_entry_with_another_index_or_id(ledger, service, change):
    service.lies[f"/v1/entries/{claim_id(make_claim(2)).hex()}"] = found(ENTRIES[2], **change)
    with pytest.raises(LedgerFault):
        ledger.find(claim_id(make_claim(2)))


def test_another_entry_than_was_asked_for(ledger, service):
    service.lies[f"/v1/entries/{claim_id(make_claim(2)).hex()}"] = found(ENTRIES[3], index=3)
    with pytest.raises(LedgerFault, match="another entry"):
        ledger.find(claim_id(make_claim(2)))


def test_an_honest_entry_that_is_not_in_the_log(ledger, service):
    forged = make_entry("rival", pixels=2)
    service.lies["/v1/claims"] = json.dumps({"entries": [described(0, forged)]}).encode()
    with pytest.raises(LedgerFault):
        ledger.search(pixels=PIXELS)


def test_the_same_claim_with_other_signatures(ledger, service):
    """BIP-340 signatures are randomised: another entry with the same id, which the log does not have."""
    again = make_entry(2)
    assert again != ENTRIES[2]
    service.lies[f"/v1/entries/{claim_id(make_claim(2)).hex()}"] = found(again)
    with pytest.raises(LedgerFault):
        ledger.find(claim_id(make_claim(2)))


def page(*items):
    return json.dumps({"entries": list(items)}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        page(described(2, ENTRIES[2]), described(2, ENTRIES[2])),
        page(described(3, ENTRIES[3]), described(2, ENTRIES[2])),
        page(described(3, ENTRIES[3])),  # other pixels
        page(*[described(i, ENTRIES[2]) for i in range(200)]),
        page({"index": 2}),
        page({"index": 2, "id": claim_id(make_claim(2)).hex(), "entry": {}}),
        page("x"),
        b'{"entries":{}}',
        b'{"entries":null}',
        b"[]",
        b"{" * 1_000,
        b"\xff\xfe",
    ],
)
def test_pages_that_do_not_answer_the_search(ledger, service, answer):
    service.lies["/v1/claims"] = answer
    with pytest.raises(LedgerFault):
        ledger.search(pixels=PIXELS)


@pytest.mark.parametrize("criterion", ["commitment", "pixels", "latent", "author"])
def test_an_entry_of_the_log_that_does_not_match_the_search(ledger, service, criterion):
    """It stands where the service says, and is none that was asked for."""
    pages = [page(), page(described(3, ENTRIES[3]))]
    service.lies["/v1/claims"] = lambda handler: handler.send(200, pages.pop() if pages else page())
    with pytest.raises(LedgerFault, match="does not match"):
        ledger.search(**{criterion: bytes(32)})


def test_a_follow_up_about_another_claim(ledger, service):
    from tests.support import follow

    other = claim_id(make_claim(3))
    entry = format_follow_up(follow.attestation(other))
    service.entries.append(entry)
    pages = [page(), page(described(5, entry))]
    service.lies["/v1/follow-ups"] = lambda handler: handler.send(200, pages.pop() if pages else page())
    with pytest.raises(LedgerFault, match="does not match"):
        ledger.follow_ups(claim_id(make_claim(2)))


def test_an_attestation_among_what_is_chained_and_another_notarys(ledger, service):
    from tests.support import follow

    subject = claim_id(make_claim(2))
    entry = format_follow_up(follow.attestation(subject, "nora"))
    service.entries.append(entry)
    for part in ({"kind": "chained"}, {"kind": "attestation", "notary": follow.key("nina")}):
        service.lies["/v1/follow-ups"] = lambda handler: handler.send(200, page(described(5, entry)))
        with pytest.raises(LedgerFault, match="does not match"):
            ledger.follow_ups(subject, **part)


def test_a_kind_from_the_future_is_listed_if_it_is_in_the_log(ledger, service):
    """What it says is not known here; that the log has it is proved like everything else."""
    entry = b'{"kind":"verdict","v":1}'
    service.entries.append(entry)
    item = {"index": len(service.entries) - 1, "id": "00" * 32, "kind": "verdict", "entry": entry.decode()}
    pages = [page(), page(item)]
    service.lies["/v1/follow-ups"] = lambda handler: handler.send(200, pages.pop() if pages else page())
    assert ledger.follow_ups(bytes(32), kind="chained") == [LoggedEntry(item["index"], entry)]
    pages[:] = [page(), page(item | {"entry": '{"kind":"verdict","v":2}'})]
    ledger._entries.clear()
    with pytest.raises(LedgerFault):
        ledger.follow_ups(bytes(32), kind="chained")


def test_pages_without_end(ledger, service):
    """The same page again and again is beyond what was asked for the second time."""
    service.lies["/v1/claims"] = page(described(2, ENTRIES[2]))
    with pytest.raises(LedgerFault, match="not beyond"):
        ledger.search(pixels=PIXELS)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"7",
        b'{"duplicate":false,"id":"00","index":1}',
        b'{"duplicate":0,"id":"' + b"00" * 32 + b'","index":1}',
        b'{"duplicate":false,"id":"' + b"00" * 32 + b'","index":1}',
        b'{"duplicate":false,"id":"' + b"00" * 32 + b'","index":1.5}',
        b"x" * 100_000,
    ],
)
def test_answers_to_a_submission_that_are_none(ledger, service, answer):
    service.lies["/v1/claims"] = (201, answer)
    with pytest.raises(LedgerFault):
        ledger.submit(make_entry("x"))


def test_a_duplicate_that_it_does_not_show(ledger, service):
    made = {"index": 1, "id": claim_id(make_claim("x")).hex(), "duplicate": True}
    service.lies["/v1/claims"] = json.dumps(made).encode()
    with pytest.raises(LedgerFault, match="does not show it"):
        ledger.submit(make_entry("x"))


@pytest.mark.parametrize("path", ["tile/0/000.p/5", "tile/entries/000.p/5"])
def test_a_changed_tile_proves_nothing(ledger, service, path):
    honest = service.resource(path)
    for position in range(0, len(honest), max(1, len(honest) // 40)):
        changed = bytearray(honest)
        changed[position] ^= 1
        service.lies[f"/log/{path}"] = bytes(changed)
        ledger.tiled.forget()
        with pytest.raises(LedgerFault):
            for index in range(5):
                ledger._entries.clear()
                ledger.receipt(index)
                ledger._entries.clear()
                ledger.find(claim_id(make_claim(index)))


@pytest.mark.parametrize("path", ["tile/0/000.p/5", "tile/entries/000.p/5"])
def test_a_tile_that_is_missing_or_of_another_size(ledger, service, path):
    for lie in ((404, b""), (500, b""), b"", service.resource(path)[:-1], service.resource(path) + b"x"):
        service.lies[f"/log/{path}"] = lie
        ledger.tiled.forget()
        with pytest.raises(LedgerFault):
            ledger._entries.clear()
            ledger.receipt(1)
            ledger.find(claim_id(make_claim(1)))


def test_checkpoints_that_nobody_signed(ledger, service):
    honest = service.checkpoint()
    root = service.root()
    for lie in (
        b"",
        honest[:-1],
        honest.replace(b"\n5\n", b"\n4\n"),
        sign_checkpoint("log.example/1", 5, root, signer("log.example/1", 9)),
        sign_checkpoint("other.example", 5, root, signer("other.example", 1)),
    ):
        service.lies["/log/checkpoint"] = lie
        with pytest.raises(LedgerFault):
            ledger.head()


def test_a_signed_checkpoint_of_another_tree(ledger, service):
    service.lies["/log/checkpoint"] = sign_checkpoint("log.example/1", 5, bytes(32), service.signers[0])
    with pytest.raises(LedgerFault):
        ledger.find(claim_id(make_claim(1)))


# --- a service that takes the name of another log -------------------------------------------------------------------


def judged(receipt):
    policy = load_policy(find_home())
    return check_receipt(parse_receipt(receipt), ENTRIES[2], [trust.key for trust in policy.logs], met=policy.met)


def test_one_contact_makes_no_genuine_receipt_of_the_log_that_it_names_forged(service):
    with StandIn(ENTRIES, [new_signer("real.example")]) as real, StandIn(ENTRIES, [new_signer("real.example")]) as evil:
        genuine = real.receipt(2)
        open_ledger(evil.url).close()
        assert not judged(genuine).known
        assert judged(evil.receipt(2)).known
        open_ledger(service.url).close()
        assert judged(service.receipt(2)).known


def test_a_forged_line_of_a_met_log_is_an_unknown_log(service):
    open_ledger(service.url).close()
    assert not judged(StandIn(ENTRIES, [signer("log.example/1", 9)]).receipt(2)).known


def test_the_name_of_a_log_that_was_met_elsewhere(service):
    open_ledger(service.url).close()
    before = find_home().known_logs.read_bytes()
    with StandIn(ENTRIES, [signer("log.example/1", 9)]) as evil:
        with pytest.raises(LedgerFault, match=r"calls itself log\.example/1") as caught:
            open_ledger(evil.url)
        assert service.url in str(caught.value)
        evil.lies["/log/vkey"] = "".join(f"{key}\n" for key in (*evil.vkeys, *service.vkeys)).encode()
        opened = open_ledger(evil.url)
        with pytest.raises(LedgerFault):
            opened.head()
        opened.close()
        assert evil.vkeys[0] not in find_home().known_logs.read_text()
    assert before in find_home().known_logs.read_bytes()


def test_the_name_of_a_log_of_the_policy(service):
    home = find_home()
    home.make(home.config)
    home.own_logs.write_text(f"{new_signer('log.example/1').verifier_key.format()}\n")
    with pytest.raises(LedgerFault, match="than the policy has"):
        open_ledger(service.url)
    assert not home.known_logs.exists()
    with pytest.raises(ForgedError):  # the policy's word: here a name without its key is a forgery
        judged(service.receipt(2))
