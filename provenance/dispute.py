"""Two claims over the same or similar pictures: which one explains both?

The reasons, in this order and under these numbers:

 1  anchors: by when each claim existed, as independent authorities vouch; the order within one log
 2  proof: does somebody stand behind each claim (possession, author, seed)?
 3  regeneration: does each seed make its own picture?
 4  cross-correlation: is the seed's noise of one in the stored latent of the other, when the other's own was taken
    out? (NoisePrints' cross-check, arXiv 2510.13793: who puts his noise into a copy leaves the original's there, and
    has none of his own in the original; see provenance.crosscheck)
 5  what they share: each picture laid over the other claim's picture, against wrong seeds laid over it likewise

A claim *explains* its own picture if it is authentic or consistent, and the other's if its noise is there (4), or if
the other picture is a copy of its own (5). Time decides only between claims that explain the same; an own log proves
none.

Noise can be taken out of a copy as well as put in, the victim's seed being public, so that 4 finds too little on either
side; or the latent kept back. Then a claim that was made again from its seed (3) explains its very picture, or a near
copy of it, under a claim that was not, and a copy (5) in which half the bits of its noise are left: who grinds seeds
until his picture looks like another's, to say that this one is a copy of his, gets neither (COPY_BITS). Where both were
made again and neither is near, they are two works: few draws find pictures of one prompt alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from provenance.copies import Comparison, compare
from provenance.correlation import REQUIRED_BITS, log2_false_accept, whitened_cosine
from provenance.crosscheck import cross_cosine
from provenance.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    from provenance.side import Side
    from provenance.verify import Request

__all__ = ["DRAWS", "Crossing", "Dispute", "Outcome", "compare_claims", "settle"]

DRAWS = 8
"""Wrong seeds that each picture is compared with in a dispute."""


NEAR_BITS, NEAR_MARGIN = 1.0, 3.0
"""Bits a value, and how many times those of the best chance draw, that make another picture a near copy (5).

A correlation of 0.87: a picture with noise put in and taken out keeps that until it is plainly damaged. Of one's own
pictures under some prompt one in sixty may reach it; that no other seed comes within a third of it is the harder half.
"""

COPY_BITS = REQUIRED_BITS // 2
"""Bits of noise in a copy's latent that make it one of a picture that was made again, where other seeds come nearer.

To find a seed with so many takes 2^64 noises, tens of millions of years of one core, before its picture is looked at.
"""


class Outcome(StrEnum):
    """What a dispute came to."""

    A = "A explains both"
    B = "B explains both"
    BOTH = "both stand"
    NEITHER = "neither"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, eq=False)
class Crossing:
    """What one claim has to do with the other's picture.

    Attributes:
        cosine: of the other's stored latent, whitened and less its own noise, with this claim's noise; None where they
            have other shapes.
        bits: -log2 of a fresh seed's chance of it.
        same_pixels: whether both pictures are pixel for pixel the same.
        comparison: the other's picture laid over this claim's (steps 13 to 16), where this machine could do that.
        why_not: why there is no comparison.
    """

    cosine: float | None
    bits: float
    same_pixels: bool
    comparison: Comparison | None
    why_not: str = ""

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
        return found is not None and found.beaten and found.tested >= max(NEAR_BITS, NEAR_MARGIN * found.nearest)

    @property
    def copied(self) -> bool:
        """Whether the other's picture comes from this claim's, if this one alone was made again from its seed."""
        return self.same_pixels or self.near or (self.alike and self.bits >= COPY_BITS)

    @property
    def explains(self) -> bool:
        """Whether this claim explains the other's picture, if it holds at all."""
        return self.noise_found or self.alike


@dataclass(frozen=True, eq=False)
class Dispute:
    """The sides, what each has to do with the other's picture, the outcome and why."""

    a: Side
    b: Side
    of_a: Crossing
    of_b: Crossing
    outcome: Outcome
    reason: str

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        return f"{self.outcome}: {self.reason}"


def compare_claims(a: Side, b: Side, request: Request, *, draws: int = DRAWS) -> Dispute:
    """Compare two claims.

    Raises:
        UsageError: both are one and the same claim over the same pixels. EnvironmentFault: OpenCV is not installed.
    """
    if a.claimed.work.identifier == b.claimed.work.identifier and not (a.broken or b.broken):
        raise UsageError(f"{a.name} and {b.name} hold one and the same claim; there is nothing to decide")
    of_a, of_b = _cross(a, b, request, draws), _cross(b, a, request, draws)
    outcome, reason = settle(a, b, of_a, of_b)
    return Dispute(a, b, of_a, of_b, outcome, reason)


def settle(a: Side, b: Side, of_a: Crossing, of_b: Crossing) -> tuple[Outcome, str]:
    """The outcome, and the reason that decided it."""
    if a.broken and b.broken:
        return Outcome.NEITHER, "neither claim holds for its own picture (steps 2 and 3)"
    if _one_secret(a, b):
        return _settle_one_secret(a, b)
    related = of_a.explains or of_b.explains
    if not related:
        return _settle_unrelated(a, b, of_a, of_b)
    for winner, loser, own, other in ((a, b, of_a, Outcome.A), (b, a, of_b, Outcome.B)):
        if winner.sound and own.explains and loser.broken:
            how = "its noise is in both" if own.noise_found else "the other is a copy of its picture"
            return other, f"{winner.letter} holds and {how}, while {loser.letter} does not hold: {loser.fault}"
    if a.broken or b.broken:
        left = b if a.broken else a
        return Outcome.UNDETERMINED, (
            f"{(a if a.broken else b).letter} does not hold, and {left.letter} proves too little to explain both: "
            f"{left.claimed.reason}"
        )
    if of_a.noise_found != of_b.noise_found:
        return _settle_by_noise(a, b, of_a)
    if (
        a.regenerated
        and b.regenerated
        and not any(one.noise_found or one.same_pixels or one.near for one in (of_a, of_b))
    ):
        return Outcome.BOTH, (
            "each was made again from its own seed, neither noise is in the other, and they are no nearer to each "
            "other than pictures of one prompt can be"
        )
    if a.regenerated != b.regenerated and (of_a if a.regenerated else of_b).explains:
        better, weaker = (a, b) if a.regenerated else (b, a)
        own = of_a if a.regenerated else of_b
        said = f"{better.letter} was made again from its seed and {weaker.letter}"
        less = "was not" if not weaker.repeated else "was too, which proves less for it"
        if own.copied:
            how = "the very same" if own.same_pixels else "a near copy of it"
            if not (own.same_pixels or own.near):
                how = f"a copy of it with its noise left in it (2^-{own.bits:.0f})"
            hope = "" if weaker.repeated else f"; only making {weaker.letter} again could show otherwise"
            return (Outcome.A if a.regenerated else Outcome.B), (
                f"{said}, whose picture is {how}, {less}: {weaker.claimed.reason}{hope}"
            )
        hope = "" if weaker.repeated else f"; making {weaker.letter} again would decide"
        return Outcome.UNDETERMINED, f"{said} {less}: {weaker.claimed.reason}{hope}"
    return Outcome.UNDETERMINED, f"both explain as much; {_by_time(a, b)}"


def _settle_by_noise(a: Side, b: Side, of_a: Crossing) -> tuple[Outcome, str]:
    winner, loser, outcome = (a, b, Outcome.A) if of_a.noise_found else (b, a, Outcome.B)
    weight = "" if winner.regenerated else "; neither was regenerated here, which would weigh more"
    if loser.regenerated and not winner.regenerated:
        return Outcome.UNDETERMINED, (
            f"the noise of {winner.letter} is in both, but {loser.letter} alone was made again from its seed; making "
            f"{winner.letter} again would decide"
        )
    return outcome, (
        f"the noise of {winner.letter}'s seed is in both, that of {loser.letter}'s seed in {loser.letter} at "
        f"most{weight}"
    )


def _settle_unrelated(a: Side, b: Side, of_a: Crossing, of_b: Crossing) -> tuple[Outcome, str]:
    compared = of_a.comparison is not None or of_b.comparison is not None
    if a.broken or b.broken:
        left, gone = (b, a) if a.broken else (a, b)
        text = f"{gone.letter} does not hold: {gone.fault}; but nothing shows that its picture comes from"
        return Outcome.UNDETERMINED, f"{text} {left.letter}'s"
    if not compared:
        why = of_a.why_not or of_b.why_not
        return (
            Outcome.UNDETERMINED,
            f"neither noise is in the other's latent, and the pictures were not compared: {why}",
        )
    if a.sound and b.sound:
        return Outcome.BOTH, "independent works: each holds for its own picture, and neither is in the other"
    weak = b if a.sound else a
    return Outcome.UNDETERMINED, (
        f"neither is in the other, and {weak.letter} proves too little for its own picture: {weak.claimed.reason}"
    )


def _settle_one_secret(a: Side, b: Side) -> tuple[Outcome, str]:
    """Both claims are signed by who knows one and the same P."""
    if a.broken or b.broken:
        outcome = Outcome.B if a.broken else Outcome.A
        return outcome, "both name one secret, and only this claim holds"
    if set(a.claimed.work.claim.authors) == set(b.claimed.work.claim.authors):
        return Outcome.BOTH, f"one secret and the same authors: they claimed twice; {_by_time(a, b)}"
    return Outcome.UNDETERMINED, f"whoever made these two claims knows the same secret; {_by_time(a, b)}"


def _one_secret(a: Side, b: Side) -> bool:
    return a.claimed.work.claim.Y == b.claimed.work.claim.Y


def _by_time(a: Side, b: Side) -> str:
    """What the anchors say, as the end of a sentence."""
    if a.anchor is not None and b.anchor is not None and a.anchor != b.anchor:
        first = a if a.anchor < b.anchor else b
        return f"the earlier independent timestamp is {first.letter}'s"
    if a.place is not None and b.place is not None and a.place[0] == b.place[0]:
        first = a if a.place[1] < b.place[1] else b
        return f"in the log {a.place[0]} {first.letter} stands first; a log proves an order and no time"
    return "independent timestamps on both would decide which was first"


def _cross(one: Side, other: Side, request: Request, draws: int) -> Crossing:
    """What ``one``'s claim has to do with ``other``'s picture."""
    cosine, bits = _latent_cosine(one, other)
    same = (
        one.pixels is not None
        and other.pixels is not None
        and one.claimed.work.claim.pixels == (other.claimed.work.claim.pixels)
    )
    if same and not (one.broken and other.broken):
        return Crossing(cosine, bits, same_pixels=True, comparison=None, why_not="both claim the same pixels")
    if other.pixels is None:
        return Crossing(
            cosine, bits, same_pixels=False, comparison=None, why_not=f"no picture of {other.letter} is here"
        )
    if request.regenerator is None or one.claimed.reference is None or one.claimed.subject is None:
        why = f"this machine cannot make the picture of {one.letter}"
        return Crossing(cosine, bits, same_pixels=False, comparison=None, why_not=why)
    unsought = "the seed's noise was found in the stored latent" if bits >= REQUIRED_BITS else ""
    if not unsought and _is_as_made(other, one):
        unsought = "the other's stored latent, which was tested, is what its own seed makes, so nothing was taken out"
    try:
        found = compare(
            one.claimed,
            other.pixels,
            "PNG",
            request.regenerator,
            one.prompt,
            request.entropy,
            draws=draws,
            unsought=unsought,
            progress=request.progress,
        )
    except EnvironmentFault as error:
        return Crossing(cosine, bits, same_pixels=False, comparison=None, why_not=str(error))
    return Crossing(cosine, bits, same_pixels=False, comparison=found)


def _is_as_made(other: Side, one: Side) -> bool:
    """Whether ``other``'s stored latent is what its own seed makes, so that nobody took ``one``'s noise out of it."""
    mine, its = one.claimed.subject, other.claimed.subject
    if mine is None or its is None or not other.regenerated:
        return False
    return mine.recipe.shape == its.recipe.shape and mine.recipe.model.digest == its.recipe.model.digest


def _latent_cosine(one: Side, other: Side) -> tuple[float | None, float]:
    """Whitened cosine of ``other``'s stored latent, less its own noise, with ``one``'s noise, and its bits."""
    mine, its = one.claimed.subject, other.claimed.subject
    if mine is None or its is None or mine.recipe.shape != its.recipe.shape:
        return None, 0.0
    calibration = its.model.calibration(its.recipe.shape) if its.model else None
    whitening = calibration.whitening if calibration else None
    if mine.recipe.seed == its.recipe.seed:
        c = whitened_cosine(its.latent, mine.noise, whitening)
    else:
        c = cross_cosine(its.latent, mine.noise, its.noise, whitening)
    d = its.latent.size
    return c, min(-log2_false_accept(c, d), float(d))
