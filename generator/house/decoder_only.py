"""The published half of the house model's autoencoder: a decoder, and no encoder anywhere.

Latents are in units of their own standard deviation. The picture is a linear map of 8x8 patches (where training
began, from a principal component analysis) plus a convolutional correction.

Withholding the encoder is a hurdle, not cryptography: gradients through this decoder, or least squares on its linear
part, recover many latents from pixels.
"""

from __future__ import annotations

from typing import NoReturn

import torch
import torch.nn.functional as F  # noqa: N812 - the name that torch's users know
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import Decoder
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

__all__ = ["DecoderOnly", "EncoderWithheldError"]


class EncoderWithheldError(RuntimeError):
    """Somebody asked the published model to encode a picture."""


class DecoderOnly(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Decoder from normalised latents (B, C, H/8, W/8) to pictures (B, 3, H, W) in about [-1, 1].

    Args:
        latent_channels: C.
        block_out_channels: widths of the correction network, from the finest level to the coarsest.
        layers_per_block: residual layers per level.
        patch: pixels per side that the correction's last layer unfolds.
        norm_num_groups: groups of its normalisation.
        downscale_factor: pixels per side and latent value.
        latents_mean, latents_std: statistics by which latents were normalised, one number per channel.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 8,
        block_out_channels: tuple[int, ...] = (64, 128),
        layers_per_block: int = 1,
        patch: int = 4,
        norm_num_groups: int = 16,
        downscale_factor: int = 8,
        latents_mean: tuple[float, ...] | None = None,
        latents_std: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        self.linear = nn.Conv2d(latent_channels, 3 * downscale_factor**2, 1)
        self.correction = Decoder(
            latent_channels,
            3 * patch * patch,
            ("UpDecoderBlock2D",) * len(block_out_channels),
            block_out_channels,
            layers_per_block,
            norm_num_groups,
            "silu",
            mid_block_add_attention=False,
        )
        mean = torch.tensor(latents_mean if latents_mean is not None else (0.0,) * latent_channels)
        std = torch.tensor(latents_std if latents_std is not None else (1.0,) * latent_channels)
        self.register_buffer("mean", mean.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", std.view(1, -1, 1, 1), persistent=False)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Pictures (B, 3, 8h, 8w) of normalised latents (B, C, h, w)."""
        return self.render(z * self.std + self.mean)

    def render(self, z: torch.Tensor) -> torch.Tensor:
        """Pictures of latents as the encoder gives them."""
        smooth = F.pixel_shuffle(self.linear(z), self.config.downscale_factor)
        return smooth + F.pixel_shuffle(self.correction(z), self.config.patch)

    def encode(self, *_: object, **__: object) -> NoReturn:
        """Refuse.

        Raises:
            EncoderWithheldError: always.
        """
        raise EncoderWithheldError(
            "the encoder of this model is withheld, so that nobody pushes somebody else's picture through it; "
            "remix from stored latents instead"
        )
