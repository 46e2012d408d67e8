"""Models with mask channels where nothing is masked: the whole picture may change, and nothing is around it.

Such a model reads sample, mask and the latent of what stays side by side (Rombach et al., arXiv 2112.10752, section
4.5). With a mask that is one everywhere it makes a picture of words alone; ``generator.remix.inpaint`` shows it others.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["show_open_mask"]


def show_open_mask(denoiser: Any, channels: int) -> None:
    """From now on a sample (B, ``channels``, h, w) is shown to it beside a mask of ones and an empty latent."""

    def widen(_module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if "sample" in kwargs:
            return args, {**kwargs, "sample": _beside_nothing(kwargs["sample"], channels)}
        return (_beside_nothing(args[0], channels), *args[1:]), kwargs

    denoiser.register_forward_pre_hook(widen, with_kwargs=True)


def _beside_nothing(sample: torch.Tensor, channels: int) -> torch.Tensor:
    if sample.shape[1] != channels:
        return sample  # it has its mask
    return torch.cat([sample, torch.ones_like(sample[:, :1]), torch.zeros_like(sample)], dim=1)
