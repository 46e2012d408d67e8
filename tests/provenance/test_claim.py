"""Claims and log entries: one encoding, every field bound by the id, proofs for their own purpose only."""

import dataclasses
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import proof
from provenance.claim import (
    MAX_ENTRY_BYTES,
    Claim,
    Entry,
    LatentRef,
    Output,
    Terms,
    check_entry,
    claim_id,
    entry_claim_id,
    format_claim,
    format_entry,
    parse_claim,
    parse_entry,
)
from provenance.encoding import canonical
from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError, UnsupportedVersionError
from provenance.hashing import Tag
from tests.support.entries import digest, make_claim, make_entry, secret

few = settings(max_examples=40)
hashes = st.binary(min_size=32, max_size=32)
steps = st.decimals("0.000001", 1_000_000, allow_nan=False, places=6)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def claims(draw):
    channels = draw(st.integers(1, 4))
    terms = st.sampled_from(("allowed", "notAllowed", "constrained"))
    return Claim(
        Y=draw(hashes),
        index=draw(st.integers(0, 2**32 - 1)),
        nonce=draw(st.none() | hashes),
        authors=tuple(draw(st.lists(hashes, max_size=3, unique=True))),
        recipe=draw(hashes),
        outputs=(Output("pixels", draw(hashes)),),
        latent=LatentRef(
            draw(hashes),
            (channels, draw(st.integers(4, 1024)), draw(st.integers(4, 1024))),
            tuple(draw(st.lists(steps, min_size=channels, max_size=channels))),
        ),
        parents=tuple(draw(st.lists(hashes, max_size=3))),
        terms=Terms(draw(terms), draw(terms), draw(text)),
    )


def document(name="a", **changes):
    return json.loads(format_claim(make_claim(name, authors=("ann",)))) | changes


@few
@given(claims())
def test_a_claim_survives(claim):
    data = format_claim(claim)
    again = parse_claim(data)
    assert again == claim
    assert format_claim(again) == data


@few
@given(claims(), st.binary(min_size=64, max_size=64))
def test_an_entry_survives(claim, signature):
    entry = Entry(claim, signature, (signature,) * len(claim.authors))
    assert parse_entry(format_entry(entry)) == entry


@few
@given(claims())
def test_the_id_can_be_read_off_an_entry(claim):
    assert entry_claim_id(format_entry(Entry(claim, bytes(64), (bytes(64),) * len(claim.authors)))) == claim_id(claim)


@pytest.mark.parametrize("notice", [',"kind":"claim","proofs":{', '{"body":', '"},"kind":"claim","proofs":{"'])
def test_the_id_is_not_misread_where_the_claim_imitates_an_entry(notice):
    claim = dataclasses.replace(make_claim("a"), terms=Terms(notice=notice))
    assert entry_claim_id(format_entry(Entry(claim, bytes(64), ()))) == claim_id(claim)


@few
@given(claims(), st.data())
def test_mutated_bytes_raise_only_our_errors(claim, data):
    raw = bytearray(format_claim(claim))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        accepted = parse_claim(bytes(raw))
    except (InvalidError, UnsupportedVersionError):
        return
    assert format_claim(accepted) == bytes(raw)


@given(st.binary(max_size=100))
@few
def test_random_bytes_raise_only_our_errors(data):
    for reader in (parse_claim, parse_entry):
        with pytest.raises(InvalidError):
            reader(data)


def test_long_steps_keep_their_id():
    """28 digits, Python's default precision, must not be where an id stops looking."""
    claim = dataclasses.replace(
        make_claim("a"), latent=LatentRef(bytes(32), (1, 4, 4), (Decimal("1." + "0" * 38 + "1"),))
    )
    other = dataclasses.replace(claim, latent=LatentRef(bytes(32), (1, 4, 4), (Decimal(1),)))
    assert claim_id(claim) != claim_id(other)
    assert format_claim(parse_claim(format_claim(claim))) == format_claim(claim)


def test_every_field_is_bound_by_the_id():
    claim = make_claim("a", authors=("ann",))
    latent = claim.latent
    variants = [
        {"Y": bytes(32)},
        {"index": 1},
        {"nonce": None},
        {"nonce": bytes(32)},
        {"authors": ()},
        {"authors": (bytes(32),)},
        {"recipe": bytes(32)},
        {"outputs": (Output("pixels", bytes(32)),)},
        {"latent": dataclasses.replace(latent, digest=bytes(32))},
        {"latent": dataclasses.replace(latent, shape=(4, 8, 9))},
        {"latent": dataclasses.replace(latent, steps=(Decimal("0.25"),) * 4)},
        {"parents": (bytes(32),)},
        {"terms": Terms(training="allowed")},
        {"terms": Terms(derivation="allowed")},
        {"terms": Terms(notice="x")},
    ]
    ids = {claim_id(dataclasses.replace(claim, **change)) for change in variants} | {claim_id(claim)}
    assert len(ids) == len(variants) + 1
    assert {name for change in variants for name in change} == {field.name for field in dataclasses.fields(Claim)}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"more": 1}, EncodingError),
        ({"v": 2}, UnsupportedVersionError),
        ({"v": 2, "more": 1}, UnsupportedVersionError),
        ({"kind": "recipe"}, EncodingError),
        ({"index": 2**32}, EncodingError),
        ({"authors": [{"scheme": "bip340", "key": "ab" * 32}] * 2}, EncodingError),
        ({"authors": [{"scheme": "bip340", "key": f"{i:064x}"} for i in range(17)]}, LimitError),
        ({"outputs": []}, LimitError),
        ({"parents": ["ab" * 32] * 65}, LimitError),
        ({"derivation": {}}, EncodingError),
        ({"latent": {"digest": "ab" * 32, "shape": [64, 1024, 1024], "steps": ["1"] * 64}}, EncodingError),
        ({"latent": {"digest": "ab" * 32, "shape": [65, 1, 1], "steps": ["1"] * 64}}, EncodingError),
        ({"latent": {"digest": "ab" * 32, "shape": [1, 4, 4], "steps": ["0.0000009"]}}, EncodingError),
        ({"latent": {"digest": "ab" * 32, "shape": [1, 4, 4], "steps": ["1000000.1"]}}, EncodingError),
        ({"latent": {"digest": "ab" * 32, "shape": [1, True, 1], "steps": ["1"]}}, EncodingError),
        ({"terms": {"training": "allowed", "derivation": "allowed"}}, EncodingError),
    ],
)
def test_refused(changes, error):
    with pytest.raises(error):
        parse_claim(canonical(document(**changes)))
    assert parse_claim(canonical(document()))


def test_the_largest_latent_is_taken():
    latent = {"digest": "ab" * 32, "shape": [4, 1024, 1024], "steps": ["1"] * 4}
    assert parse_claim(canonical(document(latent=latent))).latent.shape == (4, 1024, 1024)


def test_an_entry_needs_one_signature_for_each_author():
    value = json.loads(make_entry("a", authors=("ann", "bob")))
    value["proofs"]["authors"].pop()
    with pytest.raises(EncodingError, match="2 authors but 1"):
        parse_entry(canonical(value))


def test_the_largest_claim_fits_into_an_entry():
    claim = Claim(
        Y=bytes(32),
        index=2**32 - 1,
        nonce=bytes(32),
        authors=tuple(digest(i) for i in range(16)),
        recipe=bytes(32),
        outputs=(Output("pixels", bytes(32)),),
        latent=LatentRef(bytes(32), (64, 1, 1), (Decimal("1." + "1" * 40),) * 64),
        parents=(bytes(32),) * 64,
        terms=Terms(notice="\x01" * 1000),
    )
    data = format_entry(Entry(claim, bytes(64), (bytes(64),) * 16))
    assert parse_entry(data).claim == claim
    assert len(data) < MAX_ENTRY_BYTES
    with pytest.raises(EncodingError, match="shorten the notice"):
        format_entry(Entry(dataclasses.replace(claim, terms=Terms(notice="\x01" * 12_000)), bytes(64), ()))


@pytest.mark.parametrize("second_opinion", [True, False])
def test_honest_proofs_hold(second_opinion):
    check_entry(parse_entry(make_entry("a", authors=("ann", "bob"))), second_opinion=second_opinion)


def test_forged_proofs_do_not():
    entry = parse_entry(make_entry("a", authors=("ann", "bob")))
    identifier = claim_id(entry.claim)
    as_author = proof.prove(Tag.AUTHOR, secret("work", "a"), identifier)
    other = proof.prove(Tag.POSSESSION, secret("work", "b"), identifier)
    for changes, message in (
        ({"possession": as_author}, "possession"),
        ({"possession": other}, "possession"),
        ({"authors": entry.authors[::-1]}, "author 1"),
        ({"authors": (entry.authors[0], bytes(64))}, "author 2"),
        ({"authors": entry.authors[:1]}, "not one for each author"),
        ({"authors": ()}, "not one for each author"),
        ({"claim": dataclasses.replace(entry.claim, index=1)}, "possession"),
        ({"claim": dataclasses.replace(entry.claim, authors=())}, "possession"),
    ):
        with pytest.raises(ForgedError, match=message):
            check_entry(dataclasses.replace(entry, **changes), second_opinion=True)
