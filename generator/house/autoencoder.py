"""The autoencoder while it is trained: the withheld encoder beside the decoder that will be published."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers.models.autoencoders.vae import Encoder
from torch import nn

from generator.house.decoder_only import DecoderOnly

__all__ = ["Autoencoder"]

_LOG_VARIANCE_AT_START = -5.0


class Autoencoder(nn.Module):
    """Encoder and decoder that start as a principal component analysis of 8x8 patches and learn corrections to it."""

    def __init__(self, latent_channels: int, widths: tuple[int, ...], patch: int = 4, factor: int = 8) -> None:
        super().__init__()
        self.channels, self.patch, self.factor = latent_channels, patch, factor
        self.linear = nn.Conv2d(3 * factor * factor, latent_channels, 1)
        self.correction = Encoder(
            3 * patch * patch,
            latent_channels,
            ("DownEncoderBlock2D",) * len(widths),
            widths,
            1,
            16,
            "silu",
            double_z=True,
            mid_block_add_attention=False,
        )
        self.decoder = DecoderOnly(latent_channels, widths, 1, patch)

    @torch.no_grad()
    def start_from_pca(self, pictures: torch.Tensor) -> None:
        """Set the linear halves from float32 pictures (N, 3, H, W) in [-1, 1], and the corrections to zero."""
        patches = F.pixel_unshuffle(pictures, self.factor).permute(0, 2, 3, 1).flatten(0, 2)
        mean = patches.mean(0)
        covariance = (patches - mean).T @ (patches - mean) / len(patches)
        variance, basis = torch.linalg.eigh(covariance)
        basis = basis.flip(1)[:, : self.channels]
        deviation = variance.flip(0)[: self.channels].sqrt()
        self.linear.weight.copy_((basis / deviation).T[:, :, None, None])
        if self.linear.bias is None or self.decoder.linear.bias is None:
            raise TypeError("the linear halves carry the mean picture in their biases")
        self.linear.bias.copy_(-(mean @ basis) / deviation)
        self.decoder.linear.weight.copy_((basis * deviation)[:, :, None, None])
        self.decoder.linear.bias.copy_(mean)
        for last in (self.correction.conv_out, self.decoder.correction.conv_out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        self.correction.conv_out.bias[self.channels :] = _LOG_VARIANCE_AT_START

    def encode(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Posterior mean and log variance, (N, C, H/8, W/8) each."""
        learned = self.correction(F.pixel_unshuffle(pictures, self.patch)).float()
        mean = self.linear(F.pixel_unshuffle(pictures, self.factor)).float() + learned[:, : self.channels]
        return mean, learned[:, self.channels :].clamp(-12.0, 4.0)
