"""Grants: permission to a service, by all owners, for one claim, digest, action and log."""

import dataclasses
import json

import pytest

from provenance.encoding import canonical
from provenance.entry import parse_any
from provenance.errors import EncodingError, ForgedError, LimitError, UnsupportedVersionError
from provenance.grant import MAX_GRANT_BYTES, Grant, SignedGrant, check_grant, format_grant, parse_grant, sign_grant
from provenance.proof import PURPOSES, prove
from tests.support.entries import digest, secret
from tests.support.follow import LOG, key, secrets

GRANT = Grant(digest("claim"), digest("recipe", "a"), "publish", LOG, 7)
OWNERS = (key("ann"), key("bob"))
SIGNED = sign_grant(GRANT, secrets("ann", "bob"))


def test_it_survives():
    data = format_grant(SIGNED)
    assert parse_grant(data) == SIGNED
    assert format_grant(parse_grant(data)) == data


def test_all_owners_sign_in_order():
    check_grant(SIGNED, OWNERS, second_opinion=True)
    for owners in ((key("bob"), key("ann")), (key("ann"),), (key("ann"), key("carol")), ()):
        with pytest.raises(ForgedError):
            check_grant(SIGNED, owners)


@pytest.mark.parametrize(
    "changes",
    [
        {"claim": bytes(32)},
        {"digest": bytes(32)},
        {"action": "withdraw"},
        {"log": "other.example/1"},
        {"serial": 8},
    ],
)
def test_every_field_is_signed(changes):
    assert set(changes) <= {field.name for field in dataclasses.fields(Grant)}
    with pytest.raises(ForgedError):
        check_grant(SignedGrant(dataclasses.replace(GRANT, **changes), SIGNED.owners), OWNERS)


def test_a_signature_for_another_purpose_is_worthless():
    from provenance.grant import _grant_id

    for tag in PURPOSES:
        made = SignedGrant(
            GRANT, tuple(prove(tag, secret("author", name), _grant_id(GRANT)) for name in ("ann", "bob"))
        )
        if tag == "seedproof/v1/grant":
            check_grant(made, OWNERS)
            continue
        with pytest.raises(ForgedError):
            check_grant(made, OWNERS)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"v": 2}, UnsupportedVersionError),
        ({"kind": "claim"}, EncodingError),
        ({"more": 1}, EncodingError),
        ({"proofs": {"owners": []}}, LimitError),
        ({"body": {"kind": "grant", "v": 1}}, EncodingError),
    ],
)
def test_refused(changes, error):
    with pytest.raises(error):
        parse_grant(canonical(json.loads(format_grant(SIGNED)) | changes))


@pytest.mark.parametrize("changes", [{"action": "delete"}, {"serial": -1}, {"log": ""}, {"log": "a\nb"}])
def test_a_body_out_of_bounds_is_refused(changes):
    value = json.loads(format_grant(SIGNED))
    value["body"] |= changes
    with pytest.raises((EncodingError, LimitError)):
        parse_grant(canonical(value))


def test_the_largest_fits():
    largest = SignedGrant(dataclasses.replace(GRANT, log="\U0001f600" * 255, serial=2**53 - 1), (bytes(64),) * 16)
    data = format_grant(largest)
    assert parse_grant(data) == largest
    assert len(data) <= MAX_GRANT_BYTES


def test_it_is_never_a_log_entry():
    with pytest.raises(UnsupportedVersionError):
        parse_any(format_grant(SIGNED))
