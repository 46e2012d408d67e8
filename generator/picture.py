"""From a sampled latent to a picture that can be claimed: its integers, its pixels, its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import EnvironmentFault
from provenance.latent import dequantise, quantise, relative_steps
from provenance.recipe import Prompt, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    import numpy as np
    from numpy.typing import NDArray

    from generator.jobs import Job, Studio
    from generator.reservation import Reservation
    from provenance.manifest_parents import Remix

__all__ = ["Picture", "cells", "describe", "quantised"]

_DEFAULT_FRACTION = 1 / 7.2
"""Quantisation step in channel standard deviations for models without calibrated steps: at most 5 bits a value."""


@dataclass(frozen=True)
class Picture:
    """What is to be claimed: recipe, latent integers (C, H, W), pixels (H, W, 3), and foreign text to be kept.

    ``remix``: of a derived picture, what its manifest carries of the works that it was made from. ``batch``: how many
    pictures were sampled together.
    """

    recipe: Recipe
    integers: NDArray[np.int16]
    rgb: NDArray[np.uint8]
    kept_text: Mapping[str, str]
    remix: Remix | None = None
    batch: int = 1


def quantised(
    latent: NDArray[np.float32], studio: Studio
) -> tuple[NDArray[np.int16], Sequence[Decimal], NDArray[np.uint8]]:
    """(integers, steps, pixels) of a final latent (C, h, w): what is stored, and the picture that it decodes to.

    Raises:
        EnvironmentFault: values that do not fit into the integers.
    """
    integers, steps = cells(latent, studio)
    (rgb,) = studio.runtime.decode(dequantise(integers, steps)[None])
    return integers, steps, rgb


def cells(latent: NDArray[np.float32], studio: Studio) -> tuple[NDArray[np.int16], tuple[Decimal, ...]]:
    """(integers, steps) of a final latent (C, h, w): the model's calibrated steps, or such as suit the latent.

    Raises:
        EnvironmentFault: values that do not fit into the integers.
    """
    shape = (int(latent.shape[0]), int(latent.shape[1]), int(latent.shape[2]))
    steps = studio.calibrated_steps(shape) or relative_steps(latent, _DEFAULT_FRACTION)
    try:
        return quantise(latent, steps), steps
    except ValueError as error:
        raise EnvironmentFault(f"the model's latent cannot be stored: {error}; try --dtype float32") from error


def describe(
    asked: Job | Reservation, studio: Studio, shown: Prompt | bytes, seed: bytes, latent_steps: Sequence[Decimal]
) -> Recipe:
    """The recipe of a picture of this size, in these steps, as the studio's model was run last.

    Args:
        asked: what was asked for.
        studio: the model.
        shown: the prompt, or the commitment to a sealed one.
        seed: its own.
        latent_steps: of the stored integers, one for each channel.
    """
    runtime = studio.runtime
    return Recipe(
        model=studio.model.identity,
        scheduler=runtime.scheduler,
        steps=asked.steps,
        guidance=asked.guidance,
        prompt=shown,
        max_tokens=runtime.max_tokens,
        width=asked.width,
        height=asked.height,
        dtype=runtime.dtype,
        seed=seed,
        shape=runtime.latent_shape(asked.width, asked.height),
        latent_steps=tuple(latent_steps),
        setup=runtime.setup,
    )
