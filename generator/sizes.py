"""Which sizes of picture a model makes, as far as its folder tells before anything is loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from provenance.errors import UsageError

if TYPE_CHECKING:
    from generator.models import InstalledModel

__all__ = ["MAX_SIDE", "MIN_SIDE", "early_latent_shape"]

MIN_SIDE, MAX_SIDE = 64, 512
"""Pictures that a model trained on 128 pixels is asked for; beyond that it repeats itself."""

_HOUSE_CLASS = "HousePipeline"


def early_latent_shape(model: InstalledModel, width: int, height: int) -> tuple[int, int, int] | None:
    """(C, height / f, width / f) for a model of the house class; None for others, which tell when they are loaded.

    Raises:
        UsageError: a side beyond the bounds or not divisible; the message names ``--size``.
    """
    if model.pipeline_class != _HOUSE_CLASS:
        return None
    try:
        denoiser = json.loads((model.folder / "unet" / "config.json").read_bytes())
        decoder = json.loads((model.folder / "vae" / "config.json").read_bytes())
        factor, channels = int(decoder["downscale_factor"]), int(denoiser["in_channels"])
        step = factor * 2 ** (len(denoiser["block_out_channels"]) - 1)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a damaged folder is told by the loader, with its reason
    for side in (width, height):
        if side % step or not MIN_SIDE <= side <= MAX_SIDE:
            raise UsageError(f"--size: sides must be multiples of {step} from {MIN_SIDE} to {MAX_SIDE}, not {side}")
    return channels, height // factor, width // factor
