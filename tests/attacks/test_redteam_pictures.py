"""The threats that need pictures: their arithmetic quickly, one attempt of each against the real model at night."""

import math
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cv2")

from provenance.calibration import Whitening
from provenance.correlation import cosine, log2_false_accept, threshold, whitened_cosine
from provenance.latent import step_array
from tests.attacks.redteam import (
    fine_tuning,
    grinding_pictures,
    half_precision,
    image_to_image,
    injection,
    inversion,
    prompt_optimisation,
    reencode,
)
from tests.attacks.redteam.grinding_pictures import expected_best, grind, key_of
from tests.attacks.redteam.inject import DIRECTIONS, idct2, reach, replace_noise, stored
from tests.attacks.redteam.injection_figures import damage_at
from tests.attacks.redteam.painter import bits, psnr
from tests.attacks.redteam.reencode import TRANSFORMATIONS

SHAPE = (4, 16, 16)
MODULES = (
    fine_tuning,
    grinding_pictures,
    half_precision,
    image_to_image,
    injection,
    inversion,
    prompt_optimisation,
    reencode,
)
THREATS = {threat.name: threat for module in MODULES for threat in getattr(module, "THREATS", None) or (module.THREAT,)}
OPTIMISED = {"fine-tuning", "half-precision", "prompt-optimisation"}
MAY_BE_CONSISTENT = {"injection-sealed", "injection-dispute", "injection-erased", "remix-of-a-victim"}
"""Where *consistent* is what is promised, or where a dispute and not ``verify`` has the last word."""


def known():
    dice = np.random.default_rng(1)
    scale = dice.uniform(0.2, 1.5, SHAPE).astype(np.float32)
    steps = tuple(Decimal(str(step)) for step in (0.05, 0.1, 0.2, 0.4))
    return SimpleNamespace(whitening=Whitening(np.zeros(SHAPE, np.float32), scale), steps=steps)


def noise(number):
    return np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)


def latent():
    """Smooth, with a trace of noise 7 in it, as a model leaves it."""
    smooth = np.cumsum(np.cumsum(noise(2), axis=1), axis=2) / 4
    return (smooth + 0.8 * noise(7)).astype(np.float64)


# --- injection ------------------------------------------------------------------------------------------------------


def test_the_dct_is_undone():
    from provenance.correlation import dct2

    assert np.allclose(idct2(dct2(noise(3))), noise(3))


@pytest.mark.parametrize("way", DIRECTIONS)
def test_an_injection_reaches_its_goal_in_the_quantised_latent_and_goes_no_further(way):
    moved, strength = reach(latent(), noise(3), known(), 0.3, way)
    found = whitened_cosine(stored(moved, known()), noise(3), known().whitening)
    assert 0.3 <= found < 0.31
    assert strength > 0


def test_the_least_direction_costs_fewest_steps():
    def cost(way):
        moved, _ = reach(latent(), noise(3), known(), 0.3, way)
        return float(np.sqrt(np.mean(np.square((moved - latent()) / step_array(known().steps)))))

    assert cost("least") < 0.8 * cost("plain")
    assert cost("least") < cost("shaped")


def test_noise_is_exchanged_down_to_what_nobody_finds():
    moved, strength, taken = replace_noise(latent(), noise(3), noise(7), known(), 0.4, 0.0)
    kept = stored(moved, known())
    assert whitened_cosine(stored(latent(), known()), noise(7), known().whitening) > 0.3
    assert whitened_cosine(kept, noise(3), known().whitening) > 0.38
    assert abs(whitened_cosine(kept, noise(7), known().whitening)) < 0.03
    assert min(strength, taken) > 0


def test_damage_is_read_between_the_points():
    points = [{"cosine": 0.1, "psnr": 50.0}, {"cosine": 0.3, "psnr": 40.0}]
    assert damage_at(points, 0.2) == 45.0
    assert damage_at(points, 0.4) is None


def test_a_consistent_that_does_not_warn_would_be_a_break():
    assert THREATS["injection-sealed"].broken_by("unwarned")
    assert not THREATS["injection-sealed"].broken_by("consistent")
    for name in ("injection-dispute", "injection-erased"):
        assert THREATS[name].broken_by("dispute: undetermined")
        assert not THREATS[name].broken_by("unmasked")


# --- grinding and inversion -----------------------------------------------------------------------------------------


def test_the_best_of_n_is_where_half_of_all_searches_end():
    for n in (1, 2, 64, 2**14):
        t = expected_best(n, 1024)
        assert math.isclose((1 - 2 ** log2_false_accept(t, 1024)) ** n, 0.5, rel_tol=1e-6)


def test_grinding_follows_the_tail_and_grows():
    work = SimpleNamespace(integers=None, recipe=SimpleNamespace(shape=SHAPE, latent_steps=known().steps))
    values = np.round(latent() / step_array(known().steps)).astype(np.int16)
    best, place = grind(
        SimpleNamespace(**{**vars(work), "integers": values}), known(), [key_of(0, number) for number in range(256)]
    )
    assert best.shape == (2, 9)
    assert (np.diff(best, axis=1) >= 0).all()
    assert 0 <= place < 256
    for row in best:
        assert abs(row[-1] - expected_best(256, 1024)) < 0.05
    assert best.max() < threshold(1024)


def test_turned_noise_has_the_cosine_and_the_length():
    mixed = inversion.turned(noise(1), noise(2), 0.9)
    assert math.isclose(cosine(mixed, noise(1)), 0.9, abs_tol=1e-5)
    assert math.isclose(np.linalg.norm(mixed), np.linalg.norm(noise(1)), rel_tol=1e-5)


# --- the rest -------------------------------------------------------------------------------------------------------


def test_figures_are_finite():
    picture = np.zeros((4, 4, 3), np.uint8)
    assert psnr(picture, picture) == 99.0
    assert bits(1.0, 2048) == 2048.0


def test_every_transformation_changes_the_picture_or_its_size():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for name, change in TRANSFORMATIONS.items():
        shown = change(rgb)
        assert shown.dtype == np.uint8
        assert name == "as it is" or shown.shape != rgb.shape or not np.array_equal(shown, rgb)


def test_every_class_has_as_many_attempts_as_its_kind_needs():
    assert len(THREATS) == 12
    assert all(threat.wanted == (30 if name in OPTIMISED else 300) for name, threat in THREATS.items())
    assert all("consistent" in threat.success for name, threat in THREATS.items() if name not in MAY_BE_CONSISTENT)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    from tests.attacks.redteam.lab import Lab

    return Lab(tmp_path_factory.mktemp("redteam"), works=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(THREATS) - OPTIMISED - {"inversion"}))
def test_one_attempt_breaks_nothing(lab, name, monkeypatch):
    monkeypatch.setattr("tests.attacks.redteam.injection.DRAWS", 1)
    threat = THREATS[name]
    outcome = threat.attempt(lab, 1)
    assert not threat.broken_by(outcome.verdict), outcome


@pytest.mark.slow
def test_small_optimisations_break_nothing(lab):
    for module, how in (
        (inversion, {"keys": 64}),
        (prompt_optimisation, {"rounds": 1, "descent": 1}),
        (fine_tuning, {"steps": 2}),
        (half_precision, {"seeds": 12}),
    ):
        outcome = module.attempt(lab, 1, **how)
        assert not module.THREAT.broken_by(outcome.verdict), outcome
        assert all(math.isfinite(value) for value in outcome.figures.values())
