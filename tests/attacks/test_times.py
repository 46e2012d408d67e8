"""What verify says about time: whose tokens it believes, and whose it names and does not."""

import functools
from dataclasses import replace

from provenance.cosignature import add_cosignatures, cosign
from provenance.notekey import KeyType, new_signer
from provenance.policy import LogTrust, Policy
from provenance.receipt import format_receipt, make_receipt, parse_receipt
from provenance.report import Status
from provenance.timeevidence import stamped_text
from provenance.timestamp import DEVELOPMENT_POLICY
from provenance.verify import Depth, Request, verify
from tests.support.entrylog import EntryLog
from tests.support.tsa import DAY, NOW, Authority
from tests.support.works import make_work

A, B = Authority("A"), Authority("B")
DEVELOPMENT = Authority("D", policy=DEVELOPMENT_POLICY)


class StampedLog(EntryLog):
    """Its receipts carry a token of each authority, over the checkpoint or over what a cheat puts in its place."""

    def __init__(self, *authorities, message=stamped_text):
        super().__init__()
        self.authorities = authorities
        self.message = message

    def receipt(self, index):
        found = parse_receipt(super().receipt(index))
        note = found.checkpoint.note
        tokens = [authority.token(self.message(note)) for authority in self.authorities]
        return format_receipt(make_receipt(index, found.path, note, tokens))


@functools.cache
def picture(*authorities):
    log = StampedLog(*authorities)
    return make_work(1, log=log), LogTrust(log.signer.verifier_key, independent=False)


def logged(data, trust, *, log=None, now=NOW + DAY):
    """Step 10 for somebody who trusts these authorities."""
    policy = Policy(logs=(log,) if log else (), timestamp_authorities=tuple(each.anchor for each in trust))
    report = verify(data, Request(policy=policy, now=now, depth=Depth.QUICK))
    return next(check for check in report.checks if check.step == 10)


def test_two_independent_authorities_vouch_together():
    data, log = picture(A, B)
    check = logged(data, (A, B), log=log)
    assert check.status is Status.PASS
    assert "existed before 2026-11-20T12:00:00Z according to CN=A and CN=B" in check.detail
    assert check.figures["existed_before"] == "2026-11-20T12:00:00Z"
    assert check.figures["authorities"] == 2


def test_one_that_is_not_trusted_is_no_second_one():
    data, log = picture(A, B)
    check = logged(data, (A,), log=log)
    assert "according to CN=A;" in check.detail
    assert check.figures["authorities"] == 1


def test_a_log_of_ones_own_with_a_development_authority_proves_no_time():
    data, log = picture(DEVELOPMENT)
    for trust in ((), (DEVELOPMENT,)):
        check = logged(data, trust, log=log)
        assert "existed_before" not in check.figures
        assert "existed before" not in check.detail
        assert "development authority proves no time" in check.detail


def test_an_unknown_logs_timestamps_count_all_the_same():
    """The stamped root holds the entry, whoever runs the log; nothing else about that log is believed."""
    data, _ = picture(A, B)
    check = logged(data, (A,))
    assert check.status is Status.WARN
    assert "a log that the policy does not know; existed before" in check.detail
    assert "proves nothing yet" in logged(data, ()).detail


def test_tokens_over_another_checkpoint_of_the_same_log_prove_nothing():
    log = StampedLog(A, message=lambda note: b"log.example/1\n99\n" + stamped_text(note).split(b"\n")[2] + b"\n")
    check = logged(make_work(1, log=log), (A,), log=LogTrust(log.signer.verifier_key, independent=False))
    assert "existed_before" not in check.figures
    assert "not counted" in check.detail


def test_a_token_from_the_future_proves_nothing():
    data, log = picture(A, B)
    check = logged(data, (A, B), log=log, now=NOW - DAY)
    assert "existed_before" not in check.figures
    assert "lies in the future" in check.detail


# --- witnesses ------------------------------------------------------------------------------------------------------


class CosignedLog(EntryLog):
    """Shows every checkpoint with the lines of these witnesses, among them one witness's under a second name."""

    witnesses = tuple(new_signer(f"{name}.example", KeyType.COSIGNATURE) for name in "wv")
    twin = replace(witnesses[0], name="twin.example")

    def receipt(self, index):
        found = parse_receipt(super().receipt(index))
        lines = [cosign(found.checkpoint.note, [signer], 1_795_000_000) for signer in (self.witnesses[0], self.twin)]
        note = add_cosignatures(found.checkpoint.note, lines)
        return format_receipt(make_receipt(index, found.path, note))


def test_one_witness_under_two_names_is_one():
    log = CosignedLog()
    data = make_work(1, log=log)
    trust = (LogTrust(log.signer.verifier_key, independent=False),)
    one, two, other = (signer.verifier_key for signer in (log.witnesses[0], log.twin, log.witnesses[1]))
    cases = (((one,), 1, Status.PASS), ((one, two), 2, Status.WARN), ((other,), 1, Status.WARN))
    for witnesses, required, status in cases:
        policy = Policy(logs=trust, witnesses=witnesses, witnesses_required=required)
        report = verify(data, Request(policy=policy, now=NOW, depth=Depth.QUICK))
        check = next(check for check in report.checks if check.step == 10)
        assert check.status is status
        assert check.figures["witnesses"] == (one in witnesses)
