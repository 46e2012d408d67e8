"""Objects for the scenes: cut-outs on one committed sheet, and two that our own code draws; any may be repainted.

The sheet and its manifest (names, sources, hashes, licences) are ``generator/house/data/objects.png`` and ``.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import skia
from PIL import Image

from generator.house.scenes.drawn import draw_balloon, draw_lighthouse

__all__ = ["COLOURS", "KINDS", "Kind", "cut_out"]

_DATA = Path(__file__).parents[1] / "data"

# hue in degrees, factor of the saturation, and what the value v becomes: a * v + b
COLOURS: dict[str, tuple[float, float, float, float]] = {
    "red": (2.0, 1.05, 0.98, 0.0),
    "orange": (26.0, 1.05, 0.95, 0.05),
    "yellow": (49.0, 0.98, 0.8, 0.2),
    "green": (118.0, 0.85, 0.82, 0.0),
    "blue": (214.0, 1.0, 0.95, 0.0),
    "purple": (276.0, 0.85, 0.85, 0.0),
    "pink": (334.0, 0.6, 0.85, 0.15),
    "white": (210.0, 0.06, 0.55, 0.45),
    "black": (230.0, 0.3, 0.3, 0.0),
}


@dataclass(frozen=True)
class Kind:
    """One kind of object: its words, where it lives (land, water, sky, table), its own colour, the part repainted."""

    name: str
    english: tuple[str, ...]
    japanese: tuple[str, ...]
    habitat: str
    colour: str
    part: tuple[str, str] = ("", "")


_PARTS = {
    "house": ("roof", "屋根"),
    "castle": ("roof", "屋根"),
    "snowman": ("scarf", "マフラー"),
}
_DRAWN = {
    "balloon": Kind("balloon", ("hot air balloon", "hot air balloon", "balloon"), ("気球",), "sky", "red"),
    "lighthouse": Kind("lighthouse", ("lighthouse",), ("灯台",), "land", "red"),
}


@cache
def _manifest() -> dict[str, dict[str, Any]]:
    found = json.loads((_DATA / "objects.json").read_text(encoding="utf-8"))
    return {entry["kind"]: entry for entry in found["objects"]}


def _kinds() -> dict[str, Kind]:
    kinds = {
        name: Kind(
            name,
            tuple(entry["english"]),
            tuple(entry["japanese"]),
            entry["habitat"],
            entry["colour"],
            _PARTS.get(name, ("", "")),
        )
        for name, entry in _manifest().items()
    }
    return {**kinds, **_DRAWN}


KINDS: dict[str, Kind] = _kinds()
"""Every kind of object by name."""


@cache
def _sheet() -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(_DATA / "objects.png").convert("RGBA"))


@cache
def cut_out(kind: str, colour: str, style: int = 0) -> skia.Image:
    """Return the object in a colour of ``COLOURS``, or in its own for "", with a transparent ground.

    ``style`` chooses among the patterns of those that are drawn; the others have one.
    """
    if kind in _DRAWN:
        draw = draw_balloon if kind == "balloon" else draw_lighthouse
        pixels = draw(colour or _DRAWN[kind].colour, style)
    else:
        entry = _manifest()[kind]
        left, top, right, bottom = entry["box"]
        pixels = _sheet()[top:bottom, left:right]
        if colour:
            pixels = _repaint(pixels, tuple(entry["hues"]), colour)
    image = skia.Image.fromarray(np.ascontiguousarray(pixels), skia.kRGBA_8888_ColorType)
    return image.withDefaultMipmaps()


def _repaint(pixels: npt.NDArray[np.uint8], hues: tuple[int, int], colour: str) -> npt.NDArray[np.uint8]:
    """Turn all pixels whose hue lies in the range (degrees) and that are not grey into another colour."""
    hue, saturation, slope, lift = COLOURS[colour]
    space = np.asarray(Image.fromarray(pixels[..., :3]).convert("HSV")).astype(np.float32)
    h, s, v = (space[..., k] / 255.0 for k in range(3))
    away = (h * 360.0 - hues[0]) % 360.0
    edge = np.minimum(away, (hues[1] - hues[0]) - away)
    chosen = np.clip((edge + 4.0) / 8.0, 0.0, 1.0) * np.clip((s - 0.12) / 0.12, 0.0, 1.0)
    full = np.stack([np.full_like(h, hue / 360.0), np.clip(s * saturation, 0.0, 1.0), slope * v + lift], -1)
    codes = np.clip(full * 255.0, 0.0, 255.0).astype(np.uint8)
    painted = np.asarray(Image.fromarray(codes, "HSV").convert("RGB")).astype(np.float32)
    mixed = pixels[..., :3] * (1.0 - chosen[..., None]) + painted * chosen[..., None]
    return np.dstack([mixed.astype(np.uint8), pixels[..., 3]])
