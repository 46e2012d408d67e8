"""Small JPEG pictures of parents, for viewers of C2PA manifests that draw a tree. They are evidence of nothing.

Whoever signs a manifest chooses what he shows: our own drawings of a lineage decode the ancestors' latents instead.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAX_SIDE", "MAX_THUMBNAIL_BYTES", "MEDIA_TYPE", "thumbnail"]

MAX_SIDE = 256
"""Longest side in pixels."""

MAX_THUMBNAIL_BYTES = 12 * 2**10
"""Largest thumbnail: 64 parents' fill a tenth of the largest manifest store."""

MEDIA_TYPE = "image/jpeg"
_QUALITIES = (80, 60, 40)


def thumbnail(rgb: NDArray[np.uint8]) -> bytes:
    """A JPEG of a picture uint8 (H, W, 3): at most MAX_SIDE wide and high, and MAX_THUMBNAIL_BYTES long."""
    from PIL import Image

    image, side = Image.fromarray(rgb), MAX_SIDE
    while True:
        image.thumbnail((side, side))
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MAX_THUMBNAIL_BYTES:
                return out.getvalue()
        side //= 2
