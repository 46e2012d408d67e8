"""Pictures without a manifest against a claim: copies are told, others are not, and nobody gains *authentic* by it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cv2")

from provenance import copies
from provenance.anypicture import GivenPicture
from provenance.claimcheck import check_claim, work_of_claim_file
from provenance.claimfile import parse_claim_file
from provenance.copies import Noise, is_alike
from provenance.copyreport import judge_copy, report_on_copy
from provenance.likeness import Rank
from provenance.report import Status, Verdict
from tests.support import landscapes as do
from tests.support.disputes import claim_file, request, taken_over
from tests.support.forge import made, step


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("provenance.copies.OTHER_PROMPTS", ("",))
    monkeypatch.setattr("provenance.link.WRONG_SEEDS", 1)


def work_of(bench):
    return work_of_claim_file(parse_claim_file(claim_file(bench)))


def report(bench, rgb, *, kind="PNG", asked=None):
    return report_on_copy([work_of(bench)], GivenPicture(rgb, kind), asked or request(), draws=1, where="claim file")[0]


# --- rules, without a model -----------------------------------------------------------------------------------------


def claimed(verdict, *, exact=False):
    return SimpleNamespace(verdict=verdict, reason="why", exact=exact, work=SimpleNamespace(named="00ff"))


def found(*, alike=True, linked=True):
    changes = SimpleNamespace(regions=(), share=0.0)
    return SimpleNamespace(registration=object(), alike=alike, linked=linked, words="scaled 0.50", changes=changes)


@pytest.mark.parametrize("verdict", [Verdict.AUTHENTIC, Verdict.CONSISTENT])
def test_other_pixels_are_never_authentic(verdict):
    assert judge_copy(claimed(verdict), found())[0] is Verdict.CONSISTENT
    assert judge_copy(claimed(verdict, exact=True), None)[0] is verdict


@pytest.mark.parametrize("verdict", [Verdict.CLAIMED, Verdict.INVALID, Verdict.DISPUTED])
def test_a_copy_is_worth_no_more_than_its_claim(verdict):
    assert judge_copy(claimed(verdict), found())[0] is verdict


def test_both_tests_are_needed():
    for weaker in (found(alike=False), found(linked=False), None):
        assert judge_copy(claimed(Verdict.AUTHENTIC), weaker)[0] is Verdict.CLAIMED


def test_the_best_of_all_draws_must_be_beaten_by_a_margin():
    assert is_alike(Rank(2.0, 1.0, 8, beaten=True))
    assert not is_alike(Rank(1.4, 1.0, 8, beaten=True))
    assert not is_alike(Rank(0.4, 0.1, 8, beaten=True))
    assert not is_alike(Rank(2.0, 0.0, 0, beaten=False))


def test_the_freedom_of_the_search_is_paid_for():
    assert Noise(0.4, 180.0, 62.0).net == 118.0
    assert Noise(0.1, 20.0, 62.0).net == 0.0


def test_the_estimate_never_sees_the_tested_seed():
    """It is handed the recipe, whose seed must not matter."""
    from generator.estimate import estimate_latent

    assert "seed" not in estimate_latent.__code__.co_varnames
    assert copies.Estimator.estimate.__code__.co_varnames[:5] == ("self", "recipe", "picture", "seen", "whitening")


# --- with the real model --------------------------------------------------------------------------------------------


def test_the_claimed_pixels_without_their_manifest_are_authentic():
    work = made()
    told = report(work, work.rgb)
    assert told.verdict is Verdict.AUTHENTIC
    assert step(told, 13).figures == {"transformation": None}


def test_a_tampered_claim_is_invalid_whatever_the_picture():
    work = replace(work_of(taken_over(made(), made("mallory", number=3))))
    told, comparison, reference = report_on_copy([work], GivenPicture(made().rgb, "PNG"), request(), draws=1, where="")
    assert told.verdict is Verdict.INVALID
    assert comparison is None
    assert reference is None


@pytest.mark.slow
def test_a_jpeg_of_a_part_is_a_consistent_copy_and_a_wrong_seeds_picture_is_not():
    work = made(prompt="a winding path through a forest")
    told = report(work, do.jpeg(do.scaled(do.cropped(work.rgb, 0.05), 2.0), 80), kind="JPEG")
    assert told.verdict is Verdict.CONSISTENT
    assert "JPEG file, scaled" in told.reason
    assert step(told, 15).figures["net_bits"] > 128
    other = made("bea", prompt="a winding path through a forest")
    told = report(work, other.rgb)
    assert told.verdict is Verdict.CLAIMED
    assert step(told, 14).status is Status.WARN
    assert step(told, 15).figures["net_bits"] == 0.0


@pytest.mark.slow
def test_a_thief_whose_picture_is_similar_gets_no_copy_out_of_an_injected_picture():
    """His own claim is authentic; the victim's picture with a little of his noise must not become a copy of his."""
    victim, thief = made(prompt="a winding path through a forest"), made("mallory", prompt="a lake at noon", number=3)
    grain = np.random.default_rng(0).normal(0, 3, victim.rgb.shape)
    told = report(thief, np.clip(victim.rgb + grain, 0, 255).astype(np.uint8))
    assert told.verdict is Verdict.CLAIMED


def test_without_a_generator_nothing_is_compared():
    told = report(made(), do.jpeg(made().rgb), asked=request(regenerator=None))
    assert told.verdict is Verdict.CLAIMED
    assert step(told, 13).status is Status.SKIP


def test_a_claim_that_cannot_be_decoded_here_is_not_compared():
    unknown = made().with_(recipe=replace(made().recipe, model=replace(made().recipe.model, digest=bytes(32))))
    assert check_claim(work_of(unknown), request(), made().rgb).reference is None
