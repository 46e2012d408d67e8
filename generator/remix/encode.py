"""A picture's latent through an encoder, for models that come with one: only outside pictures need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from provenance.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["encode"]


def encode(decoder: Any, rgb: NDArray[np.uint8]) -> torch.Tensor:
    """The latent (1, C, h, w) that the denoiser of this autoencoder's model would give: the mean, nothing drawn.

    Args:
        decoder: the whole autoencoder, in float32.
        rgb: uint8 (H, W, 3).

    Raises:
        UsageError: the model was published without its encoder.
    """
    if not hasattr(decoder, "encoder"):
        raise UsageError("--encode: this model comes without its encoder, so no outside picture can become its latent")
    device = next(decoder.parameters()).device
    levels = torch.from_numpy(rgb.copy()).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    return scale_from_decoder(decoder, decoder.encode(levels).latent_dist.mode())


def scale_from_decoder(decoder: Any, latent: torch.Tensor) -> torch.Tensor:
    """Inverse of ``generator.loading.scale_to_decoder``."""
    config = decoder.config
    scaling = getattr(config, "scaling_factor", None)
    if scaling is None:
        return latent
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is not None and std is not None:
        shape = (1, -1, 1, 1)
        mean, std = (torch.tensor(values, device=latent.device).view(shape) for values in (mean, std))
        return torch.as_tensor((latent - mean) * scaling / std)
    return torch.as_tensor((latent - (getattr(config, "shift_factor", None) or 0.0)) * scaling)
