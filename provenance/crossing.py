"""What one claim has to do with the picture of another: reasons 4 and 5 of :mod:`provenance.dispute`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.correlation import REQUIRED_BITS
from provenance.crosscheck import WHERE_IT_LIES, Place

if TYPE_CHECKING:
    from provenance.copies import Comparison

__all__ = ["COPY_BITS", "Crossing", "Restored"]

NEAR_BITS, NEAR_MARGIN = 1.0, 3.0
"""Bits a value, and how many times those of the best chance draw, that make another picture a near copy (5).

A correlation of 0.87: a picture with noise put in and taken out keeps that until it is plainly damaged. Of one's own
pictures under some prompt one in sixty may reach it; that no other seed comes within a third of it is the harder half.
"""

RESTORED_BITS = 2.5
"""The same once an exchange of noises was undone, beside so many times what the undoing makes of no picture at all.

Pale pictures, the best of 768 own seeds, came to 1.6 at most in other works, to 1.9 in works of their own prompt; 39
copies at 23 to 42 dB to 3.1 and more.
"""

COPY_BITS = REQUIRED_BITS // 2
"""Bits of noise in a copy's latent that make it one of a picture that was made again, where other seeds come nearer.

To find a seed with so many takes 2^64 noises, tens of millions of years of one core, before its picture is looked at.
"""


@dataclass(frozen=True)
class Restored:
    """What undoing an exchange of two noises makes of a picture: bits a value that the other claim's picture explains.

    Attributes:
        bits: of the other's picture, once that was done.
        from_nothing: of the mean latent of the model, to which the same was done: what this claim's noise does alone.
    """

    bits: float = 0.0
    from_nothing: float = 0.0


@dataclass(frozen=True, eq=False)
class Crossing:
    """What one claim has to do with the other's picture.

    Attributes:
        cosine: of the other's stored latent, whitened and less its own noise, with this claim's noise; None where they
            have other shapes.
        bits: -log2 of a fresh seed's chance of it, less those of the place where it was found.
        same_pixels: whether both pictures are pixel for pixel the same.
        comparison: the other's picture laid over this claim's (steps 13 to 16), where this machine could do that.
        why_not: why there is no comparison.
        place: where in the other's latent this claim's noise was found.
        restored: what is left once an exchange of their two noises was undone (``provenance.crosscheck``); None where
            that was not tried.
    """

    cosine: float | None
    bits: float
    same_pixels: bool
    comparison: Comparison | None
    why_not: str = ""
    place: Place = WHERE_IT_LIES
    restored: Restored | None = None

    @property
    def noise_found(self) -> bool:
        """Whether this claim's noise is in the other's stored latent, or in its pixels."""
        return self.bits >= REQUIRED_BITS or (self.comparison is not None and self.comparison.linked)

    @property
    def alike(self) -> bool:
        """Whether the other's picture is, or is a copy of, this claim's picture."""
        return self.same_pixels or (self.comparison is not None and self.comparison.alike)

    @property
    def near(self) -> bool:
        """Whether the other's picture is so close to this claim's as no other seed under its recipe comes by far."""
        found = None if self.comparison is None else self.comparison.rank
        if found is None or not found.count:
            return False
        if found.tested >= max(NEAR_BITS, NEAR_MARGIN * found.nearest):
            return True
        if self.restored is None:
            return False
        chance = max(found.nearest, self.restored.from_nothing)
        return self.restored.bits >= max(RESTORED_BITS, NEAR_MARGIN * chance)

    @property
    def copied(self) -> bool:
        """Whether the other's picture comes from this claim's, if this one alone was made again from its seed."""
        return self.same_pixels or self.near or (self.alike and self.bits >= COPY_BITS)

    @property
    def explains(self) -> bool:
        """Whether this claim explains the other's picture, if it holds at all."""
        return self.noise_found or self.alike or self.near
