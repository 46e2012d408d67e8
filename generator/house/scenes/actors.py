"""Objects in a picture: one large on a plain ground, or one or two in a landscape where they belong."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.house.scenes.colour import BLACK, WHITE, Colour, jitter, mix, shade
from generator.house.scenes.drawn import STYLES
from generator.house.scenes.objects import COLOURS, KINDS, Kind, cut_out
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.stage import Stage, one_of

__all__ = ["AT_WATER", "Thing", "choose_kind", "enter", "show_alone"]

AT_WATER = frozenset({"sea", "island", "lake", "cliffs", "beach"})
_NO_LAND = frozenset({"sea", "sky", "island", "lake", "cliffs"})

_GROUNDS: dict[str, Colour] = {
    "red": (206, 66, 62),
    "orange": (240, 150, 70),
    "yellow": (248, 214, 96),
    "green": (104, 178, 106),
    "blue": (96, 160, 226),
    "purple": (150, 108, 196),
    "pink": (244, 168, 194),
    "white": (244, 242, 238),
    "grey": (158, 162, 170),
    "black": (38, 40, 54),
}


@dataclass(frozen=True)
class Thing:
    """One object in a picture: its kind, the colour it was painted in ("" for its own), and its height as a share."""

    kind: Kind
    colour: str
    share: float


def choose_kind(rng: np.random.Generator, place: str) -> Kind:
    """Return a kind that may stand in that place; any kind for ""."""
    allowed = {"sky"}
    if place in AT_WATER:
        allowed.add("water")
    if place not in _NO_LAND:
        allowed |= {"land", "table"}
    names = [n for n, kind in KINDS.items() if not place or kind.habitat in allowed]
    if place in {"cliffs", "island", "sea"}:
        names += ["lighthouse"] * 2
    if place in AT_WATER - {"beach"}:
        names += [n for n, kind in KINDS.items() if kind.habitat == "water"]
    return KINDS[one_of(rng, names)]


def _colour(rng: np.random.Generator, kind: Kind) -> str:
    if rng.random() < 0.45:
        return ""
    return one_of(rng, [name for name in COLOURS if name != kind.colour])


def _put(stage: Stage, thing: Thing, x: float, foot: float, *, light: float) -> tuple[float, float]:
    """Draw the thing with its foot at (x, foot); returns its width and height in pixels."""
    rng = stage.rng
    image = cut_out(thing.kind.name, thing.colour, int(rng.integers(STYLES)))
    height = thing.share * SIZE
    scale = height / image.height()
    if image.width() > image.height():
        scale = height / image.width()
    width, height = image.width() * scale, image.height() * scale
    factors = stage.palette.light
    tone = tuple(255.0 * (1.0 - light * (1.0 - factor)) for factor in factors)
    turn = rng.normal(0.0, 4.0) if thing.kind.habitat != "land" else 0.0
    flip = rng.random() < 0.5
    stage.sheet.image(image, x, foot, scale, turn, flip=flip, tone=(tone[0], tone[1], tone[2]))
    return width, height


def show_alone(stage: Stage) -> tuple[Thing, str]:
    """Paint a plain ground and one large thing on it; returns the thing and the colour of the ground."""
    rng = stage.rng
    kind = choose_kind(rng, "")
    thing = Thing(kind, _colour(rng, kind), float(rng.uniform(0.5, 0.86)))
    avoid = {thing.colour or kind.colour}
    ground = one_of(rng, [name for name in _GROUNDS if name not in avoid])
    _paint_ground(stage, jitter(rng, _GROUNDS[ground], 5.0, 0.12, 0.05), ground)
    image = cut_out(kind.name, thing.colour)
    long = max(image.width(), image.height())
    half = 0.5 * thing.share * SIZE * image.width() / long
    tall = thing.share * SIZE * image.height() / long
    x = float(np.clip(rng.uniform(half * 0.8, SIZE - half * 0.8), half * 0.9, SIZE - half * 0.9))
    foot = float(rng.uniform(min(tall + 4.0, 246.0), 250.0))
    if kind.habitat != "sky":
        stage.sheet.oval(x, foot - 3.0, 2.0 * half, 0.16 * tall, BLACK, 70.0, 7.0)
    _put(stage, thing, x, foot, light=0.0)
    return thing, ground


def _paint_ground(stage: Stage, tone: Colour, name: str) -> None:
    """Paint a wall, alone or with a table, a spot of light, stripes or large dots, all in shades of one colour."""
    rng, sheet = stage.rng, stage.sheet
    pale, deep = mix(tone, WHITE, rng.uniform(0.1, 0.4)), mix(tone, BLACK, rng.uniform(0.05, 0.28))
    if name == "black":
        pale = mix(tone, WHITE, 0.16)
    if rng.random() < 0.5:
        pale, deep = deep, pale
    sheet.wash(0.0, SIZE, (pale, deep))
    style = int(rng.integers(6))
    if style == 0:
        sheet.glow(rng.uniform(20.0, 236.0), rng.uniform(20.0, 236.0), rng.uniform(90.0, 170.0), WHITE, 120.0)
    elif style == 1:
        top, desk = rng.uniform(110.0, 226.0), mix(tone, BLACK, rng.uniform(0.18, 0.34))
        sheet.wash(top, SIZE, (mix(desk, tone, 0.4), desk))
    elif style == 2:
        width, lean = rng.uniform(26.0, 60.0), rng.uniform(-60.0, 60.0)
        at = rng.uniform(-120.0, -60.0)
        while at < SIZE + 60.0:
            corners = [(at, 0.0), (at + width, 0.0), (at + width + lean, SIZE), (at + lean, SIZE)]
            sheet.polygon(corners, mix(tone, WHITE, 0.25), 120.0)
            at += 2.0 * width
    elif style == 3:
        for _ in range(int(rng.integers(4, 10))):
            spot = mix(tone, one_of(rng, (WHITE, BLACK)), rng.uniform(0.1, 0.3))
            sheet.disc(rng.uniform(0.0, SIZE), rng.uniform(0.0, SIZE), rng.uniform(14.0, 54.0), spot, 150.0)


def enter(stage: Stage, place: str, above: Thing | None = None) -> Thing:
    """Paint a thing into the finished landscape; ``above`` is one that is already there."""
    rng = stage.rng
    kind = choose_kind(rng, place)
    while above is not None and kind.name == above.kind.name:
        kind = choose_kind(rng, place)
    low, high = (0.36, 0.66) if above is None else (0.24, 0.36)
    thing = Thing(kind, _colour(rng, kind), float(rng.uniform(low, high)))
    image = cut_out(kind.name, thing.colour)
    long = max(image.width(), image.height())
    half, tall = 0.5 * thing.share * SIZE * image.width() / long, thing.share * SIZE * image.height() / long
    x = float(rng.uniform(half * 0.9, SIZE - half * 0.9))
    sea = stage.horizon + 0.3 * tall
    if kind.habitat == "sky":
        foot = float(rng.uniform(tall + 4.0, max(tall + 12.0, stage.horizon + 0.25 * tall)))
    elif kind.habitat == "water":
        foot = float(rng.uniform(min(max(sea, tall), 226.0), 238.0))
    else:
        foot = float(rng.uniform(min(max(stage.horizon + 24.0, tall + 6.0), 240.0), 250.0))
    if kind.habitat == "land":
        stage.sheet.oval(x, foot - 2.0, 2.1 * half, 0.13 * tall, shade(BLACK, stage.palette.light), 90.0, 5.0)
    _put(stage, thing, x, foot, light=0.5)
    if kind.habitat == "water" or (kind.name == "lighthouse" and place in _NO_LAND):
        _foam(stage, x, foot, half)
    return thing


def _foam(stage: Stage, x: float, foot: float, half: float) -> None:
    """Let water lap at the foot."""
    light = mix(stage.haze, WHITE, 0.5)
    water = stage.sheet.pixels[min(SIZE - 1, int(foot) + 8), int(np.clip(x + half + 6.0, 0, SIZE - 1)), :3]
    body: Colour = (float(water[0]), float(water[1]), float(water[2]))
    stage.sheet.oval(x, foot + 1.0, 2.1 * half, 12.0, body, 235.0, 1.5)
    stage.sheet.oval(x, foot - 4.0, 2.0 * half, 3.4, light, 200.0)
    for step in (1, 2):
        wide = half * stage.rng.uniform(0.7, 1.5)
        stage.sheet.oval(x + stage.rng.uniform(-14.0, 14.0), foot + 7.0 * step, 2.0 * wide, 3.4, light, 150.0)
