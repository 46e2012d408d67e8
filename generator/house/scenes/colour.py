"""Colours as triples of floats in 0..255 (sRGB values, mixed as they are: a paint box, not a light model)."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["BLACK", "WHITE", "Colour", "hsv", "jitter", "mix", "shade"]

Colour = tuple[float, float, float]

WHITE: Colour = (255.0, 255.0, 255.0)
BLACK: Colour = (10.0, 10.0, 30.0)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """Return ``a`` moved towards ``b`` by the share ``t`` in 0..1."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def shade(colour: Colour, light: Colour) -> Colour:
    """Return ``colour`` under a light whose channels are factors around 1."""
    return (colour[0] * light[0], colour[1] * light[1], colour[2] * light[2])


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the colour of a hue in degrees, saturation and value in 0..1 (clamped)."""
    r, g, b = colorsys.hsv_to_rgb((hue / 360.0) % 1.0, min(1.0, max(0.0, saturation)), min(1.0, max(0.0, value)))
    return (255.0 * r, 255.0 * g, 255.0 * b)


def jitter(
    rng: np.random.Generator, colour: Colour, hue: float = 10.0, saturation: float = 0.12, value: float = 0.08
) -> Colour:
    """Return a neighbour of ``colour``: hue within ± ``hue`` degrees, the others within the given relative range."""
    h, s, v = colorsys.rgb_to_hsv(*(min(1.0, max(0.0, c / 255.0)) for c in colour))
    return hsv(
        h * 360.0 + rng.uniform(-hue, hue),
        s * (1.0 + rng.uniform(-saturation, saturation)),
        v * (1.0 + rng.uniform(-value, value)),
    )
