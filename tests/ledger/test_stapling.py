"""Which attestations travel in a receipt, when there are more than it can carry."""

import pytest

from ledger.stapling import staple_trusted
from provenance.policy import NotaryTrust, Policy
from provenance.receipt import MAX_ATTESTATIONS, MAX_RECEIPT_BYTES, format_receipt, parse_receipt
from tests.support.follow import attestation, key
from tests.support.notarial import BlobLog, work

WORK = work()
NINA = Policy(notaries=(NotaryTrust("Nina", key("nina")),))


@pytest.fixture
def log():
    made = BlobLog()
    made.add(WORK)
    return made


def attested(log, name):
    return log.append(attestation(WORK.id, name, recipe=WORK.claim.recipe)).entry


def test_a_flood_of_junk_attestations_does_not_keep_the_trusted_one_out(log):
    junk = [attested(log, f"stranger {n}") for n in range(20)]
    trusted = attested(log, "nina")
    receipt = parse_receipt(log.receipt(0))
    full = format_receipt(type(receipt)(**{**receipt.__dict__, "attestations": tuple(junk[:MAX_ATTESTATIONS])}))
    found = parse_receipt(staple_trusted(full, log, WORK.id, NINA)).attestations
    assert found == (trusted, *junk[: MAX_ATTESTATIONS - 1])


def test_without_trusted_notaries_the_receipt_stays_as_it_is(log):
    attested(log, "stranger")
    receipt = log.receipt(0)
    assert staple_trusted(receipt, log, WORK.id, Policy()) == receipt
    assert staple_trusted(receipt, log, WORK.id, NINA) == receipt


def test_what_bears_the_notarys_key_without_his_signature_is_not_stapled(log):
    from provenance.encoding import canonical, parse_json

    forged = parse_json(attested(log, "nina"), "entry")
    log.entries.pop()
    forged["proofs"]["notary"] = "00" * 64
    log.append(canonical(forged))
    receipt = log.receipt(0)
    assert staple_trusted(receipt, log, WORK.id, NINA) == receipt


def test_a_receipt_that_is_full_of_timestamps_stays_within_its_limit(log):
    trusted = attested(log, "nina")
    receipt = parse_receipt(log.receipt(0))
    for size in (31_000, 32_000, 32_200, 32_400):
        stamped = format_receipt(type(receipt)(**{**receipt.__dict__, "timestamps": (bytes(size),)}))
        done = staple_trusted(stamped, log, WORK.id, NINA)
        assert len(done) <= MAX_RECEIPT_BYTES
        assert parse_receipt(done).attestations in ((), (trusted,))
    assert parse_receipt(staple_trusted(log.receipt(0), log, WORK.id, NINA)).attestations == (trusted,)
