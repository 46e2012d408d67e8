"""Offers: what travels between seller and buyer."""

import dataclasses
import json

import pytest

from provenance.claim import claim_id
from provenance.encoding import canonical
from provenance.entry import check_any, check_beside, parse_any
from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError, UnsupportedVersionError, UsageError
from provenance.followup import format_follow_up
from provenance.offer import accept_offer, check_offer, format_offer, parse_offer
from tests.support.entries import make_claim, make_entry, secret
from tests.support.follow import key, offer, revocation

CLAIM = claim_id(make_claim("a", authors=("ann", "bob")))
OFFER = offer(CLAIM, CLAIM, "ann", "bob", to="carol")


def test_it_survives_in_any_formatting():
    data = format_offer(OFFER)
    assert parse_offer(data) == OFFER
    assert parse_offer(json.dumps(json.loads(data), indent=2).encode()) == OFFER


def test_accepted_it_is_the_entry_of_the_log():
    made = accept_offer(OFFER, secret("author", "carol"))
    entry = parse_any(format_follow_up(made))
    claim = parse_any(make_entry("a", authors=("ann", "bob")))
    check_any(entry, second_opinion=True)
    check_beside(entry, claim, claim, second_opinion=True)


def test_it_can_be_accepted_by_its_buyer_alone():
    with pytest.raises(UsageError, match="not yours"):
        accept_offer(OFFER, secret("author", "mallory"))


def test_its_owners_are_checked():
    check_offer(OFFER, (key("ann"), key("bob")))
    for owners in ((key("bob"), key("ann")), (key("ann"),), (key("carol"),), ()):
        with pytest.raises(ForgedError):
            check_offer(OFFER, owners)
    bent = dataclasses.replace(OFFER, body=dataclasses.replace(OFFER.body, to=key("mallory")))
    with pytest.raises(ForgedError):
        check_offer(bent, (key("ann"), key("bob")))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v": 2}, UnsupportedVersionError),
        ({"kind": "transfer"}, EncodingError),
        ({"more": 1}, EncodingError),
        ({"owners": []}, LimitError),
        ({"owners": ["ab" * 64] * 17}, LimitError),
        ({"body": {}}, EncodingError),
        ({"body": json.loads(format_follow_up(revocation(CLAIM, CLAIM, "ann")))["body"]}, EncodingError),
    ],
)
def test_refused(changes, error):
    with pytest.raises(error):
        parse_offer(canonical(json.loads(format_offer(OFFER)) | changes))


def test_an_offer_is_no_log_entry():
    with pytest.raises((InvalidError, UnsupportedVersionError)):
        parse_any(format_offer(OFFER))
