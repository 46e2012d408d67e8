"""The two objects that no package had in a simple style: hot air balloon and lighthouse, on a transparent ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.house.scenes.colour import BLACK, WHITE, Colour, mix
from generator.house.scenes.sheet import SIZE, Sheet

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["STYLES", "draw_balloon", "draw_lighthouse"]

STYLES = 4

_PAINT: dict[str, Colour] = {
    "red": (226, 56, 52),
    "orange": (244, 142, 48),
    "yellow": (250, 208, 66),
    "green": (74, 172, 84),
    "blue": (52, 112, 216),
    "purple": (138, 82, 190),
    "pink": (242, 134, 176),
    "white": (248, 246, 240),
    "black": (52, 52, 66),
}


def draw_balloon(colour: str, style: int) -> npt.NDArray[np.uint8]:
    """Return a hot air balloon, RGBA uint8 [248, ~190, 4]: plain, banded, or with light gores."""
    sheet, skin = Sheet(), _PAINT[colour]
    x, top, height = SIZE / 2, 6.0, 196.0
    half, neck = height * 0.45, 6.0 + height * 0.84
    mouth = half * 0.3
    shape = [
        ((x - half * 1.36, top), (x - half * 1.22, top + height * 0.52), (x - mouth, neck)),
        ((x - mouth, neck), (x + mouth, neck), (x + mouth, neck)),
        ((x + half * 1.22, top + height * 0.52), (x + half * 1.36, top), (x, top)),
    ]
    for side in (-1.0, 1.0):
        sheet.line([(x + side * mouth, neck), (x + side * 16.0, neck + 44.0)], (84, 62, 50), 2.4)
    stripe = (_PAINT["white"], mix(skin, BLACK, 0.35), _PAINT["yellow"], mix(skin, WHITE, 0.45))[style % STYLES]
    if colour in {"white", "yellow"} and style % STYLES in {0, 2}:
        stripe = _PAINT["red"]
    with sheet.inside((x, top), shape):
        sheet.box(0.0, top, SIZE, neck + 2.0, skin)
        if style % 2 == 0:
            for share in (-1.0, 0.0, 1.0):
                sheet.oval(x + share * half * 0.78, top + height * 0.4, half * 0.34, height * 1.1, stripe)
        else:
            sheet.box(0.0, top + height * 0.3, SIZE, top + height * 0.46, stripe)
        sheet.oval(x - half * 0.45, top + height * 0.24, half * 0.7, height * 0.4, WHITE, 70.0, 8.0)
        sheet.oval(x + half * 1.02, top + height * 0.45, half * 0.8, height * 0.9, BLACK, 80.0, 11.0)
    sheet.box(x - mouth, neck - 3.0, x + mouth, neck + 4.0, mix(skin, BLACK, 0.45))
    sheet.box(x - 22.0, neck + 40.0, x + 22.0, neck + 72.0, (150, 98, 56), 255.0, 6.0)
    sheet.box(x - 24.0, neck + 38.0, x + 24.0, neck + 46.0, (98, 62, 38), 255.0, 4.0)
    return _trimmed(sheet)


def draw_lighthouse(colour: str, style: int) -> npt.NDArray[np.uint8]:
    """Return a lighthouse with painted bands on a small rock, RGBA uint8 [~248, ~130, 4]."""
    sheet, paint = Sheet(), _PAINT[colour]
    white: Colour = (250, 248, 244) if colour != "white" else (200, 70, 66)
    x, foot, tall = SIZE / 2, 232.0, 206.0
    base, tip = 40.0, 23.0
    sheet.oval(x, foot + 4.0, 128.0, 36.0, (98, 92, 98))
    sheet.oval(x - 14.0, foot - 1.0, 86.0, 22.0, (126, 120, 124))
    bands = (4, 5, 6, 5)[style % STYLES]
    for band in range(bands):
        low, high = band / bands, (band + 1) / bands
        wide, slim = base + (tip - base) * low, base + (tip - base) * high
        y0, y1 = foot - tall * 0.76 * low, foot - tall * 0.76 * high
        tone = white if (band + style // 2) % 2 else paint
        sheet.polygon([(x - wide, y0), (x + wide, y0), (x + slim, y1), (x - slim, y1)], tone)
        sheet.polygon([(x + wide * 0.3, y0), (x + wide, y0), (x + slim, y1), (x + slim * 0.3, y1)], BLACK, 44.0)
    top = foot - tall * 0.76
    sheet.box(x - 31.0, top - 7.0, x + 31.0, top + 3.0, (70, 66, 74), 255.0, 2.0)
    sheet.box(x - 18.0, top - 34.0, x + 18.0, top - 6.0, (255, 236, 150))
    sheet.box(x - 3.0, top - 34.0, x + 3.0, top - 6.0, (150, 130, 90))
    roof = paint if colour != "white" else white
    sheet.polygon([(x - 25.0, top - 33.0), (x, top - 60.0), (x + 25.0, top - 33.0)], roof)
    sheet.box(x - 11.0, foot - 34.0, x + 11.0, foot - 2.0, (84, 60, 48), 255.0, 8.0)
    return _trimmed(sheet)


def _trimmed(sheet: Sheet) -> npt.NDArray[np.uint8]:
    """Cut the empty margin away; skia's premultiplied colours become plain ones."""
    alpha = sheet.pixels[..., 3]
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    cut = sheet.pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    share = np.maximum(cut[..., 3:], 1.0) / 255.0
    plain = np.dstack([np.clip(cut[..., :3] / share, 0.0, 255.0), cut[..., 3:]])
    return plain.astype(np.uint8)
