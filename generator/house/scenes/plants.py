"""Trees in three kinds, and rows of them along a line."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from generator.house.scenes.colour import BLACK, Colour, jitter, mix
from generator.house.scenes.lines import ABSCISSAE
from generator.house.scenes.sheet import SIZE, Floats

if TYPE_CHECKING:
    from generator.house.scenes.stage import Stage

__all__ = ["palm", "pine", "round_tree", "row"]


def pine(stage: Stage, x: float, y: float, height: float, colour: Colour) -> None:
    """Paint a fir standing at (x, y), with its shaded right half and snow in winter."""
    sheet, width = stage.sheet, height * stage.rng.uniform(0.34, 0.5)
    dark = mix(colour, BLACK, 0.34)
    sheet.box(x - height * 0.04, y - height * 0.16, x + height * 0.04, y, mix((90, 62, 46), dark, 0.5))
    for step in range(3):
        foot = y - height * (0.1 + 0.26 * step)
        half, tip = width * (0.5 - 0.13 * step), foot - height * 0.42
        sheet.polygon([(x - half, foot), (x, tip), (x + half, foot)], colour)
        sheet.polygon([(x, foot), (x, tip), (x + half, foot)], dark, 110.0)
        if stage.snowy:
            sheet.polygon(
                [(x - half * 0.55, foot - height * 0.19), (x, tip), (x + half * 0.5, foot - height * 0.19)],
                stage.white(),
            )


def round_tree(stage: Stage, x: float, y: float, height: float, colour: Colour) -> None:
    """Paint a broad-leaved tree standing at (x, y)."""
    sheet, radius = stage.sheet, height * 0.31
    trunk = mix(stage.lit((100, 68, 46), 0.0), colour, 0.2)
    sheet.box(x - height * 0.05, y - height * 0.45, x + height * 0.05, y, trunk)
    light, dark = mix(colour, stage.haze, 0.3), mix(colour, BLACK, 0.32)
    for dx, dy, size in ((-0.24, -0.5, 0.8), (0.25, -0.52, 0.78), (0.0, -0.7, 1.0)):
        sheet.ball(x + dx * height, y + dy * height, radius * size, light, colour, dark)


def palm(stage: Stage, x: float, y: float, height: float, colour: Colour) -> None:
    """Paint a leaning palm standing at (x, y)."""
    sheet, lean = stage.sheet, stage.rng.uniform(-0.28, 0.28) * height
    trunk = mix(stage.lit((130, 96, 60), 0.0), colour, 0.2)
    bow = [(x + lean * s * s, y - height * s) for s in np.linspace(0.0, 1.0, 8).tolist()]
    sheet.line(bow, trunk, max(2.0, height * 0.065))
    top_x, top_y, reach = x + lean, y - height, height * 0.46
    for angle in np.linspace(-0.35, math.pi + 0.35, 7) + stage.rng.uniform(-0.1, 0.1):
        across, up = math.cos(angle), abs(math.sin(angle))
        end = (top_x + reach * across, top_y - reach * math.sin(angle) * 0.5 + reach * 0.24)
        over = (top_x + reach * 0.5 * across, top_y - reach * (0.62 * up + 0.12))
        back = (top_x + reach * 0.4 * across, top_y - reach * 0.22 * up)
        sheet.curve((top_x, top_y), [(over, over, end), (back, back, (top_x, top_y))], jitter(stage.rng, colour, 6.0))


def row(stage: Stage, line: Floats, kind: str, count: int, heights: tuple[float, float], colour: Colour) -> None:
    """Stand ``count`` trees of a kind (pine, round, palm) on the line, float64 [69], far ones first."""
    rng = stage.rng
    xs = rng.uniform(0.0, SIZE, count)
    if rng.random() < 0.5:
        xs = np.clip(rng.normal(rng.uniform(0.0, SIZE), rng.uniform(25.0, 70.0), count), 0.0, SIZE)
    ys = np.interp(xs, ABSCISSAE, line)
    painter = {"pine": pine, "round": round_tree, "palm": palm}[kind]
    for at in np.argsort(ys + rng.uniform(0.0, 3.0, count)):
        painter(stage, float(xs[at]), float(ys[at]) + 2.0, float(rng.uniform(*heights)), jitter(rng, colour, 8.0))
