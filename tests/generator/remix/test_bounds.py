"""What every verifier would refuse is refused before it is made: too many works, generations, bytes, values."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from generator.remix import bounds
from generator.remix.bounds import why_too_large
from generator.remix.opened import Opened
from provenance.lineage import MAX_GENERATIONS, MAX_WORKS, Lineage, Node
from provenance.verify import Depth, Request, verify_lineage
from tests.support.pictures import NOW
from tests.support.remixes import image_to_image, original, trust


def opened(made, lineage=None):
    return Opened(made.source, made.material, made.parent, made.claim, None, (64, 64), lineage)


def with_ancestors(made, generations):
    """An opened work that says of itself how far each of its ancestors is."""
    nodes = {
        number.to_bytes(32, "big"): Node(number.to_bytes(32, "big"), None, generation)
        for number, generation in enumerate(generations)
    }
    return opened(made, Lineage(SimpleNamespace(), nodes))


@pytest.fixture(scope="module")
def work():
    return original(1)


def test_as_many_works_and_generations_as_are_verified_may_be_made(work):
    assert why_too_large([opened(work)]) is None
    assert why_too_large([with_ancestors(work, [1] * (MAX_WORKS - 2))]) is None
    assert why_too_large([with_ancestors(work, range(1, MAX_GENERATIONS))]) is None


def test_one_work_more_is_refused(work):
    assert f"{MAX_WORKS + 1} works" in why_too_large([with_ancestors(work, [1] * (MAX_WORKS - 1))])


def test_works_that_two_parents_share_count_once(work):
    half = [1] * (MAX_WORKS - 3)
    assert why_too_large([with_ancestors(work, half), with_ancestors(original(2), half)]) is None
    assert "works" in why_too_large([with_ancestors(work, half), with_ancestors(original(2), [*half, 1])])


def test_one_generation_more_is_refused(work):
    assert f"{MAX_GENERATIONS + 1} generations" in why_too_large([with_ancestors(work, range(1, MAX_GENERATIONS + 1))])


def test_a_lineage_that_a_verifier_gives_up_on_is_no_parents(work, monkeypatch):
    """The same bound on both sides: what is verified whole may be remixed until the child would not be."""
    monkeypatch.setattr("provenance.lineage.MAX_GENERATIONS", 2)
    monkeypatch.setattr(bounds, "MAX_GENERATIONS", 2)
    child = image_to_image(2, work)
    grandchild = image_to_image(3, child)
    last = image_to_image(4, grandchild)
    request = Request(policy=trust(), now=NOW, depth=Depth.QUICK)
    for made, allowed in ((child, True), (grandchild, False), (last, False)):
        found = verify_lineage(made.data, request)[1]
        beyond = any("beyond" in node.missing for node in found.missing)
        assert beyond == (made is last)
        assert (why_too_large([opened(made, found)]) is None) == allowed


def test_manifests_and_latents_beyond_what_is_read_are_refused(work, monkeypatch):
    monkeypatch.setattr(bounds, "MAX_MANIFESTS", 1)
    assert "2 manifests" in why_too_large([opened(work)])
    monkeypatch.undo()
    monkeypatch.setattr(bounds, "MAX_STORE_BYTES", 2**17)
    assert "KiB of manifests" in why_too_large([opened(work)])
    monkeypatch.undo()
    monkeypatch.setattr(bounds, "MAX_KEPT_VALUES", work.integers.size)
    assert "values together" in why_too_large([opened(work)])


def test_the_manifest_of_a_shared_parent_is_counted_once(work, monkeypatch):
    monkeypatch.setattr(bounds, "MAX_MANIFESTS", 4)
    one, two = image_to_image(2, work), image_to_image(3, work)
    assert why_too_large([opened(one), opened(two)]) is None
    monkeypatch.setattr(bounds, "MAX_MANIFESTS", 3)
    assert "4 manifests" in why_too_large([opened(one), opened(two)])


def test_a_bundle_counts_its_own_parents(work):
    child = image_to_image(2, work)
    bundled = replace(opened(child), carried=replace(child.parent, file=None, work=b"SPW1"))
    assert bounds._generations([bundled]) == {child.id: 1, work.id: 2}
