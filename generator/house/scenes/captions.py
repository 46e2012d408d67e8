"""Captions in English and Japanese: the same picture is described in many ways, with words dropped and reordered."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.house.scenes import japanese
from generator.house.scenes.palettes import TIME_PHRASES
from generator.house.scenes.stage import one_of

if TYPE_CHECKING:
    import numpy as np

    from generator.house.scenes.actors import Thing
    from generator.house.scenes.description import Description

__all__ = ["caption", "caption_alone", "captions"]


def captions(
    rng: np.random.Generator, what: Description, english: int = 3, more: int = 2
) -> tuple[list[str], list[str]]:
    """Return that many English and Japanese captions of one picture."""
    tell = caption if what.places else caption_alone
    return (
        [tell(rng, what) for _ in range(english)],
        [tell(rng, what, speak_japanese=True) for _ in range(more)],
    )


def caption_alone(rng: np.random.Generator, what: Description, *, speak_japanese: bool = False) -> str:
    """Return one caption of a thing alone on a plain ground."""
    thing = what.things[0]
    colour = _told(rng, thing)
    ground = what.ground if rng.random() < 0.5 else ""
    if speak_japanese:
        return japanese.describe_alone(rng, thing, ground, colour)
    noun = _noun(rng, thing, colour)
    if ground:
        where = one_of(rng, (f"on a {ground} background", f"on {ground}"))
        return _tidy(_articled(f"{noun} {where}"))
    style = rng.random()
    if style < 0.66:
        return _tidy(noun)
    if style < 0.78:
        return _tidy(noun.removeprefix("an ").removeprefix("a "))
    bare = noun.removeprefix("an ").removeprefix("a ")
    return _tidy(one_of(rng, (f"a picture of {noun}", f"a large {bare}", f"a drawing of {noun}", f"one {bare}")))


def caption(rng: np.random.Generator, what: Description, *, speak_japanese: bool = False) -> str:
    """Return one caption of a landscape in lower case: words and commas only."""
    place = one_of(rng, what.places)
    told = rng.random() < 0.88
    extras = [word for word in what.sky if rng.random() < 0.78]
    rng.shuffle(extras)
    extras = extras[:2]
    if what.weather and rng.random() < 0.9:
        extras.insert(0, what.weather)
    if rng.random() < 0.16:
        extras = [*extras[:1], f"a {what.sky_word} sky"]
    things = [thing for thing in what.things if rng.random() < 0.95]
    nouns = [(thing, _told(rng, thing)) for thing in things]
    if speak_japanese:
        return japanese.describe(rng, what, place, what.time if told else "", extras, nouns)
    time = one_of(rng, TIME_PHRASES[what.time]) if told else ""
    if what.season and what.season not in place and "snow" not in place and rng.random() < 0.15:
        place = f"{place} in {what.season}"
    if nouns:
        return _tidy(_articled(_with_things(rng, place, time, [_noun(rng, *n) for n in nouns], extras, things)))
    return _tidy(_articled(_plain(rng, place, time, extras)))


def _told(rng: np.random.Generator, thing: Thing) -> str:
    """Return the colour word of a thing: always for one that was repainted, sometimes for its own colour."""
    if thing.colour:
        return thing.colour
    return thing.kind.colour if rng.random() < 0.3 and not thing.kind.part[0] else ""


def _noun(rng: np.random.Generator, thing: Thing, colour: str) -> str:
    name = one_of(rng, thing.kind.english)
    if not colour:
        return _articled(f"a {name}")
    if thing.kind.part[0]:
        part = thing.kind.part[0]
        if rng.random() < 0.7:
            return _articled(f"a {name} with a {colour} {part}")
    return _articled(f"a {colour} {name}")


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


def _with_things(
    rng: np.random.Generator, place: str, time: str, nouns: list[str], extras: list[str], things: list[Thing]
) -> str:
    style, noun, tail = rng.random(), " and ".join(nouns), " and ".join(extras)
    where = _preposition(rng, place, things[0])
    if style < 0.55:
        return f"{noun} {where} {place} {time}{' with ' + tail if tail else ''}"
    if style < 0.68:
        joint = " and " if " with " in place else " with "
        return f"{place} {time}{joint}{noun}{' and ' + tail if tail else ''}"
    if style < 0.76 and time:
        return f"{noun} {time}"
    if style < 0.84:
        return f"{noun} {where} {place}"
    return _listed(rng, [noun, place, time, *extras])


def _preposition(rng: np.random.Generator, place: str, thing: Thing) -> str:
    if thing.kind.habitat == "sky":
        return one_of(rng, ("over", "over", "above"))
    if any(word in place for word in ("sea", "ocean", "lake")) and thing.kind.habitat == "water":
        return one_of(rng, ("on", "in", "in"))
    if " by " in place or "lake" in place or "sea" in place or "cliffs" in place:
        return one_of(rng, ("at", "by"))
    return one_of(rng, ("in", "in", "before"))


def _listed(rng: np.random.Generator, parts: list[str]) -> str:
    full = [part for part in parts if part]
    rng.shuffle(full)
    return ", ".join(full)


def _articled(text: str) -> str:
    """Say "an" before a vowel."""
    words = text.split()
    for at in range(len(words) - 1):
        if words[at] in {"a", "an"}:
            words[at] = "an" if words[at + 1][0] in "aeiou" else "a"
    return " ".join(words)


def _tidy(text: str) -> str:
    return " ".join(text.replace(" ,", ",").split()).strip(", ")
