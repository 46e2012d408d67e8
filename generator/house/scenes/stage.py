"""What every part of one picture shares: the sheet, the dice, the light, the season and the horizon."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from generator.house.scenes.colour import WHITE, Colour, jitter, mix, shade
from generator.house.scenes.palettes import PALETTES, SEASON_GROUND, SEASON_TREES, TIME_WEIGHTS, Palette
from generator.house.scenes.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Mark", "Stage", "one_of", "set_stage"]

T = TypeVar("T")


def one_of(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Return one of the choices, all equally likely (a choice listed twice is twice as likely)."""
    return choices[int(rng.integers(len(choices)))]


@dataclass(frozen=True)
class Mark:
    """Something small in the sky that the land may hide: its word, and the disc (in pixels) where it shows."""

    word: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Stage:
    """One picture in the making; ``horizon`` is a height and ``sun_x`` a place on the sheet, in pixels of 0 to 256."""

    sheet: Sheet
    rng: np.random.Generator
    time: str
    season: str
    palette: Palette
    sky: tuple[Colour, ...]
    ground: Colour
    leaves: Colour
    horizon: float
    sun_x: float
    marks: list[Mark] = field(default_factory=list)

    @property
    def haze(self) -> Colour:
        """The colour of the sky at the horizon, which all far things approach."""
        return self.sky[-1]

    @property
    def dark(self) -> bool:
        """Whether lamps are lit and stars may show."""
        return self.time in {"night", "dusk"}

    @property
    def snowy(self) -> bool:
        """Whether the land is white."""
        return self.season == "winter"

    def lit(self, colour: Colour, distance: float) -> Colour:
        """Return ``colour`` in the light of this picture, seen through haze; ``distance`` from 0 (near) to 1."""
        return mix(shade(colour, self.palette.light), self.haze, 0.75 * distance)

    def white(self, distance: float = 0.0) -> Colour:
        """Return white in the light of this picture."""
        return self.lit(mix(WHITE, self.haze, 0.12), distance)


def set_stage(rng: np.random.Generator) -> Stage:
    """Throw the dice for light, season and layout, and paint nothing yet."""
    names = tuple(TIME_WEIGHTS)
    time = str(rng.choice(names, p=np.array([TIME_WEIGHTS[n] for n in names])))
    palette = one_of(rng, PALETTES[time])
    season = one_of(rng, ("spring", "summer", "summer", "autumn", "winter"))
    turn = rng.uniform(-9.0, 9.0)
    sky = tuple(jitter(rng, shade(c, (1.0, 1.0, 1.0)), abs(turn), 0.08, 0.06) for c in palette.sky)
    return Stage(
        sheet=Sheet(),
        rng=rng,
        time=time,
        season=season,
        palette=palette,
        sky=sky,
        ground=jitter(rng, one_of(rng, SEASON_GROUND[season]), 10.0, 0.12, 0.08),
        leaves=jitter(rng, one_of(rng, SEASON_TREES[season]), 10.0, 0.12, 0.08),
        horizon=float(rng.uniform(70.0, 208.0)),
        sun_x=float(rng.uniform(24.0, 232.0)),
    )
