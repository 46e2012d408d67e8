"""Reading a picture that somebody made of another one: any common format, bounded, and nothing but its pixels.

Canonical files are read by :mod:`provenance.pixels`. What is read here proves nothing by its bytes; it is only
compared. Orientation, colour profiles, gamma and text in the file are not looked at; of an animation the first frame
counts, and what is transparent lies on white.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, features

from provenance.canonicalfile import MAX_SIDE
from provenance.chunks import MAX_FILE_BYTES
from provenance.errors import EncodingError, EnvironmentFault, LimitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FORMATS", "TROUBLE", "GivenPicture", "read_any_picture"]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", *(("AVIF",) if features.check("avif") else ()))
"""Formats whose decoders are in wide use and run no other program; TIFF, PSD, EPS and many more are refused."""

MAX_PIXELS = 2**26
"""8,192 x 8,192; a photograph of a print has 50 million."""

_SMALLEST = 16
_WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
TROUBLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    AttributeError,
    ArithmeticError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises at pictures that are damaged on purpose; MemoryError is not among them."""


@dataclass(frozen=True, eq=False)
class GivenPicture:
    """Pixels uint8 (height, width, 3), read-only, and the name of the format that they came in."""

    rgb: NDArray[np.uint8]
    format: str


def read_any_picture(data: bytes) -> GivenPicture:
    """The pixels of a picture file.

    Raises:
        EncodingError: no picture in one of FORMATS, a damaged one, or one that is too small to compare.
        LimitError: more bytes or pixels than are read. EnvironmentFault: this machine has too little memory.
    """
    if len(data) > MAX_FILE_BYTES:
        raise LimitError(f"picture: more than {MAX_FILE_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
                raise LimitError(f"picture: {width} x {height} pixels are more than are compared ({MAX_PIXELS})")
            if min(width, height) < _SMALLEST:
                raise EncodingError(f"picture: {width} x {height} pixels are too few to compare")
            image.load()
            rgb = np.array(_to_rgb(image), dtype=np.uint8)
            name = str(image.format)
    except MemoryError as error:
        raise EnvironmentFault("picture: too little memory on this machine") from error
    except Image.DecompressionBombError as error:
        raise LimitError(f"picture: refused by Pillow: {error}") from error
    except TROUBLE as error:
        raise EncodingError(f"picture: not one that is read here ({', '.join(FORMATS)}), or damaged") from error
    rgb.setflags(write=False)
    return GivenPicture(rgb, name)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _WIDE_MODES:
        values = np.asarray(image, np.float64)
        span = float(values.max() - values.min()) or 1.0
        return Image.fromarray(((values - values.min()) * (255.0 / span)).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")
