"""The latent that a picture was probably decoded from, found without an encoder and without knowing any seed.

Least squares through the decoder: among all latents the one whose picture is nearest to the given one, where it is
seen, weighed against how unusual it would be for the model (a Gaussian prior in the DCT basis, from the verifier's own
calibration). Adam (Kingma and Ba, arXiv 1412.6980) begins at the model's mean latent. Neither the tested seed nor the
claimed latent enters, so for a fixed picture the cosine of the result with fresh noise has the exact tail of
``provenance.correlation``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from generator.loading import scale_to_decoder
from provenance.correlation import dct_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from provenance.calibration import Whitening

__all__ = ["estimate_latent"]

ROUNDS = 120
"""Steps; with 60 the house model's latents are found to a cosine of 0.95 only, with 120 to 0.99 and more."""

RATE = 0.2
"""Of the first steps, in deviations of the prior; the last are a twentieth of it."""

NOISE = 0.03
"""Deviation of a copy's pixels from the model's picture that is expected, in the decoder's range of -1 to 1."""

ROBUST = 3.0
"""Beyond so many deviations an error counts linearly: text or a sticker must not drag the latent along."""


def estimate_latent(
    decoder: Any,
    shape: tuple[int, int, int],
    picture: NDArray[np.float32],
    seen: NDArray[np.bool_],
    whitening: Whitening | None,
    *,
    scale: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """A latent (C, h, w) in the units of the denoiser.

    Args:
        decoder: the model's, in float32.
        shape: (C, h, w).
        picture: float32 (H, W, 3) of 0 to 255, in the frame of the model's pictures.
        seen: bool (H, W), where it counts.
        whitening: mean and inverse deviation of each DCT coefficient; a standard normal without.
        scale: below 1, how many pixels the picture had for each of the frame's; finer detail is not compared.
        progress: told (round, rounds).
    """
    device = next(decoder.parameters()).device
    with torch.inference_mode(mode=False), torch.enable_grad():
        return _descend(decoder, _Prior(shape, whitening, device), picture, seen, scale, progress)


def _descend(
    decoder: Any,
    prior: _Prior,
    picture: NDArray[np.float32],
    seen: NDArray[np.bool_],
    scale: float,
    progress: Callable[[int, int], None] | None,
) -> NDArray[np.float32]:
    device = prior.device
    size = [max(8, round(side * min(scale, 1.0))) for side in picture.shape[:2]]
    target = torch.from_numpy(picture.transpose(2, 0, 1) / 127.5 - 1.0)[None].float().to(device)
    weight = torch.from_numpy(seen.astype(np.float32))[None, None].to(device)
    goal = _shrink(target * weight, size)
    unknown = torch.zeros(prior.shape, device=device, requires_grad=True)
    solver = torch.optim.Adam([unknown], lr=RATE, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(solver, ROUNDS, eta_min=RATE / 20)

    for done in range(ROUNDS):
        if progress is not None:
            progress(done, ROUNDS)
        solver.zero_grad()
        decoded = decoder.decode(scale_to_decoder(decoder, prior.latent(unknown)[None]))
        made = (decoded.sample if hasattr(decoded, "sample") else decoded).float()
        error = (_shrink(made * weight, size) - goal) / NOISE
        loss = F.huber_loss(error, torch.zeros_like(error), reduction="sum", delta=ROBUST)
        (loss + 0.5 * unknown.square().sum()).backward()  # type: ignore[no-untyped-call]
        solver.step()
        schedule.step()
    usual, cells = prior.latent(torch.zeros_like(unknown.detach())), F.adaptive_avg_pool2d(weight[0], prior.shape[1:])
    latent = usual + cells * (prior.latent(unknown.detach()) - usual)  # what nobody saw says nothing
    found: NDArray[np.float32] = latent.cpu().numpy()
    return found


class _Prior:
    """Latents as the model makes them, written as standard normal unknowns (C, h, w)."""

    def __init__(self, shape: tuple[int, int, int], whitening: Whitening | None, device: torch.device) -> None:
        self.shape, self.device = shape, device
        self._rows = torch.from_numpy(dct_matrix(shape[1])).float().to(device)
        self._columns = torch.from_numpy(dct_matrix(shape[2])).float().to(device)
        self._mean = torch.zeros(shape, device=device)
        self._deviation = torch.ones(shape, device=device)
        if whitening is not None:
            self._mean = torch.from_numpy(whitening.mean.astype(np.float32)).to(device)
            self._deviation = 1.0 / torch.from_numpy(whitening.scale.astype(np.float32)).to(device)

    def latent(self, unknown: torch.Tensor) -> torch.Tensor:
        """The latent of these unknowns: the inverse of the whitening."""
        return self._rows.T @ (unknown * self._deviation + self._mean) @ self._columns


def _shrink(picture: torch.Tensor, size: list[int]) -> torch.Tensor:
    """Linear, with antialiasing; as products of matrices, whose gradients are the same in every run on any device."""
    height, width = picture.shape[2:]
    rows, columns = (_resampling(*each).to(picture.device) for each in ((height, size[0]), (width, size[1])))
    return rows @ picture @ columns.T


@cache
def _resampling(before: int, after: int) -> torch.Tensor:
    whole = torch.eye(before)[None, None]
    return F.interpolate(whole, (after, before), mode="bilinear", antialias=True)[0, 0]
