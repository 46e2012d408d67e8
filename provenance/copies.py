"""Steps 13 to 16: is a picture with other pixels than the claimed ones a transformed copy of the claimed picture?

13  *registration*: the picture is laid over the reference, the picture that the claimed latent decodes to;
14  *likeness*: what the reference explains of it, against the pictures of wrong seeds under the same recipe and of
    other prompts, each laid over it by the same search; the rate that this many draws support, and no smaller one;
15  *noise*: a latent is estimated from the laid picture, without an encoder and without the tested seed, and its
    whitened cosine with the seed's noise has the exact tail of ``provenance.correlation``. The choice of the alignment
    is the one thing by which the seed's picture enters: the bits of its word (``provenance.affine``) are subtracted;
16  *where it differs*.

A copy is *consistent* at most, and only if 14 and 15 hold. Neither can tell a copy from a picture that somebody painted
over a copy, nor from one into which he put his own noise: a dispute compares two claims (``provenance.dispute``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from provenance.commitment import wrong_seed
from provenance.correlation import REQUIRED_BITS, log2_false_accept, whitened_cosine
from provenance.errors import EnvironmentFault, InvalidError, NotFiniteError
from provenance.latent import dequantise, quantise
from provenance.likeness import Rank, rank
from provenance.recipe import Prompt
from provenance.registration import Registration, register
from provenance.report import Check, Status
from provenance.transformed import Changes, describe, find_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from provenance.calibration import Whitening
    from provenance.claimcheck import CheckedClaim
    from provenance.link import Subject
    from provenance.ports import Progress, Regenerator
    from provenance.recipe import Recipe

__all__ = ["DRAWS", "Comparison", "Estimator", "Noise", "compare", "measure_noise", "other_pictures"]

DRAWS = 16
"""Wrong seeds that are drawn when nobody says how many."""

OTHER_PROMPTS = ("", "a city street at noon", "a face", "an animal in the grass")
"""What the unrelated pictures show, as far as the model knows it."""

LEAST_BITS = 0.5
"""Bits a value that a copy's reference explains at least: a correlation of 0.71 where all of it is seen."""

MARGIN = 1.5
"""By which factor a copy exceeds the best of the chance draws."""

_FIRST_DRAW = 1_000


@runtime_checkable
class Estimator(Protocol):
    """A regenerator that can also find the latent a picture was probably decoded from."""

    def estimate(
        self,
        recipe: Recipe,
        picture: NDArray[np.float32],
        seen: NDArray[np.bool_],
        whitening: Whitening | None,
        *,
        scale: float,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """A latent (C, h, w) for a picture (H, W, 3) of 0 to 255 that counts where ``seen`` (H, W).

        ``scale``: pixels that the picture had for each pixel of its frame. Nothing of the tested seed may enter.

        Raises:
            NotFiniteError, EnvironmentFault: this machine cannot.
        """


@dataclass(frozen=True)
class Noise:
    """Step 15: the cosine, log2 of a wrong seed's chance of it, and the bits of the alignment that was chosen."""

    cosine: float
    bits: float
    cost: float

    @property
    def net(self) -> float:
        """Bits of evidence after all alignments were tried."""
        return max(0.0, self.bits - self.cost)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What steps 13 to 16 found. ``noise`` is None where it could not be tested, the rest where nothing lines up."""

    checks: tuple[Check, ...]
    registration: Registration | None = None
    rank: Rank | None = None
    noise: Noise | None = None
    changes: Changes | None = None
    words: str = ""

    @property
    def alike(self) -> bool:
        """Whether step 14 holds."""
        return self.rank is not None and is_alike(self.rank)

    @property
    def linked(self) -> bool:
        """Whether step 15 holds."""
        return self.noise is not None and self.noise.net >= REQUIRED_BITS


def is_alike(found: Rank) -> bool:
    """Best of all draws, by the margin, and enough of it."""
    return found.beaten and found.tested >= max(LEAST_BITS, MARGIN * found.nearest)


def compare(
    claimed: CheckedClaim,
    picture: NDArray[np.uint8],
    kind: str,
    regenerator: Regenerator,
    prompt: Prompt | None,
    entropy: bytes,
    *,
    draws: int = DRAWS,
    unsought: str = "",
    progress: Progress | None = None,
) -> Comparison:
    """Run steps 13 to 16. ``picture``: uint8 (height, width, 3) out of a file of format ``kind``.

    ``unsought``: why step 15, the longest, is left out, by who has tested the stored latent of the picture.

    Raises:
        EnvironmentFault: OpenCV is not installed, or the claimed picture cannot be decoded here.
    """
    reference, subject = claimed.reference, claimed.subject
    if reference is None or subject is None:
        raise EnvironmentFault("the claimed picture cannot be made on this machine, so nothing can be compared with it")
    found = register(reference, picture)
    if found is None:
        text = "the picture does not line up with the claimed one in any way that is tried"
        skipped = (Check(step, Status.SKIP, "nothing lines up") for step in (14, 15, 16))
        return Comparison((Check(13, Status.WARN, text), *skipped))
    words = describe(reference, found, (picture.shape[0], picture.shape[1]), kind)
    seeds: list[float] = []
    others: list[float] = []
    for same_prompt, drawn in other_pictures(subject, prompt, regenerator, entropy, draws, progress):
        lain = register(drawn, picture)
        (seeds if same_prompt else others).append(0.0 if lain is None else lain.likeness.bits)
    ranked = replace(rank(found.likeness.bits, seeds or others), nearest=max((*seeds, *others), default=0.0))
    noise, noted = (
        (None, Check(15, Status.SKIP, f"not needed: {unsought}"))
        if unsought
        else _noise_check(subject, found, regenerator, progress)
    )
    changes = find_changes(reference, found)
    checks = (
        _registration_check(found, words),
        _likeness_check(found, ranked, seeds, others),
        noted,
        _change_check(changes),
    )
    return Comparison(checks, found, ranked, noise, changes, words)


def other_pictures(
    subject: Subject,
    prompt: Prompt | None,
    regenerator: Regenerator,
    entropy: bytes,
    draws: int,
    progress: Progress | None = None,
) -> Iterator[tuple[bool, NDArray[np.uint8]]]:
    """Pictures that the tested seed has no part in: (same prompt?, uint8 (H, W, 3)).

    ``draws`` wrong seeds under the same recipe where its prompt is open, then one for each of OTHER_PROMPTS. Seeds that
    the model makes NaN or infinity of are left out; so is everything of a remix whose sources are not at hand.
    """
    operation = subject.recipe.operation
    sourced = operation is None or len(subject.sources) == len(operation.sources)
    wanted: list[Prompt] = [prompt] * draws if prompt is not None and sourced else []
    wanted += [Prompt(text) for text in OTHER_PROMPTS] if operation is None else []
    identifier = claimed_id(subject)
    steps = subject.recipe.latent_steps
    for number, each in enumerate(wanted):
        if progress is not None:
            progress(number, len(wanted), "comparing with other seeds")
        seed = wrong_seed(identifier, entropy, _FIRST_DRAW + number)
        try:
            (latent,) = regenerator.regenerate(subject.recipe, each, [seed], *subject.given)
            drawn = regenerator.decode(subject.recipe, dequantise(quantise(latent, steps), steps))
        except (InvalidError, NotFiniteError, ValueError):
            continue
        yield each is prompt, drawn


def claimed_id(subject: Subject) -> bytes:
    """Id of the subject's claim, to which wrong seeds are bound."""
    from provenance.claim import claim_id

    return claim_id(subject.claim)


def measure_noise(
    subject: Subject, found: Registration, estimator: Estimator, progress: Progress | None = None
) -> Noise:
    """Step 15's figures for one alignment."""
    whitening, scale = subject.whitening, min(found.scales)
    latent = estimator.estimate(subject.recipe, found.picture, found.seen, whitening, scale=scale, progress=progress)
    c, d = whitened_cosine(latent, subject.noise, whitening), math.prod(subject.recipe.shape)
    log2 = log2_false_accept(c, d)
    return Noise(c, -log2 if math.isfinite(log2) else float(d), found.cost)


# --- the checks -----------------------------------------------------------------------------------------------------


def _registration_check(found: Registration, words: str) -> Check:
    across, down = found.scales
    figures: dict[str, str | int | float | bool | None] = {
        "scale_across": round(across, 4),
        "scale_down": round(down, 4),
        "turn_degrees": round(found.turn, 2),
        "covered": round(found.likeness.covered, 4),
        "mirrored": found.mirrored,
        "transformation": words,
    }
    return Check(13, Status.PASS, f"lies over the claimed picture: {words}", figures)


def _likeness_check(found: Registration, ranked: Rank, seeds: Sequence[float], others: Sequence[float]) -> Check:
    figures: dict[str, str | int | float | bool | None] = {
        "correlation": round(found.likeness.correlation, 4),
        "bits_a_value": round(ranked.tested, 3),
        "nearest_wrong_seed_bits": round(max(seeds), 3) if seeds else None,
        "nearest_unrelated_bits": round(max(others), 3) if others else None,
        "wrong_seeds": len(seeds),
        "unrelated": len(others),
        "false_accept_rate": ranked.rate if seeds else None,
    }
    drawn = f"{len(seeds)} wrong seeds and {len(others)} other prompts reach {ranked.nearest:.2f} at most"
    text = (
        f"correlation {found.likeness.correlation:.3f} over {100 * found.likeness.covered:.0f} % of it, "
        f"{ranked.tested:.2f} bits a value; {drawn}"
    )
    if not is_alike(ranked):
        return Check(14, Status.WARN, f"{text}: not shown to be a copy", figures)
    rate = f"so much by chance in 1 of {ranked.count + 1} at most" if seeds else "no wrong seeds under a sealed prompt"
    return Check(14, Status.PASS, f"{text}; {rate}", figures)


def _noise_check(
    subject: Subject,
    found: Registration,
    regenerator: Regenerator,
    progress: Progress | None,
) -> tuple[Noise | None, Check]:
    if subject.recipe.operation is not None:
        return None, Check(15, Status.SKIP, "a derived work starts from its parents, not from noise alone")
    if not isinstance(regenerator, Estimator):
        return None, Check(15, Status.SKIP, "this machine's generator cannot estimate latents")
    try:
        noise = measure_noise(subject, found, regenerator, progress)
    except EnvironmentFault as error:
        return None, Check(15, Status.SKIP, f"the latent was not estimated: {error}")
    figures: dict[str, str | int | float | bool | None] = {
        "estimated_cosine": round(noise.cosine, 4),
        "false_accept_log2": round(-noise.bits, 1),
        "alignment_bits": round(noise.cost, 1),
        "net_bits": round(noise.net, 1),
        "required_bits": REQUIRED_BITS,
    }
    text = (
        f"the latent estimated from these pixels has whitened cosine {noise.cosine:.3f} with the seed's noise; after "
        f"{noise.cost:.0f} bits for the alignment a wrong seed does as well with probability 2^-{noise.net:.0f}"
    )
    if noise.net >= REQUIRED_BITS:
        return noise, Check(15, Status.PASS, text, figures)
    return noise, Check(15, Status.WARN, f"{text}: too little for a link (2^-{REQUIRED_BITS} is needed)", figures)


def _change_check(changes: Changes) -> Check:
    figures: dict[str, str | int | float | bool | None] = {
        "usual_difference": round(changes.usual, 2),
        "changed_share": round(changes.share, 4),
        "regions": "; ".join("{},{} to {},{}".format(*each) for each in changes.regions) or None,
    }
    usual = f"the usual block differs by {changes.usual:.1f} of 255"
    if not changes.regions:
        return Check(16, Status.PASS, f"nowhere much more than elsewhere; {usual}", figures)
    left, top, right, bottom = changes.regions[0]
    text = (
        f"{len(changes.regions)} places differ much more, {100 * changes.share:.0f} % of it, the largest from "
        f"({left}, {top}) to ({right}, {bottom}) of the claimed picture; {usual}"
    )
    return Check(16, Status.WARN, text, figures)
