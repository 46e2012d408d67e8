"""Which sizes of picture a model makes, as far as its folder tells before anything is loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from generator.families import FAMILIES, HOUSE_PIPELINE
from provenance.errors import UsageError

if TYPE_CHECKING:
    from generator.models import InstalledModel

__all__ = ["LARGEST", "MAX_SIDE", "MIN_SIDE", "PACKED", "early_latent_shape"]

MIN_SIDE, MAX_SIDE = 64, 512
"""Pictures that a model trained on 128 pixels is asked for; beyond that it repeats itself."""

LARGEST = 4096
"""Side in pixels for other models; a larger picture is a mistake more often than a wish."""

PACKED = 2
"""Latents that travel as patches: values a side of each."""


def early_latent_shape(model: InstalledModel, width: int, height: int) -> tuple[int, int, int] | None:
    """(C, height / f, width / f) by the folder's configurations; None where they do not tell, and the loader must.

    Raises:
        UsageError: a side beyond the bounds or not divisible; the message names ``--size``.
    """
    house = model.pipeline_class == HOUSE_PIPELINE
    family = None if house or model.code is not None else FAMILIES.get(model.pipeline_class)
    if not house and family is None:
        return None
    try:
        denoiser = json.loads((model.folder / (family.denoiser if family else "unet") / "config.json").read_bytes())
        decoder = json.loads((model.folder / "vae" / "config.json").read_bytes())
        factor = int(decoder.get("downscale_factor") or 2 ** (len(decoder["block_out_channels"]) - 1))
        channels = int(denoiser["in_channels"])
        if family is None:
            step, low, high = factor * 2 ** (len(denoiser["block_out_channels"]) - 1), MIN_SIDE, MAX_SIDE
        else:
            step = factor * (PACKED if family.packed else int(denoiser.get("patch_size") or 1))
            low, high = step, LARGEST
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a damaged folder is told by the loader, with its reason
    for side in (width, height):
        if side % step or not low <= side <= high:
            raise UsageError(f"--size: sides must be multiples of {step} from {low} to {high}, not {side}")
    packed = family is not None and family.packed
    return channels // PACKED**2 if packed else channels, height // factor, width // factor
