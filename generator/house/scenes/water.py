"""Water: open sea with waves, mirrored lakes, the path of light under sun or moon."""

from __future__ import annotations

import math

import numpy as np

from generator.house.scenes.colour import WHITE, Colour, jitter, mix, shade
from generator.house.scenes.lines import ABSCISSAE
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.stage import Stage, one_of

__all__ = ["mirror", "sea", "sparkle", "waves"]

SEA: tuple[Colour, ...] = ((24, 96, 160), (30, 130, 168), (20, 76, 136), (38, 156, 160), (48, 110, 190))


def sea(stage: Stage, top: float) -> Colour:
    """Paint water from ``top`` to the lower edge and return its near colour."""
    rng = stage.rng
    deep = shade(jitter(rng, one_of(rng, SEA), 8.0), stage.palette.light)
    far = mix(deep, stage.haze, rng.uniform(0.45, 0.7))
    stage.sheet.wash(top, SIZE, (far, mix(deep, stage.haze, 0.2), deep))
    return deep


def sparkle(stage: Stage, top: float, bottom: float = SIZE) -> None:
    """Lay the path of light under the sun or moon."""
    rng = stage.rng
    light = mix(stage.haze, WHITE, 0.45)
    spread = rng.uniform(0.6, 1.4)
    y = top + 3.0
    while y < bottom:
        share = (y - top) / (SIZE - top + 1.0)
        width = spread * (10.0 + 34.0 * share) * rng.uniform(0.4, 1.0)
        x = stage.sun_x + rng.uniform(-1.0, 1.0) * 10.0 * (0.3 + share)
        stage.sheet.oval(x, y, 2.0 * width, 2.2 + 3.4 * share, light, 190.0)
        y += 5.0 + 8.0 * share


def waves(stage: Stage, top: float, colour: Colour) -> None:
    """Paint a few bold bands of swell."""
    rng = stage.rng
    count = int(rng.integers(2, 6))
    for band in range(count):
        share = (band + 0.6) / count
        y = top + share * share * (SIZE - top)
        length, phase = rng.uniform(28.0, 70.0) * (0.5 + share), rng.uniform(0.0, math.tau)
        line = y + (1.5 + 5.0 * share) * np.sin(ABSCISSAE / length * math.tau + phase)
        body = mix(colour, stage.haze, 0.32 * (1.0 - share))
        stage.sheet.below(ABSCISSAE, line, mix(body, WHITE, 0.2), body, 26.0)
        crest = list(zip(ABSCISSAE.tolist(), line.tolist(), strict=True))
        stage.sheet.line(crest, mix(body, WHITE, 0.55), 1.4 + 1.8 * share, 190.0)


def mirror(stage: Stage, top: float) -> Colour:
    """Fill everything under ``top`` with the mirrored, rippled picture above it, in the colour of water."""
    rng, pixels = stage.rng, stage.sheet.pixels
    first = int(top)
    rows = SIZE - first
    source = np.clip(first - 1 - np.arange(rows), 0, SIZE - 1)
    shift = rng.uniform(0.8, 2.0) * np.sin(np.arange(rows) * rng.uniform(0.4, 0.8)) * np.linspace(0.5, 2.2, rows)
    columns = np.clip(np.arange(SIZE)[None, :] + shift.astype(np.int64)[:, None], 0, SIZE - 1)
    seen = pixels[source[:, None], columns, :3].astype(np.float32)
    water = shade(jitter(rng, one_of(rng, ((70, 130, 170), (50, 120, 140), (84, 112, 160))), 6.0), stage.palette.light)
    share = np.linspace(rng.uniform(0.12, 0.25), rng.uniform(0.4, 0.7), rows, dtype=np.float32)[:, None, None]
    tone = np.asarray(water, dtype=np.float32)
    pixels[first:, :, :3] = (seen * (1.0 - share) * 0.95 + tone * share).astype(np.uint8)
    pixels[first:, :, 3] = 255
    for _ in range(int(rng.integers(3, 9))):
        depth = rng.random()
        x, y = rng.uniform(0.0, SIZE), top + 3.0 + depth * (SIZE - top)
        stage.sheet.oval(x, y, 24.0 + 60.0 * depth, 1.6 + 2.4 * depth, mix(stage.haze, WHITE, 0.4), 80.0)
    return water
