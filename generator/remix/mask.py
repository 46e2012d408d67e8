"""Mask pictures: what may change, as bits of the latent grid. White (128 and above) may change; no torch here.

A mask has the size of the picture or of the latent grid. A cell may change if any of its pixels may: so all that was
painted changes, and the surroundings of it up to the cell's border.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from provenance.anypicture import TROUBLE
from provenance.errors import UsageError
from provenance.files import read_bounded
from provenance.pixels import MAX_PIXELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["check_mask", "mask_bits", "read_mask"]

MAX_MASK_BYTES = 64 * 2**20
_MODES = ("1", "L", "P", "RGB", "LA", "RGBA")
_WHITE = 128


def check_mask(path: Path) -> None:
    """Whether a mask picture can be read at all; for which picture it is meant is not asked.

    Raises:
        UsageError: no such PNG, or transparent parts. LimitError: a file of more than MAX_MASK_BYTES.
    """
    _read(path, read_bounded(path, "--mask", limit=MAX_MASK_BYTES))


def read_mask(path: Path, size: tuple[int, int], grid: tuple[int, int]) -> bytes:
    """The bits of a mask picture for a recipe.

    Args:
        path: a PNG file, black and white, grey or in colour (then its brightness counts).
        size: width and height of the picture.
        grid: height and width of its latent.

    Raises:
        UsageError: no such PNG, another size, transparent parts, or nothing or everything is white.
        LimitError: a file of more than MAX_MASK_BYTES.
    """
    brightness = _read(path, read_bounded(path, "--mask", limit=MAX_MASK_BYTES))
    height, width = brightness.shape
    if (width, height) not in (size, (grid[1], grid[0])):
        raise UsageError(
            f"--mask: {path} is {width}x{height}; it must have the picture's size, {size[0]}x{size[1]}, "
            f"or that of its latent, {grid[1]}x{grid[0]}"
        )
    return mask_bits(brightness >= _WHITE, grid, str(path))


def mask_bits(white: NDArray[np.bool_], grid: tuple[int, int], name: str = "the mask") -> bytes:
    """Bits of the latent grid (h, w), row by row, most significant first, for a mask (H, W) that the grid divides.

    Raises:
        UsageError: it does not divide it, or nothing or everything may change.
    """
    if white.shape[0] % grid[0] or white.shape[1] % grid[1]:
        raise UsageError(f"--mask: {name} of {white.shape[1]}x{white.shape[0]} does not fit a latent of {grid}")
    tall, wide = white.shape[0] // grid[0], white.shape[1] // grid[1]
    cells = white.reshape(grid[0], tall, grid[1], wide).any(axis=(1, 3))
    if not cells.any():
        raise UsageError(f"--mask: {name} has no white part, so nothing would change")
    if cells.all():
        raise UsageError(f"--mask: {name} lets every part change; that is what remix does")
    return np.packbits(cells.ravel()).tobytes()


def _read(path: Path, data: bytes) -> NDArray[np.uint8]:
    """Brightness, uint8 (H, W)."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.mode not in _MODES or getattr(image, "n_frames", 1) != 1:
                raise UsageError(
                    f"--mask: {path} is a PNG of kind {image.mode}; save it with 8 bits, grey or in colour"
                )
            if image.width * image.height > MAX_PIXELS:
                raise UsageError(f"--mask: {path} has more than {MAX_PIXELS} pixels")
            colours = image.convert("RGBA")
    except UsageError:
        raise
    except TROUBLE as error:
        raise UsageError(f"--mask: {path} is no readable PNG") from error
    if np.asarray(colours)[..., 3].min() < np.iinfo(np.uint8).max:
        raise UsageError(f"--mask: {path} has transparent parts; paint it black and white")
    brightness: NDArray[np.uint8] = np.asarray(colours.convert("L"))
    return brightness
