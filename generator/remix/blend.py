"""Latents between latents: along the straight line, or along the arc, which keeps their length (Shoemake 1985)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

__all__ = ["blend"]

_PARALLEL = 1e-7
"""Sine of the angle below which the arc is taken for its chord."""


def blend(latents: Sequence[torch.Tensor], weights: Sequence[float], *, spherical: bool) -> torch.Tensor:
    """One latent, float32, of the shape (1, C, h, w) of each.

    The arc between more than two is walked in their order: from what was blended so far towards the next, by its share
    of the weight so far. A weight of 1 gives that latent exactly.

    Args:
        latents: one or more.
        weights: not negative, one for each; they sum to 1.
        spherical: arcs and not lines.
    """
    found, weight = latents[0].double(), weights[0]
    for latent, share in zip(latents[1:], weights[1:], strict=True):
        if share == 0:
            continue
        weight += share
        found = _between(found, latent.double(), share / weight, spherical=spherical)
    return found.float()


def _between(a: torch.Tensor, b: torch.Tensor, t: float, *, spherical: bool) -> torch.Tensor:
    if t == 1:
        return b
    lengths = float(a.norm() * b.norm())
    cosine = min(1.0, max(-1.0, float((a * b).sum()) / lengths)) if lengths else 1.0
    angle = math.acos(cosine)
    if not spherical or math.sin(angle) < _PARALLEL:
        return (1 - t) * a + t * b
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)
