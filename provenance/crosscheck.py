"""Is the noise of one claim in the stored latent of another, which may hide it under noise of its own?

Who puts his noise into a copy (NoisePrints' injection, arXiv 2510.13793) makes the author's noise there relatively
fainter. But his seed is public as well, so whatever was added as a multiple of his noise is taken out again first: in
the whitening's basis the ways to add it with one weight for each channel are the noise itself (what the whitened test
asks for), the noise times the whitening's scale (added to the latent as it is), and times its square (the least damage
for the cosine it gains). The rest is a fixed vector as far as the tested seed goes, so its cosine with that seed's
noise has the exact tail of :mod:`provenance.correlation`, in all dimensions of the latent.

A copy's latent may be the author's mirrored, or moved by whole cells. So the noise is sought in every such place, and
the place pays for its word in a code, as alignments do in :mod:`provenance.affine`.

Who also takes the author's noise out of his copy does so along the same ways. Where the author's latent is at hand the
whole exchange is therefore undone (:func:`undo_exchange`): what the two latents differ by is split into multiples of
both noises and a rest, and the multiples are taken back. What that would make of no picture at all, of the mean latent
alone, is its measure: a pale picture may consist of its seed's noise so much that it appears wherever it is put back.

Weights of other shapes are taken out in part, and noise that was moved by parts of a cell is not found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance.correlation import cosine, dct2, idct2, log2_false_accept, whiten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.calibration import Whitening

__all__ = ["WHERE_IT_LIES", "Place", "cross_cosine", "in_place", "mean_latent", "seek", "undo_exchange"]

_POWERS = (0, 1, 2)
_CLEARLY = 8.0
"""Bits that another place must have beyond those of the place where the latent lies, to be worth telling."""


@dataclass(frozen=True)
class Place:
    """Where a copy's latent lies over another one: mirrored or not, then moved by whole cells, around the edges."""

    mirrored: bool = False
    down: int = 0
    across: int = 0

    def cost(self, height: int, width: int) -> float:
        """Bits of its word: 1 where it lies, 2 mirrored there, 2 and the log2 of their number for all the others."""
        if self.down or self.across:
            return 2.0 + math.log2(2 * height * width - 2)
        return 2.0 if self.mirrored else 1.0


WHERE_IT_LIES = Place()


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
    return cosine(_rest(latent, own, whitening), dct2(tested))


def seek(
    latent: NDArray[np.float32],
    tested: NDArray[np.float32],
    own: NDArray[np.float32],
    whitening: Whitening | None,
) -> tuple[float, float, Place]:
    """The ``tested`` noise in every place of the latent: cosine, -log2 of a fresh seed's chance, and where.

    The arguments are those of :func:`cross_cosine`. The place is where it lies, unless another one has clearly more
    bits after it paid for its word.
    """
    rest, noise = idct2(_rest(latent, own, whitening)), tested.astype(np.float64)
    norm = float(np.linalg.norm(rest)) * float(np.linalg.norm(noise))
    if not math.isfinite(norm) or norm == 0.0:
        return 0.0, 0.0, WHERE_IT_LIES
    best: tuple[float, float, Place] | None = None
    for mirrored in (False, True):
        spectrum = np.fft.rfft2(in_place(rest, Place(mirrored))) * np.conj(np.fft.rfft2(noise))
        cosines = np.fft.irfft2(spectrum, s=rest.shape[1:]).sum(axis=0) / norm
        for cell in (0, int(np.argmax(cosines))):
            down, across = divmod(cell, rest.shape[2])
            place = Place(mirrored, _around(down, rest.shape[1]), _around(across, rest.shape[2]))
            c = max(-1.0, min(1.0, float(cosines.flat[cell])))
            bits = min(-log2_false_accept(c, rest.size), float(rest.size)) - place.cost(*rest.shape[1:])
            if best is None or bits > best[1] + _CLEARLY:
                best = c, max(0.0, bits), place
    return best or (0.0, 0.0, WHERE_IT_LIES)


def _around(cells: int, length: int) -> int:
    """The same way around the edges, the shorter one."""
    return cells - length if 2 * cells > length else cells


def in_place(x: NDArray[np.floating], place: Place) -> NDArray[np.floating]:
    """A latent or noise (C, H, W) of a copy that lies so, in the frame of what it is a copy of."""
    turned = x[:, :, ::-1] if place.mirrored else x
    return np.roll(turned, (-place.down, -place.across), (1, 2))


def mean_latent(shape: tuple[int, int, int], whitening: Whitening | None) -> NDArray[np.float32]:
    """A latent (C, H, W) of no picture: the mean of the model's, or zeros."""
    if whitening is None:
        return np.zeros(shape, np.float32)
    return idct2(whitening.mean).astype(np.float32)


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


def _rest(latent: NDArray[np.float32], own: NDArray[np.float32], whitening: Whitening | None) -> NDArray[np.float64]:
    """The whitened latent, out of which the noise of its own seed was taken."""
    x, scale = _in_basis(latent, whitening)
    return x - _explained(x, scale, own)


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
