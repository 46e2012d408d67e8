"""The verdict over a picture that is compared with one claim or several: never *authentic* for other pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.claimcheck import CheckedClaim, check_claim, decode_reference
from provenance.copies import Comparison, compare
from provenance.errors import EnvironmentFault, InvalidError
from provenance.pixels import pixel_digest
from provenance.recipe import Prompt, opening_commitment
from provenance.registration import register
from provenance.report import Check, Report, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from provenance.anypicture import GivenPicture
    from provenance.recipe import Opening, Recipe
    from provenance.verify import Request
    from provenance.work import Work

__all__ = ["judge_copy", "open_prompt", "report_on_copy"]


def report_on_copy(
    works: Sequence[Work], picture: GivenPicture, request: Request, *, draws: int, where: str
) -> tuple[Report, Comparison | None, NDArray[np.uint8] | None]:
    """Compare with the candidate that lies over the picture best. Also the comparison, and the claimed picture.

    Raises:
        EnvironmentFault: OpenCV is not installed, or an unknown version.
    """
    work = works[0] if len(works) == 1 else _best(works, picture, request)
    claimed = check_claim(work, request, picture.rgb)
    comparison = None
    checks = [*claimed.checks]
    if claimed.exact:
        checks.append(Check(13, Status.PASS, f"exactly the claimed pixels ({where})", {"transformation": None}))
    elif claimed.verdict is not Verdict.INVALID:
        comparison = _compare(claimed, picture, request, draws)
        checks += comparison.checks
    verdict, reason = judge_copy(claimed, comparison)
    report = Report(verdict, reason, work.identifier, work.claim.authors, tuple(checks))
    return report, comparison, claimed.reference


def judge_copy(claimed: CheckedClaim, comparison: Comparison | None) -> tuple[Verdict, str]:
    """The verdict over the picture, and why it is not a better one."""
    if claimed.exact or claimed.verdict in (Verdict.INVALID, Verdict.DISPUTED):
        return claimed.verdict, claimed.reason
    named = f"claim {claimed.work.named}..."
    if claimed.verdict not in (Verdict.AUTHENTIC, Verdict.CONSISTENT):
        return Verdict.CLAIMED, f"the claim itself proves no more: {claimed.reason}"
    if comparison is None or comparison.registration is None:
        return Verdict.CLAIMED, f"this picture was not shown to be a copy of the picture of {named}"
    if not comparison.alike:
        return Verdict.CLAIMED, f"this picture is not shown to be a copy of the picture of {named} (step 14)"
    if not comparison.linked:
        like = f"it lies over the picture of {named} as a copy would ({comparison.words})"
        return Verdict.CLAIMED, f"{like}, but carries too little of the seed's noise to link it (step 15)"
    changed = ""
    if comparison.changes is not None and comparison.changes.regions:
        changed = f"; {100 * comparison.changes.share:.0f} % of it was painted over or added (step 16)"
    return (
        Verdict.CONSISTENT,
        f"not the claimed pixels, but a transformed copy of the picture of {named}: {comparison.words}{changed}",
    )


def open_prompt(recipe: Recipe, opening: Opening | None) -> Prompt | None:
    """The prompt, where it is open or this opening opens it."""
    if isinstance(recipe.prompt, Prompt):
        return recipe.prompt
    fits = opening is not None and opening_commitment(opening) == recipe.prompt
    return opening.prompt if opening is not None and fits else None


def _compare(claimed: CheckedClaim, picture: GivenPicture, request: Request, draws: int) -> Comparison:
    regenerator = request.regenerator
    if regenerator is None or claimed.reference is None:
        reason = "the claimed picture was not made on this machine, so nothing was compared with it (steps 8 and 9)"
        return Comparison(tuple(Check(step, Status.SKIP, reason) for step in (13, 14, 15, 16)))
    prompt = open_prompt(claimed.work.recipe, request.opening)
    return compare(
        claimed,
        picture.rgb,
        picture.format,
        regenerator,
        prompt,
        request.entropy,
        draws=draws,
        progress=request.progress,
    )


def _best(works: Sequence[Work], picture: GivenPicture, request: Request) -> Work:
    """The work with exactly these pixels, else the one whose picture lies over the given one best."""
    digest = pixel_digest(picture.rgb)
    scored: list[tuple[float, int]] = []
    for place, work in enumerate(works):
        if work.claim.pixels == digest:
            return work
        if request.progress is not None:
            request.progress(place, len(works), "comparing with the author's works")
        try:
            reference = decode_reference(work, request)
        except (EnvironmentFault, InvalidError):
            reference = None
        found = None if reference is None else register(reference, picture.rgb)
        scored.append((0.0 if found is None else found.likeness.bits, -place))
    return works[-max(scored)[1]]
