"""A sheet of paper: the few brush strokes that the scenes are made of, on top of skia.

The sheet is 256 pixels square, origin top left, y downwards; all lengths are in pixels of this sheet.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import skia

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from generator.house.scenes.colour import Colour

__all__ = ["SIZE", "Floats", "Point", "Sheet"]

SIZE = 256

Point = tuple[float, float]
Floats = npt.NDArray[np.float64]


def _code(colour: Colour, alpha: float = 255.0) -> int:
    r, g, b, a = (int(min(255.0, max(0.0, v))) for v in (*colour, alpha))
    return int(skia.ColorSetARGB(a, r, g, b))


def _paint(colour: Colour, alpha: float = 255.0, blur: float = 0.0) -> skia.Paint:
    paint = skia.Paint(AntiAlias=True, Color=_code(colour, alpha))
    if blur > 0.0:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    return paint


class Sheet:
    """RGBA pixels, uint8 [256, 256, 4], and a canvas that draws into them."""

    def __init__(self) -> None:
        self.pixels: npt.NDArray[np.uint8] = np.zeros((SIZE, SIZE, 4), np.uint8)
        self._canvas = skia.Canvas(self.pixels, colorType=skia.kRGBA_8888_ColorType)

    def wash(self, top: float, bottom: float, colours: Sequence[Colour], alphas: Sequence[float] | None = None) -> None:
        """Fill the full width between two heights with a vertical gradient."""
        paint = skia.Paint(AntiAlias=True)
        paint.setShader(self._gradient((0.0, top), (0.0, bottom), colours, alphas))
        self._canvas.drawRect(skia.Rect(0.0, top, SIZE, bottom), paint)

    def below(self, xs: Floats, ys: Floats, top: Colour, bottom: Colour | None = None, reach: float = 70.0) -> None:
        """Fill all that lies below the line; ``bottom`` is the colour ``reach`` pixels under its highest point."""
        line = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        points = [*line, (line[-1][0], SIZE + 4.0), (line[0][0], SIZE + 4.0)]
        if bottom is None:
            self.polygon(points, top)
            return
        high = float(ys.min())
        self._shaded(self._path(points), (0.0, high), (0.0, high + reach), (top, bottom))

    def polygon(self, points: Sequence[Point], colour: Colour, alpha: float = 255.0, blur: float = 0.0) -> None:
        """Fill a polygon."""
        self._canvas.drawPath(self._path(points), _paint(colour, alpha, blur))

    def curve(self, start: Point, pieces: Sequence[tuple[Point, Point, Point]], colour: Colour) -> None:
        """Fill a closed shape made of cubic Bézier pieces (control, control, end)."""
        self._canvas.drawPath(self._bezier(start, pieces), _paint(colour))

    @contextmanager
    def inside(self, start: Point, pieces: Sequence[tuple[Point, Point, Point]]) -> Iterator[None]:
        """Clip to a closed Bézier shape."""
        self._canvas.save()
        self._canvas.clipPath(self._bezier(start, pieces), True)
        try:
            yield
        finally:
            self._canvas.restore()

    @contextmanager
    def beneath(self, xs: Floats, ys: Floats) -> Iterator[None]:
        """Clip to all that lies below the line."""
        line = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        self._canvas.save()
        self._canvas.clipPath(self._path([*line, (line[-1][0], SIZE + 4.0), (line[0][0], SIZE + 4.0)]), True)
        try:
            yield
        finally:
            self._canvas.restore()

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        colour: Colour,
        alpha: float = 255.0,
        round_by: float = 0.0,
    ) -> None:
        """Fill a rectangle, with rounded corners if wanted."""
        self._canvas.drawRoundRect(skia.Rect(left, top, right, bottom), round_by, round_by, _paint(colour, alpha))

    def disc(self, x: float, y: float, radius: float, colour: Colour, alpha: float = 255.0, blur: float = 0.0) -> None:
        """Fill a circle."""
        self._canvas.drawCircle(x, y, radius, _paint(colour, alpha, blur))

    def oval(
        self, x: float, y: float, width: float, height: float, colour: Colour, alpha: float = 255.0, blur: float = 0.0
    ) -> None:
        """Fill an ellipse around (x, y)."""
        rect = skia.Rect(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        self._canvas.drawOval(rect, _paint(colour, alpha, blur))

    def ball(self, x: float, y: float, radius: float, light: Colour, body: Colour, dark: Colour) -> None:
        """Fill a circle lit from the upper left."""
        paint = skia.Paint(AntiAlias=True)
        centre = skia.Point(x - radius * 0.3, y - radius * 0.35)
        codes = [_code(light), _code(body), _code(dark)]
        paint.setShader(skia.GradientShader.MakeRadial(centre, radius * 1.4, codes, [0.0, 0.55, 1.0]))
        self._canvas.drawCircle(x, y, radius, paint)

    def glow(self, x: float, y: float, radius: float, colour: Colour, alpha: float) -> None:
        """Lay a soft light that fades to nothing at ``radius``."""
        paint = skia.Paint(AntiAlias=True)
        codes = [_code(colour, alpha), _code(colour, alpha * 0.3), _code(colour, 0.0)]
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(x, y), max(1.0, radius), codes, [0.0, 0.4, 1.0]))
        self._canvas.drawCircle(x, y, radius, paint)

    def puff(self, discs: Sequence[tuple[float, float, float]], top: Colour, bottom: Colour, alpha: float) -> None:
        """Fill the union of circles (x, y, radius) with one vertical gradient: a cloud, a bush."""
        path = skia.Path()
        for x, y, radius in discs:
            path.addCircle(x, y, radius)
        high = min(y - radius for _, y, radius in discs)
        low = max(y + radius for _, y, radius in discs)
        paint = skia.Paint(AntiAlias=True)
        paint.setShader(self._gradient((0.0, high), (0.0, low), (top, bottom), (alpha, alpha)))
        self._canvas.drawPath(path, paint)

    def line(self, points: Sequence[Point], colour: Colour, width: float, alpha: float = 255.0) -> None:
        """Draw an open line with round ends."""
        paint = _paint(colour, alpha)
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        path = skia.Path()
        path.addPoly([skia.Point(*p) for p in points], False)
        self._canvas.drawPath(path, paint)

    def image(
        self, image: skia.Image, x: float, foot: float, scale: float, turn: float, *, flip: bool, tone: Colour
    ) -> None:
        """Draw a cut-out with the middle of its foot at (x, foot), turned by degrees, its colours times tone."""
        width, height = image.width() * scale, image.height() * scale
        paint = skia.Paint(AntiAlias=True)
        paint.setColorFilter(skia.ColorFilters.Blend(_code(tone), skia.BlendMode.kModulate))
        self._canvas.save()
        self._canvas.translate(x, foot - height / 2)
        self._canvas.rotate(turn)
        self._canvas.scale(-1.0 if flip else 1.0, 1.0)
        smooth = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
        rect = skia.Rect(-width / 2, -height / 2, width / 2, height / 2)
        self._canvas.drawImageRect(image, rect, smooth, paint)
        self._canvas.restore()

    def arc(self, x: float, y: float, radius: float, colour: Colour, width: float, alpha: float) -> None:
        """Draw a full circle line."""
        paint = _paint(colour, alpha)
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        self._canvas.drawCircle(x, y, radius, paint)

    @staticmethod
    def _path(points: Sequence[Point]) -> skia.Path:
        path = skia.Path()
        path.addPoly([skia.Point(*p) for p in points], True)
        return path

    @staticmethod
    def _bezier(start: Point, pieces: Sequence[tuple[Point, Point, Point]]) -> skia.Path:
        path = skia.Path()
        path.moveTo(*start)
        for a, b, end in pieces:
            path.cubicTo(*a, *b, *end)
        path.close()
        return path

    @staticmethod
    def _gradient(
        start: Point, end: Point, colours: Sequence[Colour], alphas: Sequence[float] | None = None
    ) -> skia.Shader:
        values = [255.0] * len(colours) if alphas is None else alphas
        codes = [_code(c, a) for c, a in zip(colours, values, strict=True)]
        return skia.GradientShader.MakeLinear([skia.Point(*start), skia.Point(*end)], codes)

    def _shaded(self, path: skia.Path, start: Point, end: Point, colours: Sequence[Colour]) -> None:
        paint = skia.Paint(AntiAlias=True)
        paint.setShader(self._gradient(start, end, colours))
        self._canvas.drawPath(path, paint)
