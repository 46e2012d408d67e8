"""Lines of hills: fractal noise and the envelopes that give each picture a composition of its own."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

import numpy as np

from generator.house.scenes.sheet import SIZE, Floats

__all__ = ["ABSCISSAE", "envelope", "fractal"]

ABSCISSAE: Floats = np.linspace(-8.0, SIZE + 8.0, 69)
_UNIT: Floats = (ABSCISSAE + 8.0) / (SIZE + 16.0)


def fractal(
    rng: np.random.Generator, base: float, octaves: int = 5, gain: float = 0.5, *, smooth: bool = False
) -> Floats:
    """Return value noise over the width of the sheet, float64 [69], scaled to a largest magnitude of 1."""
    total = np.zeros_like(_UNIT)
    amplitude = 1.0
    for octave in range(octaves):
        count = int(base * 2**octave) + 2
        knots = rng.uniform(-1.0, 1.0, count)
        at = (_UNIT * (count - 2) + rng.uniform(0.0, 1.0)) % (count - 1)
        left = np.minimum(at.astype(np.int64), count - 2)
        share = at - left
        if smooth:
            share = share * share * (3.0 - 2.0 * share)
        total = total + amplitude * (knots[left] * (1.0 - share) + knots[left + 1] * share)
        amplitude *= gain
    peak = float(np.abs(total).max())
    return total / peak if peak > 0.0 else total


def envelope(rng: np.random.Generator) -> Floats:
    """Return where the land is high, float64 [69] in 0..1: a plain, a slope, a valley, a peak or two.

    This large-scale choice is what the noise of the sampler has to decide first, so it differs boldly.
    """
    kind = int(rng.integers(6))
    if kind == 0:
        return np.full_like(_UNIT, rng.uniform(0.4, 0.7))
    if kind == 1:
        return np.clip(rng.uniform(0.0, 0.2) + _UNIT * rng.uniform(0.7, 1.0), 0.0, 1.0)
    if kind == 2:
        return np.clip(rng.uniform(0.0, 0.2) + (1.0 - _UNIT) * rng.uniform(0.7, 1.0), 0.0, 1.0)
    if kind == 3:
        middle = rng.uniform(0.25, 0.75)
        return np.clip(rng.uniform(1.2, 2.2) * np.abs(_UNIT - middle) + rng.uniform(0.0, 0.15), 0.0, 1.0)
    width = rng.uniform(0.12, 0.3)
    bump = np.exp(-(((_UNIT - rng.uniform(0.1, 0.9)) / width) ** 2))
    if kind == 4:
        return np.clip(0.15 + 0.85 * bump, 0.0, 1.0)
    other = np.exp(-(((_UNIT - rng.uniform(0.0, 1.0)) / rng.uniform(0.1, 0.25)) ** 2))
    return np.clip(0.1 + np.maximum(bump * 0.9, other * rng.uniform(0.5, 0.9)), 0.0, 1.0)
