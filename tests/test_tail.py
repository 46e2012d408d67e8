"""The figures of ``benchmarks.tail``: weighted draws agree with the formula, and a false formula would be noticed."""

import math

import numpy as np
import pytest

from benchmarks.tail import BLOCK, RATES, conclude, interval
from benchmarks.tilted import weighted
from provenance.correlation import log2_false_accept, threshold


@pytest.mark.parametrize("bits", [8, 24])
def test_weighted_draws_agree_with_the_formula(bits):
    rng = np.random.default_rng(bits)
    vector = rng.standard_normal(256)
    log2, error = weighted((vector / np.linalg.norm(vector)).astype(np.float32), bits, 2_000, rng)
    assert error < 0.2
    assert abs(2 ** (log2 + bits) - 1) < 5 * error


def test_weighted_draws_notice_a_vector_that_the_table_cannot_reach():
    one = np.zeros(64, np.float32)
    one[0] = 1.0
    assert threshold(64, 100) ** 2 > 4.4**2 / (4.4**2 + 20)  # beyond the table's last entry, but for tiny other values
    assert weighted(one, 100, 200, np.random.default_rng(0))[0] < -100


def test_intervals_hold_the_rate():
    assert interval(0, 1000) == pytest.approx((0.0, 0.00368), abs=1e-5)
    low, high = interval(10, 1000)
    assert low < 0.01 < high
    assert interval(1000, 1000)[1] == 1.0


def rows(factor=1.0):
    total = [[round(factor * rate * 64 * BLOCK) for rate in RATES]] * 3
    nothing = [[0] * len(RATES)] * 3
    return [{"reached": total if block == 0 else nothing, "best": [0.1, 0.1, 0.1]} for block in range(64)]


def test_the_formulas_own_rates_agree_and_others_do_not():
    told = conclude(rows(), 2048)
    assert told["agrees"]
    assert told["wrong_seeds"] == 64 * BLOCK
    line = told["tests"]["plain"]["counts"][1]
    assert log2_false_accept(line["cosine"], 2048) == pytest.approx(math.log2(line["rate"]), abs=1e-6)
    assert not conclude(rows(1.05), 2048)["agrees"]
