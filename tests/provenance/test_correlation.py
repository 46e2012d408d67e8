"""The exact false-accept rate, against other implementations, against the published thresholds, against chance itself."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft, special

from provenance.calibration import Whitening
from provenance.correlation import (
    REQUIRED_BITS,
    cosine,
    dct2,
    idct2,
    log2_false_accept,
    threshold,
    whiten,
    whitened_cosine,
)
from provenance.noise import gaussian

DIMENSIONS = [2, 3, 4, 5, 7, 16, 64, 100, 1000, 1024, 4096, 16_384, 65_536]


def exact(t, d):
    with mpmath.workdps(60):
        t = mpmath.mpf(t)
        return float(mpmath.log(mpmath.betainc(mpmath.mpf(d - 1) / 2, 0.5, 0, 1 - t * t, regularized=True) / 2, 2))


@pytest.mark.parametrize(
    ("t", "d"),
    [
        *((t, d) for t in (1e-6, 0.004, 0.05, 0.3, 0.9) for d in (2, 3, 10, 1024)),
        *((t, 65_536) for t in (1e-6, 0.004, 0.02, 0.051)),
    ],
)
def test_against_mpmath(t, d):
    assert log2_false_accept(t, d) == pytest.approx(exact(t, d), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_against_scipy(d):
    compared = 0
    for t in np.concatenate([np.logspace(-8, -0.001, 60), np.linspace(0.001, 0.999, 60)]):
        tail = special.betaincc(0.5, (d - 1) / 2, t * t) / 2  # the other way round: 1 - t^2 would round
        if tail > 1e-290:
            assert log2_false_accept(float(t), d) == pytest.approx(math.log2(tail), rel=1e-8, abs=1e-9)
            compared += 1
    assert compared > 60


def test_two_dimensions_are_an_angle():
    for t in (0.1, 0.5, 0.99):
        assert 2 ** log2_false_accept(t, 2) == pytest.approx(math.acos(t) / math.pi, rel=1e-12)
        assert 2 ** log2_false_accept(t, 3) == pytest.approx((1 - t) / 2, rel=1e-12)  # Archimedes' hat box


@pytest.mark.parametrize(("d", "published"), [(1024, 0.3919), (4096, 0.2019), (16_384, 0.1017), (65_536, 0.0510)])
def test_published_thresholds(d, published):
    assert REQUIRED_BITS == 128
    assert round(threshold(d), 4) == published
    assert log2_false_accept(threshold(d), d) <= -128 < log2_false_accept(threshold(d) - 1e-9, d)


@pytest.mark.parametrize(("d", "published"), [(1024, 0.2783), (4096, 0.1412), (16_384, 0.0709), (65_536, 0.0355)])
def test_published_thresholds_at_64_bits(d, published):
    assert round(threshold(d, 64), 4) == published


@settings(max_examples=60)
@given(st.sampled_from(DIMENSIONS), st.floats(-1, 1), st.floats(-1, 1))
def test_the_tail_falls_and_is_symmetric(d, a, b):
    low, high = sorted((a, b))
    assert log2_false_accept(low, d) >= log2_false_accept(high, d) - 1e-12
    assert log2_false_accept(a, d) <= 0
    assert 2 ** log2_false_accept(a, d) + 2 ** log2_false_accept(-a, d) == pytest.approx(1)


def test_the_ends():
    for d in DIMENSIONS:
        assert log2_false_accept(0.0, d) == -1.0
        assert log2_false_accept(1.0, d) == log2_false_accept(1.5, d) == -math.inf
        assert log2_false_accept(-1.0, d) == 0.0
        assert threshold(d) <= 1.0
    for d in (1, 0, -3):
        with pytest.raises(ValueError):
            log2_false_accept(0.5, d)


def test_wrong_seeds_reach_a_cosine_as_often_as_the_formula_says():
    d, count = 64, 200_000
    latent = np.random.default_rng(7).standard_normal(d) ** 3 + 0.4  # anything fixed, far from Gaussian
    seeds = gaussian(b"\x09" * 32, (count, d)).astype(np.float64)
    c = seeds @ latent / (np.linalg.norm(seeds, axis=1) * np.linalg.norm(latent))
    for probability in (0.1, 0.01, 1e-3, 1e-4):
        t = threshold(d, -math.log2(probability))
        expected = count * probability
        assert abs(int((c >= t).sum()) - expected) < 4 * math.sqrt(expected)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (4, 8, 8), (3, 16, 7)])
def test_dct_against_scipy(shape):
    x = np.random.default_rng(3).standard_normal(shape)
    assert np.allclose(dct2(x), fft.dctn(x, axes=(1, 2), norm="ortho"), atol=1e-12)
    assert np.linalg.norm(dct2(x)) == pytest.approx(np.linalg.norm(x))
    assert np.allclose(idct2(x), fft.idctn(x, axes=(1, 2), norm="ortho"), atol=1e-12)
    assert np.allclose(idct2(dct2(x)), x, atol=1e-12)


def test_cosine():
    a = np.array([1.0, 2.0, 3.0], np.float32)
    assert cosine(a, a) == pytest.approx(1.0)
    assert cosine(a, -7 * a) == pytest.approx(-1.0)
    assert cosine(np.array([1.0, 0]), np.array([0, 1.0])) == 0.0
    assert cosine(np.array([1.0, 1.0]), np.array([1.0, 0])) == pytest.approx(math.sqrt(0.5))
    assert -1.0 <= cosine(a * 1e-3, a * 1e-3) <= 1.0


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, 1e200])
def test_a_broken_latent_correlates_with_nothing(value):
    broken = np.full(8, value)
    with np.errstate(all="ignore"):
        assert cosine(broken, np.full(8, 1e200 if value == 1e200 else 1.0)) == 0.0


def test_whitening_finds_a_link_that_the_plain_cosine_hides():
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((2, 8, 8)).astype(np.float32)
    mean = rng.standard_normal((2, 8, 8)) * 30
    scale = np.exp(rng.standard_normal((2, 8, 8)) * 3)
    coefficients = dct2(noise) / scale + mean
    latent = idct2(coefficients).astype(np.float32)
    whitening = Whitening(mean.astype(np.float32), scale.astype(np.float32))
    assert np.allclose(whiten(idct2(coefficients), whitening), dct2(noise), rtol=1e-4, atol=1e-2)
    assert whitened_cosine(latent, noise, whitening) > 0.99
    assert whitened_cosine(latent, noise, None) == cosine(latent, noise) < 0.5
    other = rng.standard_normal((2, 8, 8)).astype(np.float32)
    assert abs(whitened_cosine(latent, other, whitening)) < 0.4


def test_trivial_whitening_is_the_plain_cosine():
    x, z = np.random.default_rng(6).standard_normal((2, 4, 8, 8)).astype(np.float32)
    trivial = Whitening(np.zeros((4, 8, 8), np.float32), np.ones((4, 8, 8), np.float32))
    assert whitened_cosine(x, z, trivial) == pytest.approx(cosine(x, z))


def test_rounding_makes_no_cosine_beyond_one():
    rng = np.random.default_rng(0)
    pairs = [(a, factor * a) for a in rng.standard_normal((300, 5)) for factor in (3.0, 0.1)]
    raw = [float(a @ b) / math.sqrt(float(a @ a) * float(b @ b)) for a, b in pairs]
    assert max(raw) > 1.0  # so something is cut off
    assert max(cosine(a, b) for a, b in pairs) == 1.0
    assert min(cosine(a, -b) for a, b in pairs) == -1.0


def test_a_tail_needs_two_dimensions():
    with pytest.raises(ValueError, match=r"^the tail needs at least two dimensions$"):
        log2_false_accept(0.5, 1)


def test_a_threshold_is_the_smallest_cosine_that_is_rare_enough():
    assert threshold(3, 3) == 0.75  # where the rate is exactly 2^-3


def test_a_fraction_that_does_not_converge_is_no_figure(monkeypatch):
    monkeypatch.setattr("provenance.correlation._ITERATIONS", 2)
    with pytest.raises(ArithmeticError, match=r"^the incomplete beta function did not converge$"):
        log2_false_accept(0.3, 1000)


def test_the_fraction_divides_by_nothing_that_vanishes():
    from provenance.correlation import _away_from_zero

    for value in (0.0, 1e-301, -1e-300):
        assert _away_from_zero(value) == 1e-300
    assert _away_from_zero(-2e-300) == -2e-300
