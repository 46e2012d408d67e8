"""The file beside a picture: it can say more than the picture's own receipt, and never speaks against it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.claim import claim_id
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.followup import format_follow_up
from provenance.receipt import format_receipt, make_receipt, parse_receipt
from provenance.report import Status, Verdict
from provenance.sidecar import MAX_SIDECAR_BYTES, format_sidecar, make_sidecar, parse_sidecar, sidecar_path
from tests.support.entries import make_entry
from tests.support.entrylog import EntryLog
from tests.support.trust import attest, id_of, judge, policy, step
from tests.support.works import make_work


def stapled(receipt, *made):
    plain = parse_receipt(receipt)
    data = [format_follow_up(item) for item in made]
    return format_receipt(make_receipt(plain.index, plain.path, plain.checkpoint.note, (), data))


@pytest.fixture(scope="module")
def log():
    return EntryLog()


@pytest.fixture(scope="module")
def work(log):
    """A picture without a receipt, and its sidecar with an attestation."""
    logged_file = make_work(1, log=log)
    entry = log.entries[0].data
    receipt = stapled(log.receipt(0), attest(logged_file))
    return make_work(1), format_sidecar(make_sidecar(entry, receipt))


def test_it_reads_back(work):
    sidecar = parse_sidecar(work[1])
    assert format_sidecar(sidecar) == work[1]
    assert parse_sidecar(json.dumps(json.loads(work[1])).encode()) == sidecar  # any formatting
    assert sidecar_path(Path("a/hills.png")) == Path("a/hills.png.seedproof.json")


def test_a_sidecar_makes_a_bare_file_logged_and_attested(work, log):
    file, sidecar = work
    trust = policy(log)
    assert judge(file, trust).verdict is Verdict.CLAIMED
    report = judge(file, trust, sidecar=sidecar)
    assert report.verdict is Verdict.AUTHENTIC
    check = step(report, 10)
    assert check.status is Status.PASS
    assert "beside the file: entry 0 of 1" in check.detail


def test_the_better_of_two_receipts_counts(work, log):
    file, sidecar = make_work(1, log=log), work[1]
    plain = format_sidecar(make_sidecar(log.entries[0].data, log.receipt(0)))
    assert judge(file, policy(log), sidecar=sidecar).verdict is Verdict.AUTHENTIC
    assert "beside" not in step(judge(file, policy(log), sidecar=plain), 10).detail
    embedded = make_work(1, log=log, staple=lambda receipt: stapled(receipt, attest(file)))
    report = judge(embedded, policy(log), sidecar=plain)
    assert report.verdict is Verdict.AUTHENTIC
    assert "beside" not in step(report, 10).detail


def remark(file, trust, sidecar):
    """A sidecar that is not counted leaves the verdict and the step's status as they are."""
    before, report = judge(file, trust), judge(file, trust, sidecar=sidecar)
    assert report.verdict is before.verdict
    assert step(report, 10).status is step(before, 10).status
    return step(report, 10).detail


def edited(sidecar, **changes):
    return json.dumps(json.loads(sidecar) | changes).encode()


@pytest.mark.parametrize("logged", [False, True])
def test_a_false_sidecar_does_no_harm(work, log, logged):
    file, sidecar = work
    if logged:
        file = make_work(1, log=log)
    trust = policy(log)
    other = EntryLog("other.example", 5)
    other.submit(make_entry("x"))
    foreign = format_sidecar(make_sidecar(other.entries[0].data, other.receipt(0)))
    assert "another claim" in remark(file, trust, foreign)
    document = json.loads(sidecar)
    forged = document["entry"] | {
        "proofs": {"possession": "00" * 64, "authors": document["entry"]["proofs"]["authors"]}
    }
    assert "not counted" in remark(file, trust, edited(sidecar, entry=forged))
    for lie in (b"", b"{}", b"[]", b"\xff", sidecar[:-9], edited(sidecar, v=2), edited(sidecar, more=1)):
        assert "not counted" in remark(file, trust, lie)
    assert "not counted" in remark(file, trust, edited(sidecar, receipt=[]))
    assert "not counted" in remark(file, trust, edited(sidecar, receipt=document["receipt"] | {"v": 2}))


def test_a_receipt_in_a_sidecar_that_does_not_hold_speaks_against_nobody(work, log):
    """Unlike the file's own one, which its author vouches for."""
    file = work[0]
    thief = EntryLog(log.origin, 9)  # in the log's name, with another key
    thief.append(log.entries[0].data)
    lie = format_sidecar(make_sidecar(log.entries[0].data, thief.receipt(0)))
    report = judge(file, policy(log), sidecar=lie)
    assert report.verdict is Verdict.CLAIMED
    assert step(report, 10).status in (Status.SKIP, Status.WARN)
    logged = make_work(1, log=log)
    assert step(judge(logged, policy(log), sidecar=lie), 10).status is Status.PASS


def test_an_unknown_log_beside_a_known_one_changes_nothing(work, log):
    stranger = EntryLog("stranger.example", 7)
    stranger.append(log.entries[0].data)
    sidecar = format_sidecar(make_sidecar(log.entries[0].data, stranger.receipt(0)))
    logged = make_work(1, log=log)
    assert step(judge(logged, policy(log), sidecar=sidecar), 10).figures["log"] == log.origin


def test_a_sidecar_cannot_help_a_file_that_is_invalid(work, log):
    broken = make_work(1, log=log, staple=lambda _: _broken(log))
    report = judge(broken, policy(log), sidecar=work[1])
    assert report.verdict is Verdict.INVALID
    assert step(report, 10).status is Status.FAIL


def _broken(log):
    """A receipt in the known log's name that its key did not sign."""
    thief = EntryLog(log.origin, 9)
    thief.append(log.entries[0].data)
    return thief.receipt(0)


def test_limits():
    with pytest.raises(InvalidError):
        parse_sidecar(b" " * (MAX_SIDECAR_BYTES + 1))
    with pytest.raises(UnsupportedVersionError):
        parse_sidecar(b'{"kind":"sidecar","v":2}')


@given(st.binary(max_size=200))
def test_only_our_errors_leave(data):
    for attempt in (data, b'{"kind":"sidecar","v":1,"entry":' + data + b',"receipt":{}}'):
        try:
            parse_sidecar(attempt)
        except (InvalidError, UnsupportedVersionError):
            continue


def test_the_entry_in_it_is_the_one_that_was_logged(work):
    """The file's own proofs may differ: BIP-340 signatures are randomised."""
    file, sidecar = work
    entry = parse_sidecar(sidecar).entry
    assert claim_id(entry.claim) == id_of(file)
    assert entry.possession.hex().encode() not in file
