"""Initial noise for another program: what its latent input must hold so that its sampler starts from our noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.configuration import read_configuration
from generator.latentfile import write_latent
from generator.schedulers import build_scheduler, kind_of
from generator.setups import family_for
from provenance.errors import UsageError
from provenance.noise import gaussian

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from generator.models import InstalledModel
    from generator.reservation import Reservation
    from provenance.recipe import Scheduler

__all__ = ["from_program", "noise_file"]

_PATCH = 2


def noise_file(found: Reservation, model: InstalledModel, scheduler: Scheduler) -> bytes:
    """The latent file to hand to the program that the reservation names.

    diffusers multiplies by the first noise level itself and wants plain noise, packed where the model packs. ComfyUI
    adds no noise where it is told so, and wants x_T in the units of the autoencoder.

    Raises:
        UsageError: ComfyUI with a flow-matching model, whose sampler multiplies the latent input by zero.
    """
    noise = gaussian(found.seed, found.shape)
    notes = {"seedproof_nonce": found.nonce.hex(), "seedproof_seed": found.seed.hex()}
    if found.program == "diffusers":
        return write_latent(_packed(noise) if family_for(model).packed else noise, notes)
    if kind_of(scheduler).flow:
        raise UsageError(
            "--for comfyui: this model samples by flow matching, and ComfyUI then multiplies the latent input by zero; "
            "use --for diffusers, or seedproof create"
        )
    start = noise * np.float32(_first_level(scheduler))
    return write_latent(start / np.float32(_decoder_config(model).get("scaling_factor") or 1.0), notes)


def from_program(latent: NDArray[np.float32], found: Reservation, model: InstalledModel) -> NDArray[np.float32]:
    """A final latent as the program saved it, in the units of our decoder, (C, h, w).

    Raises:
        UsageError: another shape than was reserved.
    """
    packed = family_for(model).packed and latent.ndim == 2  # noqa: PLR2004 - rows of patches
    values = _unpacked(latent, found.shape) if packed else latent
    if values.shape != found.shape:
        raise UsageError(f"the latent has the shape {values.shape}; {found.shape} was reserved for this picture")
    if found.program == "diffusers":
        return values
    config = _decoder_config(model)
    scaling = np.float32(config.get("scaling_factor") or 1.0)
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean is not None and std is not None:
        column = (-1, 1, 1)
        return (values - np.float32(mean).reshape(column)) * scaling / np.float32(std).reshape(column)
    shifted: NDArray[np.float32] = (values - np.float32(config.get("shift_factor") or 0.0)) * scaling
    return shifted


def _first_level(scheduler: Scheduler) -> float:
    """Standard deviation of x_T where x_0 has 1, in the variance-exploding form that ComfyUI computes in."""
    alphas = build_scheduler(scheduler).alphas_cumprod
    return math.sqrt(1.0 / float(alphas[-1]))


def _decoder_config(model: InstalledModel) -> dict[str, Any]:
    return read_configuration(model.folder / "vae" / "config.json")


def _packed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, h, w) as rows of 2x2 patches, (h/2 * w/2, 4 C), as Flux packs latents."""
    c, h, w = values.shape
    patches = values.reshape(c, h // _PATCH, _PATCH, w // _PATCH, _PATCH).transpose(1, 3, 0, 2, 4)
    return patches.reshape(h // _PATCH * (w // _PATCH), c * _PATCH * _PATCH)


def _unpacked(rows: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Inverse of :func:`_packed`."""
    c, h, w = shape
    if rows.shape != (h // _PATCH * (w // _PATCH), c * _PATCH * _PATCH):
        raise UsageError(f"the packed latent has the shape {rows.shape}, which does not fit {shape}")
    patches = rows.reshape(h // _PATCH, w // _PATCH, c, _PATCH, _PATCH).transpose(2, 0, 3, 1, 4)
    return patches.reshape(c, h, w)
