"""The sky: gradient, sun, moon, stars, clouds, rainbow, northern lights. Each function returns the words it earned."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

import math

from generator.house.scenes.colour import WHITE, Colour, jitter, mix
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.stage import Mark, Stage, one_of

__all__ = ["clouds", "paint_sky"]


def paint_sky(stage: Stage) -> tuple[str, ...]:
    """Paint everything behind the land and return its words; sun and moon become marks, for the land may hide them."""
    stage.sheet.wash(0.0, SIZE, (stage.haze, stage.haze))
    stage.sheet.wash(0.0, max(stage.horizon + 16.0, 90.0), stage.sky)
    words: list[str] = []
    if stage.dark:
        words += _stars(stage)
        if stage.time == "night" and stage.rng.random() < 0.12:
            words += _northern_lights(stage)
    if stage.time != "cloudy" and stage.rng.random() < 0.72:
        stage.marks.append(_moon(stage) if stage.dark else _sun(stage))
    if stage.time in {"day", "cloudy"} and stage.rng.random() < 0.09:
        words += _rainbow(stage)
    chance = 0.95 if stage.time == "cloudy" else 0.5
    if stage.rng.random() < chance:
        words += clouds(stage, int(stage.rng.integers(1, 5)), 0.1, stage.horizon * 0.8)
    return tuple(words)


def _sun(stage: Stage) -> Mark:
    rng, x = stage.rng, stage.sun_x
    low = stage.time in {"sunset", "dawn"}
    radius = rng.uniform(20.0, 52.0) if low else rng.uniform(18.0, 32.0)
    y = rng.uniform(radius * 0.8, stage.horizon + 2.0) if low else rng.uniform(30.0, max(38.0, stage.horizon * 0.6))
    warm: Colour = (255, 116, 74) if low and rng.random() < 0.35 else (255, 240, 188)
    colour = jitter(rng, warm, 8.0, 0.2, 0.02)
    stage.sheet.glow(x, y, radius * 4.5, colour, 190.0)
    stage.sheet.disc(x, y, radius, colour)
    return Mark("a large sun" if radius > 36.0 else "the sun", x, y, radius)


def _moon(stage: Stage) -> Mark:
    rng, x = stage.rng, stage.sun_x
    radius = rng.uniform(17.0, 42.0)
    y = rng.uniform(radius + 8.0, max(radius + 16.0, stage.horizon * 0.65))
    colour = jitter(rng, (250, 244, 214), 18.0, 0.3, 0.03)
    stage.sheet.glow(x, y, radius * 3.6, colour, 110.0)
    if rng.random() < 0.4:
        side = one_of(rng, (-1.0, 1.0))
        outer, inner = 1.33 * radius, 0.55 * radius
        top, bottom = (x, y - radius), (x, y + radius)
        stage.sheet.curve(
            top,
            [
                ((x + side * outer, y - radius), (x + side * outer, y + radius), bottom),
                ((x + side * inner, y + radius * 0.7), (x + side * inner, y - radius * 0.7), top),
            ],
            colour,
        )
        return Mark("a crescent moon", x + side * 0.6 * radius, y, radius * 0.5)
    stage.sheet.disc(x, y, radius, colour)
    for _ in range(int(rng.integers(2, 5))):
        angle, off = rng.uniform(0.0, math.tau), rng.uniform(0.0, 0.6) * radius
        spot = (x + off * math.cos(angle), y + off * math.sin(angle))
        stage.sheet.disc(*spot, radius * rng.uniform(0.12, 0.24), mix(colour, (150, 150, 170), 0.3), 150.0)
    return Mark("a large moon" if radius > 32.0 else one_of(rng, ("a full moon", "the moon")), x, y, radius)


def _stars(stage: Stage) -> list[str]:
    rng = stage.rng
    if stage.time == "dusk" and rng.random() < 0.5:
        return []
    for _ in range(int(rng.integers(12, 36))):
        x, y = rng.uniform(0.0, SIZE), stage.horizon * rng.uniform(0.0, 0.92)
        radius = rng.uniform(1.5, 3.4)
        stage.sheet.glow(x, y, radius * 3.0, WHITE, 70.0)
        stage.sheet.disc(x, y, radius, WHITE, rng.uniform(150.0, 255.0))
    return [one_of(rng, ("stars", "a starry sky"))]


def _northern_lights(stage: Stage) -> list[str]:
    rng = stage.rng
    colour = one_of(rng, ((70, 240, 160), (90, 220, 220), (180, 120, 250)))
    base, swing, phase = stage.horizon * rng.uniform(0.3, 0.6), rng.uniform(8.0, 26.0), rng.uniform(0.0, math.tau)
    for step in range(0, SIZE, 6):
        y = base + swing * math.sin(step / 38.0 + phase) + 0.4 * swing * math.sin(step / 17.0 + 2.0 * phase)
        points = [(step, y), (step + 7.0, y), (step + 7.0, y - 52.0), (step, y - 52.0)]
        stage.sheet.polygon(points, colour, 95.0, 7.0)
        stage.sheet.oval(step + 3.0, y, 12.0, 14.0, colour, 90.0, 4.0)
    return ["northern lights"]


def _rainbow(stage: Stage) -> list[str]:
    rng = stage.rng
    x, y, radius = rng.uniform(60.0, 196.0), stage.horizon + rng.uniform(10.0, 40.0), rng.uniform(88.0, 140.0)
    bands: tuple[Colour, ...] = ((230, 70, 70), (246, 160, 60), (250, 230, 90), (90, 200, 110), (80, 130, 230))
    for place, band in enumerate(bands):
        stage.sheet.arc(x, y, radius - 7.0 * place, band, 7.5, 190.0)
    return ["a rainbow"]


def clouds(stage: Stage, count: int, high: float, low: float) -> list[str]:
    """Paint that many clouds between two heights in pixels."""
    rng = stage.rng
    top = mix(stage.white(), stage.haze, 0.2)
    under = mix(stage.sky[0], stage.haze, 0.55)
    flat = rng.random() < 0.3
    for _ in range(count):
        width = rng.uniform(60.0, 150.0)
        x, y = rng.uniform(0.0, SIZE), rng.uniform(high + 14.0, max(high + 22.0, low))
        if flat:
            stage.sheet.oval(x, y, width * 1.3, width * 0.13, top, 210.0, 2.0)
            stage.sheet.oval(x + rng.uniform(-30.0, 30.0), y + 7.0, width * 0.8, width * 0.1, top, 190.0, 2.0)
            continue
        lobes = int(rng.integers(3, 6))
        discs = []
        for lobe in range(lobes):
            share = (lobe + 0.5) / lobes
            radius = width * (0.11 + 0.13 * math.sin(math.pi * share)) * rng.uniform(0.85, 1.15)
            discs.append((x + (share - 0.5) * width * 0.85, y - radius * 0.6, radius))
        stage.sheet.puff(discs, top, mix(top, under, 0.5), 238.0)
    if count > 1:
        return ["long clouds" if flat else one_of(rng, ("clouds", "fluffy clouds", "clouds"))]
    return ["a cloud"]
