"""Reports of manifest stores, as a stranger's file makes the library write them."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.assertion import LABEL
from provenance.container import active_label, describe, latent_uri
from provenance.errors import EncodingError


def report(*, ingredients=(), more=None, **results):
    return {
        "active_manifest": "urn:a",
        "manifests": {"urn:a": {"ingredients": list(ingredients)}, **(more or {})},
        "validation_results": {"activeManifest": {"success": [], "failure": []}, **results},
        "validation_state": "Valid",
    }


def latent(uri):
    return {"title": "seedproof-latent", "data": {"identifier": uri}}


def parent(manifest, **more):
    return {
        "title": manifest,
        "relationship": "parentOf",
        "active_manifest": manifest,
        "label": "c2pa.ingredient.v3",
        **more,
    }


def ours(claim, *ingredients):
    assertion = {"label": LABEL, "created": True, "data": {"claim": claim}}
    return {"assertions": [assertion], "ingredients": list(ingredients)}


def test_latent_is_found_in_the_active_manifest():
    assert latent_uri(report(ingredients=[latent("self#jumbf=/c2pa/urn:a/x")])) == "self#jumbf=/c2pa/urn:a/x"
    assert latent_uri(report()) is None


@pytest.mark.parametrize("uri", ["self#jumbf=/c2pa/urn:b/x", "self#jumbf=/c2pa/urn:ab/x", "http://a/", "", None])
def test_latent_elsewhere_is_refused(uri):
    with pytest.raises(EncodingError):
        latent_uri(report(ingredients=[latent(uri)]))


def test_two_latents_are_refused():
    with pytest.raises(EncodingError, match="2 ingredients"):
        latent_uri(report(ingredients=[latent("self#jumbf=/c2pa/urn:a/x")] * 2))


def test_failures_of_an_ingredient_are_those_of_then_and_those_of_now():
    then = {"activeManifest": {"failure": [{"code": "then"}, {"code": "signingCredential.untrusted"}]}}
    found = describe(
        report(
            ingredients=[parent("urn:p", validation_results=then), parent("urn:q", label="c2pa.ingredient.v3__1")],
            ingredientDeltas=[
                {
                    "ingredientAssertionURI": "self#jumbf=/c2pa/urn:a/c2pa.assertions/c2pa.ingredient.v3",
                    "validationDeltas": {"failure": [{"code": "now"}]},
                }
            ],
        ),
        None,
        None,
    )
    assert [each.failures for each in found.ingredients] == [("then", "now"), ()]


def test_circles_and_diamonds_end():
    more = {
        "urn:p": ours("p", parent("urn:q"), parent("urn:a")),
        "urn:q": ours("q", parent("urn:p")),
    }
    found = describe(report(ingredients=[parent("urn:p"), parent("urn:q")], more=more), None, None)
    assert [(each.manifest, each.depth, each.claim) for each in found.ingredients] == [
        ("urn:p", 1, b"p"),
        ("urn:q", 1, b"q"),
        ("urn:a", 2, None),
    ]


def test_a_crowd_of_ingredients_is_cut_off():
    crowd = [{"title": str(i)} for i in range(5_000)]
    assert len(describe(report(ingredients=crowd), None, None).ingredients) == 1_000


def test_an_unknown_state_is_invalid():
    for state in ("Wellformed", "", None, 3, ["Valid"]):
        assert describe({**report(), "validation_state": state}, None, None).state == "invalid"


def test_a_claim_that_is_no_text_is_no_claim():
    more = {"urn:p": ours(3), "urn:q": ours("\ud800")}
    found = describe(report(ingredients=[parent("urn:p"), parent("urn:q")], more=more), None, None)
    assert [each.claim for each in found.ingredients] == [None, None]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
KEYS = ["active_manifest", "manifests", "validation_results", "validation_state"]
INNER = ["ingredients", "assertions", "signature_info"]


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON),
    st.dictionaries(st.sampled_from(INNER), JSON),
    JSON,
)
@settings(max_examples=200, deadline=None)
def test_any_report_is_read_without_another_error(outer, inner, rubbish):
    nested = {**report(), **outer, "active_manifest": "urn:a", "manifests": {"urn:a": inner}}
    for store in (outer, nested, rubbish, {**report(), "validation_results": rubbish}):
        with contextlib.suppress(EncodingError):
            active_label(store)
            latent_uri(store)
            describe(store, None, None)
