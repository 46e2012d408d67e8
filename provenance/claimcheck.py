"""Checking a claim that came without its signed picture: from a claim file, or from a log that keeps its parts.

The numbered steps are those of :mod:`provenance.verify`, but that there is no container (1, 2), and that the picture
may be missing (3, 8): then the claim stands for the picture that its stored latent decodes to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provenance.ancestors import Ancestry, examine_ancestors
from provenance.descent import check_lineage
from provenance.errors import InvalidError, MissingModelError
from provenance.freshness import Freshness
from provenance.integrity import check_authors, check_possession, check_recipe, check_seed, named_authors
from provenance.judgement import Findings, decide, dispute
from provenance.latent import dequantise
from provenance.library import Library
from provenance.lineage import trace
from provenance.lineagesearch import finder
from provenance.link import Link, Subject
from provenance.pixels import pixel_digest
from provenance.report import Check, Status, Verdict
from provenance.standing import check_logged, check_standing
from provenance.verify import check_links, examiner_of
from provenance.work import examine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.claimfile import ClaimFile
    from provenance.verify import Request
    from provenance.work import Work

__all__ = ["CheckedClaim", "check_claim", "decode_reference", "work_of_claim_file"]


@dataclass(frozen=True, eq=False)
class CheckedClaim:
    """What is known of a claim.

    Attributes:
        work: the claim with its recipe and latent.
        checks: steps 1 to 12.
        verdict: what the claim itself is worth, for the picture that it claims.
        reason: why it is not worth more, or "".
        exact: whether the given picture has the claimed pixels.
        subject: what the tests look at; None where there is no latent.
        reference: the claimed picture, uint8 (H, W, 3), where this machine can decode it and nothing is broken.
    """

    work: Work
    checks: tuple[Check, ...]
    verdict: Verdict
    reason: str
    exact: bool
    subject: Subject | None
    reference: NDArray[np.uint8] | None


def work_of_claim_file(file: ClaimFile) -> Work:
    """The work in a claim file, with everything about it checked that needs no model; see ``Work.faults``."""
    return examine(file.entry, file.recipe, file.latent, origin="file", title="claim file", receipt=file.receipt)


def check_claim(work: Work, request: Request, picture: NDArray[np.uint8] | None = None) -> CheckedClaim:
    """Run all steps over a claim. ``picture``: uint8 (H, W, 3), which may or may not be the claimed one.

    Raises:
        EnvironmentFault, SealedError: as :func:`provenance.verify.verify`.
    """
    claim, recipe = work.claim, work.recipe
    exact = picture is not None and pixel_digest(picture) == claim.pixels
    checks = [
        Check(1, Status.SKIP, "no signed file: the claim came without one"),
        Check(2, Status.PASS, f"claim {work.named}... by {named_authors(claim)}"),
        _check_digests(work, exact=exact),
        check_possession(work.entry),
        check_authors(work.entry),
        check_seed(claim, recipe),
    ]
    broken = next((check for check in checks if check.status is Status.FAIL), None)
    subject = None
    if work.integers is not None:
        model = request.policy.models.get(recipe.model.digest)
        subject = Subject(claim, recipe, work.integers, picture if exact else None, model)
    lineage = trace(work, Library(), finder(request.nearby, request.ledger))
    links: dict[int, Link] = {}
    if subject is not None and broken is None:
        links = check_links(checks, subject, lineage, request)
    else:
        reason = "no latent came with the claim" if broken is None else f"step {broken.step} failed"
        checks.extend(Check(step, Status.SKIP, reason) for step in (7, 8, 9))
    fresh = Freshness(request.now, request.max_age) if request.require_fresh else None
    standing = check_standing(work.entry, request.ledger, request.policy, fresh=fresh)
    logged, attested = check_logged(
        work.receipt,
        work.entry,
        request.policy,
        request.now,
        vouched=False,
        standing=standing,
        model=recipe.model.digest,
    )
    ancestry = examine_ancestors(lineage, examiner_of(request)) if lineage.nodes else Ancestry()
    checks.extend((logged, standing.check, check_lineage(lineage, ancestry, vouched=False)))
    found = Findings(checks, links, subject, attested, lineage if recipe.operation is not None else None, ancestry)
    verdict, reason = dispute(*decide(found), logged, standing)
    reference = None if verdict is Verdict.INVALID else decode_reference(work, request)
    if subject is not None:
        subject = replace(subject, sources=lineage.materials(recipe)[0])
    return CheckedClaim(work, tuple(checks), verdict, reason, exact, subject, reference)


def decode_reference(work: Work, request: Request) -> NDArray[np.uint8] | None:
    """The picture that the claimed latent decodes to, uint8 (H, W, 3); None where this machine cannot decode it."""
    regenerator = request.regenerator
    if regenerator is None or work.integers is None or regenerator.why_not(work.recipe) is not None:
        return None
    try:
        return regenerator.decode(work.recipe, dequantise(work.integers, work.recipe.latent_steps))
    except (ImportError, InvalidError, MissingModelError):
        return None


def _check_digests(work: Work, *, exact: bool) -> Check:
    """Step 3 for a claim without its file."""
    wrong = check_recipe(work.claim, work.recipe)
    if wrong is not None and wrong.status is Status.FAIL:
        return wrong
    fault = next((fault for fault in work.faults if "latent" in fault), None)
    if fault is not None:
        return Check(3, Status.FAIL, fault)
    what = "recipe and stored latent match the claim" if work.integers is not None else "the recipe matches the claim"
    figures: dict[str, str | int | float | bool | None] = {
        "sealed_prompt": isinstance(work.recipe.prompt, bytes),
        "same_pixels": exact,
    }
    return Check(
        3, Status.PASS, f"{what}; {'so do the pixels' if exact else 'the pixels are not compared yet'}", figures
    )
