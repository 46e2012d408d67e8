"""Recipes whose parameters a cheat chooses freely: in no corner is a picture authentic, or more than claimed.

Each corner is first shown to be what it is called: the tests on that one picture pass there (the seed makes it, no wrong
seed comes near, its noise is in it), and it is the calibration's region alone that holds the verdict down.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from generator.notary_examine import why_not
from provenance.noise import gaussian
from provenance.policy import Policy
from provenance.recipe import Opening, Prompt, opening_commitment
from provenance.region import Region
from provenance.report import Status, Verdict
from tests.support import forge
from tests.support.remixes import MODEL, Rotations, blend, image_to_image, judge, original, step, trust

REGION = Region((4, 60), (Decimal(1), Decimal(8)), (2, 100))
CORNERS = {
    "no guidance": {"guidance": Decimal(0)},
    "guidance just outside": {"guidance": Decimal("8.01")},
    "extreme guidance": {"guidance": Decimal(100)},
    "one step": {"steps": 1},
    "many steps": {"steps": 61},
    "empty prompt": {"prompt": Prompt("")},
    "blank prompt": {"prompt": Prompt(" \t ")},
    "one letter": {"prompt": Prompt("a")},
    "ten thousand characters": {"prompt": Prompt("a" * 10_000)},
    "endless negative prompt": {"prompt": Prompt("hills", "b" * 10_000)},
    "tiny picture": {"shape": (4, 16, 16), "width": 32, "height": 32},
    "huge aspect": {"shape": (4, 16, 128), "width": 256, "height": 32},
    "extreme guidance at another size": {
        "shape": (4, 32, 64), "width": 128, "height": 64, "guidance": Decimal(100),
    },
    "extreme guidance at other steps": {"guidance": Decimal(100), "latent_steps": (Decimal("0.06"),) * 4},
}  # fmt: skip


def bounded(region=REGION):
    (model,) = trust().models.values()
    return Policy(models={
        model.digest: replace(model, calibrations={
            shape: replace(known, region=region) for shape, known in model.calibrations.items()
        })
    })  # fmt: skip


def test_inside_of_the_region_an_honest_picture_is_authentic():
    for changes in ({}, {"steps": 4}, {"steps": 60}, {"guidance": Decimal(8)}, {"prompt": Prompt("ab")}):
        assert judge(original(1, changes=changes).data, policy=bounded()).verdict is Verdict.AUTHENTIC, changes


@pytest.mark.parametrize("name", CORNERS)
def test_every_corner_reads_claimed(name):
    work = original(1, changes=CORNERS[name])
    report = judge(work.data, policy=bounded())
    assert step(report, 9).figures["distance"] == 0
    assert step(report, 9).figures["nearest_wrong_distance"] > step(report, 9).figures["reject"]
    assert step(report, 9).figures["inversion_false_accept_log2"] < -128
    assert step(report, 9).status is Status.WARN
    assert report.verdict is Verdict.CLAIMED
    assert "measured" in report.reason


def test_an_ancestor_without_noise_of_its_own_has_no_corner():
    """A blend has one step and no guidance: its parents make it, and no seed that could have been measured."""
    child = image_to_image(4, blend(3, original(1), original(2)))
    assert judge(child.data, deep=True, policy=bounded()).verdict is Verdict.AUTHENTIC
    corner = image_to_image(6, blend(5, original(1), original(7, changes={"guidance": Decimal(100)})))
    assert judge(corner.data, deep=True, policy=bounded()).verdict is Verdict.CONSISTENT


def test_a_calibration_that_gives_no_region_makes_nothing_authentic():
    report = judge(original(1).data, policy=bounded(None))
    assert report.verdict is Verdict.CONSISTENT
    assert "seedproof calibrate" in report.reason


def test_a_corner_is_claimed_where_nobody_regenerates_either():
    work = original(1, changes={"guidance": Decimal(100), "prompt": bytes(32)}, latent=original(1).material.latent)
    report = judge(work.data, policy=bounded())
    assert step(report, 9).status is Status.SKIP
    assert report.verdict is Verdict.CLAIMED
    assert "guidance 100" in report.reason


def test_a_degenerate_prompt_is_no_better_when_it_was_sealed():
    opening = Opening(bytes(32), Prompt("a"))
    sealed = {"prompt": opening_commitment(opening)}
    latent = original(1, changes={"prompt": opening.prompt}).material.latent
    report = judge(original(1, changes=sealed, latent=latent).data, policy=bounded(), opening=opening)
    assert report.verdict is Verdict.CLAIMED
    assert "1 characters" in report.reason


def test_a_remix_in_a_corner_and_a_remix_of_one():
    parent, corner = original(1), original(3, changes={"guidance": Decimal(100)})
    honest = judge(image_to_image(2, parent).data, deep=True, policy=bounded())
    assert honest.verdict is Verdict.AUTHENTIC
    own = judge(image_to_image(2, parent, changes={"guidance": Decimal(100)}).data, deep=True, policy=bounded())
    assert own.verdict is Verdict.CLAIMED
    inherited = judge(image_to_image(4, corner).data, deep=True, policy=bounded())
    assert inherited.verdict is Verdict.CONSISTENT
    assert [work["standing"] for work in inherited.lineage["works"]][1] == "proofs hold"


def test_no_notary_attests_a_corner():
    for changes in ({"steps": 1}, {"guidance": Decimal(100)}, {"prompt": Prompt("")}):
        work = original(1, changes=changes)
        assert "measured" in why_not(work.claim, work.recipe, bounded(), Rotations())
    work = original(1)
    assert why_not(work.claim, work.recipe, bounded(), Rotations()) is None
    assert "calibrate" in why_not(work.claim, work.recipe, bounded(None), Rotations())


class Alike(Rotations):
    """A machine on which wrong seeds make latents of this cosine with the right one."""

    def __init__(self, cosine):
        super().__init__()
        self.cosine = cosine

    def regenerate(self, recipe, prompt, seeds, sources=()):
        right, *_ = super().regenerate(recipe, prompt, [recipe.seed], sources)
        others = super().regenerate(recipe, prompt, seeds, sources)
        share = np.float32(self.cosine), np.float32(np.sqrt(1 - self.cosine**2))
        fresh = [self._turned(gaussian(each, recipe.shape), prompt) for each in seeds]
        mixed = [share[0] * right + share[1] * other for other in fresh]
        return [
            each if seed == recipe.seed else mixed[at]
            for at, (each, seed) in enumerate(zip(others, seeds, strict=True))
        ]


def test_a_half_memorised_picture_whose_noise_is_still_linked_proves_no_authorship():
    work = original(1)
    assert judge(work.data, regenerator=Alike(0.93)).verdict is Verdict.AUTHENTIC
    report = judge(work.data, regenerator=Alike(0.97))
    assert step(report, 9).figures["nearest_wrong_distance"] > step(report, 9).figures["reject"]
    assert step(report, 9).figures["inversion_false_accept_log2"] < -128
    assert report.verdict is Verdict.CLAIMED
    assert "does not depend on its seed" in report.reason


def house(text, **changes):
    """A work of the house model in a corner, and what the default policy says of it."""
    model = forge.made("ann")
    base = replace(model.recipe, prompt=Prompt(text), **changes)
    (latent,) = forge.regenerator().regenerate(base, base.prompt, [base.seed])
    integers = forge.quantise(latent, base.latent_steps)
    rgb = forge.regenerator().decode(base, forge.dequantise(integers, base.latent_steps))
    return forge.judge(model.with_(recipe=base, integers=integers, rgb=rgb).sign())


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("a mountain range", {"steps": 1}),
        ("", {"steps": 4}),
        pytest.param("a mountain range", {"steps": 4, "guidance": Decimal(100)}, marks=pytest.mark.slow),
        pytest.param("a mountain range", {"steps": 12, "guidance": Decimal(30)}, marks=pytest.mark.slow),
        pytest.param("a", {"steps": 12}, marks=pytest.mark.slow),
        pytest.param("x" * 10_000, {"steps": 12}, marks=pytest.mark.slow),
    ],
)
def test_corners_of_the_house_model(text, changes):
    report = house(text, **changes)
    assert report.verdict is Verdict.CLAIMED
    assert forge.step(report, 9).figures["distance"] == 0


def test_the_house_models_usual_parameters_are_inside():
    (calibration,) = forge.policy().models[forge.made().recipe.model.digest].calibrations.values()
    assert calibration.region is not None
    assert calibration.region.why_outside(forge.made().recipe, forge.made().recipe.prompt) is None
    assert MODEL.digest not in forge.policy().models
