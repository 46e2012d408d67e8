"""What the tests of the link between seed and picture look at, and what each of them can say (steps 7 to 9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from provenance.latent import dequantise
from provenance.noise import gaussian

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.calibration import Calibration, Whitening
    from provenance.claim import Claim
    from provenance.policy import ModelTrust
    from provenance.ports import Material
    from provenance.recipe import Recipe
    from provenance.report import Check

__all__ = ["Link", "LinkResult", "Subject"]

UNCALIBRATED_ACCEPT, UNCALIBRATED_REJECT = 0.05, 0.5
"""Regeneration thresholds, in steps, for models that the policy does not know: figures only, never authentic."""


class Link(Enum):
    """What one test says about seed and picture. UNMADE: this machine makes nothing finite of the recipe's own seed."""

    HOLDS = auto()
    BROKEN = auto()
    OPEN = auto()
    UNATTRIBUTABLE = auto()
    UNMEASURED = auto()
    UNMADE = auto()


@dataclass(frozen=True)
class LinkResult:
    """A check for the report, and what it means for the verdict."""

    check: Check
    link: Link


@dataclass(frozen=True)
class Subject:
    """What steps 7 to 9 look at: the claim, its recipe, the stored integers (C, H, W) and the pixels (H, W, 3).

    ``pixels`` are None for an ancestor, whose picture is not at hand; ``sources`` are what a remix was made from.
    """

    claim: Claim
    recipe: Recipe
    integers: NDArray[np.int16]
    pixels: NDArray[np.uint8] | None
    model: ModelTrust | None
    sources: tuple[Material, ...] = ()

    @property
    def latent(self) -> NDArray[np.float32]:
        """The dequantised latent."""
        return dequantise(self.integers, self.recipe.latent_steps)

    @property
    def noise(self) -> NDArray[np.float32]:
        """The seed's noise of stream 0."""
        return gaussian(self.recipe.seed, self.recipe.shape)

    @property
    def given(self) -> tuple[tuple[Material, ...], ...]:
        """What a regenerator is given beside recipe, prompt and seed: the sources, where there are any."""
        return (self.sources,) if self.sources else ()

    @property
    def draws(self) -> bool:
        """Whether the picture holds noise of its own seed; other seeds make the same one where it does not."""
        return self.recipe.operation is None or self.recipe.operation.draws

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where in (H, W) the operation may have changed something: everywhere but in an inpainting."""
        _, height, width = self.recipe.shape
        packed = None if self.recipe.operation is None else self.recipe.operation.mask
        if packed is None:
            return np.ones((height, width), np.bool_)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=height * width)
        return bits.reshape(height, width).astype(np.bool_)

    @property
    def calibration(self) -> Calibration | None:
        """The policy's, if it has one for this model and shape, and the recipe keeps to its quantisation steps.

        The steps are the unit of every distance: thresholds in units that the file chose would mean nothing.
        """
        found = None if self.model is None else self.model.calibration(self.recipe.shape)
        return found if found is not None and found.steps == self.recipe.latent_steps else None

    @property
    def whitening(self) -> Whitening | None:
        """The policy's for this model and shape, if any; it is of no unit, so the recipe's steps do not matter."""
        found = None if self.model is None else self.model.calibration(self.recipe.shape)
        return None if found is None else found.whitening

    @property
    def thresholds(self) -> tuple[float, float]:
        """Accept and reject distance, in steps."""
        if self.calibration is None:
            return UNCALIBRATED_ACCEPT, UNCALIBRATED_REJECT
        return self.calibration.thresholds.accept, self.calibration.thresholds.reject
