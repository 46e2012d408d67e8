"""Challenge and response: the wire form of section 12, and what respond and check_response refuse."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import curve
from provenance.challenge import (
    Challenge,
    Response,
    challenge_id,
    check_response,
    format_challenge,
    format_response,
    new_challenge,
    parse_challenge,
    parse_response,
    respond,
)
from provenance.encoding import canonical
from provenance.errors import ChallengeError, EncodingError, InvalidError, UnsupportedVersionError, UsageError
from provenance.hashing import Tag, tagged_hash

SECRET = bytes(31) + b"\x2a"
Y = curve.public_key(SECRET)
CLAIM, NONCE, RANDOM = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
EXPIRES = NOW + timedelta(hours=1)
CHALLENGE = Challenge(CLAIM, Y, NONCE, "museum.example", "Ada", RANDOM, EXPIRES)
DOCUMENT = {
    "kind": "challenge",
    "v": 1,
    "claim": "01" * 32,
    "Y": Y.hex(),
    "nonce": "02" * 32,
    "audience": "museum.example",
    "prover": "Ada",
    "random": "03" * 32,
    "expires": "2026-11-21T13:00:00Z",
}

binaries = st.binary(min_size=32, max_size=32)
names = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Cn")), min_size=1, max_size=200)
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001
challenges = st.builds(Challenge, binaries, binaries, st.none() | binaries, names, st.none() | names, binaries, times)


def test_the_wire_form_is_the_protocols() -> None:
    assert json.loads(format_challenge(CHALLENGE)) == DOCUMENT
    assert format_challenge(CHALLENGE) == canonical(DOCUMENT)
    assert challenge_id(CHALLENGE) == tagged_hash(Tag.CHALLENGE_ID, canonical(DOCUMENT))
    response = Response(b"\x04" * 32, b"\x05" * 64)
    assert json.loads(format_response(response)) == {
        "kind": "response", "v": 1, "challenge": "04" * 32, "signature": "05" * 64,
    }  # fmt: skip


@given(challenges)
@settings(max_examples=60, deadline=None)
def test_a_challenge_reads_back(challenge: Challenge) -> None:
    assert parse_challenge(format_challenge(challenge)) == challenge


@given(binaries, st.binary(min_size=64, max_size=64))
def test_a_response_reads_back(identifier: bytes, signature: bytes) -> None:
    response = Response(identifier, signature)
    assert parse_response(format_response(response)) == response


def test_formatting_is_free_and_the_id_is_not_touched_by_it() -> None:
    pretty = json.dumps(dict(reversed(DOCUMENT.items())), indent=4).encode() + b"\n"
    assert parse_challenge(pretty) == CHALLENGE
    assert challenge_id(parse_challenge(pretty)) == challenge_id(CHALLENGE)


@pytest.mark.parametrize("field", sorted(DOCUMENT))
def test_every_field_must_be_there(field: str) -> None:
    with pytest.raises(EncodingError, match=field):
        parse_challenge(json.dumps({name: item for name, item in DOCUMENT.items() if name != field}).encode())


@pytest.mark.parametrize("field", sorted(set(DOCUMENT) - {"nonce", "prover"}))
def test_null_stands_only_where_it_may(field: str) -> None:
    with pytest.raises(EncodingError):
        parse_challenge(json.dumps({**DOCUMENT, field: None}).encode())


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(EncodingError, match="unknown field"):
        parse_challenge(json.dumps({**DOCUMENT, "note": "x"}).encode())


def test_a_newer_version_is_not_called_invalid() -> None:
    with pytest.raises(UnsupportedVersionError):
        parse_challenge(json.dumps({**DOCUMENT, "v": 2}).encode())
    with pytest.raises(UnsupportedVersionError):
        parse_response(b'{"kind":"response","v":2,"challenge":"","signature":""}')


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 13:00:00Z", "2026-11-21T13:00:00", "2026-11-21T13:00:00z", "2026-11-21T13:00:00+00:00", "2026-1-21T13:00:00Z",
        "2026-11-21T13:00:00.0Z", "2026-02-30T13:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T13:00:60Z", "2026-11-21T13:00:61Z",
        "0000-01-01T00:00:00Z", "２０２６-11-21T13:00:00Z", "2026-11-21T13:00:00Z\n", "", " 026-11-21T13:00:00Z", "12026-11-21T13:00:00Z",
    ],
)  # fmt: skip
def test_times_have_one_spelling(text: str) -> None:
    with pytest.raises(InvalidError, match="expires"):
        parse_challenge(json.dumps({**DOCUMENT, "expires": text}).encode())


def test_early_years_keep_four_digits() -> None:
    early = Challenge(CLAIM, Y, None, "a", None, RANDOM, datetime(33, 4, 3, tzinfo=UTC))
    assert b'"0033-04-03T00:00:00Z"' in format_challenge(early)


@pytest.mark.parametrize("field", ["audience", "prover"])
@pytest.mark.parametrize(
    "text", ["", "x" * 201, "a\nb", "a\0b", "a\x7fb", "a\x9bb", "a\u202eb", "a\u2066b", "a\u200bb", "\ufeffa"]
)
def test_names_that_could_deceive_the_signer_are_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidError, match=field):
        parse_challenge(json.dumps({**DOCUMENT, field: text}).encode())
    with pytest.raises(UsageError, match=field):
        new_challenge(CLAIM, Y, None, **{"audience": "a", "prover": "p", field: text}, expires=EXPIRES, random=RANDOM)


@pytest.mark.parametrize(
    "text", ["x", "x" * 200, "Müller & Söhne", "東京国立博物館", "https://museum.example/a?b=c", "🖼 gallery"]
)
def test_honest_names_pass(text: str) -> None:
    assert parse_challenge(json.dumps({**DOCUMENT, "audience": text}).encode()).audience == text


@pytest.mark.parametrize(
    "change",
    [{"claim": bytes(31)}, {"Y": bytes(33)}, {"nonce": b""}, {"random": bytes(16)}, {"audience": "\ud800"},
     {"expires": EXPIRES.replace(tzinfo=None)}, {"expires": EXPIRES.replace(microsecond=1)},
     {"expires": EXPIRES.astimezone(timezone(timedelta(hours=1)))}],
)  # fmt: skip
def test_no_challenge_exists_that_could_not_be_written(change: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        dataclasses.replace(CHALLENGE, **change)


@pytest.mark.parametrize(("identifier", "signature"), [(bytes(31), bytes(64)), (bytes(32), bytes(63))])
def test_no_response_exists_that_could_not_be_written(identifier: bytes, signature: bytes) -> None:
    with pytest.raises(InvalidError):
        Response(identifier, signature)


def test_new_challenge_takes_any_zone_and_cuts_fractions() -> None:
    zone = timezone(timedelta(hours=2))
    made = new_challenge(
        CLAIM, Y, NONCE, "museum.example", "Ada", EXPIRES.astimezone(zone).replace(microsecond=5), RANDOM
    )
    assert made == CHALLENGE
    with pytest.raises(UsageError, match="time zone"):
        new_challenge(CLAIM, Y, NONCE, "museum.example", "Ada", EXPIRES.replace(tzinfo=None), RANDOM)


def test_a_response_answers_its_challenge() -> None:
    response = respond(CHALLENGE, SECRET, NOW)
    check_response(CHALLENGE, response, NOW, audience="museum.example", claim_id=CLAIM)
    check_response(CHALLENGE, parse_response(format_response(response)), EXPIRES - timedelta(seconds=1))


def test_expiry_is_exact_on_both_sides() -> None:
    response = respond(CHALLENGE, SECRET, EXPIRES - timedelta(microseconds=1))
    for now in (EXPIRES, EXPIRES + timedelta(days=1)):
        with pytest.raises(ChallengeError, match="expired"):
            respond(CHALLENGE, SECRET, now)
        with pytest.raises(ChallengeError, match="expired"):
            check_response(CHALLENGE, response, now)


def test_a_naive_clock_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="zone"):
        respond(CHALLENGE, SECRET, NOW.replace(tzinfo=None))


def test_another_master_is_told_so() -> None:
    with pytest.raises(UsageError, match="this master did not make this work"):
        respond(CHALLENGE, bytes(31) + b"\x2b", NOW)
