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


LATENT = {"digest": "ab" * 32, "shape": [1, 4, 4], "steps": ["1"]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Y": "00"}, "claim: Y: must be 32 bytes as 64 lowercase hex digits"),
        ({"index": -1}, "claim: index must be an integer from 0 to 4294967295"),
        ({"derivation": {}}, "claim: derivation: field 'nonce' is missing"),
        ({"derivation": {"nonce": "00"}}, "claim: derivation: nonce: must be 32 bytes as 64 lowercase hex digits"),
        ({"derivation": {"nonce": "00" * 32, "x": 1}}, "claim: derivation: unknown field 'x'"),
        ({"authors": ["x"]}, "claim: authors[0]: must be an object"),
        ({"authors": [{"scheme": "rsa", "key": "ab" * 32}]}, "claim: authors[0]: scheme must be one of bip340"),
        (
            {"authors": [{"scheme": "bip340", "key": "ab"}]},
            "claim: authors[0]: key: must be 32 bytes as 64 lowercase hex digits",
        ),
        ({"authors": [{"scheme": "bip340", "key": "ab" * 32}] * 2}, "claim: an author stands twice"),
        (
            {"authors": [{"scheme": "bip340", "key": f"{i:064x}"} for i in range(17)]},
            "claim: authors must have 0 to 16 items, it has 17",
        ),
        ({"recipe": ""}, "claim: recipe: must be 32 bytes as 64 lowercase hex digits"),
        ({"outputs": []}, "claim: outputs must have 1 to 1 items, it has 0"),
        ({"outputs": [{"kind": "pixels", "digest": "ab" * 32}] * 2}, "claim: outputs must have 1 to 1 items, it has 2"),
        ({"outputs": [1]}, "claim: outputs[0]: must be an object"),
        ({"outputs": [{"kind": "sound", "digest": "ab" * 32}]}, "claim: outputs[0]: kind must be one of pixels"),
        (
            {"outputs": [{"kind": "pixels", "digest": ""}]},
            "claim: outputs[0]: digest: must be 32 bytes as 64 lowercase hex digits",
        ),
        ({"latent": 1}, "claim: latent: must be an object"),
        ({"latent": LATENT | {"digest": ""}}, "claim: latent: digest: must be 32 bytes as 64 lowercase hex digits"),
        ({"latent": LATENT | {"x": 1}}, "claim: latent: unknown field 'x'"),
        ({"latent": LATENT | {"shape": [4, 4]}}, "claim: latent: shape must have 3 to 3 items, it has 2"),
        ({"latent": LATENT | {"shape": [1, 4, 4, 4]}}, "claim: latent: shape must have 3 to 3 items, it has 4"),
        ({"latent": LATENT | {"shape": [1, 0, 4]}}, "claim: latent: shape[1]: must be an integer from 1 to 1024"),
        ({"latent": LATENT | {"shape": [1, 4, True]}}, "claim: latent: shape[2]: must be an integer from 1 to 1024"),
        ({"latent": LATENT | {"shape": [1, 4, 1025]}}, "claim: latent: shape[2]: must be an integer from 1 to 1024"),
        ({"latent": LATENT | {"shape": [1, 3, 5]}}, "claim: latent: a latent of 15 values cannot carry a link"),
        ({"latent": LATENT | {"shape": [65, 1, 1]}}, "claim: latent: shape [65, 1, 1] is beyond 64 x 1024 x 1024"),
        (
            {"latent": LATENT | {"shape": [5, 1024, 1024]}},
            "claim: latent: shape [5, 1024, 1024] is beyond 64 x 1024 x 1024",
        ),
        ({"latent": LATENT | {"steps": []}}, "claim: latent: steps must have 1 to 64 items, it has 0"),
        ({"latent": LATENT | {"steps": ["1"] * 65}}, "claim: latent: steps must have 1 to 64 items, it has 65"),
        ({"latent": LATENT | {"steps": ["1", "1"]}}, "claim: latent: 2 steps for 1 channels"),
        (
            {"latent": LATENT | {"steps": ["1.0"]}},
            'claim: latent: steps[0]: must be a canonical decimal string such as "2" or "0.125"',
        ),
        ({"latent": LATENT | {"steps": ["0.0000009"]}}, "claim: latent: a step must lie between 0.000001 and 1000000"),
        ({"latent": LATENT | {"steps": ["1000000.1"]}}, "claim: latent: a step must lie between 0.000001 and 1000000"),
        ({"parents": ["ab"]}, "claim: parents[0]: must be 32 bytes as 64 lowercase hex digits"),
        ({"parents": ["ab" * 32] * 65}, "claim: parents must have 0 to 64 items, it has 65"),
        ({"terms": 1}, "claim: terms: must be an object"),
        ({"kind": "x"}, "claim: kind must be 'claim', not 'x'"),
    ],
)
def test_what_is_wrong_is_said(changes, reason):
    with pytest.raises(InvalidError) as raised:
        parse_claim(canonical(document(**changes)))
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"training": "yes"}, "claim: terms: training must be one of "),
        ({"derivation": "no"}, "claim: terms: derivation must be one of "),
        ({"notice": "x" * 1001}, "claim: terms: notice must have 0 to 1000 characters, it has 1001"),
        ({"more": 1}, "claim: terms: unknown field 'more'"),
    ],
)
def test_what_is_wrong_with_terms_is_said(changes, reason):
    terms = document()["terms"] | changes
    with pytest.raises(InvalidError) as raised:
        parse_claim(canonical(document(terms=terms)))
    assert str(raised.value).startswith(reason)


def test_the_bounds_themselves_are_taken():
    latents = (
        LATENT | {"steps": ["0.000001"]},
        LATENT | {"steps": ["1000000"]},
        LATENT | {"shape": [64, 1, 1], "steps": ["1"] * 64},
        LATENT | {"shape": [1, 1024, 4]},
        LATENT | {"shape": [1, 4, 1024]},
        LATENT | {"shape": [16, 1, 1], "steps": ["1"] * 16},
    )
    for latent in latents:
        assert json.loads(format_claim(parse_claim(canonical(document(latent=latent)))))["latent"] == latent
    terms = {"training": "allowed", "derivation": "constrained", "notice": "x" * 1000}
    assert parse_claim(canonical(document(terms=terms))).terms == Terms("allowed", "constrained", "x" * 1000)


def test_an_entry_says_what_is_wrong_with_it():
    honest = json.loads(make_entry("a", authors=("ann",)))
    for changes, reason in (
        ({"proofs": 1}, "log entry: proofs: must be an object"),
        ({"proofs": honest["proofs"] | {"x": 1}}, "log entry: proofs: unknown field 'x'"),
        ({"proofs": honest["proofs"] | {"possession": ""}}, "log entry: proofs: possession: must be 64 bytes as 128 "),
        ({"proofs": honest["proofs"] | {"authors": ["00"]}}, "log entry: proofs: authors[0]: must be 64 bytes as 128 "),
        ({"proofs": honest["proofs"] | {"authors": ["00" * 64] * 17}}, "log entry: proofs: authors must have 0 to 16 "),
        ({"kind": "x"}, "log entry: kind must be 'claim', not 'x'"),
        ({"x": 1}, "log entry: unknown field 'x'"),
        ({"body": 1}, "claim: must be an object"),
    ):
        with pytest.raises(InvalidError) as raised:
            parse_entry(canonical(honest | changes))
        assert str(raised.value).startswith(reason)
    for data, reason in ((b"[", "log entry: not JSON"), (b"[]", "log entry: must be an object")):
        with pytest.raises(EncodingError, match=f"^{reason}"):
            parse_entry(data)
    with pytest.raises(EncodingError, match=r"^claim: not JSON"):
        parse_claim(b"[")


def test_no_document_is_longer_than_an_entry():
    for reader, name in ((parse_claim, "claim"), (parse_entry, "log entry")):
        with pytest.raises(LimitError, match=f"^{name}: {MAX_ENTRY_BYTES + 1} bytes are more than the limit"):
            reader(b" " * (MAX_ENTRY_BYTES + 1))


def test_an_entry_may_be_exactly_as_long_as_a_log_can_store():
    claim = make_claim("a")
    room = MAX_ENTRY_BYTES - len(format_entry(Entry(claim, bytes(64), ())))
    fits = dataclasses.replace(claim, terms=Terms(notice="x" * room))
    assert len(format_entry(Entry(fits, bytes(64), ()))) == MAX_ENTRY_BYTES
    longer = dataclasses.replace(claim, terms=Terms(notice="x" * (room + 1)))
    with pytest.raises(
        EncodingError, match=f"^log entry: {MAX_ENTRY_BYTES + 1} bytes do not fit into {MAX_ENTRY_BYTES}; "
    ):
        format_entry(Entry(longer, bytes(64), ()))


def test_an_id_that_the_caller_has_is_what_is_checked():
    entry = parse_entry(make_entry("a", authors=("ann",)))
    check_entry(entry, second_opinion=False, identifier=claim_id(entry.claim))
    with pytest.raises(ForgedError, match=r"^proof of possession: "):
        check_entry(entry, second_opinion=False, identifier=bytes(32))


def test_each_proof_is_asked_twice_or_once(monkeypatch):
    from provenance import curve

    asked = []
    honest = curve.verify_independently
    monkeypatch.setattr(curve, "verify_independently", lambda *parts: asked.append(parts[0]) or honest(*parts))
    entry = parse_entry(make_entry("a", authors=("ann", "bob")))
    check_entry(entry, second_opinion=True)
    assert asked == [entry.claim.Y, *entry.claim.authors]
    check_entry(entry, second_opinion=False)
    assert len(asked) == 3


def test_a_forged_signature_is_named():
    entry = parse_entry(make_entry("a", authors=("ann", "bob")))
    for changes, reason in (
        ({"possession": bytes(64)}, "^proof of possession: "),
        ({"authors": (bytes(64), entry.authors[1])}, "^signature of author 1: "),
        ({"authors": (entry.authors[0], bytes(64))}, "^signature of author 2: "),
        ({"authors": entry.authors[:1]}, "^author signatures: not one for each author of the claim$"),
    ):
        with pytest.raises(ForgedError, match=reason):
            check_entry(dataclasses.replace(entry, **changes), second_opinion=False)
