"""English captions: the same picture is described in many ways, with words dropped and reordered."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.house.scenes.palettes import TIME_PHRASES
from generator.house.scenes.stage import one_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Description", "caption"]


@dataclass(frozen=True)
class Description:
    """What stands in a picture: names of the place, things in it, what the sky shows, weather, the sky's colour."""

    time: str
    places: tuple[str, ...]
    things: tuple[str, ...]
    sky: tuple[str, ...]
    weather: str
    sky_word: str


def caption(rng: np.random.Generator, what: Description) -> str:
    """Return one caption in lower case: words and commas only."""
    place = one_of(rng, what.places)
    time = one_of(rng, TIME_PHRASES[what.time]) if rng.random() < 0.88 else ""
    extras = [word for word in what.sky if rng.random() < 0.72]
    rng.shuffle(extras)
    extras = extras[:2]
    if what.weather and rng.random() < 0.88:
        extras.insert(0, what.weather)
    if rng.random() < 0.22:
        extras = [*extras[:1], f"a {what.sky_word} sky" if what.sky_word != "orange" else "an orange sky"]
    if what.things and rng.random() < 0.93:
        return _tidy(_with_things(rng, place, time, list(what.things), extras))
    return _tidy(_plain(rng, place, time, extras))


def _plain(rng: np.random.Generator, place: str, time: str, extras: list[str]) -> str:
    style = rng.random()
    tail = " and ".join(extras)
    if style < 0.55:
        joint = " and " if " with " in place else " with "
        return f"{place} {time}{joint + tail if tail else ''}"
    if style < 0.7 and tail:
        return f"{tail} over {place} {time}"
    if style < 0.78 and time:
        return f"{time} {place}"
    return _listed(rng, [place, time, *extras])


def _with_things(rng: np.random.Generator, place: str, time: str, things: list[str], extras: list[str]) -> str:
    style, noun = rng.random(), " and ".join(things)
    tail = " and ".join(extras)
    where = "over" if "balloon" in noun else {"the sea": "on", "the ocean": "on", "a beach": "on"}.get(place, "in")
    if " by " in place or place.startswith(("a lake", "a calm", "cliffs")):
        where = "over" if "balloon" in noun else "at"
    if style < 0.5:
        return f"{noun} {where} {place} {time}{' with ' + tail if tail else ''}"
    if style < 0.7:
        joint = " and " if " with " in place else " with "
        return f"{place} {time}{joint}{noun}{' and ' + tail if tail else ''}"
    if style < 0.78:
        return f"{noun} {time}"
    return _listed(rng, [noun, place, time, *extras])


def _listed(rng: np.random.Generator, parts: list[str]) -> str:
    full = [part for part in parts if part]
    rng.shuffle(full)
    return ", ".join(full)


def _tidy(text: str) -> str:
    return " ".join(text.replace(" ,", ",").split()).strip(", ")
