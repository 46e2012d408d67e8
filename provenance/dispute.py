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

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provenance.copies import compare
from provenance.correlation import REQUIRED_BITS, log2_false_accept, whitened_cosine
from provenance.crosscheck import Place, in_place, mean_latent, seek, undo_exchange
from provenance.crossing import Crossing, Restored
from provenance.errors import EnvironmentFault, UsageError
from provenance.registration import register
from provenance.settle import Outcome, settle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.ports import Regenerator
    from provenance.registration import Registration
    from provenance.side import Side
    from provenance.subject import Subject
    from provenance.verify import Request

__all__ = ["DRAWS", "Dispute", "compare_claims"]

DRAWS = 8
"""Wrong seeds that each picture is compared with in a dispute."""


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


def _cross(one: Side, other: Side, request: Request, draws: int) -> Crossing:
    """What ``one``'s claim has to do with ``other``'s picture."""
    crossing = _seek_noise(one, other)
    same = (
        one.pixels is not None
        and other.pixels is not None
        and one.claimed.work.claim.pixels == (other.claimed.work.claim.pixels)
    )
    if same and not (one.broken and other.broken):
        return replace(crossing, same_pixels=True, why_not="both claim the same pixels")
    if other.pixels is None:
        return replace(crossing, why_not=f"no picture of {other.letter} is here")
    if request.regenerator is None or one.claimed.reference is None or one.claimed.subject is None:
        return replace(crossing, why_not=f"this machine cannot make the picture of {one.letter}")
    unsought = "the seed's noise was found in the stored latent" if crossing.bits >= REQUIRED_BITS else ""
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
        return replace(crossing, why_not=str(error))
    return replace(crossing, comparison=found, restored=_restore(one, other, found.registration, request.regenerator))


def _restore(one: Side, other: Side, found: Registration | None, regenerator: Regenerator) -> Restored | None:
    """What ``one``'s picture explains of ``other``'s once an exchange of their noises was undone.

    Only where it may decide: ``one`` was made again and ``other`` was not. Which model ``other`` names does not matter:
    it may be any, while the latents of a copy are in ``one``'s.
    """
    mine, its, reference = one.claimed.subject, other.claimed.subject, one.claimed.reference
    if mine is None or its is None or reference is None or found is None:
        return None
    if not one.regenerated or other.regenerated or mine.recipe.shape != its.recipe.shape:
        return None
    if mine.recipe.seed == its.recipe.seed:
        return None

    def explained(latent: NDArray[np.float32], place: Place) -> float:
        undone = undo_exchange(latent, mine.latent, in_place(its.noise, place), mine.noise, mine.whitening)
        laid = register(reference, regenerator.decode(mine.recipe, undone))
        return 0.0 if laid is None else laid.likeness.bits

    places = {Place(found.mirrored), _place(found, mine)}
    nothing = mean_latent(mine.recipe.shape, mine.whitening)
    return Restored(
        max(explained(in_place(its.latent, place), place) for place in places),
        max(explained(nothing, place) for place in places),
    )


def _place(found: Registration, mine: Subject) -> Place:
    """The whole cells by which a copy lies off, as its picture shows, at the middle of this claim's picture."""
    _, rows, columns = mine.recipe.shape
    width, height = mine.recipe.width, mine.recipe.height
    across, down = found.matrix @ (width / 2, height / 2, 1.0) - (width / 2, height / 2)
    return Place(found.mirrored, round(down * rows / height), round(across * columns / width))


def _is_as_made(other: Side, one: Side) -> bool:
    """Whether ``other``'s stored latent is what its own seed makes, so that nobody took ``one``'s noise out of it.

    That says something about ``one``'s noise only where both are of one model and one shape.
    """
    mine, its = one.claimed.subject, other.claimed.subject
    if mine is None or its is None or not other.regenerated:
        return False
    return mine.recipe.shape == its.recipe.shape and mine.recipe.model.digest == its.recipe.model.digest


def _seek_noise(one: Side, other: Side) -> Crossing:
    """Whether the noise of ``one``'s seed is in ``other``'s stored latent, out of which that one's own was taken."""
    mine, its = one.claimed.subject, other.claimed.subject
    if mine is None or its is None or mine.recipe.shape != its.recipe.shape:
        return Crossing(None, 0.0, same_pixels=False, comparison=None)
    whitening = its.whitening or mine.whitening
    if mine.recipe.seed != its.recipe.seed:
        c, bits, place = seek(its.latent, mine.noise, its.noise, whitening)
        return Crossing(c, bits, same_pixels=False, comparison=None, place=place)
    c, d = whitened_cosine(its.latent, mine.noise, whitening), its.latent.size
    return Crossing(c, min(-log2_false_accept(c, d), float(d)), same_pixels=False, comparison=None)
