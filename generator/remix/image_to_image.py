"""Image-to-image from a stored latent (SDEdit, Meng et al., arXiv 2108.01073): noise it part of the way, denoise it.

Strength 0 is the latent itself, strength 1 is text-to-image from the same noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.remix.schedule import begin_at, noised

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    import torch

    from generator.remix.conditioned import Denoise
    from generator.remix.schedule import Schedule

__all__ = ["image_to_image"]


def image_to_image(
    denoise: Denoise,
    schedule: Schedule,
    latent: torch.Tensor,
    noise: torch.Tensor,
    *,
    strength: Decimal,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The child's latent.

    Args:
        denoise: guided output for the new prompt.
        schedule: the sampler's levels and steps.
        latent: the parent's, float32 (1, C, h, w).
        noise: standard normal of that shape, in the sampling dtype.
        strength: share of the steps that are run, 0 to 1.
        progress: called with (done, total).
    """
    steps = len(schedule.levels) - 1
    begin = begin_at(steps, strength)
    x = noised(schedule, latent, noise, begin)
    for i in range(begin, steps):
        if progress is not None:
            progress(i - begin, steps - begin)
        x = schedule.step(denoise(x, i), x, i)
    return x
