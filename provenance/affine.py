"""Affine maps between a reference picture and another one, their bounds, and how many of them there are.

A map is float64 (2, 3): the point (x, y) of the reference, counted from the centre of its first pixel, is at
``matrix @ (x, y, 1)`` in the picture. Written in the *stretched frame*, in which the whole picture is as wide and as
high as the reference, the map that lays one whole over the other whole is the identity.

In that frame maps are bounded (a box) and snapped to a grid, so that they are a finite set. Each has a word in a code
in which no word begins another (Kraft: the sum of 2^-length is 1 at most): two bits for *whole*, the identity and its
mirror image, since most copies are neither cut nor turned; more for a *straight* map, which cuts and stretches; most
for any other. A test on the map that somebody chose, by whatever rule, subtracts the length of its word (:func:`cost`):
the chances of all maps to reach k bits beyond their own words add up to 2^-k.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "cost",
    "freedom",
    "from_stretched",
    "is_within_bounds",
    "simpler",
    "snap",
    "with_picture_resized",
    "with_reference_resized",
]

LEAST_SCALE, LARGEST_SCALE = 0.4, 2.5
"""Of each side in the stretched frame: a part of two fifths of a side, or a frame around two fifths of one."""

LARGEST_SLANT = 0.6
"""Largest entry beside the diagonal, in the stretched frame: turns and shears together."""

LARGEST_SHEAR = 0.08
"""Cosine of the angle between the two sides, as they are in the picture; a copy has right angles."""

LARGEST_TURN = 15.0
"""Degrees; beyond that a picture was turned by hand, and the search would not find it."""

GRID = 4
"""Steps of the grid for each pixel of the reference, at its corners."""

_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_SAME = 1e-9


def with_picture_resized(matrix: NDArray[np.float64], across: float, down: float) -> NDArray[np.float64]:
    """The map after the picture was resized by these factors; pixel centres lie at integers."""
    result = matrix.copy()
    for row, factor in enumerate((across, down)):
        result[row] *= factor
        result[row, 2] += 0.5 * factor - 0.5
    return result


def with_reference_resized(matrix: NDArray[np.float64], across: float, down: float) -> NDArray[np.float64]:
    """The map after the reference was resized by these factors."""
    back = np.array([[1 / across, 0, 0.5 / across - 0.5], [0, 1 / down, 0.5 / down - 0.5], [0, 0, 1]])
    result: NDArray[np.float64] = (np.vstack([matrix, [0, 0, 1]]) @ back)[:2]
    return result


def from_stretched(
    matrix: NDArray[np.float64], reference: tuple[int, int], picture: tuple[int, int]
) -> NDArray[np.float64]:
    """From a map in the stretched frame, the map itself. Sizes are (height, width)."""
    return with_picture_resized(matrix, picture[1] / reference[1], picture[0] / reference[0])


def is_within_bounds(matrix: NDArray[np.float64], reference: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Whether it is a map that copies can have. Sizes are (height, width)."""
    if not np.isfinite(matrix).all() or np.linalg.det(matrix[:, :2]) <= 0.0:
        return False
    across, down = matrix[:, 0], matrix[:, 1]
    shear = abs(float(across @ down)) / float(np.hypot(*across) * np.hypot(*down))
    turn = abs(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])))
    (xx, xy, x), (yx, yy, y) = _to_stretched(matrix, reference, picture)
    height, width = reference
    return (
        shear <= LARGEST_SHEAR
        and turn <= LARGEST_TURN
        and LEAST_SCALE <= xx <= LARGEST_SCALE
        and LEAST_SCALE <= yy <= LARGEST_SCALE
        and abs(xy) * height <= LARGEST_SLANT * width
        and abs(yx) * width <= LARGEST_SLANT * height
        and _is_near(x, width)
        and _is_near(y, height)
    )


def snap(matrix: NDArray[np.float64], reference: tuple[int, int], picture: tuple[int, int]) -> NDArray[np.float64]:
    """The map of the grid that is nearest to this one at three corners. Sizes are (height, width)."""
    height, width = reference
    corners = np.array([[0.0, width, 0.0], [0.0, 0.0, height], [1.0, 1.0, 1.0]])
    places = np.rint(_to_stretched(matrix, reference, picture) @ corners * GRID) / GRID
    return from_stretched(places @ np.linalg.inv(corners), reference, picture)


def freedom(reference: tuple[int, int], *, straight: bool = False) -> float:
    """Bits that choose one of all maps that are within bounds, and whether the picture is mirrored.

    Each of three corners has two coordinates on the grid. The first lies within the range of :func:`_is_near`; the
    others, seen from there, within the ranges of scale and slant. ``straight``: of those without any slant.
    """
    height, width = reference
    place = LARGEST_SCALE + 2 * LARGEST_SLANT + 1.0
    shares = [place, LARGEST_SCALE - LEAST_SCALE, 2 * LARGEST_SLANT][: 2 if straight else 3]
    ranges = [(side * share) for side in (width, height) for share in shares]
    return 1.0 + sum(math.log2(each * GRID + 2.0) for each in ranges)


def cost(matrix: NDArray[np.float64], reference: tuple[int, int], picture: tuple[int, int]) -> float:
    """Bits of the word for a map of the grid, mirrored or not. Sizes are (height, width).

    The first bit tells whole maps (and one more tells which), the second straight ones from others.
    """
    stretched = _to_stretched(matrix, reference, picture)
    if np.abs(stretched - _IDENTITY).max() <= _SAME:
        return 2.0
    if max(abs(stretched[0, 1]), abs(stretched[1, 0])) <= _SAME:
        return 2.0 + freedom(reference, straight=True)
    return 2.0 + freedom(reference)


def simpler(
    matrix: NDArray[np.float64], reference: tuple[int, int], picture: tuple[int, int]
) -> tuple[NDArray[np.float64], ...]:
    """Maps with shorter words that may do as well as this one, the shortest first. Sizes are (height, width)."""
    straight = _to_stretched(matrix, reference, picture)
    straight[0, 1] = straight[1, 0] = 0.0
    found = (from_stretched(_IDENTITY, reference, picture), from_stretched(straight, reference, picture))
    return tuple(snap(each, reference, picture) for each in found)


def _is_near(offset: float, side: int) -> bool:
    """Whether the reference's first corner can lie here if the two are to overlap at all."""
    return -(LARGEST_SCALE + LARGEST_SLANT) * side <= offset <= (1.0 + LARGEST_SLANT) * side


def _to_stretched(
    matrix: NDArray[np.float64], reference: tuple[int, int], picture: tuple[int, int]
) -> NDArray[np.float64]:
    return with_picture_resized(matrix, reference[1] / picture[1], reference[0] / picture[0])
