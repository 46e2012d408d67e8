"""Steps 7 to 9: what links the seed to the picture, each with its own error statement.

7 correlation needs arithmetic alone; 8 decoding and 9 regeneration need the model and come through the Regenerator
port. Only regeneration decides "authentic": correlation can be forged by injecting noise at 38 to 45 dB.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from provenance.claim import MIN_VALUES
from provenance.correlation import REQUIRED_BITS, cosine, log2_false_accept, threshold, whitened_cosine
from provenance.errors import NotFiniteError
from provenance.faint import faintness, least_honest
from provenance.latent import cell_distance
from provenance.measured import why_unmeasured
from provenance.operation import replaces_source
from provenance.pixels import pixel_digest
from provenance.report import Check, Status
from provenance.subject import Link, LinkResult, Subject
from provenance.wrongseeds import WrongSeeds, make_wrong_seeds, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    "evidence_bits",
]

WRONG_SEEDS = 4
"""Wrong seeds drawn in step 9. A memorised prompt shows with the first; four take two seconds with the house model."""

PIXELS_SAME = 2
"""Largest difference of 8-bit pixel values that float arithmetic on other hardware explains."""

PIXELS_OTHER = 8
"""Beyond this largest difference the picture is another one; in between, inconclusive."""

ALIKE = 0.98
"""Latent cosine beyond which two seeds' pictures are the same to the eye: they differ by a fifth of the latent."""

FOREIGN = 8
"""Rounding on other hardware leaves a picture so many times nearer than wrong seeds; what is not may be ground.

In half precision it goes beyond the accept threshold, which is that of float32: to 0.02 to 0.09 steps by another
implementation on one processor, where the nearest wrong seeds are six steps away (``benchmarks.honest``).
"""

ALIKE_ALONE = 0.95
"""The same for a picture that no parent makes like others. At 0.97 two seeds of a model that memorises differ by 27 dB;
of 100 honest prompts one comes nearer with any of 32 wrong seeds (``benchmarks.memorised``, ``benchmarks.separation``).
"""

Figures = dict[str, str | int | float | bool | None]

_EVIDENCE = {7: "false_accept_log2", 9: "inversion_false_accept_log2"}


def check_correlation(subject: Subject) -> LinkResult:
    """Step 7: whitened cosine of stored latent and noise, and the chance that a fresh seed does as well."""
    calibration = subject.model.calibration(subject.recipe.shape) if subject.model else None
    c = whitened_cosine(subject.latent, subject.noise, subject.whitening)
    d = math.prod(subject.recipe.shape)
    bits = -log2_false_accept(c, d) if math.isfinite(log2_false_accept(c, d)) else float(d)
    figures: Figures = {
        "cosine": round(c, 6),
        "threshold": round(threshold(d), 6),
        "false_accept_log2": round(-bits, 1),
        "dimensions": d,
        "whitened": calibration is not None,
        "honest_least": None if calibration is None else least_honest(calibration),
    }
    kind = "whitened" if calibration else "plain"
    text = f"{kind} cosine {c:.3f}, needed {threshold(d):.3f}; a wrong seed does as well with probability 2^-{bits:.0f}"
    if bits >= REQUIRED_BITS:
        return LinkResult(Check(7, Status.PASS, f"{text}{faintness(figures)}", figures), Link.HOLDS)
    return LinkResult(Check(7, Status.WARN, f"{text}: too little for a link by this test alone", figures), Link.OPEN)


def check_decoding(subject: Subject, regenerator: Regenerator, progress: Progress | None = None) -> LinkResult:
    """Step 8: decode the stored latent and compare with the published pixels."""
    if progress is not None:
        progress(0, WRONG_SEEDS + 2, "loading the model")
    decoded = regenerator.decode(subject.recipe, subject.latent)
    if subject.pixels is None:
        same = pixel_digest(decoded) == subject.claim.pixels
        text = "pixel for pixel the claimed ones" if same else "decodes to other pixels than the claimed ones here"
        link = Link.HOLDS if same else Link.OPEN
        return LinkResult(Check(8, Status.PASS if same else Status.WARN, text), link)
    if decoded.shape != subject.pixels.shape:
        text = f"the latent decodes to {decoded.shape[1]}x{decoded.shape[0]}, the picture is another size"
        return LinkResult(Check(8, Status.FAIL, text), Link.BROKEN)
    difference = np.abs(decoded.astype(np.int16) - subject.pixels.astype(np.int16))
    worst, changed = int(difference.max()), float((difference > 0).mean())
    figures: Figures = {
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
    """Step 9: make the picture again from the seed and from WRONG_SEEDS wrong ones; run the sampler backwards.

    A remix is made again from its stored sources. Where it uses no noise of its own, no seed is wrong.

    Raises:
        NotFiniteError: this machine makes NaN or infinity of the picture's own seed, so nothing can be compared.
    """
    show = progress or _silent
    accept, reject = subject.thresholds
    recipe = subject.recipe
    show(0, WRONG_SEEDS + 2, "regenerating")
    (made,) = regenerator.regenerate(recipe, prompt, [recipe.seed], *subject.given)
    right = _distance(made, subject)
    if not subject.draws:
        return _judge_undrawn(subject, right)
    others = make_wrong_seeds(subject, prompt, regenerator, entropy, show, WRONG_SEEDS)
    show(WRONG_SEEDS + 1, WRONG_SEEDS + 2, "inverting")
    inverted, backwards = _invert(subject, prompt, regenerator)
    wrong, complete = others.nearest, others.count == WRONG_SEEDS
    if subject.calibration is not None and recipe.dtype != "float32" and complete:
        accept = max(accept, min(reject, wrong / FOREIGN))
    figures: Figures = {
        "distance": _round(right),
        "accept": round(accept, 6),
        "reject": reject,
        "wrong_seeds": others.count,
        "nearest_wrong_distance": _round(wrong),
        "nearest_wrong_cosine": round(others.likest, 4),
        "wrong_seeds_cosine": round(others.among, 4),
        **inverted,
        "calibrated": subject.calibration is not None,
    }
    text = (
        f"distance {right:.4f} quantisation steps (accepted up to {accept:g}); nearest of {others.count} wrong seeds "
        f"{wrong:.2f} steps; {backwards}"
    )
    measured = subject.calibration is not None and recipe.dtype == "float32"
    if not right <= (reject if measured else max(reject, wrong / 2)):
        text = f"the seed makes another picture: {text}"
        return LinkResult(Check(9, Status.FAIL, text, figures), Link.BROKEN)
    common = _why_common(recipe, others, max(reject, right))
    if common is not None:
        text += f": {common}, so the picture does not depend on its seed and proves no authorship"
        return LinkResult(Check(9, Status.WARN, text, figures), Link.UNATTRIBUTABLE)
    unmeasured = why_unmeasured(recipe, recipe.shape, prompt, subject.model)
    if unmeasured is not None:
        return LinkResult(Check(9, Status.WARN, f"{unmeasured}: {text}", figures), Link.UNMEASURED)
    if right > max(reject, wrong / FOREIGN if complete else 0.0):
        text = f"nearer than wrong seeds, but not so near as other hardware would explain: {text}"
        return LinkResult(Check(9, Status.WARN, text, figures), Link.UNMEASURED)
    if not complete:
        text = f"inconclusive, the model made NaN or infinity of most wrong seeds: {text}"
        return LinkResult(Check(9, Status.WARN, text, figures), Link.OPEN)
    if right <= accept:
        return LinkResult(Check(9, Status.PASS, f"regenerated: {text}", figures), Link.HOLDS)
    return LinkResult(Check(9, Status.WARN, f"inconclusive, as on foreign hardware: {text}", figures), Link.OPEN)


def _why_common(recipe: Recipe, others: WrongSeeds, near: float) -> str | None:
    """Why other seeds make the same picture, if they do.

    A remix may be like others through its parents, then it is like all of them: two that are the same, and nothing like
    it, show a prompt with few outcomes there as well.
    """
    alone = recipe.operation is None or replaces_source(recipe.operation, recipe.steps)
    if others.nearest <= near or others.likest > (ALIKE_ALONE if alone else ALIKE):
        return "wrong seeds come as close"
    few = others.among > ALIKE and others.likest <= ALIKE_ALONE
    return "wrong seeds make one and the same picture" if few else None


def _judge_undrawn(subject: Subject, distance: float) -> LinkResult:
    """Step 9 of a remix without noise of its own: its sources and parameters either make it or they do not."""
    accept, reject = subject.thresholds
    figures: Figures = {
        "distance": _round(distance),
        "accept": accept,
        "reject": reject,
        "wrong_seeds": 0,
        "calibrated": subject.calibration is not None,
    }
    text = f"distance {distance:.4f} quantisation steps (accepted up to {accept:g}) from what its parents give"
    if not distance <= reject:
        text = f"its parents and parameters make another picture: {text}"
        return LinkResult(Check(9, Status.FAIL, text, figures), Link.BROKEN)
    if distance <= accept:
        text = f"made again from its parents: {text}; no noise of its own seed is in it"
        return LinkResult(Check(9, Status.PASS, text, figures), Link.HOLDS)
    return LinkResult(Check(9, Status.WARN, f"inconclusive, as on foreign hardware: {text}", figures), Link.OPEN)


def evidence_bits(check: Check) -> float:
    """Bits of evidence that the seed's noise is in the latent, by correlation (step 7) or by inversion (step 9)."""
    value = check.figures.get(_EVIDENCE.get(check.step, ""))
    return -value if isinstance(value, float) else 0.0


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


def _distance(made: NDArray[np.float32], subject: Subject) -> float:
    """In steps; of an inpainting the worse of inside and outside of its mask, so that neither hides the other."""
    if made.shape != subject.integers.shape:
        return math.inf
    inside, steps = subject.mask, subject.recipe.latent_steps
    places = [place for place in (inside, ~inside) if place.any()]
    return max(cell_distance(part(made, place), part(subject.integers, place), steps) for place in places)


def _invert(subject: Subject, prompt: Prompt, regenerator: Regenerator) -> tuple[Figures, str]:
    """Figures and a sentence on how well the sampler, run backwards, finds the seed's noise again."""
    operation, inside = subject.recipe.operation, subject.mask
    d = subject.recipe.shape[0] * int(inside.sum())
    try:
        possible = (operation is None or operation.invertible) and d >= MIN_VALUES
        back = regenerator.invert(subject.recipe, prompt, subject.latent, *subject.given) if possible else None
        reason = f"inversion not available for this {'operation' if operation is not None else 'sampler'}"
    except NotFiniteError:
        back, reason = None, "the inversion made NaN or infinity"
    if back is None:
        return {"inversion_cosine": None, "inversion_false_accept_log2": None}, reason
    c = cosine(part(back, inside), part(subject.noise, inside))
    log2 = max(log2_false_accept(c, d), -float(d))
    return (
        {"inversion_cosine": round(c, 6), "inversion_false_accept_log2": round(log2, 1)},
        f"inverted to its noise with cosine {c:.3f}; a wrong seed does as well with probability 2^{log2:.0f} at most",
    )


def _silent(done: int, total: int, label: str) -> None:
    """Progress that nobody watches."""


def _round(distance: float) -> float | str:
    return round(distance, 6) if math.isfinite(distance) else "infinite"
