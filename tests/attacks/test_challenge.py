"""What a cheat does with challenges: replay, relay, delay, and answers about other pictures."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from provenance import curve, proof
from provenance.challenge import (
    Challenge,
    Response,
    challenge_id,
    check_response,
    format_challenge,
    parse_challenge,
    respond,
)
from provenance.errors import ChallengeError, DisagreementError, InvalidError, UsageError
from provenance.hashing import Tag

ARTIST, THIEF = bytes(31) + b"\x2a", bytes(31) + b"\x2b"
CLAIM = b"\x01" * 32
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
CHALLENGE = Challenge(
    CLAIM, curve.public_key(ARTIST), b"\x02" * 32, "museum.example", "Ada", b"\x03" * 32, NOW + timedelta(hours=1)
)
RESPONSE = respond(CHALLENGE, ARTIST, NOW)


def refused(challenge: Challenge, response: Response, match: str, *, now: datetime = NOW, **expected) -> None:
    with pytest.raises(ChallengeError, match=match):
        check_response(challenge, response, now, **expected)


def test_the_honest_case_passes() -> None:
    check_response(CHALLENGE, RESPONSE, NOW, audience="museum.example", claim_id=CLAIM)


@pytest.mark.parametrize(
    "change",
    [{"claim": bytes(32)}, {"Y": curve.public_key(THIEF)}, {"nonce": None}, {"audience": "gallery.example"}, {"prover": "Mallory"},
     {"prover": None}, {"random": bytes(32)}, {"expires": NOW + timedelta(hours=2)}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_an_answer_replayed_to_any_other_challenge(change: dict[str, object]) -> None:
    other = dataclasses.replace(CHALLENGE, **change)
    refused(other, RESPONSE, "another challenge")
    # and with the id of that other challenge written over it:
    refused(other, Response(challenge_id(other), RESPONSE.signature), "signature does not hold")


def test_an_answer_replayed_to_another_audience() -> None:
    refused(CHALLENGE, RESPONSE, "audience", audience="gallery.example")


def test_an_answer_about_another_picture() -> None:
    refused(CHALLENGE, RESPONSE, "another picture", claim_id=b"\x09" * 32)


def test_an_answer_shown_after_it_expired() -> None:
    refused(CHALLENGE, RESPONSE, "expired", now=CHALLENGE.expires)


def test_a_thief_who_answers_with_his_own_key() -> None:
    identifier = challenge_id(CHALLENGE)
    refused(CHALLENGE, Response(identifier, proof.prove(Tag.CHALLENGE, THIEF, identifier)), "does not hold the secret")


def test_a_thief_who_is_asked_by_the_museum() -> None:
    with pytest.raises(UsageError, match="did not make this work"):
        respond(CHALLENGE, THIEF, NOW)


@pytest.mark.parametrize("purpose", sorted(proof.PURPOSES - {Tag.CHALLENGE}))
def test_a_signature_for_another_purpose_over_the_same_identifier(purpose: Tag) -> None:
    identifier = challenge_id(CHALLENGE)
    refused(CHALLENGE, Response(identifier, proof.prove(purpose, ARTIST, identifier)), "signature does not hold")


@pytest.mark.parametrize("purpose", sorted(proof.PURPOSES - {Tag.CHALLENGE}))
def test_an_answer_is_no_signature_for_anything_else(purpose: Tag) -> None:
    with pytest.raises(InvalidError):
        proof.check(purpose, CHALLENGE.Y, RESPONSE.challenge, RESPONSE.signature, "smuggled")


def test_a_challenge_that_is_a_disguised_claim() -> None:
    """The signed message is bound to the id under its own tags, so an id chosen to equal a claim id helps nobody."""
    with pytest.raises(InvalidError):
        proof.check(Tag.POSSESSION, CHALLENGE.Y, CLAIM, RESPONSE.signature, "possession")


@pytest.mark.parametrize(
    "name", ["museum.example\u202e", "museum.example\nprover: Ada", "museum\u200b.example", "a" * 201]
)
def test_a_challenge_that_shows_the_artist_something_else_than_it_says(name: str) -> None:
    document = format_challenge(CHALLENGE).decode().replace("museum.example", name.replace("\n", "\\n"))
    with pytest.raises(InvalidError, match="audience"):
        parse_challenge(document.encode())


def test_every_flipped_byte_of_a_response_is_refused() -> None:
    for place in range(96):
        whole = bytearray(RESPONSE.challenge + RESPONSE.signature)
        whole[place] ^= 0x01
        with pytest.raises(ChallengeError):
            check_response(CHALLENGE, Response(bytes(whole[:32]), bytes(whole[32:])), NOW)


def test_a_broken_library_that_accepts_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "verify", lambda *_: True)
    with pytest.raises(DisagreementError):
        check_response(CHALLENGE, Response(RESPONSE.challenge, bytes(64)), NOW)
