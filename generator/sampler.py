"""Samplers as pure loops over ``(velocity, x, sigmas)``: no noise of their own, no global state.

``velocity(x, sigma)`` is the learned field dx/dsigma of a flow-matching model with
x_sigma = (1 - sigma) data + sigma noise.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

__all__ = ["invert_flow_euler", "sample_flow_euler"]


def sample_flow_euler(
    velocity: Callable[[torch.Tensor, float], torch.Tensor],
    x: torch.Tensor,
    sigmas: Sequence[float],
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """Euler's method from noise to data (rectified flow, Liu et al., arXiv 2209.03003).

    Args:
        velocity: field, any shape in, same shape out.
        x: standard normal noise.
        sigmas: decreasing from 1 to 0, one more than there are steps.
        progress: called with (done, total) before each step and at the end.

    Returns:
        The data sample, shape and dtype of ``x``.
    """
    total = len(sigmas) - 1
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        if progress is not None:
            progress(step, total)
        x = x + (following - sigma) * velocity(x, sigma)
    if progress is not None:
        progress(total, total)
    return x


def invert_flow_euler(
    velocity: Callable[[torch.Tensor, float], torch.Tensor],
    x: torch.Tensor,
    sigmas: Sequence[float],
    iterations: int = 1,
) -> torch.Tensor:
    """Undo :func:`sample_flow_euler` step by step, from data back to the noise.

    The forward step is y = x + h v(x, sigma). One evaluation takes the field at y, as DDIM inversion does. More solve
    x = y - h v(x, sigma) by fixed-point iteration (accelerated iterative diffusion inversion, Pan et al., arXiv
    2309.04907): for exact latents. They amplify what rounding to stored integers changed; of the house model's pictures
    one evaluation finds a cosine of 0.25 to 0.86 with the noise where three find 0.13 to 0.84, in every one that was
    tried (4 to 50 steps, guidance 2.5 and 5). The sigmas are the forward ones.
    """
    for sigma, following in zip(reversed(sigmas[:-1]), reversed(sigmas[1:]), strict=True):
        target, step = x, following - sigma
        for _ in range(iterations):
            x = target - step * velocity(x, sigma)
    return x
