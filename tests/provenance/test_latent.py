"""Quantised latents: integers that are the same everywhere."""

import hashlib
import warnings
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from provenance.latent import cell_distance, dequantise, latent_digest, quantise, relative_steps, step_array

STEPS = (Decimal("0.125"), Decimal("0.1"))
few = settings(max_examples=50)
integer_arrays = arrays(np.int16, (2, 3, 4))
latents = arrays(np.float32, (2, 3, 4), elements=st.floats(-1000, 1000, width=32))


@few
@given(integer_arrays)
def test_integers_survive(q):
    assert np.array_equal(quantise(dequantise(q, STEPS), STEPS), q)
    assert cell_distance(dequantise(q, STEPS), q, STEPS) == 0.0


@few
@given(latents)
def test_quantisation_is_off_by_half_a_step_at_most(x):
    q = quantise(x, STEPS)
    assert q.dtype == np.int16
    assert cell_distance(x, q, STEPS) < 1e-3
    steps = np.array([0.125, 0.1]).reshape(-1, 1, 1)
    assert (np.abs(dequantise(q, STEPS).astype(float) - x) <= steps * 0.501 + 1e-4).all()


def test_ties_go_to_the_even_integer():
    x = np.array([[[0.5, 1.5, 2.5, -0.5, -1.5]]], np.float32)
    assert quantise(x, (Decimal(1),)).tolist() == [[[0, 2, 2, 0, -2]]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 32768.0, -32769.0, 3e38])
def test_what_does_not_fit_is_refused_without_a_warning(value):
    x = np.zeros((1, 1, 2), np.float32)
    x[0, 0, 1] = value
    with warnings.catch_warnings(), pytest.raises(ValueError):
        warnings.simplefilter("error")
        quantise(x, (Decimal(1),) if abs(value) < 1e6 else (Decimal("0.001"),))


def test_the_whole_range_fits():
    x = np.array([[[-32768.0, 32767.0]]], np.float32)
    assert quantise(x, (Decimal(1),)).tolist() == [[[-32768, 32767]]]


@pytest.mark.parametrize("shape", [(2, 3), (3, 2, 2), (1, 2, 2), (1, 2, 2, 2)])
def test_shapes_must_fit(shape):
    with pytest.raises(ValueError, match="does not fit"):
        quantise(np.zeros(shape, np.float32), STEPS)


def test_steps_are_rounded_once():
    halfway = Decimal("1.000000059604644775390625")  # between two float32: to even, which is 1
    above = Decimal("1.000000059604644775390625000001")  # a float64 does not see the difference
    found = step_array((halfway, above, Decimal("0.1"), Decimal("0.000001"), Decimal(1_000_000)))
    assert found.shape == (5, 1, 1)
    assert found.dtype == np.float32
    expected = [1.0, np.nextafter(np.float32(1), np.float32(2)), np.float32(0.1), np.float32(1e-6), 1e6]
    assert found.ravel().tolist() == [float(value) for value in expected]


def test_digest_by_hand():
    q = np.array([[[1, -2, 300]]], np.int16)
    tag = hashlib.sha256(b"seedproof/v1/latent").digest()
    body = bytes.fromhex("000000010000000100000003" + "0100feff2c01")
    assert latent_digest(q) == hashlib.sha256(tag + tag + body).digest()


@few
@given(integer_arrays, st.integers(0, 23))
def test_digest_sees_every_value_and_the_shape_but_not_the_memory(q, i):
    other = q.copy()
    other.ravel()[i] ^= 1
    assert latent_digest(other) != latent_digest(q)
    assert latent_digest(q.reshape(2, 4, 3)) != latent_digest(q)
    assert latent_digest(np.asfortranarray(q)) == latent_digest(q)
    assert latent_digest(q.astype(">i2")) == latent_digest(q)


@few
@given(integer_arrays, st.floats(0, 50))
def test_cell_distance_measures_in_steps(q, offset):
    q = np.clip(q, -1000, 1000).astype(np.int16)
    steps = np.array([0.125, 0.1]).reshape(-1, 1, 1)
    x = q * steps + offset * steps
    assert cell_distance(x, q, STEPS) == pytest.approx(max(offset - 0.5, 0), abs=1e-3)


def test_cell_distance_is_the_root_mean_square():
    q = np.zeros((1, 1, 4), np.int16)
    x = np.array([[[0.5, -0.5, 3.5, -4.5]]], np.float32)
    assert cell_distance(x, q, (Decimal(1),)) == pytest.approx(2.5)
    assert cell_distance(-x, q, (Decimal(1),)) == cell_distance(x, q, (Decimal(1),))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_broken_latent_is_infinitely_far(value):
    x = np.zeros((1, 2, 2), np.float32)
    x[0, 0, 0] = value
    assert cell_distance(x, np.zeros((1, 2, 2), np.int16), (Decimal(1),)) == float("inf")


def test_relative_steps():
    x = np.random.default_rng(1).standard_normal((3, 64, 64)).astype(np.float32) * np.array(
        [1, 10, 0], np.float32
    ).reshape(3, 1, 1)
    first, second, third = relative_steps(x, 1 / 8)
    assert float(first) == pytest.approx(0.125, rel=0.05)
    assert float(second) == pytest.approx(1.25, rel=0.05)
    assert third == Decimal("0.000001")
    assert all(len(step.as_tuple().digits) <= 3 for step in (first, second, third))
