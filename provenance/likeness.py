"""How much of one picture another explains, once they lie over each other; and what chance makes of it.

*Likeness* is the correlation of two aligned pictures, robust against text, stickers and repainted patches: brightness
and contrast of each channel are fitted, the worst fifth of the blocks is left out, and the fit is repeated. What counts
is how many bits a value the reference explains, -1/2 log2(1 - r^2), times the share of it that is seen: a small overlap
agrees more easily.

*Rank*: let the picture be laid over the pictures of N other seeds under the same recipe, by the same search. If it was
made without the tested seed, that seed is one of N + 1 equals, and is the best of all with probability 1/(N + 1) at
most, whatever the pictures look like and however they were aligned (a Monte Carlo test; Barnard 1963, Besag and
Clifford 1989). No smaller rate is ever stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Likeness", "Rank", "fit_levels", "liken", "rank"]

BLOCKS = 16
"""Blocks along the longer side, of which the worst are left out."""

KEPT = 0.8
"""Share of the blocks that are kept."""

_ROUNDS = 3
_FEWEST = 64
_MOST = 0.999_999


@dataclass(frozen=True)
class Likeness:
    """``correlation`` in the blocks that are kept, ``covered`` share of the reference, ``bits`` as above."""

    correlation: float
    covered: float

    @property
    def bits(self) -> float:
        """Bits a value of the reference; 0 where the two do not go together."""
        r = min(max(self.correlation, 0.0), _MOST)
        return -0.5 * math.log2(1.0 - r * r) * self.covered


@dataclass(frozen=True)
class Rank:
    """Where the tested likeness stands among ``count`` chance ones of which ``nearest`` is the best, both in bits."""

    tested: float
    nearest: float
    count: int
    beaten: bool

    @property
    def rate(self) -> float:
        """The false-accept rate that this many draws support; 1 where the tested seed is not the best."""
        return 1.0 / (self.count + 1) if self.beaten else 1.0


def liken(
    reference: NDArray[np.uint8], laid: NDArray[np.float32], seen: NDArray[np.bool_]
) -> tuple[Likeness, NDArray[np.bool_]]:
    """Likeness of two aligned pictures (H, W, 3) over the pixels ``seen`` (H, W), and the pixels that were kept."""
    if int(seen.sum()) < _FEWEST:
        return Likeness(0.0, 0.0), seen
    a, b = _detail(reference.astype(np.float32), seen), _detail(laid, seen)
    blocks = _blocks(seen.shape)
    kept = seen
    for _ in range(_ROUNDS):
        fitted = fit_levels(a, b, kept)
        error = np.square(fitted - a).sum(axis=2)
        kept = seen & _best(error, seen, blocks)
    x, y = a[kept], b[kept]
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    norm = math.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return Likeness(float((x * y).sum()) / norm if norm > 0.0 else 0.0, float(seen.mean())), kept


def rank(tested: float, chance: Sequence[float]) -> Rank:
    """Rank of ``tested`` bits among those of the chance draws; ties count against it."""
    nearest = max(chance, default=0.0)
    return Rank(tested, nearest, len(chance), bool(chance) and tested > nearest)


def _detail(picture: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What is finer than an eighth of the frame and coarser than its 128th, over the pixels ``seen``.

    Pictures of one prompt share their palette; and grain would make every alignment that smooths it look better.
    """
    import cv2

    picture = cv2.GaussianBlur(picture, (0, 0), max(seen.shape) / 128, borderType=cv2.BORDER_REPLICATE)
    sigma = max(seen.shape) / 8
    weight = seen.astype(np.float32)
    total = cv2.GaussianBlur(picture * weight[..., None], (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    share = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    detail: NDArray[np.float32] = picture - total / np.maximum(share, 1e-6)[..., None]
    return detail


def fit_levels(a: NDArray[np.float32], b: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``b`` with the gain and offset of each channel that bring it nearest to ``a`` where ``kept``."""
    result = np.empty_like(a)
    for channel in range(a.shape[2]):
        x, y = b[..., channel][kept], a[..., channel][kept]
        deviation = x - x.mean()
        power = float(deviation @ deviation)
        gain = float(deviation @ (y - y.mean())) / power if power > 0.0 else 0.0
        result[..., channel] = (b[..., channel] - x.mean()) * gain + y.mean()
    return result


def _blocks(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """The number of the block that each pixel is in."""
    side = max(1, math.ceil(max(shape) / BLOCKS))
    rows, columns = np.arange(shape[0]) // side, np.arange(shape[1]) // side
    numbers: NDArray[np.intp] = rows[:, None] * (columns[-1] + 1) + columns[None, :]
    return numbers


def _best(error: NDArray[np.float32], seen: NDArray[np.bool_], blocks: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The pixels of the blocks with the smallest mean error."""
    count = np.bincount(blocks[seen], minlength=int(blocks.max()) + 1)
    total = np.bincount(blocks[seen], weights=error[seen], minlength=len(count))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    limit = np.quantile(mean[count > 0], KEPT)
    chosen: NDArray[np.bool_] = (mean <= limit)[blocks]
    return chosen
