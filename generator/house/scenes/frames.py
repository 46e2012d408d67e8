"""Things at the edge of the picture, near and dark: what a painter puts there to lead the eye. They have no words.

They make pictures of one prompt differ in composition, which is what ties a picture to its seed.
"""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

import numpy as np

from generator.house.scenes import plants
from generator.house.scenes.colour import BLACK, Colour, jitter, mix
from generator.house.scenes.lines import ABSCISSAE, fractal
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.stage import Stage, one_of

__all__ = ["frame"]


def frame(stage: Stage) -> None:
    """Paint one of: a bough, a near fir or leafy tree, a slope in a corner, high grass."""
    painter = one_of(stage.rng, (_bough, _near_tree, _slope, _slope, _grass))
    painter(stage)


def _near(stage: Stage) -> Colour:
    return mix(stage.lit(stage.leaves, 0.0), BLACK, stage.rng.uniform(0.3, 0.6))


def _bough(stage: Stage) -> None:
    rng, sheet = stage.rng, stage.sheet
    left, dark = rng.random() < 0.5, _near(stage)
    reach, drop = rng.uniform(70.0, 160.0), rng.uniform(20.0, 70.0)
    across = [(reach * s if left else SIZE - reach * s, 6.0 + drop * s * s) for s in np.linspace(-0.1, 1.0, 7).tolist()]
    sheet.line(across, mix((84, 58, 44), dark, 0.5), 7.0)
    for x, y in across[1:]:
        for _ in range(2):
            at = (x + rng.uniform(-16.0, 16.0), y + rng.uniform(-16.0, 14.0))
            sheet.disc(*at, rng.uniform(12.0, 26.0), jitter(rng, dark, 8.0, 0.1, 0.12))


def _near_tree(stage: Stage) -> None:
    rng, dark = stage.rng, _near(stage)
    x = one_of(rng, (rng.uniform(-14.0, 34.0), rng.uniform(222.0, 270.0)))
    painter = plants.pine if stage.snowy or rng.random() < 0.5 else plants.round_tree
    painter(stage, x, SIZE + rng.uniform(0.0, 24.0), rng.uniform(130.0, 230.0), dark)


def _slope(stage: Stage) -> None:
    rng = stage.rng
    tone = mix(stage.lit(stage.ground, 0.0), BLACK, rng.uniform(0.25, 0.5))
    fall = np.clip(ABSCISSAE / SIZE, 0.0, 1.0)
    if rng.random() < 0.5:
        fall = 1.0 - fall
    line = SIZE + 6.0 - rng.uniform(40.0, 110.0) * np.clip(1.2 * fall - rng.uniform(0.1, 0.5), 0.0, 1.0)
    line = line - 3.0 * fractal(rng, 4.0, 3)
    stage.sheet.below(ABSCISSAE, line, tone, mix(tone, BLACK, 0.3), 70.0)


def _grass(stage: Stage) -> None:
    rng, dark = stage.rng, _near(stage)
    first, last = (0.0, SIZE) if rng.random() < 0.3 else one_of(rng, ((0.0, 120.0), (140.0, float(SIZE))))
    for x in np.arange(first, last, 9.0).tolist():
        tall, lean = rng.uniform(24.0, 64.0), rng.uniform(-18.0, 18.0)
        blade = [(x - 4.0, SIZE + 2.0), (x + lean, SIZE - tall), (x + 5.0, SIZE + 2.0)]
        stage.sheet.polygon(blade, jitter(rng, dark, 8.0, 0.1, 0.12))
