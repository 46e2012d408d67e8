"""From numbered checks to one verdict: the strongest statement that holds, and why it is not a stronger one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.correlation import REQUIRED_BITS
from provenance.descent import verdict_bound
from provenance.faint import faintness
from provenance.link import Link, evidence_bits
from provenance.measured import UNBOUNDED, why_unmeasured
from provenance.recipe import Prompt
from provenance.report import Check, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provenance.ancestors import Ancestry
    from provenance.attested import Attested
    from provenance.lineage import Lineage
    from provenance.link import Subject
    from provenance.standing import Standing

__all__ = ["Findings", "decide", "dispute"]

_CORRELATION = 7

_NO_NOISE = "it uses no noise of its own seed, so nothing can prove that its author made it"
_NO_WAY_BACK = (
    "this operation leaves no test whose error is known exactly, and regeneration alone can be ground (docs/adr/0006)"
)


@dataclass(frozen=True)
class Findings:
    """Everything that was found: the checks, what steps 7 to 9 mean, notaries, and of a derived work its ancestors.

    ``subject`` is None where the file stores no latent; ``lineage`` where no operation made the work from others.
    """

    checks: Sequence[Check]
    links: Mapping[int, Link]
    subject: Subject | None
    attested: Attested
    lineage: Lineage | None
    ancestry: Ancestry


def decide(found: Findings) -> tuple[Verdict, str]:
    """The verdict before the log's word about the claim, and why it is not a stronger one."""
    failed = next((check for check in found.checks if check.status is Status.FAIL), None)
    if failed is not None:
        return Verdict.INVALID, f"step {failed.step}, {failed.name}: {failed.detail}"
    if found.subject is None:
        return Verdict.CLAIMED, "no latent is stored in the file, so nothing links the seed to the picture"
    bound = None if found.lineage is None else verdict_bound(found.lineage, found.ancestry)
    if bound is not None and bound[0] is Verdict.CLAIMED:
        return bound
    operation = found.subject.recipe.operation
    if operation is not None and not operation.invertible:
        again = ": its parents and parameters make it again" if found.links.get(9) is Link.HOLDS else ""
        return Verdict.CLAIMED, f"{_NO_WAY_BACK if operation.draws else _NO_NOISE}{again}"
    verdict, reason = _judge_links(found, found.subject)
    if bound is not None and verdict is Verdict.AUTHENTIC:
        return bound
    return verdict, reason


def _judge_links(found: Findings, subject: Subject) -> tuple[Verdict, str]:
    checks, links = found.checks, found.links
    strong = [check.step for check in checks if evidence_bits(check) >= REQUIRED_BITS]
    fitted = _what_may_be_fitted(subject)
    linked = any(step == _CORRELATION or fitted is None for step in strong)
    if links.get(9) is Link.UNATTRIBUTABLE:
        return Verdict.CLAIMED, "the picture does not depend on its seed"
    recipe = subject.recipe
    prompt = recipe.prompt if isinstance(recipe.prompt, Prompt) else None
    unmeasured = why_unmeasured(recipe, recipe.shape, prompt, subject.model)
    if unmeasured is not None or links.get(9) is Link.UNMEASURED:
        return Verdict.CLAIMED, unmeasured or _detail(checks, 9)
    bound = None if subject.recipe.setup is None else subject.recipe.setup.why_not_authentic
    if found.attested.holds and bound is None and not (links.get(9) is Link.HOLDS and linked):
        return Verdict.AUTHENTIC, found.attested.credit
    if links.get(8) is not Link.HOLDS:
        return Verdict.CLAIMED, f"the picture was not compared with its stored latent (step 8): {_detail(checks, 8)}"
    if links.get(9) is Link.HOLDS and linked:
        if subject.calibration is None:
            return Verdict.CONSISTENT, "regenerated, but the policy knows no calibration for this model, size and steps"
        if subject.calibration.region is None:
            return Verdict.CONSISTENT, f"regenerated, but {UNBOUNDED}"
        if bound is not None:
            return Verdict.CONSISTENT, f"regenerated, but {bound}, which could turn any seed into any picture"
        return Verdict.AUTHENTIC, ""
    if links.get(9) is Link.UNMADE:
        return Verdict.CLAIMED, f"the recipe makes no picture of its own seed here (step 9): {_detail(checks, 9)}"
    if linked:
        faint = "".join(faintness(check.figures) for check in checks if check.step == _CORRELATION)
        return Verdict.CONSISTENT, f"no regeneration confirmed the picture (step 9): {_detail(checks, 9)}{faint}"
    if strong:
        return (
            Verdict.CLAIMED,
            f"only {fitted} links seed and picture, and one fitted to this very picture would as well",
        )
    return Verdict.CLAIMED, "seed and stored latent are not linked strongly enough (steps 7 and 9)"


def _what_may_be_fitted(subject: Subject) -> str | None:
    """What the way back to the noise rests on that its author may have fitted to this very seed, or None.

    A remix has no other test: its verdict names its parents, and such models are believed for it.
    """
    recipe = subject.recipe
    if recipe.operation is not None:
        return None
    if subject.model is None:
        return "a model that the policy does not know (see: seedproof calibrate)"
    return "an adapter" if recipe.setup is not None and recipe.setup.adapters else None


def dispute(verdict: Verdict, reason: str, logged: Check, standing: Standing) -> tuple[Verdict, str]:
    """The verdict once the log's word about the claim is heard. What is invalid stays so."""
    if verdict is Verdict.INVALID:
        return verdict, reason
    if standing.disputed:
        return Verdict.DISPUTED, standing.disputed
    older = standing.rivalry.disputed_if_authentic if verdict is Verdict.AUTHENTIC else ""
    older = older or standing.rivalry.disputed
    if not older:
        return verdict, reason
    log = logged.figures.get("log")
    if standing.history is not None and log not in (None, standing.history.log):
        older += f"; this file's receipt is from {log}, and between logs only independent timestamps say what was first"
    return Verdict.DISPUTED, older


def _detail(checks: Sequence[Check], step: int) -> str:
    return next(check.detail for check in checks if check.step == step)
