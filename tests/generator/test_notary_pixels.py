"""Finding the claimed pixels on a machine that rounds a little differently, and nothing else."""

import numpy as np
import pytest

from generator.notary_pixels import claimed_pixels
from provenance.pixels import pixel_digest

RNG = np.random.default_rng(1)
LEVELS = np.floor(RNG.uniform(1, 254, (24, 32, 3))) + RNG.uniform(-0.45, 0.45, (24, 32, 3))


class Decoder:
    """Decodes whatever it is given to the same levels."""

    def __init__(self, levels):
        self.levels = levels

    def decode(self, recipe, latent):
        return np.floor(self.levels + 0.5).astype(np.uint8)

    def decode_float(self, recipe, latent):
        return (self.levels / 255).astype(np.float32)


def border(count, side):
    """Levels with ``count`` values a hair above or below a half."""
    levels = LEVELS.copy()
    levels.flat[range(0, 53 * count, 53)] = 100.5 + side * 1e-5
    return levels


def pixels(levels):
    return Decoder(levels).decode(None, None)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
def test_one_or_two_values_that_fell_to_the_other_side_are_found(count, side):
    theirs, ours = pixels(border(count, side)), Decoder(border(count, -side))
    found = claimed_pixels(pixel_digest(theirs), None, None, ours)
    assert np.array_equal(found, theirs)
    assert (found != ours.decode(None, None)).sum() == count


def test_among_many_that_lie_at_a_border_the_right_one_is_found():
    ours = border(40, 1)
    theirs = ours.copy()
    theirs.flat[53 * 33] = 100.5 - 1e-5
    assert np.array_equal(claimed_pixels(pixel_digest(pixels(theirs)), None, None, Decoder(ours)), pixels(theirs))


@pytest.mark.parametrize("other", [border(3, -1), LEVELS + 1, np.full_like(LEVELS, 7)])
def test_another_picture_is_not_found(other):
    assert claimed_pixels(pixel_digest(pixels(other)), None, None, Decoder(border(3, 1))) is None


def test_a_pixel_that_was_changed_far_from_any_border_is_not_found():
    """A thief's retouched pixel is no rounding, even by one step."""
    theirs = pixels(LEVELS)
    theirs[3, 3, 0] += 1
    assert claimed_pixels(pixel_digest(theirs), None, None, Decoder(LEVELS)) is None
