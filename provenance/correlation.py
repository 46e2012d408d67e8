"""Does this latent come from this noise? Cosine of whitened latent and noise, and its exact false-accept rate.

For a fixed vector in d dimensions and a fresh standard normal one, the cosine c between them has
``P(c >= t) = I(1 - t^2; (d - 1) / 2, 1/2) / 2`` for t >= 0 (the cap of a sphere; I is the regularised incomplete beta
function, DLMF 8.17). It holds whatever the fixed vector is, hence for every model and every whitening that does not
depend on the seed. Thresholds at 2^-128: 0.3919 for d = 1,024, 0.2019 for 4,096, 0.1017 for 16,384, 0.0510 for 65,536.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.calibration import Whitening

__all__ = [
    "REQUIRED_BITS",
    "cosine",
    "dct2",
    "dct_matrix",
    "idct2",
    "log2_false_accept",
    "threshold",
    "whiten",
    "whitened_cosine",
]

REQUIRED_BITS = 128
"""A claim needs a false-accept rate below 2^-128: an attacker can grind keys, nonces and indices."""

_ITERATIONS = 10_000
_TINY = 1e-300
_EPSILON = 1e-15


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Cosine of the angle between two arrays of one shape, in float64; 0 where one of them vanishes."""
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    norm = math.sqrt(float(x @ x) * float(y @ y))
    if not math.isfinite(norm) or norm == 0.0:
        return 0.0
    return max(-1.0, min(1.0, float(x @ y) / norm))


def whitened_cosine(latent: NDArray[np.float32], noise: NDArray[np.float32], whitening: Whitening | None) -> float:
    """Cosine of the whitened latent with the noise in the same basis; plain where there is no whitening.

    Args:
        latent: dequantised, (C, H, W).
        noise: the seed's noise of stream 0, (C, H, W).
        whitening: the model's, from the verifier's policy; None gives the plain cosine.
    """
    if whitening is None:
        return cosine(latent, noise)
    return cosine(whiten(latent, whitening), dct2(noise))


def whiten(latent: NDArray[np.floating], whitening: Whitening) -> NDArray[np.float64]:
    """The latent (C, H, W) in the whitening's basis: its DCT coefficients less their means, times their scales."""
    result: NDArray[np.float64] = (dct2(latent) - whitening.mean) * whitening.scale
    return result


def dct2(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Orthonormal DCT-II over the last two axes, as two matrix products (latents are small)."""
    result: NDArray[np.float64] = dct_matrix(x.shape[-2]) @ x.astype(np.float64) @ dct_matrix(x.shape[-1]).T
    return result


def idct2(coefficients: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of :func:`dct2`."""
    rows, columns = dct_matrix(coefficients.shape[-2]), dct_matrix(coefficients.shape[-1])
    result: NDArray[np.float64] = rows.T @ coefficients.astype(np.float64) @ columns
    return result


def log2_false_accept(t: float, d: int) -> float:
    """log2 of the exact probability that fresh noise in d dimensions reaches cosine t; -1 at 0, at most 0.

    Raises:
        ValueError: d < 2.
    """
    if d < 2:  # noqa: PLR2004 - on a line there is no angle
        raise ValueError("the tail needs at least two dimensions")
    if t >= 1.0:
        return -math.inf
    if t <= 0.0:
        tail = 2.0 ** log2_false_accept(-t, d) if t < 0.0 else 0.5
        return math.log2(1.0 - tail) if t < 0.0 else -1.0
    return (_log_beta_cap((d - 1) / 2, 0.5, t) / math.log(2.0)) - 1.0


def threshold(d: int, bits: int = REQUIRED_BITS) -> float:
    """Smallest cosine whose false-accept rate is at most 2^-bits, by bisection to 1e-12."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:  # noqa: PLR2004 - resolution
        middle = (low + high) / 2
        if log2_false_accept(middle, d) > -bits:
            low = middle
        else:
            high = middle
    return high


def _log_beta_cap(a: float, b: float, t: float) -> float:
    """Ln I(1 - t^2; a, b): continued fraction of DLMF 8.17.22 on the side where it converges fast."""
    x = (1.0 - t) * (1.0 + t)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log1p(-t * t) + 2.0 * b * math.log(t)
    if x < (a + 1.0) / (a + b + 2.0):
        return log_front + math.log(_continued_fraction(a, b, x) / a)
    return math.log1p(-math.exp(log_front) * _continued_fraction(b, a, t * t) / b)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, evaluated by Lentz's method."""
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _ITERATIONS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _away_from_zero(1.0 + numerator * d)
            c = _away_from_zero(1.0 + numerator / c)
            value *= c * d
        if abs(c * d - 1.0) < _EPSILON:
            return value
    raise ArithmeticError("the incomplete beta function did not converge")


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


@cache
def dct_matrix(n: int) -> NDArray[np.float64]:
    """The orthonormal DCT-II of n values as a matrix (n, n); its transpose is its inverse."""
    k, i = np.arange(n)[:, None], np.arange(n)[None, :]
    matrix: NDArray[np.float64] = np.sqrt(2.0 / n) * np.cos(np.pi * (2 * i + 1) * k / (2 * n))
    matrix[0] /= np.sqrt(2.0)
    return matrix
