"""Is the noise of one claim in the stored latent of another, which may hide it under noise of its own?

Who puts his noise into a copy (NoisePrints' injection, arXiv 2510.13793) makes the author's noise there relatively
fainter. But his seed is public as well, so whatever was added as a multiple of his noise is taken out again first: in
the whitening's basis the ways to add it with one weight for each channel are the noise itself (what the whitened test
asks for), the noise times the whitening's scale (added to the latent as it is), and times its square (the least damage
for the cosine it gains). The rest is a fixed vector as far as the tested seed goes, so its cosine with that seed's
noise has the exact tail of :mod:`provenance.correlation`, in all dimensions of the latent.

Weights of other shapes are taken out in part.

Who also takes the author's noise out of his copy does so along the same ways. Where the author's latent is at hand the
whole exchange is therefore undone (:func:`undo_exchange`): what the two latents differ by is split into multiples of
both noises and a rest, and the multiples are taken back. Of latents that have nothing to do with each other so few
numbers explain next to nothing, and nothing is changed that can be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from provenance.correlation import cosine, dct2, idct2, whiten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.calibration import Whitening

__all__ = ["cross_cosine", "undo_exchange"]

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
    x, scale = _in_basis(latent, whitening)
    return cosine(x - _explained(x, scale, own), dct2(tested))


def undo_exchange(
    latent: NDArray[np.float32],
    original: NDArray[np.float32],
    own: NDArray[np.float32],
    taken: NDArray[np.float32],
    whitening: Whitening | None,
) -> NDArray[np.float32]:
    """The latent (C, H, W) less what it differs from ``original`` by along its ``own`` noise and the one ``taken`` out.

    All (C, H, W), the latents dequantised and of one model; the whitening is that model's.
    """
    x, scale = _in_basis(latent, whitening)
    changed = _explained(x - _in_basis(original, whitening)[0], scale, own, taken) / scale
    undone: NDArray[np.float32] = (latent - idct2(changed)).astype(np.float32)
    return undone


def _in_basis(
    latent: NDArray[np.float32], whitening: Whitening | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The latent in the whitening's basis, and the whitening's scale."""
    if whitening is None:
        return dct2(latent), np.ones(latent.shape, np.float64)
    return whiten(latent, whitening), whitening.scale.astype(np.float64)


def _explained(x: NDArray[np.float64], scale: NDArray[np.float64], *noises: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the ways to add these noises explain of ``x``, each channel for itself."""
    parts = [dct2(noise) for noise in noises]
    return np.stack([_fit(x[c], scale[c], [part[c] for part in parts]) for c in range(len(x))])


def _fit(x: NDArray[np.float64], scale: NDArray[np.float64], noises: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The projection of one channel (H, W) on the ways to add noise to it."""
    ways = np.stack([(noise * scale**power).ravel() for noise in noises for power in _POWERS], axis=1)
    ways /= np.maximum(np.linalg.norm(ways, axis=0), np.finfo(np.float64).tiny)
    share = np.linalg.lstsq(ways, x.ravel(), rcond=1e-9)[0]
    fitted: NDArray[np.float64] = (ways @ share).reshape(x.shape)
    return fitted
