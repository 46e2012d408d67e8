"""Is the noise of one claim in the stored latent of another, which may hide it under noise of its own?

Who puts his noise into a copy (NoisePrints' injection, arXiv 2510.13793) makes the author's noise there relatively
fainter. But his seed is public as well, so whatever was added as a multiple of his noise is taken out again first: in
the whitening's basis the ways to add it with one weight for each channel are the noise itself (what the whitened test
asks for), the noise times the whitening's scale (added to the latent as it is), and times its square (the least damage
for the cosine it gains). The rest is a fixed vector as far as the tested seed goes, so its cosine with that seed's
noise has the exact tail of :mod:`provenance.correlation`, in all dimensions of the latent.

Weights of other shapes are taken out in part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from provenance.correlation import cosine, dct2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.calibration import Whitening

__all__ = ["cross_cosine"]

_POWERS = (0, 1, 2)


def cross_cosine(
    latent: NDArray[np.float32],
    tested: NDArray[np.float32],
    own: NDArray[np.float32],
    whitening: Whitening | None,
) -> float:
    """Cosine of the ``tested`` seed's noise with the whitened latent, out of which the latent's ``own`` was taken.

    Args:
        latent: dequantised, (C, H, W).
        tested: noise of the other claim's seed, (C, H, W).
        own: noise of the latent's own seed, (C, H, W); another one than ``tested``.
        whitening: the model's, from the verifier's policy; without one the latent is taken as it is.
    """
    x, noise = dct2(latent), dct2(own)
    scale = np.ones_like(x)
    if whitening is not None:
        x, scale = (x - whitening.mean) * whitening.scale, whitening.scale.astype(np.float64)
    rest = np.stack([_without(*each) for each in zip(x, noise, scale, strict=True)])
    return cosine(rest, dct2(tested))


def _without(x: NDArray[np.float64], noise: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """One channel (H, W) less its projection on the ways to add the noise."""
    ways = np.stack([(noise * scale**power).ravel() for power in _POWERS], axis=1)
    ways /= np.maximum(np.linalg.norm(ways, axis=0), np.finfo(np.float64).tiny)
    share = np.linalg.lstsq(ways, x.ravel(), rcond=1e-9)[0]
    rest: NDArray[np.float64] = (x.ravel() - ways @ share).reshape(x.shape)
    return rest
