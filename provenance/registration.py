"""Laying a picture over another one that it may be a scaled, cropped, framed, slightly turned or mirrored copy of.

:mod:`provenance.coarse` gives a few places to begin. From each of them the correlation is climbed over all affine maps
(ECC, Evangelidis and Psarakis 2008, OpenCV's ``findTransformECC``), once more without the blocks that do not fit. The
place where the reference explains most of the picture is the result, on a grid of places (:mod:`provenance.affine`).

The same search runs for pictures that have nothing to do with each other: what it finds there by chance is what a real
copy must exceed (:mod:`provenance.likeness`). OpenCV comes with the extra ``compare`` and is imported when needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.affine import cost, is_within_bounds, simpler, snap, with_picture_resized, with_reference_resized
from provenance.coarse import detail, find_starts, opencv, resize, within
from provenance.likeness import Likeness, liken

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Registration", "register", "warp"]

FINE_SIDE = 256
"""Longer side of the reference when the alignment is climbed; larger ones are made smaller."""

LARGEST_FACTOR = 4
"""A picture whose longer side is more than so many times the reference's is made smaller before anything else."""

LEAST_COVERED = 0.2
"""Share of the reference that must be seen."""

NEARLY = 0.95
"""Share of the best map's bits a value that a simpler one has to keep to be taken instead."""

_ITERATIONS, _EPSILON, _BLUR = 40, 1e-5, 5
_WHOLE, _HALF = 250, 127


@dataclass(frozen=True, eq=False)
class Registration:
    """How a picture lies over a reference of (H, W).

    Attributes:
        matrix: float64 (2, 3), see ``provenance.affine``: from the reference into the picture or its mirror image.
        mirrored: whether the picture had to be mirrored.
        picture: the picture in the reference's frame, float32 (H, W, 3) of 0 to 255.
        seen: bool (H, W), where the picture covers the reference.
        likeness: how much of it the reference explains.
        cost: bits of the map's word, which whatever is found by it has to pay for.
    """

    matrix: NDArray[np.float64]
    mirrored: bool
    picture: NDArray[np.float32]
    seen: NDArray[np.bool_]
    likeness: Likeness
    cost: float

    @property
    def scales(self) -> tuple[float, float]:
        """Pixels of the picture for each pixel of the reference, across and down."""
        return float(np.hypot(*self.matrix[:, 0])), float(np.hypot(*self.matrix[:, 1]))

    @property
    def turn(self) -> float:
        """Degrees by which the picture is turned, clockwise as it is seen."""
        return math.degrees(math.atan2(self.matrix[1, 0], self.matrix[0, 0]))


def register(reference: NDArray[np.uint8], picture: NDArray[np.uint8]) -> Registration | None:
    """The best alignment of ``picture`` with ``reference``, both uint8 (height, width, 3); None where there is none.

    Raises:
        EnvironmentFault: OpenCV is not installed.
    """
    cv2 = opencv()
    best: Registration | None = None
    smaller = within(cv2, picture, LARGEST_FACTOR * max(reference.shape[:2]))
    for mirrored in (False, True):
        shown = np.ascontiguousarray(smaller[:, ::-1]) if mirrored else smaller
        for start in find_starts(cv2, reference, shown):
            found = _settle(cv2, reference, shown, start, mirrored=mirrored)
            if found is not None and (best is None or found.likeness.bits > best.likeness.bits):
                best = found
    if best is None:
        return None
    best = _simplify(reference, smaller, best)
    ratio = picture.shape[1] / smaller.shape[1], picture.shape[0] / smaller.shape[0]
    return replace(best, matrix=with_picture_resized(best.matrix, *ratio))


def warp(
    picture: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The picture in a frame of ``size`` (height, width), and where it covers that frame.

    Raises:
        EnvironmentFault: OpenCV is not installed.
    """
    cv2 = opencv()
    shrink = min(1.0, 1.0 / math.sqrt(abs(float(np.linalg.det(matrix[:, :2])))))
    width, height = (max(1, round(side * shrink)) for side in picture.shape[1::-1])
    source = picture if shrink == 1.0 else resize(cv2, picture, width, height)
    used = with_picture_resized(matrix, width / picture.shape[1], height / picture.shape[0])
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    laid = cv2.warpAffine(source, used, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = np.full(source.shape[:2], 255, np.uint8)
    seen = cv2.warpAffine(inside, used, size[::-1], flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return laid.astype(np.float32), seen > _WHOLE


def _settle(
    cv2: Any,
    reference: NDArray[np.uint8],
    shown: NDArray[np.uint8],
    start: NDArray[np.float64],
    *,
    mirrored: bool,
) -> Registration | None:
    """Climb from a start; once more without the blocks that do not fit, such as a text over the picture."""
    sizes = (reference.shape[0], reference.shape[1]), (shown.shape[0], shown.shape[1])
    best, trusted = _lay(reference, shown, snap(start, *sizes), mirrored=mirrored)
    for blocks in (False, True):
        begin = start if best is None or not blocks else best.matrix
        matrix = _climb(cv2, reference, shown, begin, trusted if blocks else None)
        found, fitting = (None, None) if matrix is None else _lay(reference, shown, matrix, mirrored=mirrored)
        if found is not None and (best is None or found.likeness.bits > best.likeness.bits):
            best, trusted = found, fitting
    return best


def _simplify(reference: NDArray[np.uint8], shown: NDArray[np.uint8], best: Registration) -> Registration:
    """The map with the shortest word by which the reference explains nearly as much."""
    view = np.ascontiguousarray(shown[:, ::-1]) if best.mirrored else shown
    for matrix in simpler(best.matrix, (reference.shape[0], reference.shape[1]), (shown.shape[0], shown.shape[1])):
        found, _ = _lay(reference, view, matrix, mirrored=best.mirrored)
        if found is not None and found.cost < best.cost and found.likeness.bits >= NEARLY * best.likeness.bits:
            return found
    return best


def _lay(
    reference: NDArray[np.uint8], shown: NDArray[np.uint8], matrix: NDArray[np.float64], *, mirrored: bool
) -> tuple[Registration | None, NDArray[np.bool_] | None]:
    """The picture laid over the reference by this map, and the pixels in blocks that fit; None where it cannot lie."""
    size = (reference.shape[0], reference.shape[1])
    if not is_within_bounds(matrix, size, (shown.shape[0], shown.shape[1])):
        return None, None
    laid, seen = warp(shown, matrix, size)
    if seen.mean() < LEAST_COVERED:
        return None, None
    likeness, trusted = liken(reference, laid, seen)
    word = cost(matrix, size, (shown.shape[0], shown.shape[1]))
    return Registration(matrix, mirrored, laid, seen, likeness, word), trusted


def _climb(
    cv2: Any,
    reference: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    start: NDArray[np.float64],
    trusted: NDArray[np.bool_] | None,
) -> NDArray[np.float64] | None:
    """The map of the grid near ``start`` under which the two correlate best; None where it fails or leaves the bounds.

    ``trusted``: pixels of the reference that count, all when None.
    """
    goal = within(cv2, reference, FINE_SIDE)
    down = goal.shape[1] / reference.shape[1], goal.shape[0] / reference.shape[0]
    matrix = with_reference_resized(start, *down)
    factor = 1.0 / math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    width, height = (min(max(2, round(side * factor)), 4 * FINE_SIDE) for side in picture.shape[1::-1])
    shown = resize(cv2, picture, width, height)
    ratio = width / picture.shape[1], height / picture.shape[0]
    matrix = with_picture_resized(matrix, *ratio)
    counted = np.full(shown.shape[:2], 255, np.uint8)
    if trusted is not None:
        mask = cv2.resize(trusted.astype(np.uint8) * 255, goal.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        spread = cv2.warpAffine(mask, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        counted = np.where(spread > _HALF, 255, 0).astype(np.uint8)
    frame = max(goal.shape)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, _EPSILON)
    motion = (matrix.astype(np.float32), cv2.MOTION_AFFINE, criteria, counted, _BLUR)
    try:
        _, climbed = cv2.findTransformECC(detail(cv2, goal, frame), detail(cv2, shown, frame), *motion)
    except cv2.error:  # no overlap, or nothing to correlate
        return None
    full = with_picture_resized(climbed.astype(np.float64), 1 / ratio[0], 1 / ratio[1])
    full = with_reference_resized(full, 1 / down[0], 1 / down[1])
    sizes = (reference.shape[0], reference.shape[1]), (picture.shape[0], picture.shape[1])
    return snap(full, *sizes) if np.isfinite(full).all() else None
