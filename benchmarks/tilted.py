"""Rates too small to be counted, by importance sampling from the noise's own table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from provenance.correlation import threshold
from provenance.noise import _table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["weighted"]


def weighted(vector: NDArray[np.float32], bits: int, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """(log2 of the rate at ``threshold(d, bits)``, relative standard error), for noise out of the shipped table.

    Entry k of the table, one of 65,536 equally likely ones, stands for the k-th slice of a normal distribution. Drawing
    the slice from N(shift, 1) instead makes large cosines usual; the likelihood ratio of each value is exact.
    """
    d, t = len(vector), threshold(len(vector), bits)
    shift = vector.astype(np.float64) * t * math.sqrt(d / (1 - t * t))
    table = _table().astype(np.float64)
    size = len(table)
    weights = []
    for _ in range(draws):
        index = np.clip((ndtr(rng.standard_normal(d) + shift) * size).astype(np.int64), 0, size - 1)
        z = table[index]
        if float(vector @ z) < t * math.sqrt(float(z @ z)):
            weights.append(0.0)
            continue
        side = np.where(index < size // 2, 1.0, -1.0)  # the upper half by its mirror image, where differences are exact
        lower, upper = ndtri(index / size), ndtri((index + 1) / size)
        slices = side * (ndtr(side * (upper - shift)) - ndtr(side * (lower - shift)))
        weights.append(math.exp(-float(np.log(slices * size).sum())))
    mean, spread = float(np.mean(weights)), float(np.std(weights))
    if mean == 0.0:
        return -math.inf, math.inf
    return math.log2(mean), spread / mean / math.sqrt(draws)
