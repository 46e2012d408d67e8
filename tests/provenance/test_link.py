"""What steps 7 to 9 say, and what they make of a model that breaks down."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from provenance.authoring import make_claim
from provenance.calibration import Calibration, Thresholds, Whitening
from provenance.claim import Terms
from provenance.commitment import commit
from provenance.derivation import derive_work
from provenance.errors import EnvironmentFault, MissingModelError, NotFiniteError
from provenance.latent import dequantise, quantise, step_array
from provenance.link import Link, Subject, check_correlation, check_regeneration
from provenance.noise import gaussian
from provenance.policy import ModelTrust
from provenance.region import Region
from provenance.report import STATEMENTS, Status, Verdict
from provenance.verify import Depth, Request, verify
from tests.attacks.test_verdicts import unlinked
from tests.support import works
from tests.support.forge import NOW, judge, made, policy, regenerator, step
from tests.support.works import master


class Fragile:
    """The house model, but some runs make NaN: those whose numbers stand in ``broken`` (0 is the picture's own seed)."""

    def __init__(self, broken=(), *, inversion=True):
        self.broken, self.inversion, self.runs = set(broken), inversion, 0

    def why_not(self, recipe):
        return None

    def decode(self, recipe, latent):
        return regenerator().decode(recipe, latent)

    def regenerate(self, recipe, prompt, seeds):
        run, self.runs = self.runs, self.runs + 1
        if run in self.broken:
            raise NotFiniteError("the model produced NaN")
        if run == 0:
            return [dequantise(made().integers, recipe.latent_steps)]
        shake = np.random.default_rng(run).normal(size=recipe.shape).astype(np.float32)
        return [dequantise(made().integers, recipe.latent_steps) * np.float32(0.5) + shake]

    def invert(self, recipe, prompt, latent):
        if not self.inversion:
            raise NotFiniteError("the model produced NaN")
        return regenerator().invert(recipe, prompt, latent)


def judged_by(machine, depth=Depth.AUTO):
    return verify(made().sign(), Request(policy=policy(), now=NOW, depth=depth, regenerator=machine))


def test_figures_are_told_with_their_units_and_the_bits_of_the_inversion():
    report = judge(made().sign())
    check = step(report, 9)
    assert "quantisation steps" in check.detail
    bits = -check.figures["inversion_false_accept_log2"]
    assert f"with probability 2^-{bits:.0f}" in check.detail
    assert "2^-" in step(report, 7).detail


def test_a_weak_correlation_does_not_speak_for_the_inversion():
    """Step 7 is short of evidence and step 9 has it: then step 7 must not say that there is no link."""

    class Inverter(Fragile):
        def invert(self, recipe, prompt, latent):
            return gaussian(recipe.seed, recipe.shape)

    report = verify(unlinked(made()).sign(), Request(policy=policy(), now=NOW, regenerator=Inverter()))
    assert step(report, 7).status is Status.WARN
    assert "no link" not in step(report, 7).detail
    assert "by this test alone" in step(report, 7).detail
    assert report.verdict is Verdict.AUTHENTIC


def test_nan_from_a_wrong_seed_is_made_good_by_another():
    machine = Fragile({1, 3, 4})
    report = judged_by(machine)
    assert report.verdict is Verdict.AUTHENTIC
    assert machine.runs == 1 + 4 + 3
    assert step(report, 9).figures["wrong_seeds"] == 4


@pytest.mark.parametrize("working", [0, 3])
def test_too_many_broken_wrong_seeds_are_inconclusive(working):
    report = judged_by(Fragile(range(1 + working, 100)))
    assert report.verdict is Verdict.CONSISTENT
    assert step(report, 9).status is Status.WARN
    assert "NaN or infinity of most wrong seeds" in report.reason
    assert step(report, 9).figures["wrong_seeds"] == working
    report.to_json()


def test_nan_from_the_own_seed_links_nothing_and_is_a_fault_where_regeneration_was_demanded():
    report = judged_by(Fragile({0}))
    assert report.verdict is Verdict.CLAIMED
    assert report.reason.startswith(
        "the recipe makes no picture of its own seed here (step 9): inconclusive, not compar"
    )
    with pytest.raises(EnvironmentFault, match="NaN"):
        judged_by(Fragile({0}), Depth.INSIST)


def test_nan_from_the_inversion_leaves_the_correlation_as_the_link():
    report = judged_by(Fragile(inversion=False))
    assert report.verdict is Verdict.AUTHENTIC
    assert step(report, 9).figures["inversion_cosine"] is None
    assert "inversion made NaN" in step(report, 9).detail


def test_a_generator_that_cannot_be_imported_is_named():
    class Torn(Fragile):
        def decode(self, recipe, latent):
            raise ImportError("No module named 'torch'")

    report = judged_by(Torn())
    assert report.verdict is Verdict.CLAIMED
    assert "No module named 'torch'" in report.reason
    with pytest.raises(MissingModelError, match="No module named 'torch'"):
        judged_by(Torn(), Depth.INSIST)


def test_the_statement_and_reason_are_true_of_what_was_done():
    assert "because of --quick" in judge(made().sign(), depth=Depth.QUICK).reason
    unknown = judge(made(prompt="a calm lake at dawn").sign(), trust=replace(policy(), models={}))
    assert step(unknown, 9).status is Status.PASS
    assert "regenerated, but" in unknown.reason
    assert "not made again" not in STATEMENTS[unknown.verdict]


class Somewhere:
    """A model whose own seed comes out ``share`` as far from the stored latent as wrong seeds do, ``far`` steps off."""

    def __init__(self, subject, share, far=6.0, *, broken=False):
        self.subject, self.share, self.far, self.broken = subject, share, far, broken

    def regenerate(self, recipe, prompt, seeds):
        own = seeds[0] == recipe.seed
        if self.broken and not own:
            raise NotFiniteError("the model produced NaN")
        turned = gaussian(seeds[0], recipe.shape) * step_array(recipe.latent_steps)
        return [self.subject.latent + np.float32(self.far * (self.share if own else 1.0)) * turned]

    def invert(self, recipe, prompt, latent):
        return None


@pytest.mark.parametrize(
    ("share", "link"),
    [(0.7, Link.BROKEN), (0.45, Link.UNMEASURED), (0.2, Link.UNMEASURED), (0.1, Link.OPEN), (0.0, Link.HOLDS)],
)
def test_a_ground_seed_that_is_merely_nearer_than_wrong_ones_links_nothing_in_half_precision(share, link):
    subject = half_precise()
    found = check_regeneration(subject, subject.recipe.prompt, Somewhere(subject, share), b"")
    assert found.link is link


def test_without_wrong_seeds_to_compare_with_nothing_far_is_inconclusive():
    subject = half_precise()
    found = check_regeneration(subject, subject.recipe.prompt, Somewhere(subject, 0.4, broken=True), b"")
    assert found.link is Link.UNMEASURED
    found = check_regeneration(subject, subject.recipe.prompt, Somewhere(subject, 0.0, broken=True), b"")
    assert found.link is Link.OPEN


@pytest.mark.parametrize(("least", "told"), [("0.95", True), ("0.5", False)])
def test_noise_fainter_than_in_honest_pictures_is_told_and_decides_nothing(least, told):
    subject = half_precise()
    flat = Whitening(np.zeros(works.SHAPE, np.float32), np.ones(works.SHAPE, np.float32))
    steps, digest = subject.recipe.latent_steps, subject.recipe.model.digest
    said = f'{{"whitened_cosine":{{"min":"{least}"}}}}'
    known = Calibration(digest, works.SHAPE, steps, flat, Thresholds(0.02, 0.2), said)
    other = np.random.default_rng(5).normal(size=works.SHAPE)
    integers = quantise((10 * subject.noise + 6 * other).astype(np.float32), steps)
    trust = ModelTrust("test model", digest, {works.SHAPE: known})
    found = check_correlation(replace(subject, integers=integers, model=trust))
    assert found.link is Link.HOLDS
    assert found.check.figures["honest_least"] == float(least)
    assert ("fainter" in found.check.detail) is told


@pytest.mark.parametrize(
    ("dtype", "distance", "far", "link"),
    [
        ("bfloat16", 0.09, 6.0, Link.HOLDS),
        ("float16", 0.09, 6.0, Link.HOLDS),
        ("float32", 0.09, 6.0, Link.OPEN),  # float32 repeats on other hardware are nearer than that
        ("bfloat16", 0.11, 6.0, Link.OPEN),  # beyond the reject threshold
        ("bfloat16", 0.09, 0.6, Link.OPEN),  # wrong seeds are no eight times as far
        ("bfloat16", 0.015, 0.6, Link.HOLDS),  # within the accept threshold, whatever they do
    ],
)
def test_half_precision_may_be_rounded_as_far_as_the_reject_threshold(dtype, distance, far, link):
    subject = half_precise()
    steps, digest = subject.recipe.latent_steps, subject.recipe.model.digest
    flat = Whitening(np.zeros(works.SHAPE, np.float32), np.ones(works.SHAPE, np.float32))
    region = Region((1, 1000), (Decimal(0), Decimal(1000)), (0, 10_000))
    known = Calibration(digest, works.SHAPE, steps, flat, Thresholds(0.02, 0.1), "{}", region)
    trust = ModelTrust("test model", digest, {works.SHAPE: known})
    small = np.sign(subject.integers).astype(np.int16)  # so that nothing looks alike
    subject = replace(subject, recipe=replace(subject.recipe, dtype=dtype), integers=small, model=trust)
    found = check_regeneration(subject, subject.recipe.prompt, Exactly(subject, distance, far), b"")
    assert found.link is link


class Exactly(Somewhere):
    """A model whose own seed comes out at a distance, in steps, from the published integers, wrong ones at another."""

    def __init__(self, subject, distance, far):
        super().__init__(subject, 0.0)
        self.own, self.wrong = distance, far

    def regenerate(self, recipe, prompt, seeds):
        beyond = 0.5 + (self.own if seeds[0] == recipe.seed else self.wrong)  # half a step is the cell itself
        signs = np.sign(gaussian(seeds[0], recipe.shape)).astype(np.float32)
        return [self.subject.latent + np.float32(beyond) * signs * step_array(recipe.latent_steps)]


@pytest.mark.parametrize(("outcomes", "link"), [(1, Link.UNATTRIBUTABLE), (3, Link.UNATTRIBUTABLE), (4, Link.HOLDS)])
def test_wrong_seeds_that_make_one_picture_show_a_prompt_with_few_outcomes(outcomes, link):
    subject = half_precise()
    subject = replace(subject, recipe=replace(subject.recipe, dtype="float32"))
    found = check_regeneration(subject, subject.recipe.prompt, Outcomes(subject, outcomes), b"")
    assert found.link is link
    assert ("one and the same picture" in found.check.detail) is (link is Link.UNATTRIBUTABLE)
    assert (found.check.figures["wrong_seeds_cosine"] > 0.98) is (link is Link.UNATTRIBUTABLE)
    assert found.check.figures["nearest_wrong_cosine"] < 0.5


class Outcomes(Somewhere):
    """A model that makes the picture of its own seed, and of all others one of a few, almost the same each time."""

    def __init__(self, subject, outcomes):
        super().__init__(subject, 0.0)
        self.outcomes, self.runs = outcomes, 0

    def regenerate(self, recipe, prompt, seeds):
        if seeds[0] == recipe.seed:
            return [self.subject.latent]
        self.runs += 1
        one = gaussian(bytes([self.runs % self.outcomes]) * 32, recipe.shape)
        return [100 * one + gaussian(seeds[0], recipe.shape)]


def half_precise():
    """A subject of another model than the policy's, in bfloat16, made up without any model."""
    who = master()
    recipe = replace(works.recipe(bytes(32), who), dtype="bfloat16")
    integers = np.random.default_rng(0).integers(-20, 20, works.SHAPE).astype(np.int16)
    rgb = np.zeros((64, 64, 3), np.uint8)
    secret = derive_work(who, bytes(32))
    claim = make_claim(
        Y=commit(secret), nonce=bytes(32), index=0, authors=(), recipe=recipe, integers=integers, rgb=rgb, terms=Terms()
    )
    return Subject(claim, recipe, integers, rgb, None)
