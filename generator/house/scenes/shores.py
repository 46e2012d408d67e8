"""Places at the water and places with people: sea, beach, island, cliffs, city, village, fields, river, sky."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

import math

import numpy as np

from generator.house.scenes import land, plants, sky, things, water
from generator.house.scenes.colour import BLACK, WHITE, Colour, jitter, mix
from generator.house.scenes.lines import ABSCISSAE, envelope
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.stage import Stage, one_of

__all__ = ["beach", "city", "cliffs", "fields", "high_sky", "island", "open_sea", "river", "village"]


def open_sea(stage: Stage) -> tuple[str, ...]:
    """Sea to the horizon, calm or with swell, sometimes with far land."""
    rng = stage.rng
    if rng.random() < 0.3:
        land.mountains(stage, 1, rng.uniform(20.0, 60.0), snow=False)
    deep = water.sea(stage, stage.horizon)
    if rng.random() < 0.7:
        water.sparkle(stage, stage.horizon)
    if rng.random() < 0.6:
        water.waves(stage, stage.horizon + rng.uniform(10.0, 60.0), deep)
        return ("the sea", "the ocean", "waves on the sea", "the sea with waves")
    return ("the sea", "the ocean", "a calm sea")


def beach(stage: Stage) -> tuple[str, ...]:
    """Sand that sweeps in from one side, water behind, palms in front."""
    rng, sheet = stage.rng, stage.sheet
    water.sea(stage, stage.horizon)
    water.sparkle(stage, stage.horizon, SIZE - 60.0)
    sand = stage.lit(one_of(rng, ((242, 216, 162), (236, 200, 140), (250, 230, 196))), 0.0)
    shape = envelope(rng) * rng.uniform(20.0, 80.0)
    base = rng.uniform(232.0, 262.0)
    foam = base - shape - 5.0
    sheet.below(ABSCISSAE, foam, mix(stage.haze, WHITE, 0.6))
    sheet.below(ABSCISSAE, base - shape, sand, mix(sand, BLACK, 0.12), 60.0)
    if rng.random() < 0.65:
        plants.row(
            stage, base - shape + 16.0, "palm", int(rng.integers(1, 4)), (80.0, 150.0), stage.lit((44, 130, 72), 0.0)
        )
        return ("a beach with palm trees", "palm trees on a beach", "a tropical beach")
    return ("a beach", "a sandy beach", "the beach")


def island(stage: Stage) -> tuple[str, ...]:
    """One island, green or rocky, with or without palms."""
    rng = stage.rng
    water.sea(stage, stage.horizon)
    water.sparkle(stage, stage.horizon)
    x, half = rng.uniform(50.0, 206.0), rng.uniform(40.0, 100.0)
    foot = stage.horizon + rng.uniform(8.0, max(12.0, 0.5 * (SIZE - stage.horizon)))
    tall = rng.uniform(12.0, 64.0)
    body = stage.lit(one_of(rng, ((84, 150, 84), (236, 206, 148), (120, 112, 118))), 0.12)
    arch = [
        ((x - half * 0.5, foot - tall * 1.3), (x + half * rng.uniform(0.0, 0.6), foot - tall * 1.4), (x + half, foot))
    ]
    stage.sheet.oval(x, foot + 2.0, 2.3 * half, 9.0, mix(stage.haze, WHITE, 0.4), 160.0)
    stage.sheet.curve((x - half, foot), arch, body)
    if rng.random() < 0.7:
        line = np.full_like(ABSCISSAE, foot - 0.75 * tall)
        for _ in range(int(rng.integers(1, 4))):
            at = x + rng.uniform(-0.4, 0.4) * half
            plants.palm(stage, at, float(line[0]) + 6.0, rng.uniform(56.0, 110.0), stage.lit((44, 130, 72), 0.05))
        return ("an island with palm trees", "a palm island", "a tropical island")
    return ("an island", "an island in the sea")


def cliffs(stage: Stage) -> tuple[str, ...]:
    """Steep land on one side, sea on the other."""
    rng, sheet = stage.rng, stage.sheet
    deep = water.sea(stage, stage.horizon)
    water.sparkle(stage, stage.horizon)
    water.waves(stage, stage.horizon + 50.0, deep)
    right = rng.random() < 0.5
    rock = stage.lit(one_of(rng, ((150, 124, 104), (196, 184, 170), (110, 104, 116))), 0.0)
    for layer in range(int(rng.integers(1, 4)), 0, -1):
        top = stage.horizon - rng.uniform(10.0, 90.0) + 12.0 * layer
        edge = rng.uniform(60.0, 130.0) + 26.0 * (layer - 1)
        foot = stage.horizon + 70.0 - 18.0 * layer + rng.uniform(0.0, 30.0)
        body = mix(rock, stage.haze, 0.26 * (layer - 1))
        turf = mix(stage.lit(stage.ground, 0.1), stage.haze, 0.26 * (layer - 1))
        shape = [
            (-8.0, top - 12.0),
            (edge * 0.8, top),
            (edge, top + 12.0),
            (edge + 8.0, 0.5 * (top + foot)),
            (edge + 22.0, foot),
            (-8.0, foot + 26.0),
        ]
        cap = [
            (-8.0, top - 14.0),
            (edge * 0.8, top - 3.0),
            (edge + 2.0, top + 12.0),
            (edge * 0.6, top + 18.0),
            (-8.0, top + 10.0),
        ]
        flip = (lambda p: (SIZE - p[0], p[1])) if right else (lambda p: p)
        sheet.polygon([flip(p) for p in shape], body)
        sheet.polygon([flip(p) for p in cap], turf)
    return ("cliffs by the sea", "a rocky coast", "sea cliffs")


def city(stage: Stage) -> tuple[str, ...]:
    """Blocks against the sky, sometimes mirrored in water."""
    rng, sheet = stage.rng, stage.sheet
    wet = rng.random() < 0.4
    foot = rng.uniform(168.0, 214.0) if wet else float(SIZE)
    tone = one_of(rng, ((92, 96, 130), (64, 84, 124), (126, 92, 110), (150, 112, 92), (80, 110, 120)))
    glow: Colour = (255, 218, 126)
    shape = envelope(rng) * 0.7 + 0.3
    for layer in range(3):
        x = -rng.uniform(0.0, 14.0)
        base = stage.lit(tone, 0.72 - 0.32 * layer)
        while x < SIZE:
            width = rng.uniform(30.0, 66.0)
            tall = (
                float(np.interp(x, ABSCISSAE, shape)) * rng.uniform(0.45, 1.0) * (190.0 - 42.0 * layer) * (foot / SIZE)
            )
            top, body = foot - tall, jitter(rng, base, 8.0, 0.1, 0.07)
            sheet.box(x, top, x + width, foot + 1.0, body)
            if rng.random() < 0.25:
                sheet.polygon([(x, top), (x + width / 2, top - width * 0.7), (x + width, top)], body)
            if layer and width > 24.0:
                pane = glow if stage.dark or stage.time == "sunset" else mix(body, WHITE, 0.4)
                share = 0.5 if stage.dark else 0.28
                for row in np.arange(top + 9.0, foot - 12.0, 19.0).tolist():
                    for column in np.arange(x + 5.0, x + width - 10.0, 16.0).tolist():
                        if rng.random() < share:
                            sheet.box(column, row, column + 9.0, row + 11.0, pane, 225.0)
            x += width + one_of(rng, (0.0, 0.0, 3.0, 8.0))
    if wet:
        water.mirror(stage, foot)
        return ("a city by the water", "a city skyline by the water")
    return ("a city skyline", "a city", "a skyline")


def village(stage: Stage) -> tuple[str, ...]:
    """A few houses on hills."""
    rng = stage.rng
    if rng.random() < 0.5:
        land.mountains(stage, 1, rng.uniform(50.0, 120.0), snow=stage.snowy)
    land.hills(stage, 2, stage.horizon + 14.0, rng.uniform(180.0, 220.0), stage.ground, 34.0)
    for _ in range(int(rng.integers(3, 6))):
        things.hut(stage, stage.horizon + 40.0, (46.0, 84.0))
    return ("a village", "a small village", "a village in the hills", "houses in the hills")


def fields(stage: Stage) -> tuple[str, ...]:
    """Rows of crops that run to one point on the horizon."""
    rng, sheet = stage.rng, stage.sheet
    name, colour = one_of(
        rng,
        (
            ("lavender", (142, 100, 196)),
            ("wheat", (232, 192, 92)),
            ("tulip", (228, 70, 80)),
            ("green", (104, 170, 74)),
            ("sunflower", (250, 200, 50)),
        ),
    )
    if rng.random() < 0.5:
        land.hills(stage, 2, stage.horizon - 4.0, stage.horizon + 4.0, stage.ground, 30.0)
    crop = stage.lit(colour, 0.0)
    sheet.wash(stage.horizon, SIZE, (mix(crop, stage.haze, 0.4), crop))
    x, rows = rng.uniform(-60.0, 316.0), int(rng.integers(7, 15))
    furrow = mix(crop, stage.lit((70, 96, 56), 0.0), 0.7)
    span = 420.0
    for at in range(-rows, rows + 1):
        foot = x + at * span / rows
        sheet.polygon(
            [(x + at * 1.4, stage.horizon), (foot, SIZE + 4.0), (foot + span / rows * 0.42, SIZE + 4.0)], furrow
        )
    if rng.random() < 0.5:
        line = np.full_like(ABSCISSAE, stage.horizon + 4.0)
        plants.row(stage, line, "round", int(rng.integers(1, 5)), (34.0, 86.0), stage.lit(stage.leaves, 0.1))
    return (f"a {name} field", f"a field of {name}" if name != "green" else "green fields", f"{name} fields")


def river(stage: Stage) -> tuple[str, ...]:
    """A river, or a path, that winds down from the hills."""
    rng, sheet = stage.rng, stage.sheet
    if rng.random() < 0.6:
        land.mountains(stage, int(rng.integers(1, 3)), rng.uniform(50.0, 120.0), snow=rng.random() < 0.5)
    ground = stage.lit(stage.ground, 0.05)
    land.hill(stage, stage.horizon + 6.0, 5.0, mix(ground, stage.haze, 0.2), shape=envelope(rng) * 12.0)
    path = rng.random() < 0.3
    colour = stage.lit((226, 196, 146), 0.0) if path else mix(stage.lit((70, 140, 196), 0.0), stage.haze, 0.35)
    start, end, turns, phase = (
        rng.uniform(40.0, 216.0),
        rng.uniform(0.0, 256.0),
        rng.uniform(0.6, 1.6),
        rng.uniform(0.0, math.tau),
    )
    sway, wide = rng.uniform(20.0, 70.0), rng.uniform(50.0, 120.0) * (0.6 if path else 1.0)
    left, right = [], []
    for share in np.linspace(0.0, 1.0, 24).tolist():
        deep = share**1.6
        middle = start + (end - start) * deep + sway * (0.2 + deep) * math.sin(turns * math.tau * share + phase)
        y = stage.horizon + 10.0 + deep * (SIZE + 6.0 - stage.horizon)
        half = 1.5 + 0.5 * wide * deep
        left.append((middle - half, y))
        right.append((middle + half, y))
    sheet.polygon([*left, *reversed(right)], mix(colour, WHITE, 0.08))
    line = np.full_like(ABSCISSAE, stage.horizon + 12.0)
    kind = one_of(rng, ("pine", "round"))
    plants.row(stage, line, kind, int(rng.integers(0, 6)), (36.0, 84.0), stage.lit(stage.leaves, 0.12))
    if path:
        return ("a path through the hills", "a winding path", "a road through fields")
    return ("a river", "a winding river", "a river in a valley")


def high_sky(stage: Stage) -> tuple[str, ...]:
    """Nothing but sky and banks of cloud."""
    rng = stage.rng
    stage.sheet.wash(0.0, SIZE, (*stage.sky, mix(stage.haze, stage.sky[0], 0.25)))
    sky.clouds(stage, int(rng.integers(3, 9)), rng.uniform(30.0, 140.0), SIZE + 10.0)
    return ("the sky", "clouds in the sky", "above the clouds", "a sea of clouds")
