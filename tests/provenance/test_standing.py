"""Steps 10 and 11 over honest and incomplete evidence; the attacks are in tests/attacks."""

import dataclasses

import pytest

from provenance.authoring import prove_claim
from provenance.claim import Output, format_entry
from provenance.cosignature import add_cosignatures, cosign
from provenance.derivation import derive_author, derive_work
from provenance.errors import EnvironmentFault
from provenance.notekey import KeyType, new_signer
from provenance.receipt import format_receipt, make_receipt, parse_receipt
from provenance.report import Status, Verdict
from tests.support.entrylog import EntryLog
from tests.support.trust import attest, claim_of, id_of, judge, policy, step
from tests.support.works import make_work, master

WITNESSES = [new_signer(f"witness {i}".replace(" ", "."), KeyType.COSIGNATURE) for i in range(3)]
STRANGER = new_signer("stranger", KeyType.COSIGNATURE)


def cosigned(*signers):
    """A receipt's editor: its checkpoint with cosignatures of these."""

    def staple(receipt):
        plain = parse_receipt(receipt)
        note = plain.checkpoint.note
        lines = [cosign(note, [signer], 1_700_000_000) for signer in signers]
        return format_receipt(make_receipt(plain.index, plain.path, add_cosignatures(note, lines)))

    return staple


def witnessed(log, required, count=3):
    keys = tuple(signer.verifier_key for signer in WITNESSES[:count])
    return dataclasses.replace(policy(log), witnesses=keys, witnesses_required=required)


@pytest.mark.parametrize(
    ("signers", "required", "status", "found"),
    [
        ([], 0, Status.PASS, 0),
        ([], 1, Status.WARN, 0),
        ([STRANGER], 1, Status.WARN, 0),
        (WITNESSES[:1], 1, Status.PASS, 1),
        ([WITNESSES[0], WITNESSES[0]], 2, Status.WARN, 1),
        (WITNESSES[:2], 2, Status.PASS, 2),
        (WITNESSES, 2, Status.PASS, 3),
    ],
)
def test_as_many_witnesses_as_the_policy_asks_for(signers, required, status, found):
    log = EntryLog()
    picture = make_work(1, log=log, staple=cosigned(*signers))
    check = step(judge(picture, witnessed(log, required)), 10)
    assert (check.status, check.figures["witnesses"]) == (status, found)
    assert ("may have been shown another tree" in check.detail) == (status is Status.WARN)


def test_a_false_cosignature_of_a_trusted_witness_spoils_the_receipt():
    log, other = EntryLog(), EntryLog("other.example/1", 2)
    make_work(2, log=other)

    def staple(receipt):
        plain = parse_receipt(receipt)
        line = cosign(parse_receipt(other.receipt(0)).checkpoint.note, [WITNESSES[0]], 1_700_000_000)
        return format_receipt(make_receipt(plain.index, plain.path, add_cosignatures(plain.checkpoint.note, [line])))

    report = judge(make_work(1, log=log, staple=staple), witnessed(log, 0))
    assert report.verdict is Verdict.INVALID
    assert step(report, 10).status is Status.FAIL


def test_without_a_ledger_nothing_is_known():
    check = step(judge(make_work(1), policy()), 11)
    assert check.status is Status.SKIP
    with pytest.raises(EnvironmentFault, match="--ledger"):
        judge(make_work(1), policy(), require_fresh=True)


def test_a_claim_that_the_ledger_does_not_have():
    log = EntryLog()
    make_work(2, log=log)
    check = step(judge(make_work(1), policy(), ledger=log), 11)
    assert (check.status, check.figures["own_index"]) == (Status.WARN, None)
    with pytest.raises(EnvironmentFault, match="not in memory"):
        judge(make_work(1), policy(), ledger=log, require_fresh=True)


def test_a_claim_alone_in_the_ledger():
    log = EntryLog()
    picture = make_work(1, log=log)
    check = step(judge(picture, policy(log), ledger=log, require_fresh=True), 11)
    assert (check.status, check.figures["own_index"], check.figures["rivals"]) == (Status.PASS, 0, 0)
    assert "never transferred or revoked" in check.detail
    assert check.figures["owner"] == log.entries[0].keys[0].hex()


def test_an_attestation_in_the_log_counts_without_being_stapled():
    log = EntryLog()
    picture = make_work(1, log=log)
    log.submit(attest(picture))
    assert judge(picture, policy(log)).verdict is Verdict.CLAIMED
    assert judge(picture, policy(log), ledger=log).verdict is Verdict.AUTHENTIC
    assert log.entries[1].subject == id_of(picture)


def test_siblings_are_no_rivals():
    log = EntryLog()
    picture = make_work(1, log=log)
    claim = claim_of(picture)
    sibling = dataclasses.replace(
        claim,
        index=1,
        outputs=(Output("pixels", bytes(32)),),
        latent=dataclasses.replace(claim.latent, digest=bytes(32)),
    )
    work, author = derive_work(master(), bytes([1]) * 32), derive_author(master())
    log.submit(format_entry(prove_claim(sibling, work, (author,))))
    check = step(judge(picture, policy(log), ledger=log), 11)
    assert (check.status, check.figures["siblings"], check.figures["rivals"]) == (Status.PASS, 1, 0)
