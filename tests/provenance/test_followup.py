"""Follow-ups: one encoding, every field bound by the id, strict schemas, signatures for their own purpose only."""

import dataclasses
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import proof
from provenance.claim import MAX_ENTRY_BYTES, claim_id
from provenance.encoding import canonical
from provenance.entry import KINDS, check_any, check_beside, needs_owner, owners_after, parse_any
from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError, UnsupportedVersionError
from provenance.followup import FollowUp, Proofs, body_id, check_owners, format_follow_up, parse_follow_up
from provenance.followup_body import REASONS, Attestation, Attribution, Figures, KeyRevocation, Revocation, Transfer
from provenance.hashing import Tag
from provenance.proof import PURPOSES
from tests.support.entries import digest, make_claim, make_entry, secret
from tests.support.follow import attestation, attribution, key, key_revocation, revocation, transfer

CLAIM = claim_id(make_claim("a", authors=("ann", "bob")))
OPEN = claim_id(make_claim("open"))


def examples():
    return {
        "attribution": attribution(OPEN, "open", "ann"),
        "transfer": transfer(CLAIM, CLAIM, "ann", "bob", to="carol"),
        "revocation": revocation(CLAIM, CLAIM, "ann", "bob", note="scanned by mistake"),
        "key-revocation": key_revocation("ann", 7),
        "attestation": attestation(CLAIM),
    }


few = settings(max_examples=60)
hashes = st.binary(min_size=32, max_size=32)
signatures = st.binary(min_size=64, max_size=64)
plain = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)
decimals = st.none() | st.decimals(0, 10**6, allow_nan=False, places=6).map(abs)
bits = st.none() | st.integers(0, 2**32)
bodies = st.one_of(
    st.builds(Attribution, hashes, hashes),
    st.builds(Transfer, hashes, hashes, hashes),
    st.builds(Revocation, hashes, hashes, st.sampled_from(REASONS), plain),
    st.builds(KeyRevocation, hashes, plain.filter(bool), st.integers(0, 2**53 - 1), st.sampled_from(REASONS)),
    st.builds(
        Attestation,
        hashes,
        hashes,
        hashes,
        hashes,
        st.none() | hashes,
        st.just("differs"),
        st.builds(Figures, decimals, decimals, decimals, decimals, bits, bits),
        plain.filter(bool),
    ),
)


@st.composite
def follow_ups(draw):
    body = draw(bodies)
    return FollowUp(
        body,
        Proofs(
            b"" if body.kind == "revocation" else draw(signatures),
            tuple(draw(st.lists(signatures, min_size=1, max_size=16)))
            if body.kind in ("transfer", "revocation")
            else (),
            draw(signatures) if body.kind == "attribution" else b"",
        ),
    )


@few
@given(follow_ups())
def test_a_follow_up_survives(made):
    data = format_follow_up(made)
    assert parse_follow_up(data) == made
    entry = parse_any(data)
    assert (entry.kind, entry.id, entry.data, entry.content) == (made.body.kind, body_id(made.body), data, made)


@few
@given(follow_ups(), st.data())
def test_mutated_bytes_raise_only_our_errors(made, data):
    raw = bytearray(format_follow_up(made))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        accepted = parse_any(bytes(raw))
    except (InvalidError, UnsupportedVersionError):
        return
    assert accepted.data == bytes(raw)
    assert format_follow_up(accepted.content) == bytes(raw)


@given(st.binary(max_size=200))
@few
def test_random_bytes_raise_only_our_errors(data):
    for reader in (parse_any, parse_follow_up):
        with pytest.raises(InvalidError):
            reader(data)


def test_every_field_is_bound_by_the_id():
    other = {
        "reason": "withdrawn",
        "note": "x",
        "log": "other.example/1",
        "from_index": 8,
        "verdict": "differs",
        "software": "x",
    }
    count, ids = 0, set()
    for made in examples().values():
        bodies = [made.body]
        for field in dataclasses.fields(made.body):
            if field.name == "figures":
                figures = made.body.figures
                numbers = [f.name for f in dataclasses.fields(figures)]
                bodies += [
                    dataclasses.replace(made.body, figures=dataclasses.replace(figures, **{n: 5})) for n in numbers
                ]
            else:
                bodies.append(dataclasses.replace(made.body, **{field.name: other.get(field.name, digest("x"))}))
        count += len(bodies)
        ids |= {body_id(body) for body in bodies}
    assert len(ids) == count


def test_signatures_are_not_in_the_id():
    made = examples()["transfer"]
    bent = dataclasses.replace(made, proofs=Proofs(bytes(64), made.proofs.owners))
    assert parse_any(format_follow_up(bent)).id == parse_any(format_follow_up(made)).id


def test_what_a_log_sees():
    claim = parse_any(make_entry("a", authors=("ann", "bob")))
    assert (claim.kind, claim.id, claim.subject, claim.slot, claim.prev) == ("claim", CLAIM, CLAIM, None, None)
    assert claim.keys == (key("ann"), key("bob"))
    assert claim.claim == make_claim("a", authors=("ann", "bob"))
    seen = {kind: parse_any(format_follow_up(made)) for kind, made in examples().items()}
    assert set(seen) | {"claim"} == set(KINDS)
    assert seen["attribution"].keys == (key("ann"),)
    assert seen["transfer"].keys == (key("carol"),)
    assert seen["revocation"].keys == ()
    assert (seen["key-revocation"].keys, seen["key-revocation"].subject) == ((key("ann"),), key("ann"))
    assert (seen["attestation"].keys, seen["attestation"].subject) == ((key("nina"),), CLAIM)
    assert seen["transfer"].prev == seen["transfer"].slot == seen["revocation"].slot == CLAIM
    assert all((entry.prev is None) == (kind not in ("transfer", "revocation")) for kind, entry in seen.items())
    assert all(entry.claim is None for entry in seen.values())
    assert [kind for kind, entry in seen.items() if not needs_owner(entry)] == ["key-revocation"]
    assert not needs_owner(claim)


def test_what_a_log_has_only_once():
    def slot(made):
        return parse_any(format_follow_up(made)).slot

    assert slot(attribution(OPEN, "open", "ann")) == slot(attribution(OPEN, "open", "bob"))
    assert slot(attribution(OPEN, "open", "ann")) != slot(attribution(CLAIM, "open", "ann"))
    assert slot(key_revocation("ann", 7)) == slot(key_revocation("ann", 8, reason="mistake"))
    assert slot(key_revocation("ann", 7)) != slot(key_revocation("bob", 7))
    assert slot(key_revocation("ann", 7)) != slot(key_revocation("ann", 7, log="log.example/2"))
    assert slot(attestation(CLAIM)) == slot(attestation(CLAIM, verdict="differs"))
    assert slot(attestation(CLAIM)) != slot(attestation(CLAIM, "noah"))
    assert slot(attestation(CLAIM)) != slot(attestation(OPEN))
    slots = [slot(made) for made in examples().values()]
    assert len(set(slots)) == len(slots) - 1  # transfer and revocation compete for one place


def change(name, /, **changes):
    value = json.loads(format_follow_up(examples()[name]))
    for path, item in changes.items():
        where, _, field = path.rpartition("__")
        target = value
        for part in filter(None, where.split("__")):
            target = target[part]
        if item is None and field.startswith("no_"):
            del target[field[3:]]
        else:
            target[field] = item
    return canonical(value)


@pytest.mark.parametrize(
    ("kind", "changes", "error"),
    [
        *((kind, {"more": 1}, EncodingError) for kind in KINDS[1:]),
        *((kind, {"body__more": 1}, EncodingError) for kind in KINDS[1:]),
        *((kind, {"proofs__more": "ab" * 64}, EncodingError) for kind in KINDS[1:]),
        *((kind, {"v": 2}, UnsupportedVersionError) for kind in KINDS[1:]),
        *((kind, {"v": 2, "more": 1}, UnsupportedVersionError) for kind in KINDS[1:]),
        *((kind, {"body__v": 2}, UnsupportedVersionError) for kind in KINDS[1:]),
        *((kind, {"body__kind": "claim"}, EncodingError) for kind in KINDS[1:]),
        *((kind, {"no_proofs": None}, EncodingError) for kind in KINDS[1:]),
        ("transfer", {"kind": "gift"}, UnsupportedVersionError),
        ("transfer", {"kind": 1}, EncodingError),
        ("transfer", {"kind": "revocation"}, EncodingError),
        ("transfer", {"body__to": "ab" * 32}, EncodingError),
        ("transfer", {"body__to__scheme": "ed25519"}, EncodingError),
        ("transfer", {"body__to__key": "AB" * 32}, EncodingError),
        ("transfer", {"body__prev": None}, EncodingError),
        ("transfer", {"proofs__owners": []}, LimitError),
        ("transfer", {"proofs__owners": ["ab" * 64] * 17}, LimitError),
        ("transfer", {"proofs__owners": ["ab" * 63]}, EncodingError),
        ("transfer", {"proofs__no_accept": None}, EncodingError),
        ("revocation", {"body__reason": "because"}, EncodingError),
        ("revocation", {"body__note": "x" * 501}, LimitError),
        ("revocation", {"body__note": "a\nb"}, EncodingError),
        ("revocation", {"body__note": "a\u202eb"}, EncodingError),
        ("key-revocation", {"body__from_index": -1}, EncodingError),
        ("key-revocation", {"body__from_index": True}, EncodingError),
        ("key-revocation", {"body__log": ""}, LimitError),
        ("key-revocation", {"body__log": "x" * 256}, LimitError),
        ("attestation", {"body__verdict": "authentic"}, EncodingError),
        ("attestation", {"body__figures__distance": "-1"}, EncodingError),
        ("attestation", {"body__figures__distance": 1}, EncodingError),
        ("attestation", {"body__figures__distance": None}, EncodingError),
        ("attestation", {"body__figures__distance": "1.0"}, EncodingError),
        ("attestation", {"body__figures__correlation_bits": "1"}, EncodingError),
        ("attestation", {"body__figures__inversion_bits": 2**32 + 1}, EncodingError),
        ("attestation", {"body__figures__no_reject": None}, EncodingError),
        ("attestation", {"body__software": ""}, LimitError),
        ("attestation", {"body__software": "x" * 201}, LimitError),
    ],
)
def test_refused(kind, changes, error):
    with pytest.raises(error):
        parse_any(change(kind, **changes))
    assert parse_any(change(kind))


def test_the_largest_of_each_kind_fits_into_an_entry():
    wide = Decimal("9" * 40 + "." + "1" * 40)
    largest = [
        FollowUp(Transfer(CLAIM, CLAIM, CLAIM), Proofs(bytes(64), (bytes(64),) * 16)),
        FollowUp(Revocation(CLAIM, CLAIM, "key-compromised", "\U0001f600" * 500), Proofs(owners=(bytes(64),) * 16)),
        FollowUp(KeyRevocation(CLAIM, "\U0001f600" * 255, 2**53 - 1, "key-compromised"), Proofs(bytes(64))),
        FollowUp(
            Attestation(
                CLAIM,
                CLAIM,
                CLAIM,
                CLAIM,
                CLAIM,
                "regenerated",
                Figures(wide, wide, wide, wide, 2**32, 2**32),
                "\U0001f600" * 200,
            ),
            Proofs(bytes(64)),
        ),
    ]
    for made in largest:
        assert parse_any(format_follow_up(made)).content == made
        assert len(format_follow_up(made)) < MAX_ENTRY_BYTES // 8


# --- proofs ---------------------------------------------------------------------------------------------------------


def beside(made, claim=None, before=None, *, second_opinion=True):
    claim = claim or parse_any(make_entry("a", authors=("ann", "bob")))
    entry = parse_any(format_follow_up(made))
    check_any(entry, second_opinion=second_opinion)
    check_beside(entry, claim, before or claim, second_opinion=second_opinion)


@pytest.mark.parametrize("second_opinion", [True, False])
def test_honest_proofs_hold(second_opinion):
    for kind, made in examples().items():
        claim = parse_any(make_entry("open")) if kind == "attribution" else None
        if kind == "key-revocation":
            check_any(parse_any(format_follow_up(made)), second_opinion=second_opinion)
        else:
            beside(made, claim, second_opinion=second_opinion)


def test_the_buyer_sells_on():
    first = examples()["transfer"]
    bought = parse_any(format_follow_up(first))
    beside(transfer(CLAIM, bought.id, "carol", to="dave"), before=bought)
    for sellers in (("ann", "bob"), ("ann",), ("dave",)):
        with pytest.raises(ForgedError):
            beside(transfer(CLAIM, bought.id, *sellers, to="dave"), before=bought)


def test_an_anonymous_work_belongs_to_whoever_holds_its_secret():
    claim = parse_any(make_entry("open"))
    assert owners_after(claim) == (make_claim("open").Y,)
    body = Revocation(OPEN, OPEN, "mistake")
    signed = proof.prove(Tag.REVOCATION, secret("work", "open"), body_id(body))
    beside(FollowUp(body, Proofs(owners=(signed,))), claim)
    with pytest.raises(ForgedError):
        beside(revocation(OPEN, OPEN, "ann"), claim)


@pytest.mark.parametrize(
    "made",
    [
        transfer(CLAIM, CLAIM, "ann", to="carol"),
        transfer(CLAIM, CLAIM, "bob", "ann", to="carol"),
        transfer(CLAIM, CLAIM, "ann", "mallory", to="carol"),
        transfer(CLAIM, CLAIM, "ann", "bob", "carol", to="carol"),
        revocation(CLAIM, CLAIM, "ann"),
        revocation(CLAIM, CLAIM, "mallory", "bob"),
    ],
)
def test_all_owners_must_sign_in_order(made):
    with pytest.raises(ForgedError):
        beside(made)


def test_nobody_signs_after_a_revocation():
    ended = parse_any(format_follow_up(revocation(CLAIM, CLAIM, "ann", "bob")))
    assert owners_after(ended) == ()
    for made in (transfer(CLAIM, ended.id, "ann", "bob", to="carol"), revocation(CLAIM, ended.id, "ann", "bob")):
        with pytest.raises(ForgedError, match="ended"):
            beside(made, before=ended)


def test_a_follow_up_needs_its_claim_and_its_prev_in_the_log():
    entry = parse_any(format_follow_up(examples()["transfer"]))
    claim = parse_any(make_entry("a", authors=("ann", "bob")))
    other = parse_any(make_entry("b", authors=("ann", "bob")))
    for found, before in ((None, None), (other, other), (other, claim), (entry, claim), (claim, None), (claim, other)):
        with pytest.raises(InvalidError):
            check_beside(entry, found, before, second_opinion=False)
    with pytest.raises(TypeError):
        check_beside(claim, claim, None, second_opinion=False)


def test_a_claim_with_authors_takes_no_other():
    with pytest.raises(InvalidError, match="already"):
        beside(attribution(CLAIM, "a", "mallory"))


def test_an_attribution_needs_the_works_secret():
    with pytest.raises(ForgedError):
        beside(attribution(OPEN, "another work", "mallory"), parse_any(make_entry("open")))


def test_an_attestation_is_about_the_claims_own_recipe():
    with pytest.raises(InvalidError, match="another recipe"):
        beside(attestation(CLAIM, recipe=digest("recipe", "b")))


def signer_of(kind):
    return {
        "attribution": "ann",
        "transfer": "carol",
        "revocation": "ann",
        "key-revocation": "ann",
        "attestation": "nina",
    }[kind]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_signature_for_another_purpose_is_worthless(kind):
    made = examples()[kind]
    right = {
        "attribution": Tag.ATTRIBUTION,
        "transfer": Tag.TRANSFER_ACCEPT,
        "revocation": Tag.REVOCATION,
        "key-revocation": Tag.KEY_REVOCATION,
        "attestation": Tag.ATTESTATION,
    }[kind]
    for tag in PURPOSES:
        signature = proof.prove(tag, secret("author", signer_of(kind)), body_id(made.body))
        if kind == "revocation":
            bent = FollowUp(made.body, Proofs(owners=(signature, made.proofs.owners[1])))
            with_owners = (key("ann"), key("bob"))
            if tag is right:
                check_owners(bent, with_owners, second_opinion=False)
                continue
            with pytest.raises(ForgedError):
                check_owners(bent, with_owners, second_opinion=False)
            continue
        bent = parse_any(format_follow_up(FollowUp(made.body, dataclasses.replace(made.proofs, named=signature))))
        if tag is right:
            check_any(bent, second_opinion=False)
            continue
        with pytest.raises(ForgedError):
            check_any(bent, second_opinion=False)


def test_an_offer_is_not_an_acceptance():
    """The seller cannot push a work on somebody: his own signature under the offer does not accept it."""
    made = transfer(CLAIM, CLAIM, "ann", "bob", to="ann")
    assert made.proofs.owners[0] != made.proofs.named
    bent = FollowUp(made.body, Proofs(made.proofs.owners[0], made.proofs.owners))
    with pytest.raises(ForgedError):
        check_any(parse_any(format_follow_up(bent)), second_opinion=False)
