"""From (data set seed, index) to one picture and its caption."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generator.house.scenes import shores, wild
from generator.house.scenes.actors import Thing, enter, show_alone
from generator.house.scenes.captions import captions
from generator.house.scenes.description import Description
from generator.house.scenes.frames import frame
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.sky import paint_sky
from generator.house.scenes.stage import Mark, Stage, set_stage

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PICTURE", "PLACES", "Scene", "compose", "describe"]

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
ALONE, PEOPLED, FRAMED = 0.32, 0.3, 0.2
"""Shares of pictures with one thing alone, of landscapes with things, and of landscapes with a frame."""

_WARM = frozenset({"desert", "canyon", "beach", "island"})
_SEASONAL = frozenset({"mountains", "hills", "meadow", "forest", "lake", "village", "river"})


@dataclass(frozen=True)
class Scene:
    """One training picture, uint8 [128, 128, 3] sRGB, what it shows, and the key of its place ("" for none)."""

    picture: npt.NDArray[np.uint8]
    what: Description
    place: str


def compose(seed: int, index: int) -> Scene:
    """Return one scene: a thing alone, a landscape with things, or a landscape.

    The same seed and index give the same picture on any machine with the same skia and numpy.
    """
    rng = np.random.default_rng([seed, index])
    luck = rng.random()
    stage = set_stage(rng)
    if luck < ALONE:
        thing, ground = show_alone(stage)
        return Scene(_finish(rng, stage.sheet.pixels), Description(things=(thing,), ground=ground), "")
    return _landscape(stage, peopled=luck < ALONE + PEOPLED)


def describe(seed: int, index: int, what: Description) -> tuple[list[str], list[str]]:
    """Return English and Japanese captions of the scene with that seed and index; always the same ones."""
    return captions(np.random.default_rng([seed, index, 1]), what)


def _landscape(stage: Stage, *, peopled: bool) -> Scene:
    rng = stage.rng
    names = tuple(PLACES)
    weights = np.array([PLACES[name][1] for name in names])
    place = str(rng.choice(names, p=weights / weights.sum()))
    above = paint_sky(stage)
    before = stage.sheet.pixels.copy()
    labels = PLACES[place][0](stage)
    if rng.random() < FRAMED:
        frame(stage)
    things: list[Thing] = []
    if peopled:
        things.append(enter(stage, place))
        if rng.random() < 0.12:
            things.append(enter(stage, place, things[0]))
    shown = tuple(mark.word for mark in stage.marks if _visible(stage, before, mark))
    weather = _weather(stage, place)
    what = Description(
        time=stage.time,
        places=labels,
        things=tuple(things),
        sky=(*shown, *above),
        weather=weather,
        sky_word=stage.palette.word,
        season=stage.season if place in _SEASONAL else "",
    )
    return Scene(_finish(rng, stage.sheet.pixels), what, place)


def _visible(stage: Stage, before: npt.NDArray[np.uint8], mark: Mark) -> bool:
    """Tell whether at least half of what was painted there is still to be seen."""
    top, bottom = (int(np.clip(mark.y + side * mark.radius, 0, SIZE)) for side in (-0.7, 0.7))
    left, right = (int(np.clip(mark.x + side * mark.radius, 0, SIZE)) for side in (-0.7, 0.7))
    old, new = before[top:bottom, left:right], stage.sheet.pixels[top:bottom, left:right]
    return old.size > 0 and bool((np.abs(old.astype(np.int16) - new).max(-1) < 16).mean() > 0.55)


def _weather(stage: Stage, place: str) -> str:
    rng, sheet = stage.rng, stage.sheet
    luck = rng.random()
    if stage.snowy and luck < 0.45 and place not in _WARM:
        size = rng.uniform(2.2, 4.6)
        for _ in range(int(rng.integers(45, 80))):
            radius = size * rng.uniform(0.6, 1.3)
            sheet.disc(rng.uniform(0.0, SIZE), rng.uniform(0.0, SIZE), radius, (255.0, 255.0, 255.0), 235.0)
        return "falling snow"
    if stage.time == "cloudy" and luck < 0.45:
        slant = rng.uniform(-14.0, 14.0)
        for _ in range(int(rng.integers(45, 75))):
            x, y, length = rng.uniform(0.0, SIZE), rng.uniform(-10.0, SIZE), rng.uniform(20.0, 42.0)
            sheet.line([(x, y), (x + slant, y + length)], (228.0, 236.0, 248.0), 3.0, 130.0)
        return "rain"
    if luck > 0.94 and place != "sky":
        y = stage.horizon + rng.uniform(-14.0, 40.0)
        sheet.wash(y - 50.0, y + 50.0, (stage.haze, stage.haze, stage.haze), (0.0, 225.0, 0.0))
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
    strength = np.float32(rng.uniform(0.01, 0.025))
    painted: npt.NDArray[np.uint8] = np.clip(fine * (1.0 + strength * grain[..., None]) + 0.5, 0.0, 255.0).astype(
        np.uint8
    )
    return painted
