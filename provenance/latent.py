"""The canonical latent: integers that are hashed, stored and decoded, so that picture, latent and claim agree exactly.

Quantise, then decode: ``q = round_half_even(x / step)`` per channel; the picture is rendered from
``float32(q) * float32(step)``, one IEEE-754 single multiplication, and so is everything that is later made of it.
"""

from __future__ import annotations

import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from provenance.encoding import decimal_string
from provenance.hashing import Tag, tagged_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["cell_distance", "dequantise", "latent_digest", "quantise", "relative_steps", "step_array"]

_INT16 = np.iinfo(np.int16)


def relative_steps(latent: NDArray[np.float32], fraction: float) -> tuple[Decimal, ...]:
    """Steps for a model without calibrated ones: each channel's standard deviation times ``fraction``, 3 digits.

    Args:
        latent: float32 (C, H, W).
        fraction: 1/8 keeps about 5 bits a value.
    """
    rounding = Context(prec=3, rounding=ROUND_HALF_EVEN)
    steps = []
    for channel in latent.astype(np.float64):
        step = rounding.create_decimal(repr(max(float(channel.std()) * fraction, 1e-6)))
        steps.append(Decimal(decimal_string(step)))
    return tuple(steps)


def step_array(steps: Sequence[Decimal]) -> NDArray[np.float32]:
    """Steps as float32 (C, 1, 1): each the float32 nearest to its decimal."""
    return np.array([_nearest(step) for step in steps], np.float32).reshape(-1, 1, 1)


def quantise(latent: NDArray[np.float32], steps: Sequence[Decimal]) -> NDArray[np.int16]:
    """Integers (C, H, W) of a float32 latent; ties go to the even integer.

    Raises:
        ValueError: NaN or infinity, another number of channels, or a value beyond 16 bits at this step.
    """
    if latent.ndim != 3 or latent.shape[0] != len(steps):  # noqa: PLR2004 - C, H, W
        raise ValueError(f"a latent of shape {latent.shape} does not fit {len(steps)} steps")
    with np.errstate(over="ignore"):
        scaled = np.rint(latent.astype(np.float32) / step_array(steps))
    if not np.isfinite(scaled).all():
        raise ValueError("the latent holds NaN or infinity")
    if scaled.min() < _INT16.min or scaled.max() > _INT16.max:
        raise ValueError("a latent value needs more than 16 bits at this step")
    integers: NDArray[np.int16] = scaled.astype(np.int16)
    return integers


def dequantise(integers: NDArray[np.int16], steps: Sequence[Decimal]) -> NDArray[np.float32]:
    """float32(q) * float32(step), (C, H, W): what the picture is decoded from."""
    values: NDArray[np.float32] = integers.astype(np.float32) * step_array(steps)
    return values


def latent_digest(integers: NDArray[np.int16]) -> bytes:
    """Digest of the integers with their shape, 32 bytes (docs/protocol.md, section 5)."""
    header = struct.pack(">III", *integers.shape)
    return tagged_hash(Tag.LATENT, header + np.ascontiguousarray(integers, "<i2").tobytes())


def cell_distance(latent: NDArray[np.float32], integers: NDArray[np.int16], steps: Sequence[Decimal]) -> float:
    """How far a float latent lies outside the quantisation cells of published integers, in steps (RMS over all values).

    Zero when the latent quantises to exactly these integers: honest float noise is swallowed by the cell, unless a
    value sits on its border, and then counts only by as much as it oversteps.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        offset = np.abs(latent.astype(np.float64) / step_array(steps) - integers)
        excess = np.maximum(offset - 0.5, 0.0)
        distance = float(np.sqrt(np.mean(np.square(excess))))
    return distance if np.isfinite(distance) else float("inf")


@lru_cache(maxsize=1024)
def _nearest(step: Decimal) -> np.float32:
    """The nearest float32, ties to even. The way through float64 rounds twice, so its neighbours are compared."""
    guess = np.float32(float(step))
    near = (guess, np.nextafter(guess, np.float32(0)), np.nextafter(guess, np.float32(np.inf)))
    return min(near, key=lambda value: abs(Fraction(float(value)) - Fraction(step)))
