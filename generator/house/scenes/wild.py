"""Places without people: mountains, hills, woods, deserts, snow. Each paints itself and returns its names."""

# ruff: noqa: PLR2004 - a drawing is made of proportions

from __future__ import annotations

import numpy as np

from generator.house.scenes import land, plants, water
from generator.house.scenes.colour import BLACK, Colour, jitter, mix
from generator.house.scenes.lines import ABSCISSAE, envelope
from generator.house.scenes.sheet import SIZE
from generator.house.scenes.stage import Stage, one_of

__all__ = ["canyon", "desert", "forest", "great_peak", "lake", "meadow", "mountain_range", "rolling_hills", "snowfield"]

FLOWERS: tuple[tuple[str, Colour], ...] = (
    ("red", (226, 62, 56)),
    ("yellow", (252, 214, 70)),
    ("purple", (160, 100, 210)),
    ("pink", (246, 140, 180)),
    ("white", (250, 248, 244)),
    ("blue", (90, 120, 226)),
    ("orange", (248, 150, 60)),
)


def mountain_range(stage: Stage) -> tuple[str, ...]:
    """Jagged ranges over a valley."""
    rng = stage.rng
    snow = stage.snowy or rng.random() < 0.45
    land.mountains(stage, int(rng.integers(2, 4)), rng.uniform(70.0, 150.0), snow=snow)
    land.veil(stage, stage.horizon + 6.0)
    lines = land.hills(
        stage, int(rng.integers(1, 3)), stage.horizon + 22.0, rng.uniform(200.0, 240.0), stage.ground, 26.0
    )
    if rng.random() < 0.5:
        plants.row(
            stage, lines[-1] + 6.0, "pine", int(rng.integers(2, 8)), (44.0, 104.0), stage.lit((52, 104, 84), 0.05)
        )
    return (
        ("snowy mountains", "mountains with snow", "snowy mountains")
        if snow
        else ("mountains", "a mountain range", "a mountain valley")
    )


def great_peak(stage: Stage) -> tuple[str, ...]:
    """One cone that fills the picture."""
    rng = stage.rng
    volcano = rng.random() < 0.3
    land.peak(stage, volcano=volcano)
    if rng.random() < 0.4:
        water.mirror(stage, stage.horizon + 12.0)
        return ("a volcano by a lake",) if volcano else ("a mountain by a lake", "a mountain peak by a lake")
    ground: Colour = (112, 92, 84) if volcano else stage.ground
    land.hills(stage, 2, stage.horizon + 20.0, rng.uniform(200.0, 236.0), ground, 24.0)
    return ("a volcano",) if volcano else ("a mountain peak", "a snowy mountain peak", "a snowy mountain peak")


def rolling_hills(stage: Stage) -> tuple[str, ...]:
    """Soft layered hills, sometimes with one large tree."""
    rng = stage.rng
    layers = int(rng.integers(2, 6))
    top = stage.horizon + 10.0
    lines = land.hills(stage, layers, top, rng.uniform(196.0, 236.0), stage.ground, rng.uniform(24.0, 70.0))
    kind = one_of(rng, ("none", "none", "row", "row"))
    if kind == "row":
        plants.row(stage, lines[-1], "round", int(rng.integers(1, 6)), (44.0, 110.0), stage.lit(stage.leaves, 0.05))
    if stage.snowy:
        return ("snowy hills", "hills in winter")
    if stage.season == "autumn":
        return ("autumn hills", "golden hills", "hills in autumn")
    return ("green hills", "rolling hills", "green hills")


def meadow(stage: Stage) -> tuple[str, ...]:
    """A field of flowers in one colour, with clumps that stay visible at a distance."""
    rng, sheet = stage.rng, stage.sheet
    if rng.random() < 0.4:
        land.mountains(stage, 1, rng.uniform(40.0, 90.0), snow=rng.random() < 0.5)
    green = stage.lit(one_of(rng, ((110, 180, 76), (88, 164, 84), (150, 190, 84))), 0.0)
    land.hill(stage, stage.horizon, 8.0, mix(green, stage.haze, 0.35), shape=envelope(rng) * 24.0)
    line = land.hill(stage, stage.horizon + 26.0, 8.0, green, shape=envelope(rng) * 22.0)
    name, colour = one_of(rng, FLOWERS)
    bloom = stage.lit(colour, 0.0)
    with sheet.beneath(ABSCISSAE, line):
        count = int(rng.integers(40, 80))
        depths = np.sort(rng.random(count))
        for depth in depths.tolist():
            y = float(line.min()) + 12.0 + depth**1.4 * (SIZE - float(line.min()))
            radius = 3.0 + 8.0 * depth**2
            sheet.oval(rng.uniform(0.0, SIZE), y, 2.6 * radius, 1.7 * radius, jitter(rng, bloom, 6.0, 0.1, 0.1))
    if rng.random() < 0.35:
        plants.row(stage, line, "round", int(rng.integers(1, 4)), (50.0, 110.0), stage.lit((58, 134, 70), 0.0))
    return (
        f"a meadow with {name} flowers",
        f"a field of {name} flowers",
        "a flower meadow",
        f"{name} flowers in a meadow",
    )


def forest(stage: Stage) -> tuple[str, ...]:
    """Three rows of trees, or a clearing between two walls of them."""
    rng = stage.rng
    kind = "pine" if stage.snowy or rng.random() < 0.55 else "round"
    if rng.random() < 0.35:
        land.mountains(stage, 1, rng.uniform(50.0, 110.0), snow=rng.random() < 0.5)
    needles = (
        stage.lit((46, 110, 84), 0.0) if kind == "pine" and stage.season != "autumn" else stage.lit(stage.leaves, 0.0)
    )
    rows = int(rng.integers(2, 4))
    for layer in range(rows):
        share = layer / (rows - 1)
        base = stage.horizon + share * (SIZE - 26.0 - stage.horizon)
        line = land.hill(stage, base, 7.0, stage.lit(stage.ground, 0.6 * (1.0 - share)), shape=envelope(rng) * 26.0)
        sizes = (46.0 + 44.0 * share, 80.0 + 100.0 * share)
        plants.row(stage, line, kind, int(15 - 9 * share), sizes, mix(needles, stage.haze, 0.5 * (1.0 - share)))
    if stage.snowy:
        return ("a snowy forest", "a forest in winter", "snowy pine trees")
    if stage.season == "autumn":
        return ("an autumn forest", "a forest in autumn")
    return ("a pine forest", "a forest", "pine trees") if kind == "pine" else ("a forest", "a green forest", "trees")


def lake(stage: Stage) -> tuple[str, ...]:
    """Still water that mirrors mountains and trees."""
    rng = stage.rng
    snow = stage.snowy or rng.random() < 0.4
    high = rng.random() < 0.65
    if high:
        land.mountains(stage, int(rng.integers(1, 3)), rng.uniform(50.0, 110.0), snow=snow)
    line = land.hill(
        stage, stage.horizon + 2.0, 4.0, stage.lit(stage.ground, 0.3), shape=envelope(rng) * rng.uniform(4.0, 26.0)
    )
    kind = one_of(rng, ("pine", "pine", "round"))
    leaves = stage.lit((46, 104, 84) if kind == "pine" and stage.season != "autumn" else stage.leaves, 0.2)
    plants.row(stage, np.minimum(line, stage.horizon), kind, int(rng.integers(2, 10)), (30.0, 72.0), leaves)
    water.mirror(stage, stage.horizon + 4.0)
    if rng.random() < 0.4:
        corner = envelope(rng) * rng.uniform(20.0, 50.0)
        shore = land.hill(stage, SIZE + 8.0, 3.0, stage.lit(mix(stage.ground, BLACK, 0.12), 0.0), shape=corner)
        plants.row(stage, shore + 4.0, kind, int(rng.integers(1, 5)), (40.0, 110.0), mix(leaves, BLACK, 0.3))
    return ("a mountain lake", "a lake in the mountains") if high else ("a lake", "a calm lake", "a lake with trees")


def desert(stage: Stage) -> tuple[str, ...]:
    """Sand dunes."""
    rng = stage.rng
    sand = one_of(rng, ((234, 182, 104), (224, 150, 88), (242, 206, 142), (210, 122, 82)))
    land.dunes(stage, int(rng.integers(2, 5)), sand)
    return ("desert dunes", "a desert", "sand dunes", "a sandy desert")


def canyon(stage: Stage) -> tuple[str, ...]:
    """Table mountains of red rock."""
    land.mesas(stage)
    land.hills(stage, 2, stage.horizon + 16.0, stage.rng.uniform(190.0, 230.0), (206, 128, 82), 18.0)
    return ("a red rock canyon", "a canyon", "red rocks in a desert")


def snowfield(stage: Stage) -> tuple[str, ...]:
    """White hills with a few firs."""
    rng = stage.rng
    if rng.random() < 0.5:
        land.mountains(stage, int(rng.integers(1, 3)), rng.uniform(50.0, 120.0), snow=True)
    lines = land.hills(
        stage, int(rng.integers(2, 4)), stage.horizon + 10.0, rng.uniform(200.0, 236.0), (236, 242, 250), 30.0
    )
    plants.row(stage, lines[-1], "pine", int(rng.integers(0, 6)), (44.0, 120.0), stage.lit((62, 104, 100), 0.05))
    return ("a snowy field", "a snowy landscape", "a field of snow")
