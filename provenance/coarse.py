"""Where to begin when a picture is laid over a reference: the first, coarse half of :mod:`provenance.registration`.

Both are made small. The picture is tried at many scales, turned by a few degrees, and as stretched to the reference's
shape; normalised cross-correlation (OpenCV's ``matchTemplate``) finds the best place of the smaller in the larger.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.affine import from_stretched, with_picture_resized, with_reference_resized
from provenance.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["detail", "find_starts", "opencv", "resize", "within"]

SIDE = 48
"""Longer side of the reference in the search, in pixels."""

LARGEST_SCALE = 2.0
"""The picture may be a part of the reference, or have it as a part, of half its side at least."""

SCALE_STEP = 1.06
TURNS = (0.0, -2.5, 2.5, -5.0, 5.0)
"""Degrees that are tried; what lies between is found by the climb."""

STARTS = 5
"""Places that are worth a climb, besides the whole picture over the whole reference."""

FLAT = 5.0
"""Levels of 255 below which contrast is taken for noise."""

_APART = 3.0
"""Coarse pixels by which two places differ."""

_OTHER_SHAPE = 0.02
_PAD = 0.25
_SMALLEST = 8


def opencv() -> Any:
    """The module cv2, on one thread, so that results do not depend on the machine's load.

    Raises:
        EnvironmentFault: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise EnvironmentFault(
            "comparing pictures needs OpenCV, which is not installed here; run: pip install 'seedproof[compare]'"
        ) from error
    cv2.setNumThreads(1)
    return cv2


def find_starts(cv2: Any, reference: NDArray[np.uint8], picture: NDArray[np.uint8]) -> Iterator[NDArray[np.float64]]:
    """Maps (``provenance.affine``) from which a climb is worth while, the plain one first, then the most promising."""
    small = within(cv2, reference, SIDE)
    goal = detail(cv2, small, SIDE)
    ratio = reference.shape[1] / small.shape[1], reference.shape[0] / small.shape[0]
    found: list[tuple[float, NDArray[np.float64]]] = []
    for width, height in _sizes(goal.shape, picture.shape):
        shown = detail(cv2, resize(cv2, picture, width, height), SIDE)
        to_full = picture.shape[1] / width, picture.shape[0] / height
        for turn in TURNS:
            score, matrix = _match(cv2, goal, shown, turn)
            found.append((score, with_picture_resized(matrix, *to_full)))
    found.sort(key=lambda each: -each[0])
    kept = [from_stretched(np.eye(2, 3), _size(goal), _size(picture))]
    for _, matrix in found:
        if len(kept) > STARTS:
            break
        if all(_apart(matrix, other, goal.shape) > _APART for other in kept):
            kept.append(matrix)
    return (with_reference_resized(matrix, *ratio) for matrix in kept)


def detail(cv2: Any, picture: NDArray[np.uint8], frame: int) -> NDArray[np.float32]:
    """Luma without what is coarser than a sixth of ``frame``, in units of the deviation around it, cut at two.

    That the sky is above the ground says nothing about the place, and a text or frame must not outshout the picture.
    """
    sigma = frame / 6
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    power = cv2.GaussianBlur(fine * fine, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    even: NDArray[np.float32] = np.clip(fine / np.sqrt(power + FLAT**2), -2.0, 2.0)
    return even


def resize(cv2: Any, picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """By area where it becomes smaller, else linearly."""
    smaller = width * height < picture.shape[0] * picture.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized: NDArray[np.uint8] = cv2.resize(picture, (width, height), interpolation=way)
    return resized


def within(cv2: Any, picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The picture with a longer side of at most ``side``."""
    factor = min(1.0, side / max(picture.shape[:2]))
    height, width = (max(_SMALLEST, round(length * factor)) for length in picture.shape[:2])
    return picture if factor == 1.0 else resize(cv2, picture, width, height)


def _sizes(goal: tuple[int, ...], picture: tuple[int, ...]) -> list[tuple[int, int]]:
    """Widths and heights of the picture to try: as large as the reference, times each scale; and stretched to it."""
    (high, wide), (height, width) = goal, picture[:2]
    count = math.ceil(math.log(LARGEST_SCALE) / math.log(SCALE_STEP))
    scales = [SCALE_STEP**step for step in range(-count, count + 1)]
    fit = min(wide / width, high / height)
    shapes = [(width * fit, height * fit)]
    if abs(math.log((width / height) / (wide / high))) > _OTHER_SHAPE:
        shapes.append((wide, high))
    sizes = {(round(w * scale), round(h * scale)) for (w, h), scale in itertools.product(shapes, scales)}
    return sorted(size for size in sizes if min(size) >= _SMALLEST and max(size) <= 4 * SIDE)


def _match(
    cv2: Any, goal: NDArray[np.float32], shown: NDArray[np.float32], turn: float
) -> tuple[float, NDArray[np.float64]]:
    """The best place for the smaller of the two in the larger, the picture turned: its worth, and the map."""
    height, width = shown.shape
    rotation = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1.0)
    turned = cv2.warpAffine(shown, rotation, (width, height), borderMode=cv2.BORDER_REPLICATE) if turn else shown
    inside = turned.size <= goal.size
    template, field = (turned, goal) if inside else (goal, turned)
    slack = round(_PAD * SIDE) * (not inside)
    top, left = (slack + max(0, -(-(template.shape[axis] - field.shape[axis]) // 2)) for axis in (0, 1))
    padded = cv2.copyMakeBorder(field, top, top, left, left, cv2.BORDER_CONSTANT, value=0.0)
    scores = cv2.matchTemplate(padded, template, cv2.TM_CCOEFF_NORMED)
    _, score, _, (x, y) = cv2.minMaxLoc(np.nan_to_num(scores, posinf=0.0, neginf=0.0))
    shift = np.array([[1.0, 0.0, x - left], [0.0, 1.0, y - top], [0.0, 0.0, 1.0]])
    if inside:
        shift[:2, 2] *= -1.0
    matrix = (np.vstack([cv2.invertAffineTransform(rotation), [0, 0, 1]]) @ shift)[:2]
    return float(score) * math.sqrt(min(shown.size, goal.size) / goal.size), matrix


def _apart(a: NDArray[np.float64], b: NDArray[np.float64], goal: tuple[int, ...]) -> float:
    """Largest distance of where two maps send three corners, in pixels of the small reference."""
    height, width = goal
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1]], np.float64)
    return float(np.abs(corners @ (a - b).T).max() / np.hypot(*a[:, 0]))


def _size(picture: NDArray[Any]) -> tuple[int, int]:
    return int(picture.shape[0]), int(picture.shape[1])
