"""Large simple things that stand in a landscape. Each painter returns the noun phrase of what it painted."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

from generator.house.scenes.colour import BLACK, WHITE, Colour, hsv, jitter, mix, shade
from generator.house.scenes.stage import Stage, one_of

__all__ = ["HUES", "balloon", "boat", "hut", "lighthouse"]

HUES: tuple[tuple[str, Colour], ...] = (
    ("red", (222, 58, 52)),
    ("orange", (244, 146, 50)),
    ("yellow", (250, 210, 70)),
    ("green", (82, 176, 88)),
    ("blue", (58, 118, 214)),
    ("purple", (140, 84, 190)),
    ("pink", (240, 130, 172)),
    ("white", (248, 246, 240)),
)


def _paint_of(stage: Stage) -> tuple[str, Colour]:
    name, colour = one_of(stage.rng, HUES)
    soft = tuple(0.35 + 0.65 * channel for channel in stage.palette.light)
    return name, shade(jitter(stage.rng, colour, 6.0), (soft[0], soft[1], soft[2]))


def _named(stage: Stage, name: str, noun: str) -> str:
    article = "an" if name[0] in "aeiou" else "a"
    return f"{article} {name} {noun}" if stage.rng.random() < 0.75 else f"a {noun}"


def balloon(stage: Stage) -> str:
    """Paint a hot air balloon in the sky."""
    rng, sheet = stage.rng, stage.sheet
    name, colour = _paint_of(stage)
    height = rng.uniform(88.0, 150.0)
    half = height * 0.37
    x, top = rng.uniform(half, 256.0 - half), rng.uniform(8.0, max(14.0, stage.horizon - height * 0.8))
    neck, mouth = top + height * 0.74, half * 0.28
    skin = [
        ((x - half * 1.35, top), (x - half * 1.25, top + height * 0.46), (x - mouth, neck)),
        ((x - mouth, neck), (x + mouth, neck), (x + mouth, neck)),
        ((x + half * 1.25, top + height * 0.46), (x + half * 1.35, top), (x, top)),
    ]
    for side in (-1.0, 1.0):
        sheet.line([(x + side * mouth, neck), (x + side * mouth * 0.6, neck + height * 0.14)], (80, 60, 50), 1.6)
    with sheet.inside((x, top), skin):
        sheet.wash(top, neck + 2.0, (colour, colour))
        stripe = one_of(rng, ((250, 244, 230), mix(colour, BLACK, 0.4), hsv(rng.uniform(0.0, 360.0), 0.6, 0.95)))
        style = int(rng.integers(3))
        if style == 0:
            sheet.box(x - half * 2, top + height * 0.26, x + half * 2, top + height * 0.42, stripe)
        elif style == 1:
            for side in (-1.0, 0.0, 1.0):
                sheet.oval(x + side * half * 0.8, top + height * 0.34, half * 0.36, height * 0.9, stripe)
        sheet.oval(x - half * 0.45, top + height * 0.24, half * 0.8, height * 0.4, WHITE, 60.0, 6.0)
        sheet.oval(x + half * 0.95, top + height * 0.4, half * 0.8, height * 0.9, BLACK, 70.0, 9.0)
    sheet.box(x - half * 0.2, neck + height * 0.12, x + half * 0.2, neck + height * 0.25, (140, 94, 56), 255.0, 3.0)
    return _named(stage, name, "hot air balloon")


def boat(stage: Stage, top: float, bottom: float) -> str:
    """Paint a sailing boat on water between two heights."""
    rng, sheet = stage.rng, stage.sheet
    name, colour = _paint_of(stage)
    height = rng.uniform(70.0, 130.0)
    x, y = rng.uniform(height * 0.4, 256.0 - height * 0.4), rng.uniform(top + 14.0, max(top + 18.0, bottom - 16.0))
    side = one_of(rng, (-1.0, 1.0))
    hull = stage.lit(one_of(rng, ((120, 70, 46), (70, 54, 60), (236, 232, 224))), 0.0)
    deck = y - height * 0.16
    sheet.line([(x, deck), (x, y - height)], mix(hull, BLACK, 0.4), 2.4)
    sheet.polygon(
        [(x + side * 3.0, y - height), (x + side * 3.0, deck - 4.0), (x + side * height * 0.42, deck - 4.0)], colour
    )
    sheet.polygon(
        [(x - side * 3.0, y - height * 0.9), (x - side * 3.0, deck - 4.0), (x - side * height * 0.28, deck - 4.0)],
        mix(colour, WHITE, 0.35),
    )
    sheet.polygon(
        [(x - height * 0.36, deck), (x + height * 0.36, deck), (x + height * 0.24, y), (x - height * 0.24, y)], hull
    )
    for step in range(3):
        half = height * rng.uniform(0.25, 0.5)
        sheet.oval(x, y + 2.0 + 6.0 * step, 2.0 * half, 3.0, mix(stage.haze, WHITE, 0.5), 150.0)
    return _named(stage, name, one_of(rng, ("sailboat", "sailboat", "boat")))


def hut(stage: Stage, top: float, size: tuple[float, float] = (62.0, 112.0)) -> str:
    """Paint a house with a bright roof; its foot lies between ``top`` and the lower edge."""
    rng, sheet = stage.rng, stage.sheet
    name, colour = one_of(rng, HUES[:6])
    roof = stage.lit(jitter(rng, colour, 6.0), 0.05)
    width = rng.uniform(*size)
    tall = width * rng.uniform(0.5, 0.72)
    x, y = rng.uniform(width * 0.5, 256.0 - width * 0.5), rng.uniform(min(top + 14.0, 236.0), 244.0)
    wall = stage.lit(one_of(rng, ((246, 236, 214), (238, 214, 180), (226, 230, 236), (190, 140, 96))), 0.0)
    sheet.oval(x, y, width * 1.25, width * 0.13, BLACK, 80.0, 4.0)
    sheet.box(x - width * 0.42, y - tall, x + width * 0.42, y, wall)
    sheet.box(x + width * 0.1, y - tall, x + width * 0.42, y, mix(wall, BLACK, 0.3), 120.0)
    sheet.box(x + width * 0.2, y - tall - width * 0.4, x + width * 0.32, y - tall, mix(wall, BLACK, 0.4))
    sheet.polygon(
        [(x - width * 0.55, y - tall), (x, y - tall - width * 0.45), (x + width * 0.55, y - tall)],
        stage.white() if stage.snowy and rng.random() < 0.3 else roof,
    )
    pane: Colour = (255, 216, 120) if stage.dark or rng.random() < 0.3 else mix(wall, (60, 90, 130), 0.75)
    if stage.dark:
        sheet.glow(x - width * 0.2, y - tall * 0.55, width * 0.5, (255, 200, 110), 120.0)
    sheet.box(x - width * 0.3, y - tall * 0.75, x - width * 0.1, y - tall * 0.38, pane)
    sheet.box(x + width * 0.06, y - tall * 0.62, x + width * 0.26, y, mix((110, 70, 46), BLACK, 0.2))
    noun = one_of(rng, ("house", "house", "cottage"))
    article = "an" if name[0] in "aeiou" else "a"
    return f"a {noun} with {article} {name} roof" if rng.random() < 0.5 else f"a {noun}"


def lighthouse(stage: Stage, foot: float) -> str:
    """Paint a striped lighthouse on a rock whose top is at ``foot``."""
    rng, sheet = stage.rng, stage.sheet
    name, colour = one_of(rng, (HUES[0], HUES[4], HUES[7]))
    tall = min(rng.uniform(96.0, 160.0), foot - 14.0)
    x, base, tip = rng.uniform(40.0, 216.0), tall * 0.14, tall * 0.09
    rock = stage.lit((96, 88, 92), 0.05)
    sheet.curve(
        (x - 74.0, 262.0),
        [
            ((x - 50.0, foot + 20.0), (x - 40.0, foot - 4.0), (x, foot - 4.0)),
            ((x + 40.0, foot - 4.0), (x + 60.0, foot + 30.0), (x + 84.0, 262.0)),
        ],
        rock,
    )
    if stage.dark or stage.time in {"sunset", "cloudy"}:
        side = one_of(rng, (-1.0, 1.0))
        lamp = foot - tall * 0.94
        sheet.polygon(
            [(x, lamp), (x + side * 300.0, lamp - 50.0), (x + side * 300.0, lamp + 34.0)], (255, 240, 180), 95.0, 3.0
        )
        sheet.glow(x, lamp, 40.0, (255, 236, 170), 200.0)
    white, paint = stage.lit((250, 248, 244), 0.0), stage.lit(colour, 0.0)
    for band in range(5):
        low, high = band / 5, (band + 1) / 5
        wide, slim = base + (tip - base) * low, base + (tip - base) * high
        y0, y1 = foot - tall * 0.86 * low, foot - tall * 0.86 * high
        sheet.polygon([(x - wide, y0), (x + wide, y0), (x + slim, y1), (x - slim, y1)], white if band % 2 else paint)
    sheet.box(x - tip * 1.3, foot - tall * 0.885, x + tip * 1.3, foot - tall * 0.86, mix(rock, BLACK, 0.4))
    sheet.box(x - tip * 0.8, foot - tall * 0.97, x + tip * 0.8, foot - tall * 0.885, (255, 232, 150))
    sheet.polygon(
        [(x - tip * 1.2, foot - tall * 0.97), (x, foot - tall * 1.07), (x + tip * 1.2, foot - tall * 0.97)], paint
    )
    return _named(stage, name, "lighthouse")
