"""Works of several owners: nobody sells or revokes without the others, and nobody is made to sign something else."""

import dataclasses
import json

import pytest

from ledger.countersign import add_signature, begin_draft, log_revocation, require_current
from provenance.claim import Entry, claim_id, format_entry
from provenance.curve import public_key
from provenance.derivation import derive_author
from provenance.draft import Draft, check_draft, finished, format_draft, missing_owners, parse_draft, sign_draft
from provenance.encoding import canonical
from provenance.errors import ConflictError, EncodingError, ForgedError, LimitError, UnsupportedVersionError, UsageError
from provenance.followup import format_follow_up
from provenance.followup_body import Revocation, Transfer
from provenance.hashing import Tag
from provenance.history import read_history
from provenance.offer import accept_offer, check_offer
from provenance.proof import prove
from tests.support.entries import make_claim, secret
from tests.support.entrylog import EntryLog
from tests.support.works import master

ANN, BOB, EVE = (master(name) for name in ("ann", "bob", "eve"))


def key(who):
    return public_key(derive_author(who))


def joint_entry(*owners):
    """A claim of several authors, signed by all of them."""
    claim = dataclasses.replace(make_claim("joint"), authors=tuple(key(owner) for owner in owners))
    identifier = claim_id(claim)
    proofs = tuple(prove(Tag.AUTHOR, derive_author(owner), identifier) for owner in owners)
    return format_entry(Entry(claim, prove(Tag.POSSESSION, secret("work", "joint"), identifier), proofs)), identifier


ENTRY, CLAIM = joint_entry(ANN, BOB)
OWNERS = (key(ANN), key(BOB))


@pytest.fixture
def log():
    made = EntryLog()
    made.submit(ENTRY)
    return made


def history(log):
    return read_history(CLAIM, log)


def to_eve(prev=CLAIM):
    return Transfer(CLAIM, prev, key(EVE))


def test_a_work_of_two_is_sold_by_both_in_any_order(log):
    for first, second in ((ANN, BOB), (BOB, ANN)):
        draft = parse_draft(format_draft(begin_draft(history(log), to_eve(), first)))
        assert missing_owners(draft, OWNERS) == (key(second),)
        with pytest.raises(UsageError, match=key(second).hex()):
            finished(draft, OWNERS)
        offer = finished(add_signature(require_current(log, draft), draft, second), OWNERS)
        check_offer(offer, OWNERS)
    log.submit(format_follow_up(accept_offer(offer, derive_author(EVE))))
    assert history(log).ownership.owners == (key(EVE),)


def test_a_work_of_two_is_revoked_by_both(log):
    draft = begin_draft(history(log), Revocation(CLAIM, CLAIM, "mistake", ""), BOB)
    with pytest.raises(UsageError, match="must sign"):
        log_revocation(log, draft, history(log))
    log_revocation(log, add_signature(history(log), draft, ANN), history(log))
    assert history(log).ownership.revoked.index == 1


def test_one_owner_who_signs_twice_is_one(log):
    draft = begin_draft(history(log), to_eve(), ANN)
    with pytest.raises(UsageError, match="there already"):
        add_signature(history(log), draft, ANN)
    assert missing_owners(sign_draft(draft, [derive_author(ANN)]), OWNERS) == (key(BOB),)


def test_somebody_else_neither_begins_nor_signs(log):
    with pytest.raises(UsageError, match="your key does not"):
        begin_draft(history(log), to_eve(), EVE)
    with pytest.raises(UsageError, match="your key does not"):
        add_signature(history(log), begin_draft(history(log), to_eve(), ANN), EVE)
    stranger = sign_draft(Draft(to_eve()), [derive_author(EVE)])
    with pytest.raises(ForgedError, match="does not own"):
        require_current(log, stranger)


def test_a_signature_for_another_body_is_found(log):
    """A co-owner is not made to believe that the other one has signed this price's buyer."""
    draft = begin_draft(history(log), to_eve(), ANN)
    bent = dataclasses.replace(draft, body=Transfer(CLAIM, CLAIM, key(BOB)))
    with pytest.raises(ForgedError, match="signature of"):
        require_current(log, bent)
    revoking = dataclasses.replace(draft, body=Revocation(CLAIM, CLAIM, "mistake", ""))
    with pytest.raises(ForgedError, match="signature of"):
        check_draft(revoking, OWNERS)


def test_a_draft_that_was_overtaken_is_not_signed(log):
    old = begin_draft(history(log), to_eve(), ANN)
    sold = add_signature(history(log), begin_draft(history(log), to_eve(), BOB), ANN)
    log.submit(format_follow_up(accept_offer(finished(sold, OWNERS), derive_author(EVE))))
    with pytest.raises(ConflictError, match="stale"):
        require_current(log, old)


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (lambda d: d.update(v=2), UnsupportedVersionError),
        (lambda d: d.update(kind="transfer-offer"), EncodingError),
        (lambda d: d.update(more=1), EncodingError),
        (lambda d: d.update(body=None), EncodingError),
        (lambda d: d["body"].update(kind="attribution"), EncodingError),
        (lambda d: d.update(signatures=d["signatures"] * 2), EncodingError),
        (lambda d: d.update(signatures=d["signatures"] * 17), LimitError),
        (lambda d: d["signatures"][0].update(key="00"), EncodingError),
        (lambda d: d["signatures"][0].pop("signature"), EncodingError),
    ],
)
def test_what_is_no_draft_is_refused(log, edit, error):
    draft = begin_draft(history(log), to_eve(), ANN)
    document = json.loads(format_draft(draft))
    assert parse_draft(json.dumps(document, indent=1).encode()) == draft
    edit(document)
    with pytest.raises(error):
        parse_draft(canonical(document))
