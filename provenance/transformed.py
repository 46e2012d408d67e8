"""In words and as a map: what was done to a picture on its way from the claimed one, and where the two differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance.coarse import opencv
from provenance.likeness import fit_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.registration import Registration

__all__ = ["Changes", "describe", "draw_difference", "find_changes"]

BLOCK = 24
"""Blocks along the longer side of the map."""

TIMES = 4.0
"""A block counts as changed where it differs by so many times the usual block's difference..."""

LEVELS = 14.0
"""... and by this many levels of 255 at least."""

_SAME_SCALE, _SAME_TURN, _SAME_SHARE = 0.01, 0.3, 0.03


@dataclass(frozen=True, eq=False)
class Changes:
    """Where two aligned pictures differ more than they do elsewhere.

    Attributes:
        usual: root mean square difference of the usual block, in levels of 255, with brightness and contrast fitted.
        share: part of what is seen that is in changed blocks.
        regions: (left, top, right, bottom) in pixels of the reference, the largest first, at most 8.
        difference: float32 (H, W), levels of 255, smoothed; 0 where nothing is seen.
    """

    usual: float
    share: float
    regions: tuple[tuple[int, int, int, int], ...]
    difference: NDArray[np.float32]


def find_changes(reference: NDArray[np.uint8], found: Registration) -> Changes:
    """Compare the aligned picture with the reference, block by block."""
    cv2 = opencv()
    fitted = fit_levels(reference.astype(np.float32), found.picture, found.seen)
    error = np.square(fitted - reference).mean(axis=2) * found.seen
    size = max(2, round(max(error.shape) / BLOCK))
    weight = cv2.blur(found.seen.astype(np.float32), (size, size))
    local = np.sqrt(cv2.blur(error.astype(np.float32), (size, size)) / np.maximum(weight, 1e-6)) * found.seen
    usual = float(np.median(local[found.seen])) if found.seen.any() else 0.0
    changed = ((local > max(TIMES * usual, LEVELS)) & found.seen).astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(changed, connectivity=8)
    large = sorted((tuple(int(v) for v in box) for box in boxes[1:]), key=lambda box: -box[4])
    regions = tuple((x, y, x + w, y + h) for x, y, w, h, area in large if area >= size * size)[:8]
    share = float(changed.sum() / max(int(found.seen.sum()), 1)) if regions else 0.0
    return Changes(usual, share, regions, local.astype(np.float32))


def describe(reference: NDArray[np.uint8], found: Registration, size: tuple[int, int], kind: str) -> str:
    """What was done to the picture of ``size`` (height, width), read from a file of format ``kind``, in a few words."""
    parts = [] if kind == "PNG" else [f"{kind} file"]
    across, down = found.scales
    if abs(across / down - 1.0) > 2 * _SAME_SCALE:
        parts.append(f"stretched to {across:.2f} x {down:.2f}")
    elif abs(math.sqrt(across * down) - 1.0) > _SAME_SCALE:
        parts.append(f"scaled {math.sqrt(across * down):.2f}")
    covered = float(found.seen.mean())
    if 1.0 - covered > _SAME_SHARE and abs(found.turn) < _SAME_TURN:
        parts.append(f"cropped {100 * (1 - covered):.0f} %")
    elif 1.0 - covered > 2 * _SAME_SHARE:
        parts.append(f"cropped about {100 * (1 - covered):.0f} %")
    height, width = reference.shape[:2]
    filled = covered * height * width * abs(float(np.linalg.det(found.matrix[:, :2]))) / (size[0] * size[1])
    if filled < 1.0 - 2 * _SAME_SHARE and covered > 1.0 - 2 * _SAME_SHARE and abs(found.turn) < 2.0:  # noqa: PLR2004 - corners
        parts.append(f"framed ({100 * (1 - filled):.0f} % of the file is not it)")
    if abs(found.turn) >= _SAME_TURN:
        parts.append(f"turned by {found.turn:.1f} degrees")
    if found.mirrored:
        parts.append("mirrored")
    return ", ".join(parts) or "same size and place"


def draw_difference(reference: NDArray[np.uint8], found: Registration, changes: Changes) -> NDArray[np.uint8]:
    """A heat map, uint8 (H, W, 3): the reference in grey, what differs from yellow to red, what is not seen dark."""
    grey = reference.astype(np.float32).mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.5 + 96.0
    limit = max(TIMES * changes.usual, LEVELS)
    heat = np.clip(changes.difference / (2.0 * limit), 0.0, 1.0)[..., None]
    colour = np.concatenate([np.full_like(heat, 220.0), 190.0 * (1.0 - heat), np.full_like(heat, 20.0)], axis=2)
    strength = np.clip(changes.difference / limit - 0.25, 0.0, 1.0)[..., None]
    drawn = np.where(found.seen[..., None], grey * (1 - strength) + colour * strength, grey * 0.35)
    painted: NDArray[np.uint8] = np.clip(drawn, 0, 255).astype(np.uint8)
    return painted
