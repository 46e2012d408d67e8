"""Finding the claimed pixels without the picture: decode the latent, and mind how other machines round.

Two machines decode one latent to floats that differ in the sixth digit, so a value that lies on the border between two
bytes may fall to either side: about one value in a hundred thousand does, between kinds of processors. Those are few
enough to try: the values nearest to a border, one and two at a time. What has the claim's digest *is* the claimed
picture, and differs from this machine's own by one step of 255 in two values at most.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Protocol

import numpy as np

from provenance.pixels import pixel_digest
from provenance.ports import Regenerator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.recipe import Recipe

__all__ = ["Decoder", "claimed_pixels"]

_NEAREST = 48
"""Values that are tried; with pairs 1,177 digests, half a second for a picture of 512x512."""

_BORDER = 2e-3
"""How far from a border a value may lie, in steps of 255: far beyond what processors differ by."""


class Decoder(Regenerator, Protocol):
    """A regenerator that also tells what it would round."""

    def decode_float(self, recipe: Recipe, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """The decoded picture (height, width, 3) in [0, 1] before it is rounded to bytes."""


def claimed_pixels(
    digest: bytes, recipe: Recipe, latent: NDArray[np.float32], decoder: Decoder
) -> NDArray[np.uint8] | None:
    """The pixels uint8 (height, width, 3) with this digest, as the latent decodes to them here, or None."""
    pixels = decoder.decode(recipe, latent)
    if pixel_digest(pixels) == digest:
        return pixels
    levels = decoder.decode_float(recipe, latent).astype(np.float64) * 255
    fraction = levels - np.floor(levels)
    distance = np.abs(fraction - 0.5)  # bytes change at one half
    near = np.argsort(distance, axis=None)[:_NEAREST]
    near = near[distance.flat[near] <= _BORDER]
    other = np.where(pixels > levels, -1, 1)
    for count in (1, 2):
        for places in combinations(near, count):
            changed = pixels.copy()
            for place in places:
                changed.flat[place] += other.flat[place]
            if pixel_digest(changed) == digest:
                return changed
    return None
