"""Attacks on the history of a derived work: false parents, false operations, bombs. Each test is named after its threat."""

import json
import struct
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from provenance import proof
from provenance.authoring import Wrapping, wrap
from provenance.encoding import canonical
from provenance.errors import EncodingError, InvalidError, LimitError, NotFiniteError
from provenance.jumbf import MAX_MANIFESTS
from provenance.latent import quantise
from provenance.library import Library, read_library
from provenance.lineage import MAX_WORKS, trace
from provenance.link import WRONG_SEEDS
from provenance.manifest import read_container
from provenance.manifest_parents import Parent
from provenance.noise import gaussian
from provenance.operation import Operation, Source
from provenance.pixels import encode_png, read_picture
from provenance.recipe import Model, Prompt, format_recipe, parse_recipe
from provenance.report import Status, Verdict
from provenance.storedlatent import encode_latent
from provenance.work import Work
from provenance.wrongseeds import WrongSeeds
from tests.support.pictures import join, mallory, split
from tests.support.remixes import (
    MODEL,
    SHAPE,
    STEPS,
    Rotations,
    blend,
    image_to_image,
    judge,
    original,
    outside_source,
    recipe_of,
    remix,
    sign,
    step,
)
from tests.support.works import master

THIEF = master("thief")


def wrapped_by_mallory(made, around=None):
    """The same claim and proofs in a container that somebody else signed."""
    wrapping = Wrapping(made.entry, made.recipe, made.integers, None, None, {}, "taken", remix=around)
    return wrap(
        encode_png(read_picture(made.data).rgb), "image/png", wrapping, mallory(), master=THIEF, work_secret=made.secret
    )


def tampered(data):
    """A PNG whose manifest is whole and whose pixels are others."""
    rgb = read_picture(data).rgb.copy()
    rgb[0, 0] ^= 1
    other = [part for part in split(encode_png(rgb)) if part[0] == b"IDAT"]
    return join([part for part in split(data) if part[0] not in (b"IDAT", b"IEND")] + other + [[b"IEND", b""]])


def test_an_honest_child_is_authentic_and_says_of_what():
    parent = original(1)
    child = image_to_image(2, parent)
    report = judge(child.data, deep=True)
    assert report.verdict is Verdict.AUTHENTIC
    assert report.derived_from == (parent.id,)
    assert parent.id.hex()[:16] in report.qualified
    assert step(report, 12).status is Status.PASS
    assert [work["standing"] for work in report.lineage["works"]] == ["itself", "made again"]


def test_without_deep_a_child_is_consistent_at_most():
    report = judge(image_to_image(2, original(1)).data)
    assert report.verdict is Verdict.CONSISTENT
    assert "--deep" in report.reason


def test_false_parent_laundered_through_an_honest_operation():
    """The thief claims a picture that no seed made, and an honest remix of it."""
    stolen = np.random.default_rng(5).normal(size=SHAPE).astype(np.float32)
    parent = original(1, who=THIEF, latent=stolen)
    child = image_to_image(2, parent, who=THIEF)
    assert judge(child.data).verdict is Verdict.CONSISTENT
    report = judge(child.data, deep=True)
    assert report.verdict is Verdict.INVALID
    assert "another picture" in step(report, 12).detail


def test_false_grandparent_laundered_through_two_operations():
    stolen = np.random.default_rng(5).normal(size=SHAPE).astype(np.float32)
    middle = image_to_image(2, original(1, who=THIEF, latent=stolen), who=THIEF)
    child = image_to_image(3, middle, who=THIEF)
    assert judge(child.data).verdict is Verdict.CONSISTENT
    assert judge(child.data, deep=True).verdict is Verdict.INVALID


def test_parent_built_around_the_thiefs_own_noise():
    """The goal is the victim's picture: a parent is computed from which the thief's noise leads exactly there."""
    victim = original(1)
    plan = recipe_of(7, THIEF)
    (own,) = Rotations().regenerate(plan, plan.prompt, [plan.seed])
    a, s = np.sqrt(1 - 0.5**2), 0.5
    built = original(6, who=THIEF, latent=((victim.material.latent - s * own) / a).astype(np.float32))
    child = image_to_image(7, built, who=THIEF)
    assert np.abs(child.integers - victim.integers).max() <= 1  # the victim's picture, linked to the thief's seed
    report = judge(child.data)
    assert step(report, 9).status is Status.PASS
    assert report.verdict is Verdict.CONSISTENT
    assert judge(child.data, deep=True).verdict is Verdict.INVALID


def test_pixels_of_an_ancestor_on_other_hardware_are_a_remark():
    class Elsewhere(Rotations):
        def decode(self, recipe, latent):
            rgb = super().decode(recipe, latent)
            rgb[0, 0, 0] ^= 1
            return rgb

    report = judge(image_to_image(2, original(1)).data, deep=True, regenerator=Elsewhere())
    assert report.verdict is Verdict.AUTHENTIC
    assert "other pixels" in step(report, 12).detail
    assert step(report, 12).status is Status.WARN


def test_outside_picture_is_never_more_than_consistent():
    source, integers, material = outside_source(3)
    operation = Operation("image-to-image", {"strength": Decimal("0.5")}, (source,))
    child = remix(
        2, operation, (), sources=[material], outside=[integers], carried=(Parent("photo.jpg", "image/jpeg"),)
    )
    report = judge(child.data, deep=True)
    assert report.verdict is Verdict.CONSISTENT
    assert "outside picture" in report.reason
    assert report.qualified == "consistent (derived from an outside picture)"
    grandchild = image_to_image(4, child)
    assert judge(grandchild.data, deep=True).verdict is Verdict.CONSISTENT


def test_swapped_parent():
    named, other = original(1), original(2)
    child = image_to_image(3, named, carried=(other.parent,))
    report = judge(child.data, deep=True)
    assert report.verdict is Verdict.CLAIMED
    assert "missing" in report.reason
    assert step(report, 12).figures["not_named"] == 1
    assert step(report, 9).status is Status.SKIP


def test_parent_re_signed_by_somebody_else():
    parent = original(1)
    taken = Parent("taken.png", "image/png", file=wrapped_by_mallory(parent))
    report = judge(image_to_image(2, parent, carried=(taken,)).data, deep=True)
    assert report.verdict is Verdict.AUTHENTIC  # the claim is the author's, whoever wrapped it
    assert "does not vouch" in step(report, 12).detail
    assert step(report, 12).status is Status.WARN


def test_tampered_parent_inside_a_validly_signed_child():
    parent = original(1)
    changed = Parent("changed.png", "image/png", file=tampered(parent.data))
    child = image_to_image(2, parent, carried=(changed,))
    assert read_container(child.data, "image/png", anchors_pem=None).state == "valid"  # the container says nothing
    report = judge(child.data)
    assert report.verdict is Verdict.INVALID
    assert "assertion.dataHash.mismatch" in step(report, 12).detail


def test_tampered_parent_in_a_container_of_a_stranger_does_not_speak_against_the_author():
    from provenance.manifest_parents import Remix

    parent = original(1)
    child = image_to_image(2, parent)
    changed = Remix("image-to-image", (Parent("changed.png", "image/png", file=tampered(parent.data)),))
    report = judge(wrapped_by_mallory(child, changed))
    assert report.verdict is Verdict.CLAIMED
    assert step(report, 12).status is Status.WARN


def test_tampered_manifest_of_a_grandparent():
    child = image_to_image(3, image_to_image(2, original(1)))
    report = judge(child.data)
    assert report.verdict is Verdict.CONSISTENT
    parts = split(child.data)
    store = next(part for part in parts if part[0] == b"caBX")
    mark = b'"derivation":"allowed"'
    assert store[1].count(mark) == 3
    store[1] = store[1].replace(mark, b'"derivation":"notable"', 1)
    assert judge(join(parts)).verdict is Verdict.INVALID


def test_unrelated_honest_parent():
    """A text-to-image picture that is dressed up as a remix of somebody's honest work."""
    parent = original(1)
    own = recipe_of(2, master())
    (latent,) = Rotations().regenerate(own, own.prompt, [own.seed])
    report = judge(image_to_image(2, parent, latent=latent).data)
    assert report.verdict is Verdict.INVALID
    assert step(report, 9).status is Status.FAIL


@pytest.mark.parametrize("told", ["0.2", "0.8", "1", "0"])
def test_forged_strength(told):
    parent = original(1)
    true = image_to_image(2, parent, "0.5")
    latent = Rotations().regenerate(true.recipe, true.recipe.prompt, [true.recipe.seed], [parent.material])[0]
    assert judge(image_to_image(2, parent, told, latent=latent).data).verdict is Verdict.INVALID


def test_forged_operation():
    one, two = original(1), original(2)
    true = image_to_image(3, one)
    latent = Rotations().regenerate(true.recipe, true.recipe.prompt, [true.recipe.seed], [one.material])[0]
    operation = Operation("blend", {"mode": "linear", "weight": Decimal("0.5")}, (one.source, two.source))
    forged = remix(3, operation, [one, two], latent=latent, changes={"steps": 1})
    assert judge(forged.data).verdict is Verdict.INVALID


@pytest.mark.parametrize("strength", ["0", "0.1"])
def test_near_copy_claimed_as_an_original(strength):
    """Image-to-image of the victim's work at tiny strength; the thief's recipe says that his seed alone made it."""
    victim = original(1)
    remade = image_to_image(2, victim, strength, who=THIEF).recipe
    copied = Rotations().regenerate(remade, remade.prompt, [remade.seed], [victim.material])[0]
    report = judge(original(2, who=THIEF, latent=copied).data)
    assert report.verdict is Verdict.INVALID
    assert step(report, 9).status is Status.FAIL


def test_near_copy_as_a_remix_at_tiny_strength_proves_no_authorship():
    victim = original(1)
    report = judge(image_to_image(2, victim, "0.1", who=THIEF).data, deep=True)
    assert report.verdict is Verdict.CLAIMED
    assert "does not depend on its seed" in report.reason
    assert victim.id.hex()[:16] in report.qualified


FAMOUS = Prompt("famous")


class FewOutcomes(Rotations):
    """A model that has memorised four pictures for one prompt, of which a seed decides which and hardly more."""

    def _make(self, recipe, prompt, own_seed, sources):
        if prompt != FAMOUS:
            return super()._make(recipe, prompt, own_seed, sources)
        memory = np.random.default_rng(own_seed[0] % 4).normal(size=SHAPE)
        picture = memory + 0.1 * self._turned(gaussian(own_seed, recipe.shape), prompt)
        share = 1.0 if recipe.operation is None else float(recipe.operation.strength)
        return (share * picture + (1 - share) * (sources[0].latent if sources else 0)).astype(np.float32)

    def invert(self, recipe, prompt, latent, sources=()):
        return gaussian(recipe.seed, recipe.shape)


@pytest.mark.parametrize("strength", ["1", "0.6"])
def test_a_prompt_with_few_outcomes_dressed_as_a_remix_of_something_else(strength):
    model, parent = FewOutcomes(), original(1)
    operation = Operation("image-to-image", {"strength": Decimal(strength)}, (parent.source,))
    recipe = recipe_of(2, THIEF, operation=operation, parents=operation.parents, prompt=FAMOUS)
    (latent,) = model.regenerate(recipe, recipe.prompt, [recipe.seed], [parent.material])
    made = remix(2, operation, [parent], who=THIEF, latent=latent, changes={"prompt": FAMOUS})
    for entropy in (b"a", b"b", b"c", b"d", b"e", b"f"):  # one of four wrong seeds misses the outcome in 1 of 3 cases
        report = judge(made.data, deep=True, regenerator=model, entropy=entropy)
        assert report.verdict is Verdict.CLAIMED
        assert "does not depend on its seed" in report.reason


def test_a_prompt_with_few_outcomes_as_the_parent_of_an_honest_remix():
    model = FewOutcomes()
    recipe = recipe_of(1, THIEF, prompt=FAMOUS)
    (latent,) = model.regenerate(recipe, recipe.prompt, [recipe.seed])
    child = image_to_image(2, sign(1, recipe, latent, who=THIEF), who=THIEF)
    for entropy in (b"a", b"b", b"c", b"d", b"e", b"f"):
        report = judge(child.data, deep=True, regenerator=model, entropy=entropy)
        assert report.verdict is Verdict.CONSISTENT
        assert "does not depend on its seed" in report.reason


def test_wrong_seeds_are_judged_at_full_strength_as_if_there_were_no_parent(monkeypatch):
    seen = WrongSeeds(4, 3.0, 0.96, 0.97)
    monkeypatch.setattr("provenance.link.make_wrong_seeds", lambda *_: seen)
    parent = original(1)
    assert step(judge(image_to_image(2, parent, "1").data), 9).status is Status.WARN
    assert step(judge(image_to_image(2, parent, "0.5").data), 9).status is Status.PASS


def test_a_remix_whose_parents_make_all_of_them_alike_is_not_one_of_few_outcomes(monkeypatch):
    monkeypatch.setattr("provenance.link.make_wrong_seeds", lambda *_: WrongSeeds(4, 3.0, 0.97, 0.985))
    assert step(judge(image_to_image(2, original(1), "0.5").data), 9).status is Status.PASS


def test_copy_at_strength_0_proves_no_authorship():
    victim = original(1)
    copy = image_to_image(2, victim, "0", who=THIEF)
    assert np.array_equal(copy.integers, victim.integers)
    report = judge(copy.data, deep=True)
    assert report.verdict is Verdict.CLAIMED
    assert "no noise of its own" in report.reason


def test_parent_that_has_no_share():
    famous, own = original(1, who=master("bea")), original(2)
    for made in (image_to_image(3, famous, "1"), blend(4, own, famous, "0"), blend(5, famous, own, "1")):
        found = step(judge(made.data, deep=True), 12)
        assert "holds nothing of" in found.detail
        assert found.status is Status.WARN
    assert "holds nothing of" not in step(judge(image_to_image(6, famous).data), 12).detail


def test_blend_is_claimed_at_most():
    report = judge(blend(3, original(1), original(2)).data, deep=True)
    assert (report.verdict, step(report, 9).status) == (Verdict.CLAIMED, Status.PASS)


def test_regenerated_flow_edit_is_claimed_at_most():
    parent = original(1)
    operation = Operation(
        "flow-edit", {"strength": Decimal("0.5"), "average": 1, "source_guidance": Decimal(1)}, (parent.source,)
    )
    report = judge(remix(2, operation, [parent]).data, deep=True)
    assert report.verdict is Verdict.CLAIMED
    assert "can be ground" in report.reason


def test_flow_edit_with_sampled_steps_is_judged_by_its_noise():
    numbers = {"strength": Decimal("0.5"), "average": 1, "source_guidance": Decimal(1), "sampled": Decimal("0.3")}
    parent = original(1)
    operation = Operation("flow-edit", numbers, (parent.source,))
    honest = remix(2, operation, [parent])
    assert judge(honest.data, deep=True).verdict is Verdict.AUTHENTIC
    other = Rotations().regenerate(honest.recipe, honest.recipe.prompt, [bytes(32)], [parent.material])[0]
    assert judge(remix(3, operation, [parent], latent=other).data, deep=True).verdict is Verdict.INVALID


def test_latent_of_another_model():
    other = Model("others", b"\x08" * 32, MODEL.components)
    parent = original(1, changes={"model": other})
    report = judge(image_to_image(2, parent).data)
    assert report.verdict is Verdict.INVALID
    assert "another model" in step(report, 12).detail


def test_another_latent_than_the_parents():
    parent, other = original(1), original(2)
    source = Source(parent.id, other.claim.latent)
    operation = Operation("image-to-image", {"strength": Decimal("0.5")}, (source,))
    child = remix(3, operation, [parent], sources=[other.material])
    report = judge(child.data)
    assert report.verdict is Verdict.INVALID
    assert "starts from another latent" in step(report, 12).detail


def inpainted(number, parent, mask, **more):
    operation = Operation("inpaint", {"strength": Decimal("0.5"), "mode": "blend"}, (parent.source,), mask)
    return remix(number, operation, [parent], **more)


LEFT_HALF = bytes.fromhex("ffff0000" * 32)


def test_inpainting_is_judged_where_it_may_have_changed_something():
    parent = original(1)
    report = judge(inpainted(2, parent, LEFT_HALF).data, deep=True)
    assert report.verdict is Verdict.AUTHENTIC
    assert step(report, 9).figures["nearest_wrong_cosine"] < 0.98


def test_change_outside_of_the_mask():
    parent = original(1)
    honest = inpainted(2, parent, LEFT_HALF)
    latent = honest.material.latent.copy()
    latent[0, 5, 31] += 3
    latent[0, 6, 31] += 3
    report = judge(inpainted(2, parent, LEFT_HALF, latent=latent).data)
    assert report.verdict is Verdict.INVALID


def test_mask_so_small_that_nothing_can_be_linked():
    one_cell = bytes(60) + b"\x01" + bytes(67)
    report = judge(inpainted(2, original(1), one_cell).data, deep=True)
    assert report.verdict is Verdict.CLAIMED


@pytest.mark.parametrize("mask", ["", "00" * 128, "ff" * 128, "0f" * 127, "0f" * 129, None, [1], 7, "0g" * 128])
def test_mask_of_the_wrong_size_or_type(mask):
    parent = original(1)
    value = json.loads(format_recipe(inpainted(2, parent, LEFT_HALF).recipe))
    value["operation"]["mask"] = mask
    with pytest.raises(InvalidError):
        parse_recipe(canonical(value))


def test_nan_latent():
    latent = np.zeros(SHAPE, np.float32)
    latent[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        quantise(latent, STEPS)

    class Broken(Rotations):
        def regenerate(self, recipe, prompt, seeds, sources=()):
            return [latent for _ in seeds]

    class Honest(Rotations):
        def regenerate(self, recipe, prompt, seeds, sources=()):
            raise NotFiniteError("the model made NaN")

    child = image_to_image(2, original(1))
    assert judge(child.data, regenerator=Broken(), deep=True).verdict is Verdict.INVALID
    assert judge(child.data, regenerator=Honest(), deep=True).verdict is Verdict.CLAIMED


def test_cycle():
    a, b = original(1), original(2)
    pair = {}
    for number, (own, other) in enumerate(((a, b), (b, a))):
        operation = Operation("image-to-image", {"strength": Decimal("0.5")}, (other.source,))
        recipe = replace(own.recipe, operation=operation, parents=operation.parents)
        pair[own.id] = Work(own.id, own.entry, recipe, own.integers, "embedded", str(number))
    root_operation = Operation("image-to-image", {"strength": Decimal("0.5")}, (a.source,))
    root = Work(bytes(32), a.entry, replace(a.recipe, operation=root_operation, parents=(a.id,)), None, "file")
    lineage = trace(root, Library(pair))
    assert all("its own ancestors" in fault for fault in lineage.faults)
    assert len(lineage.faults) == 2
    assert lineage.order == ()


def test_work_that_names_itself():
    a = original(1)
    operation = Operation("image-to-image", {"strength": Decimal("0.5")}, (a.source,))
    root = Work(a.id, a.entry, replace(a.recipe, operation=operation, parents=(a.id,)), a.integers, "file")
    lineage = trace(root, Library({a.id: root}))
    assert any("its own ancestors" in fault for fault in lineage.faults)


def test_circle_in_a_manifest_store():
    """A forged store whose grandparent names the child as its parent: refused, and nothing hangs."""
    child = image_to_image(3, image_to_image(2, original(1)))
    container = read_container(child.data, "image/png", anchors_pem=None)
    oldest, active = container.ingredients[-1].manifest, container.store["active_manifest"]
    parts = split(child.data)
    store = next(part for part in parts if part[0] == b"caBX")
    store[1] = store[1].replace(b"/c2pa/" + oldest.encode(), b"/c2pa/" + active.encode())
    assert judge(join(parts)).verdict is Verdict.INVALID


def test_lineage_bomb_of_manifests_is_refused_before_it_is_read():
    data = original(1).data
    parts = split(data)
    store = next(part for part in parts if part[0] == b"caBX")
    at = store[1].index(b"c2ma\x00\x11\x00\x10")
    bomb = (
        store[1]
        + struct.pack(">I", 8 + 16 * (MAX_MANIFESTS + 1))
        + b"free"
        + store[1][at : at + 16] * (MAX_MANIFESTS + 1)
    )
    store[1] = bomb
    with pytest.raises(LimitError, match="manifests"):
        read_container(join(parts), "image/png", anchors_pem=None)


def test_latents_that_unpack_to_more_than_fits_are_not_kept(monkeypatch):
    child = image_to_image(3, image_to_image(2, original(1)))
    container = read_container(child.data, "image/png", anchors_pem=None)
    assert all(work.integers is not None for work in read_library(container).works.values())
    monkeypatch.setattr("provenance.library.MAX_KEPT_VALUES", int(np.prod(SHAPE)))
    kept = [work.integers is not None for work in read_library(container).works.values()]
    assert sorted(kept) == [False, True]
    assert judge(child.data, deep=True).verdict in (Verdict.CLAIMED, Verdict.CONSISTENT)


def ladder(rungs):
    """Two works a rung, each made from both of the rung before: few works, and 2^rungs ways through them."""
    works, pair = {}, (original(1), original(2))
    below = [(each.id, each.claim.latent) for each in pair]
    for each in pair:
        works[each.id] = Work(each.id, each.entry, each.recipe, each.integers, "embedded")
    for rung in range(rungs):
        made = []
        for side in (0, 1):
            identifier = bytes([side]) + rung.to_bytes(31, "big")
            sources = tuple(Source(*each) for each in below)
            operation = Operation("blend", {"mode": "linear", "weight": Decimal("0.5")}, sources)
            recipe = replace(pair[0].recipe, operation=operation, parents=operation.parents)
            works[identifier] = Work(identifier, pair[0].entry, recipe, None, "embedded")
            made.append((identifier, pair[0].claim.latent))
        below = made
    return works, works[below[0][0]]


def test_lineage_bomb_of_many_ways_through_few_works():
    works, root = ladder(30)
    lineage = trace(root, Library(works))
    assert len(lineage.nodes) == 2 * 30  # the other work of the last rung is nobody's ancestor
    assert len(lineage.order) == len(lineage.nodes)


def test_lineage_bomb_of_too_many_works():
    works, root = ladder(MAX_WORKS)
    lineage = trace(root, Library(works))
    assert len(lineage.nodes) <= MAX_WORKS
    assert "beyond" in lineage.missing[0].missing


def chain(length):
    made = original(1)
    for number in range(2, length + 2):
        made = image_to_image(number, made)
    return made


MADE = 1 + WRONG_SEEDS
"""Latents that are made for an ancestor: its own, and those of wrong seeds."""


def effort(data, monkeypatch):
    """(proofs checked, latents made) while a file is verified with all its ancestors."""
    checked, rotations, real = [0], Rotations(), proof.check

    def counted(*arguments, **more):
        checked[0] += 1
        return real(*arguments, **more)

    monkeypatch.setattr(proof, "check", counted)
    report = judge(data, deep=True, regenerator=rotations)
    monkeypatch.undo()
    return report, checked[0], rotations.calls


def test_a_chain_is_verified_in_time_linear_in_its_length(monkeypatch):
    short, proofs_short, made_short = effort(chain(3).data, monkeypatch)
    long, proofs_long, made_long = effort(chain(12).data, monkeypatch)
    assert short.verdict is long.verdict is Verdict.AUTHENTIC
    assert step(long, 12).figures["generations"] == 12
    assert (proofs_long - proofs_short, made_long - made_short) == (9 * 3, 9 * MADE)


def test_fifty_parents_are_verified_in_linear_time(monkeypatch):
    def family(count):
        parents = [original(number) for number in range(1, count + 1)]
        share = Decimal(1) / Decimal(count)
        parameters = {"mode": "linear", **{f"w{place}": share for place in range(count)}}
        operation = Operation("blend", parameters, tuple(each.source for each in parents))
        return image_to_image(999, remix(998, operation, parents, changes={"steps": 1}))

    few, proofs_few, made_few = effort(family(25).data, monkeypatch)
    most, proofs_most, made_most = effort(family(50).data, monkeypatch)
    assert few.verdict is most.verdict is Verdict.AUTHENTIC
    assert step(most, 12).figures["ancestors"] == 51
    assert (proofs_most - proofs_few, made_most - made_few) == (25 * 3, 25 * MADE)


def test_parents_without_an_operation_are_no_lineage():
    parent = original(1)
    recipe = replace(recipe_of(2, master()), parents=(parent.id,))
    (latent,) = Rotations().regenerate(recipe, recipe.prompt, [recipe.seed])
    report = judge(sign(2, recipe, latent, who=master()).data)
    assert report.verdict is Verdict.AUTHENTIC  # it comes from its seed alone
    assert not report.derived
    assert "no operation that uses them" in step(report, 12).detail


def test_stored_latent_of_a_parent_exchanged():
    """Another latent under the parent's claim, inside a bundle: the digest in the claim decides."""
    from provenance.work import format_bundle

    parent, other = original(1), original(2)
    bundle = format_bundle(parent.entry, parent.recipe, encode_latent(other.integers))
    report = judge(image_to_image(3, parent, carried=(Parent("w", "application/octet-stream", work=bundle),)).data)
    assert report.verdict is Verdict.INVALID
    assert "stored latent" in step(report, 12).detail


@pytest.mark.parametrize("cut", [0, 3, 8, 100, -1])
def test_bundle_cut_off(cut):
    from provenance.work import format_bundle, work_of_bundle

    parent = original(1)
    whole = format_bundle(parent.entry, parent.recipe, encode_latent(parent.integers))
    assert not work_of_bundle(whole).faults
    try:
        found = work_of_bundle(whole[:cut])
    except (EncodingError, InvalidError):
        return
    assert found.faults
