"""Proofs are bound to purpose, key and identifier, and two implementations must agree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import curve, proof
from provenance.errors import DisagreementError, ForgedError
from provenance.hashing import Tag, tagged_hash

SECRET = bytes(31) + b"\x2a"
KEY = curve.public_key(SECRET)
CLAIM = bytes(range(32))
SIGNATURE = proof.prove(Tag.POSSESSION, SECRET, CLAIM)


@pytest.mark.parametrize("purpose", sorted(proof.PURPOSES))
@pytest.mark.parametrize("second_opinion", [True, False])
def test_a_proof_checks_for_its_purpose(purpose: Tag, second_opinion: bool) -> None:
    signature = proof.prove(purpose, SECRET, CLAIM)
    proof.check(purpose, KEY, CLAIM, signature, "proof", second_opinion=second_opinion)


def test_the_message_is_the_tagged_hash_of_the_identifier() -> None:
    assert curve.verify(KEY, tagged_hash(Tag.POSSESSION, CLAIM), SIGNATURE)


def test_the_purposes_are_the_signature_tags() -> None:
    names = {tag.name for tag in Tag if tag not in proof.PURPOSES}
    assert names == {
        "SEED", "WRONG_SEED", "CLAIM", "RECIPE", "LATENT", "PIXELS", "PROMPT", "MODEL", "CALIBRATION_ID", "CHALLENGE_ID",
        "ENTRY", "SLOT",
        "KDF_WORK", "KDF_AUTHOR", "KDF_PROMPT",
    }  # fmt: skip


@pytest.mark.parametrize("tag", sorted(set(Tag) - proof.PURPOSES))
def test_no_other_tag_is_signed_or_checked(tag: Tag) -> None:
    with pytest.raises(ValueError, match="not a tag to sign under"):
        proof.prove(tag, SECRET, CLAIM)
    with pytest.raises(ValueError, match="not a tag to sign under"):
        proof.check(tag, KEY, CLAIM, SIGNATURE, "proof")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_identifiers_have_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        proof.prove(Tag.POSSESSION, SECRET, bytes(size))
    with pytest.raises(ValueError, match="32 bytes"):
        proof.check(Tag.POSSESSION, KEY, bytes(size), SIGNATURE, "proof")


@given(bit=st.integers(0, 511))
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_is_named_a_forgery(bit: int) -> None:
    bent = bytearray(SIGNATURE)
    bent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ForgedError, match="the seventh proof"):
        proof.check(Tag.POSSESSION, KEY, CLAIM, bytes(bent), "the seventh proof")


@pytest.mark.parametrize(
    "signature", [b"", SIGNATURE[:63], SIGNATURE + b"\0", bytes(64)], ids=["empty", "63 bytes", "65 bytes", "zeros"]
)
@pytest.mark.parametrize("second_opinion", [True, False])
def test_signatures_of_another_shape_are_forgeries(signature: bytes, second_opinion: bool) -> None:
    with pytest.raises(ForgedError):
        proof.check(Tag.POSSESSION, KEY, CLAIM, signature, "proof", second_opinion=second_opinion)


@pytest.mark.parametrize("name", ["verify", "verify_independently"])
@pytest.mark.parametrize("lie", [True, False])
def test_when_either_implementation_lies_nothing_is_concluded(
    monkeypatch: pytest.MonkeyPatch, name: str, lie: bool
) -> None:
    signature = bytes(64) if lie else SIGNATURE
    monkeypatch.setattr(curve, name, lambda *_: lie)
    with pytest.raises(DisagreementError, match="claim 7"):
        proof.check(Tag.POSSESSION, KEY, CLAIM, signature, "claim 7")


def test_without_a_second_opinion_py_ecc_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "verify_independently", lambda *_: pytest.fail("asked"))
    proof.check(Tag.POSSESSION, KEY, CLAIM, SIGNATURE, "proof", second_opinion=False)
