"""Times of day, seasons and the paint that goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.house.scenes.colour import Colour

__all__ = ["PALETTES", "SEASON_GROUND", "SEASON_TREES", "TIME_PHRASES", "TIME_WEIGHTS", "Palette"]


@dataclass(frozen=True)
class Palette:
    """Sky colours from the zenith to the horizon, the word for that sky, and the tint of the light on the land."""

    sky: tuple[Colour, ...]
    word: str
    light: Colour


PALETTES: dict[str, tuple[Palette, ...]] = {
    "day": (
        Palette(((58, 138, 224), (130, 194, 244), (214, 236, 248)), "blue", (1.0, 1.0, 1.0)),
        Palette(((84, 170, 228), (158, 216, 238), (238, 246, 236)), "blue", (1.0, 1.0, 0.98)),
        Palette(((104, 194, 204), (180, 228, 216), (250, 244, 214)), "turquoise", (1.0, 1.0, 0.95)),
        Palette(((38, 104, 204), (104, 168, 238), (190, 226, 250)), "blue", (1.0, 1.0, 1.0)),
    ),
    "dawn": (
        Palette(((124, 148, 216), (230, 176, 204), (255, 222, 188)), "pink", (1.0, 0.92, 0.9)),
        Palette(((146, 184, 230), (248, 204, 206), (255, 236, 204)), "pink", (1.0, 0.95, 0.92)),
        Palette(((106, 116, 192), (200, 148, 198), (254, 190, 168)), "lilac", (0.97, 0.86, 0.9)),
        Palette(((150, 200, 214), (246, 226, 190), (255, 204, 150)), "golden", (1.0, 0.94, 0.84)),
    ),
    "sunset": (
        Palette(((70, 52, 130), (210, 84, 112), (254, 160, 78), (255, 214, 116)), "orange", (1.0, 0.74, 0.6)),
        Palette(((44, 60, 130), (152, 84, 150), (246, 120, 102), (255, 196, 108)), "orange", (0.98, 0.72, 0.64)),
        Palette(((186, 58, 66), (242, 126, 56), (255, 206, 92)), "red", (1.0, 0.7, 0.52)),
        Palette(((92, 38, 112), (204, 62, 140), (255, 140, 150)), "pink", (0.95, 0.66, 0.74)),
        Palette(((240, 146, 62), (252, 190, 94), (255, 232, 156)), "golden", (1.0, 0.84, 0.6)),
    ),
    "dusk": (
        Palette(((34, 36, 98), (96, 72, 150), (210, 120, 162)), "purple", (0.64, 0.56, 0.82)),
        Palette(((22, 46, 106), (70, 90, 160), (182, 150, 188)), "purple", (0.58, 0.6, 0.86)),
        Palette(((26, 58, 92), (56, 110, 132), (206, 172, 138)), "teal", (0.64, 0.68, 0.74)),
    ),
    "night": (
        Palette(((8, 12, 44), (18, 34, 90), (46, 72, 136)), "dark blue", (0.34, 0.42, 0.7)),
        Palette(((16, 10, 48), (46, 28, 98), (96, 62, 138)), "purple", (0.42, 0.36, 0.68)),
        Palette(((4, 20, 38), (8, 50, 78), (32, 104, 116)), "teal", (0.32, 0.46, 0.6)),
        Palette(((6, 8, 26), (14, 24, 58), (26, 44, 96)), "dark blue", (0.28, 0.36, 0.62)),
    ),
    "cloudy": (
        Palette(((126, 144, 166), (170, 184, 198), (214, 220, 224)), "grey", (0.84, 0.87, 0.92)),
        Palette(((94, 112, 138), (144, 160, 180), (196, 206, 212)), "grey", (0.74, 0.79, 0.88)),
    ),
}

TIME_WEIGHTS: dict[str, float] = {
    "day": 0.26, "dawn": 0.13, "sunset": 0.2, "dusk": 0.11, "night": 0.19, "cloudy": 0.11,
}  # fmt: skip

TIME_PHRASES: dict[str, tuple[str, ...]] = {
    "day": ("by day", "by day", "at noon", "on a sunny day", "on a clear day"),
    "dawn": ("at dawn", "at sunrise", "in the morning", "in the early morning"),
    "sunset": ("at sunset", "at sunset", "in the evening"),
    "dusk": ("at dusk", "at dusk", "at twilight"),
    "night": ("at night", "at night", "by night", "at midnight"),
    "cloudy": ("on a cloudy day", "on a grey day", "under a cloudy sky"),
}

SEASON_GROUND: dict[str, tuple[Colour, ...]] = {
    "spring": ((126, 194, 88), (156, 204, 98), (110, 186, 116)),
    "summer": ((76, 158, 74), (116, 172, 58), (52, 138, 92), (164, 176, 76)),
    "autumn": ((206, 146, 62), (186, 112, 56), (212, 172, 78), (160, 140, 66)),
    "winter": ((232, 240, 248), (216, 230, 244)),
}

SEASON_TREES: dict[str, tuple[Colour, ...]] = {
    "spring": ((112, 186, 84), (240, 168, 188), (150, 200, 96)),
    "summer": ((44, 124, 70), (72, 146, 62), (34, 108, 88)),
    "autumn": ((216, 112, 40), (194, 66, 44), (228, 170, 50), (160, 100, 50)),
    "winter": ((70, 112, 112), (92, 130, 128)),
}
