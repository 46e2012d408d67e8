"""Inpainting without an encoder: the surroundings are the parent's latent, noised to each level and put back there.

Blending after each step is RePaint without resampling (Lugmayr et al., arXiv 2201.09865), as diffusers does it for
models without a mask channel. A model with mask channels is shown mask and surroundings as well (:func:`with_mask`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from generator.remix.schedule import begin_at, noised
from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from generator.remix.conditioned import Conditioned, Denoise
    from generator.remix.schedule import Schedule

__all__ = ["inpaint", "with_mask"]


def inpaint(
    denoise: Denoise,
    schedule: Schedule,
    latent: torch.Tensor,
    noise: torch.Tensor,
    mask: torch.Tensor,
    *,
    strength: Decimal,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The child's latent: exactly the parent's where the mask is false.

    Args:
        denoise: guided output for the new prompt; from :func:`with_mask` for a model with mask channels.
        schedule: the sampler's levels and steps.
        latent: the parent's, float32 (1, C, h, w).
        noise: standard normal of that shape, in the sampling dtype.
        mask: bool (1, 1, h, w), true where the picture may change.
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
        known = noised(schedule, latent, noise, i + 1)
        x = torch.where(mask, x.to(known.dtype), known)
    return x


def with_mask(conditioned: Conditioned, latent: torch.Tensor, mask: torch.Tensor) -> Conditioned:
    """A model with mask channels, shown the mask and the latent around it.

    Such models were trained on the encoded picture with a grey hole. Without an encoder the hole is zero in the latent.

    Raises:
        UsageError: the model has no 2 C + 1 input channels.
    """
    channels = latent.shape[1]
    reads = int(conditioned.network.config.in_channels)
    if reads != 2 * channels + 1:
        raise UsageError(
            f"native inpainting needs a model with {2 * channels + 1} input channels, this one has {reads}; "
            "use --mode blend"
        )
    shown = mask.to(latent.dtype)
    return replace(conditioned, beside=torch.cat([shown, latent * (1 - shown)], dim=1))
