"""Which sizes of picture a model makes, as far as its folder tells before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.configuration import count_of, downscale_factor, read_configuration
from generator.families import FAMILIES, HOUSE_PIPELINE, PACKED
from provenance.errors import InvalidError, MissingModelError, UsageError

if TYPE_CHECKING:
    from generator.models import InstalledModel

__all__ = ["LARGEST", "MAX_SIDE", "MIN_SIDE", "early_latent_shape"]

MIN_SIDE, MAX_SIDE = 64, 512
"""Pictures that a model trained on 128 pixels is asked for; beyond that it repeats itself."""

LARGEST = 4096
"""Side in pixels for other models; a larger picture is a mistake more often than a wish."""


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
        denoiser = read_configuration(model.folder / (family.denoiser if family else "unet") / "config.json")
        factor = downscale_factor(read_configuration(model.folder / "vae" / "config.json"))
        channels = count_of(denoiser, "in_channels")
        if family is None:
            step, low, high = factor * 2 ** (len(denoiser["block_out_channels"]) - 1), MIN_SIDE, MAX_SIDE
        else:
            patch = count_of(denoiser, "patch_size") if denoiser.get("patch_size") else 1
            step = factor * (PACKED if family.packed else patch)
            low, high = step, LARGEST
    except (MissingModelError, InvalidError, ValueError, KeyError, TypeError):
        return None  # a damaged folder is told by the loader, with its reason
    for side in (width, height):
        if side % step or not low <= side <= high:
            raise UsageError(f"--size: sides must be multiples of {step} from {low} to {high}, not {side}")
    return family.channels(channels) if family else channels, height // factor, width // factor
