"""Steps 7 to 9: what links the seed to the picture, each with its own error statement.

7 correlation needs arithmetic alone; 8 decoding and 9 regeneration need the model and come through the Regenerator
port. Only regeneration decides "authentic": correlation can be forged by injecting noise at 38 to 45 dB.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from provenance.claim import claim_id
from provenance.commitment import wrong_seed
from provenance.correlation import REQUIRED_BITS, cosine, log2_false_accept, threshold, whitened_cosine
from provenance.errors import NotFiniteError
from provenance.latent import cell_distance, dequantise
from provenance.noise import gaussian
from provenance.report import Check, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.calibration import Calibration
    from provenance.claim import Claim
    from provenance.policy import ModelTrust
    from provenance.ports import Progress, Regenerator
    from provenance.recipe import Prompt, Recipe

__all__ = [
    "Link",
    "LinkResult",
    "Subject",
    "check_correlation",
    "check_decoding",
    "check_inversion",
    "check_regeneration",
]

WRONG_SEEDS = 4
"""Wrong seeds drawn in step 9. A memorised prompt shows with the first; four take two seconds with the house model."""

PIXELS_SAME = 2
"""Largest difference of 8-bit pixel values that float arithmetic on other hardware explains."""

PIXELS_OTHER = 8
"""Beyond this largest difference the picture is another one; in between, inconclusive."""

ALIKE = 0.98
"""Latent cosine beyond which a wrong seed's picture is the same to the eye: they differ by a fifth of the latent."""

UNCALIBRATED_ACCEPT, UNCALIBRATED_REJECT = 0.05, 0.5
"""Regeneration thresholds, in steps, for models that the policy does not know: figures only, never authentic."""


class Link(Enum):
    """What one test says about seed and picture."""

    HOLDS = auto()
    BROKEN = auto()
    OPEN = auto()
    UNATTRIBUTABLE = auto()


@dataclass(frozen=True)
class LinkResult:
    """A check for the report, and what it means for the verdict."""

    check: Check
    link: Link


@dataclass(frozen=True)
class Subject:
    """What steps 7 to 9 look at: the claim, its recipe, the stored integers (C, H, W) and the pixels (H, W, 3)."""

    claim: Claim
    recipe: Recipe
    integers: NDArray[np.int16]
    pixels: NDArray[np.uint8]
    model: ModelTrust | None

    @property
    def latent(self) -> NDArray[np.float32]:
        """The dequantised latent."""
        return dequantise(self.integers, self.recipe.latent_steps)

    @property
    def noise(self) -> NDArray[np.float32]:
        """The seed's noise of stream 0."""
        return gaussian(self.recipe.seed, self.recipe.shape)

    @property
    def calibration(self) -> Calibration | None:
        """The policy's, if it has one for this model and shape, and the recipe keeps to its quantisation steps.

        The steps are the unit of every distance: thresholds in units that the file chose would mean nothing.
        """
        found = None if self.model is None else self.model.calibration(self.recipe.shape)
        return found if found is not None and found.steps == self.recipe.latent_steps else None

    @property
    def thresholds(self) -> tuple[float, float]:
        """Accept and reject distance, in steps."""
        if self.calibration is None:
            return UNCALIBRATED_ACCEPT, UNCALIBRATED_REJECT
        return self.calibration.thresholds.accept, self.calibration.thresholds.reject


def check_correlation(subject: Subject) -> LinkResult:
    """Step 7: whitened cosine of stored latent and noise, and the chance that a fresh seed does as well."""
    calibration = subject.model.calibration(subject.recipe.shape) if subject.model else None
    c = whitened_cosine(subject.latent, subject.noise, calibration.whitening if calibration else None)
    d = math.prod(subject.recipe.shape)
    bits = -log2_false_accept(c, d) if math.isfinite(log2_false_accept(c, d)) else float(d)
    figures: dict[str, str | int | float | bool | None] = {
        "cosine": round(c, 6),
        "threshold": round(threshold(d), 6),
        "false_accept_log2": round(-bits, 1),
        "dimensions": d,
        "whitened": calibration is not None,
    }
    kind = "whitened" if calibration else "plain"
    text = f"{kind} cosine {c:.3f}, needed {threshold(d):.3f}; a wrong seed does as well with probability 2^-{bits:.0f}"
    if bits >= REQUIRED_BITS:
        return LinkResult(Check(7, Status.PASS, text, figures), Link.HOLDS)
    return LinkResult(Check(7, Status.WARN, f"{text}: too little for a link by this test alone", figures), Link.OPEN)


def check_decoding(subject: Subject, regenerator: Regenerator, progress: Progress | None = None) -> LinkResult:
    """Step 8: decode the stored latent and compare with the published pixels."""
    if progress is not None:
        progress(0, WRONG_SEEDS + 2, "loading the model")
    decoded = regenerator.decode(subject.recipe, subject.latent)
    if decoded.shape != subject.pixels.shape:
        text = f"the latent decodes to {decoded.shape[1]}x{decoded.shape[0]}, the picture is another size"
        return LinkResult(Check(8, Status.FAIL, text), Link.BROKEN)
    difference = np.abs(decoded.astype(np.int16) - subject.pixels.astype(np.int16))
    worst, changed = int(difference.max()), float((difference > 0).mean())
    figures: dict[str, str | int | float | bool | None] = {
        "max_difference": worst,
        "differing_values": round(changed, 6),
    }
    if worst <= PIXELS_SAME:
        text = "pixel for pixel the same" if worst == 0 else f"same to within {worst} of 255 (float rounding)"
        return LinkResult(Check(8, Status.PASS, text, figures), Link.HOLDS)
    text = f"pixels differ by up to {worst} of 255 from what the stored latent decodes to"
    if worst <= PIXELS_OTHER:
        return LinkResult(Check(8, Status.WARN, f"{text}: inconclusive", figures), Link.OPEN)
    return LinkResult(Check(8, Status.FAIL, f"{text}: another picture", figures), Link.BROKEN)


def check_regeneration(
    subject: Subject,
    prompt: Prompt,
    regenerator: Regenerator,
    entropy: bytes,
    progress: Progress | None = None,
) -> LinkResult:
    """Step 9: make the picture again from the seed and from wrong seeds; run the sampler backwards.

    Raises:
        NotFiniteError: this machine makes NaN or infinity of the picture's own seed, so nothing can be compared.
    """
    show = progress or _silent
    accept, reject = subject.thresholds
    recipe = subject.recipe
    show(0, WRONG_SEEDS + 2, "regenerating")
    (made,) = regenerator.regenerate(recipe, prompt, [recipe.seed])
    right = cell_distance(made, subject.integers, recipe.latent_steps)
    others = _regenerate_wrong_seeds(subject, prompt, regenerator, entropy, show)
    show(WRONG_SEEDS + 1, WRONG_SEEDS + 2, "inverting")
    inverted, backwards = _invert(subject, prompt, regenerator)
    wrong = min((distance for distance, _ in others), default=math.inf)
    nearest_cosine = max((likeness for _, likeness in others), default=-1.0)
    figures: dict[str, str | int | float | bool | None] = {
        "distance": _round(right),
        "accept": accept,
        "reject": reject,
        "wrong_seeds": len(others),
        "nearest_wrong_distance": _round(wrong),
        "nearest_wrong_cosine": round(nearest_cosine, 4),
        **inverted,
        "calibrated": subject.calibration is not None,
    }
    text = (
        f"distance {right:.4f} quantisation steps (accepted up to {accept:g}); nearest of {len(others)} wrong seeds "
        f"{wrong:.2f} steps; {backwards}"
    )
    measured = subject.calibration is not None and recipe.dtype == "float32"
    if not right <= (reject if measured else max(reject, wrong / 2)):
        text = f"the seed makes another picture: {text}"
        return LinkResult(Check(9, Status.FAIL, text, figures), Link.BROKEN)
    if wrong <= max(reject, right) or nearest_cosine > ALIKE:
        text += ": wrong seeds come as close, so the picture does not depend on its seed and proves no authorship"
        return LinkResult(Check(9, Status.WARN, text, figures), Link.UNATTRIBUTABLE)
    if len(others) < WRONG_SEEDS:
        text = f"inconclusive, the model made NaN or infinity of most wrong seeds: {text}"
        return LinkResult(Check(9, Status.WARN, text, figures), Link.OPEN)
    if right <= accept:
        return LinkResult(Check(9, Status.PASS, f"regenerated: {text}", figures), Link.HOLDS)
    return LinkResult(Check(9, Status.WARN, f"inconclusive, as on foreign hardware: {text}", figures), Link.OPEN)


def check_inversion(
    subject: Subject, prompt: Prompt, regenerator: Regenerator, progress: Progress | None = None
) -> LinkResult:
    """Step 9 for a latent that another program sampled: only the way back to the noise is tried.

    Another program's steps differ by more than the thresholds of a regeneration allow, and prove nothing by that.
    """
    (progress or _silent)(0, 1, "inverting")
    figures, backwards = _invert(subject, prompt, regenerator)
    text = f"sampled by another program, so not regenerated; {backwards}"
    return LinkResult(Check(9, Status.WARN, text, figures), Link.OPEN)


def _regenerate_wrong_seeds(
    subject: Subject, prompt: Prompt, regenerator: Regenerator, entropy: bytes, show: Progress
) -> list[tuple[float, float]]:
    """Distance in steps and cosine to the stored latent for each of WRONG_SEEDS wrong seeds.

    One that the model makes NaN or infinity of is passed over and another drawn, but no more than as many again.
    """
    identifier, found = claim_id(subject.claim), list[tuple[float, float]]()
    for j in range(2 * WRONG_SEEDS):
        show(1 + len(found), WRONG_SEEDS + 2, "comparing with wrong seeds")
        seed = wrong_seed(identifier, entropy, j)
        with contextlib.suppress(NotFiniteError):
            (made,) = regenerator.regenerate(subject.recipe, prompt, [seed])
            distance = cell_distance(made, subject.integers, subject.recipe.latent_steps)
            found.append((distance, cosine(made, subject.latent)))
        if len(found) == WRONG_SEEDS:
            break
    return found


def _invert(
    subject: Subject, prompt: Prompt, regenerator: Regenerator
) -> tuple[dict[str, str | int | float | bool | None], str]:
    """Figures and a sentence on how well the sampler, run backwards, finds the seed's noise again."""
    try:
        back = regenerator.invert(subject.recipe, prompt, subject.latent)
        reason = "inversion not available for this sampler"
    except NotFiniteError:
        back, reason = None, "the inversion made NaN or infinity"
    if back is None:
        return {"inversion_cosine": None, "inversion_false_accept_log2": None}, reason
    d = math.prod(subject.recipe.shape)
    c = cosine(back, subject.noise)
    log2 = max(log2_false_accept(c, d), -float(d))
    return (
        {"inversion_cosine": round(c, 6), "inversion_false_accept_log2": round(log2, 1)},
        f"inverted to its noise with cosine {c:.3f}; a wrong seed does as well with probability 2^{log2:.0f} at most",
    )


def _silent(done: int, total: int, label: str) -> None:
    """Progress that nobody watches."""


def _round(distance: float) -> float | str:
    return round(distance, 6) if math.isfinite(distance) else "infinite"
