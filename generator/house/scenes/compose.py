"""From (data set seed, index) to one picture and its caption."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator.house.scenes import shores, things, wild
from generator.house.scenes.captions import Description, caption
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.sky import paint_sky
from generator.house.scenes.stage import Stage, set_stage

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PICTURE", "PLACES", "compose"]

PICTURE = 128
"""Edge of the finished picture in pixels: half the sheet's, averaged 2 x 2."""

PLACES: dict[str, tuple[Callable[[Stage], tuple[str, ...]], float]] = {
    "mountains": (wild.mountain_range, 1.3),
    "peak": (wild.great_peak, 0.9),
    "hills": (wild.rolling_hills, 1.0),
    "meadow": (wild.meadow, 0.9),
    "forest": (wild.forest, 1.1),
    "lake": (wild.lake, 1.1),
    "desert": (wild.desert, 1.0),
    "canyon": (wild.canyon, 0.7),
    "snowfield": (wild.snowfield, 0.8),
    "sea": (shores.open_sea, 1.1),
    "beach": (shores.beach, 1.0),
    "island": (shores.island, 0.8),
    "cliffs": (shores.cliffs, 0.7),
    "city": (shores.city, 1.1),
    "village": (shores.village, 0.6),
    "fields": (shores.fields, 0.8),
    "river": (shores.river, 0.8),
    "sky": (shores.high_sky, 0.6),
}
_AT_SEA = frozenset({"sea", "island", "beach", "lake"})
_ON_LAND = frozenset({"hills", "meadow", "snowfield", "mountains"})


def compose(seed: int, index: int) -> tuple[npt.NDArray[np.uint8], str]:
    """Return the picture, uint8 [128, 128, 3] sRGB, and its caption.

    The same seed and index give the same picture on any machine with the same skia and numpy.
    """
    rng = np.random.default_rng([seed, index])
    stage = set_stage(rng)
    names = tuple(PLACES)
    weights = np.array([PLACES[name][1] for name in names])
    place = str(rng.choice(names, p=weights / weights.sum()))
    above = paint_sky(stage)
    labels = PLACES[place][0](stage)
    objects = _things(stage, place)
    weather = _weather(stage, place)
    words = caption(rng, Description(stage.time, labels, objects, above, weather, stage.palette.word))
    return _finish(rng, stage.sheet.pixels), words


def _things(stage: Stage, place: str) -> tuple[str, ...]:
    luck = stage.rng.random()
    if (luck < 0.1 and stage.horizon > 110.0) or (luck < 0.3 and place == "sky"):
        return (things.balloon(stage),)
    if luck < 0.36 and place in {"sea", "lake"}:
        return (things.boat(stage, stage.horizon, 236.0),)
    if luck > 0.82 and place in _AT_SEA and place != "lake":
        return (things.lighthouse(stage, float(stage.rng.uniform(stage.horizon + 10.0, 232.0))),)
    if luck > 0.78 and place in _ON_LAND:
        return (things.hut(stage, stage.horizon + 30.0),)
    return ()


def _weather(stage: Stage, place: str) -> str:
    rng, sheet = stage.rng, stage.sheet
    luck = rng.random()
    if stage.snowy and luck < 0.3 and place not in {"desert", "canyon", "beach", "island"}:
        for _ in range(70):
            sheet.disc(
                rng.uniform(0.0, SIZE), rng.uniform(0.0, SIZE), rng.uniform(1.4, 3.4), (255.0, 255.0, 255.0), 215.0
            )
        return "falling snow"
    if stage.time == "cloudy" and luck < 0.35:
        slant = rng.uniform(-7.0, 7.0)
        for _ in range(90):
            x, y, length = rng.uniform(0.0, SIZE), rng.uniform(-10.0, SIZE), rng.uniform(12.0, 26.0)
            sheet.line([(x, y), (x + slant, y + length)], (228.0, 236.0, 248.0), 1.8, 105.0)
        return "rain"
    if luck > 0.93 and place != "sky":
        y = stage.horizon + rng.uniform(-14.0, 40.0)
        sheet.wash(y - 40.0, y + 40.0, (stage.haze, stage.haze, stage.haze), (0.0, 215.0, 0.0))
        return "fog" if rng.random() < 0.5 else "mist"
    return ""


@cache
def _washes() -> npt.NDArray[np.float32]:
    """Return eight sheets of watercolour grain, float32 [8, 192, 192], mean 0 and deviation 1."""
    rng = np.random.default_rng(5)
    edge = PICTURE + 64
    sheets = []
    for _ in range(8):
        total = np.zeros((edge, edge))
        for step, weight in ((4, 0.35), (8, 0.7), (16, 1.0), (32, 0.8)):
            knots = rng.normal(size=(edge // step + 2, edge // step + 2))
            at = np.arange(edge) / step
            low, share = at.astype(np.int64), at % 1.0
            share = share * share * (3.0 - 2.0 * share)
            rows = knots[low] * (1.0 - share)[:, None] + knots[low + 1] * share[:, None]
            total += weight * (rows[:, low] * (1.0 - share) + rows[:, low + 1] * share)
        sheets.append(total / total.std())
    return np.stack(sheets).astype(np.float32)


def _finish(rng: np.random.Generator, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    fine = pixels[..., :3].astype(np.float32).reshape(PICTURE, 2, PICTURE, 2, 3).mean((1, 3))
    wash = _washes()[int(rng.integers(8))]
    top, left = (int(v) for v in rng.integers(0, 64, 2))
    grain = wash[top : top + PICTURE, left : left + PICTURE]
    if rng.random() < 0.5:
        grain = grain[:, ::-1]
    if rng.random() < 0.5:
        grain = grain.T
    strength = np.float32(rng.uniform(0.015, 0.04))
    painted: npt.NDArray[np.uint8] = np.clip(fine * (1.0 + strength * grain[..., None]) + 0.5, 0.0, 255.0).astype(
        np.uint8
    )
    return painted
