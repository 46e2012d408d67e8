"""Land: ranges of mountains, rolling hills, dunes, table mountains."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

import numpy as np

from generator.house.scenes.colour import BLACK, Colour, jitter, mix
from generator.house.scenes.lines import ABSCISSAE, envelope, fractal
from generator.house.scenes.sheet import SIZE, Floats
from generator.house.scenes.stage import Stage, one_of

__all__ = ["ROCK", "dunes", "hill", "hills", "mesas", "mountains", "peak", "veil"]

ROCK: tuple[Colour, ...] = (
    (106, 116, 142),
    (128, 112, 120),
    (92, 106, 120),
    (150, 116, 96),
    (84, 108, 156),
    (122, 96, 150),
    (90, 130, 130),
)


def veil(stage: Stage, y: float) -> None:
    """Lay mist just above a layer, so that the layers stand apart."""
    stage.sheet.wash(y - 26.0, y + 26.0, (stage.haze, stage.haze, stage.haze), (0.0, 120.0, 0.0))


def hill(
    stage: Stage, base: float, swing: float, colour: Colour, roughness: float = 2.0, *, shape: Floats | None = None
) -> Floats:
    """Paint one soft ridge around height ``base`` and return its line, float64 [69]."""
    rng = stage.rng
    line = base - swing * fractal(rng, roughness, 3, 0.4, smooth=True)
    if shape is not None:
        line = line - shape
    stage.sheet.below(ABSCISSAE, line, mix(colour, stage.haze, 0.16), mix(colour, BLACK, 0.12), 80.0)
    return line


def hills(stage: Stage, layers: int, top: float, bottom: float, colour: Colour, swing: float) -> list[Floats]:
    """Paint ridges from far to near; each has an envelope of its own. Returns the lines, far ones first."""
    lines = []
    for layer in range(layers):
        share = (layer + 1) / layers
        base = top + (bottom - top) * (layer / max(1, layers - 1) if layers > 1 else 0.3)
        shape = envelope(stage.rng) * swing * stage.rng.uniform(0.6, 1.3)
        paint = stage.lit(jitter(stage.rng, colour, 12.0, 0.15, 0.1), 0.85 * (1.0 - share))
        lines.append(hill(stage, base, swing * 0.22, paint, 1.6, shape=shape - 0.5 * float(shape.max())))
    return lines


def mountains(stage: Stage, layers: int, height: float, *, snow: bool) -> Floats:
    """Paint jagged ranges that stand on the horizon, ``height`` pixels at most; returns the nearest line."""
    rng = stage.rng
    rock = one_of(rng, ROCK)
    line: Floats = np.full_like(ABSCISSAE, stage.horizon)
    for layer in range(layers):
        share = (layer + 1) / layers
        rough = fractal(rng, rng.uniform(3.0, 6.0), 4, 0.45)
        tall = height * rng.uniform(0.7, 1.0) * (1.15 - 0.4 * share)
        line = stage.horizon + 10.0 * share - tall * (0.12 + envelope(rng) * (0.72 + 0.28 * rough))
        body = stage.lit(jitter(rng, rock, 8.0), 0.8 * (1.0 - share) + 0.12)
        _range(stage, line, body, stage.horizon + 14.0, snow=snow and tall > 30.0)
    return line


def _range(stage: Stage, line: Floats, body: Colour, foot: float, *, snow: bool) -> None:
    sheet, rng = stage.sheet, stage.rng
    sheet.below(ABSCISSAE, line, body, mix(body, stage.haze, 0.45), max(40.0, foot - float(line.min())))
    side = 1.0 if stage.sun_x < SIZE / 2 else -1.0
    with sheet.beneath(ABSCISSAE, line):
        if snow:
            edge = float(line.min()) + rng.uniform(0.4, 0.6) * (foot - float(line.min())) + 9.0 * fractal(rng, 14.0, 2)
            points = list(zip(ABSCISSAE.tolist(), edge.tolist(), strict=True))
            sheet.polygon([(-8.0, -8.0), *points, (SIZE + 8.0, -8.0)], stage.white(0.15))
        for at in range(2, len(line) - 2):
            if line[at] < line[at - 1] and line[at] <= line[at + 1] and line[at] < foot - 22.0:
                x, y, deep = float(ABSCISSAE[at]), float(line[at]), foot - float(line[at])
                flank = [
                    (x, y - 6.0),
                    (x + side * 0.12 * deep, y + 0.45 * deep),
                    (x - side * 0.1 * deep, y + deep),
                    (x + side * 0.9 * deep, y + deep),
                ]
                sheet.polygon(flank, mix(body, BLACK, 0.45), 70.0)


def peak(stage: Stage, *, volcano: bool) -> None:
    """Paint one great cone, with snow or with fire."""
    rng, sheet = stage.rng, stage.sheet
    x, half = rng.uniform(50.0, 206.0), rng.uniform(70.0, 150.0)
    foot = stage.horizon + 16.0
    top = max(14.0, foot - rng.uniform(90.0, 150.0))
    cut = rng.uniform(9.0, 18.0)
    body = stage.lit(one_of(rng, ROCK) if not volcano else (92, 70, 74), 0.25)
    left = [((x - cut * 1.6, top + 0.45 * (foot - top)), (x - 0.5 * half, foot - 8.0), (x - half, foot))]
    cone = [
        *left,
        ((x, foot), (x, foot), (x + half, foot)),
        ((x + 0.5 * half, foot - 8.0), (x + cut * 1.6, top + 0.45 * (foot - top)), (x + cut, top)),
    ]
    if volcano:
        for step in range(4):
            radius = rng.uniform(10.0, 18.0) + 5.0 * step
            sheet.disc(
                x + cut * 0.5 + rng.uniform(-8.0, 8.0) + 7.0 * step,
                top - 10.0 - 15.0 * step,
                radius,
                mix(stage.haze, (90, 80, 90), 0.45),
                190.0,
                3.0,
            )
        sheet.glow(x, top, 60.0, (255, 110, 40), 220.0)
    with sheet.inside((x - cut, top), cone):
        sheet.wash(top - 4.0, foot, (body, mix(body, stage.haze, 0.5)))
        side = 1.0 if stage.sun_x < x else -1.0
        sheet.polygon(
            [(x, top - 5.0), (x + side * 10.0, foot), (x + side * 2.0 * half, foot), (x + side * cut, top - 5)],
            mix(body, BLACK, 0.5),
            90.0,
        )
        cap: Colour = (255, 120, 46) if volcano else stage.white(0.05)
        deep = 0.22 if volcano else rng.uniform(0.3, 0.5)
        teeth = [(x - half + half * k / 5, top + (foot - top) * (deep + (0.09 if k % 2 else -0.05))) for k in range(11)]
        sheet.polygon([(x - half, top - 8.0), *teeth, (x + half, top - 8.0)], cap)


def dunes(stage: Stage, layers: int, sand: Colour) -> None:
    """Paint dunes with a lit and a shaded side."""
    rng, sheet = stage.rng, stage.sheet
    for layer in range(layers):
        share = (layer + 1) / layers
        base = stage.horizon + share * (SIZE - 30.0 - stage.horizon)
        line = base - rng.uniform(12.0, 34.0) * (fractal(rng, rng.uniform(1.3, 2.4), 2, 0.3, smooth=True))
        colour = stage.lit(jitter(rng, sand, 5.0, 0.1, 0.05), 0.6 * (1.0 - share))
        sheet.below(ABSCISSAE, line, mix(colour, (255, 255, 230), 0.2), colour, 60.0)
        crest = int(np.argmin(line[8:-8])) + 8
        x, y, side = float(ABSCISSAE[crest]), float(line[crest]), one_of(rng, (-1.0, 1.0))
        with sheet.beneath(ABSCISSAE, line):
            shape = [
                ((x + 14.0 * side, y + 22.0), (x - 16.0 * side, y + 44.0), (x + 14.0 * side, y + 110.0)),
                ((x + 60.0 * side, y + 110.0), (x + 190.0 * side, y + 110.0), (x + 190.0 * side, y - 30.0)),
            ]
            sheet.curve((x, y - 3.0), shape, mix(colour, (80, 36, 66), 0.32))


def mesas(stage: Stage) -> None:
    """Paint table mountains of red rock."""
    rng, sheet = stage.rng, stage.sheet
    rock = one_of(rng, ((206, 104, 62), (188, 84, 66), (220, 138, 82)))
    for layer in range(2):
        for _ in range(int(rng.integers(1, 4))):
            x, half = rng.uniform(0.0, SIZE), rng.uniform(18.0, 62.0)
            foot = stage.horizon + 10.0 + 8.0 * layer
            tall = rng.uniform(34.0, 96.0)
            body = stage.lit(jitter(rng, rock, 5.0), 0.45 - 0.3 * layer)
            slope = rng.uniform(5.0, 22.0)
            sheet.polygon(
                [
                    (x - half, foot - tall),
                    (x + half, foot - tall),
                    (x + half + slope * 0.4, foot - tall * 0.4),
                    (x + half + slope, foot),
                    (x - half - slope, foot),
                    (x - half - slope * 0.4, foot - tall * 0.4),
                ],
                body,
            )
            side = 1.0 if stage.sun_x < x else -1.0
            sheet.polygon(
                [
                    (x + side * half * 0.3, foot - tall),
                    (x + side * half, foot - tall),
                    (x + side * (half + slope), foot),
                    (x + side * half * 0.2, foot),
                ],
                mix(body, BLACK, 0.5),
                110.0,
            )
            sheet.box(
                x - half, foot - tall * 0.72, x + half, foot - tall * 0.6, mix(body, (255, 220, 180), 0.25), 150.0
            )
