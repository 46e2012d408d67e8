"""Verification of one signed picture in numbered steps.

 1  container and C2PA signature          7  latent-noise correlation and its false-accept rate
 2  our assertion, strictly parsed        8  the picture is the decoded latent
 3  digests: recipe, latent, pixels       9  regeneration and inversion
 4  proof of possession                  10  receipt: inclusion, checkpoint, timestamps
 5  author signatures                    11  rivals, transfers, revocations known to the log
 6  seed = H(Y, index)                   12  lineage

Steps 1 to 6 live in provenance.integrity, 7 to 9 in provenance.link, 10 to 12 in provenance.standing. A step that
fails ends with the verdict *invalid*, after the remaining cheap steps were run for the report. Time is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from provenance.claim import Entry, claim_id, parse_claim
from provenance.correlation import REQUIRED_BITS
from provenance.errors import (
    EnvironmentFault,
    InvalidError,
    MissingModelError,
    NotFiniteError,
    SealedError,
    UnprovedError,
    UnsupportedVersionError,
)
from provenance.integrity import (
    check_authors,
    check_container,
    check_digests,
    check_possession,
    check_seed,
    check_vouched,
    named_authors,
    open_container,
    read_assertion,
)
from provenance.link import (
    Link,
    LinkResult,
    Subject,
    check_correlation,
    check_decoding,
    check_inversion,
    check_regeneration,
)
from provenance.recipe import Prompt, opening_commitment, parse_recipe
from provenance.report import Check, Report, Status, Verdict
from provenance.sidecar import check_sidecar
from provenance.standing import Standing, check_lineage, check_logged, check_standing
from provenance.stray import report_stray

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.attested import Attested
    from provenance.policy import Policy
    from provenance.ports import Ledger, Progress, Regenerator
    from provenance.recipe import Opening

__all__ = ["Depth", "Request", "verify"]


class Depth(Enum):
    """How much to do: QUICK needs no model, AUTO regenerates where it can, INSIST fails where it cannot."""

    QUICK = auto()
    AUTO = auto()
    INSIST = auto()


@dataclass(frozen=True)
class Request:
    """What to verify with what: everything but the bytes of the file.

    Attributes:
        now: aware UTC time, for timestamps that claim to come from the future.
        regenerator: opened lazily by the caller; None where the depth is QUICK or there is none.
        opening: opens a sealed prompt for this verifier.
        entropy: random bytes of this verifier, from which the wrong seeds of step 9 are drawn: a forger who knew them
            could grind keys until they miss. Empty makes a run repeatable.
        sidecar: the bytes of the file beside the picture (``provenance.sidecar``), if there is one.
    """

    policy: Policy
    now: datetime
    depth: Depth = Depth.AUTO
    regenerator: Regenerator | None = None
    ledger: Ledger | None = None
    opening: Opening | None = None
    require_fresh: bool = False
    entropy: bytes = b""
    progress: Progress | None = None
    sidecar: bytes | None = None


def verify(data: bytes, request: Request) -> Report:
    """Verify the bytes of one picture file.

    Raises:
        EnvironmentFault: this machine cannot tell: an unknown version, a missing model under INSIST, no ledger under
            ``require_fresh``, or two curve implementations that disagree.
        SealedError: the opening that was given opens another prompt. Every other outcome is a Report.
    """
    checks: list[Check] = []
    try:
        container = open_container(data, request.policy)
        checks.append(check_container(container))
        assertion = read_assertion(container)
    except UnprovedError as error:
        checks.append(Check(len(checks) + 1, Status.SKIP, str(error)))
        return report_stray(data, str(error), checks, request.ledger)
    except UnsupportedVersionError:
        raise
    except InvalidError as error:
        failed = Check(len(checks) + 1, Status.FAIL, str(error))
        return Report(Verdict.INVALID, str(error), None, (), (*checks, failed))
    try:
        claim, recipe = parse_claim(assertion.claim), parse_recipe(assertion.recipe)
    except UnsupportedVersionError:
        raise
    except InvalidError as error:
        return Report(Verdict.INVALID, str(error), None, (), (*checks, Check(2, Status.FAIL, str(error))))
    checks.append(Check(2, Status.PASS, f"claim {claim_id(claim).hex()[:16]}... by {named_authors(claim)}"))
    subject, digests = check_digests(data, container, claim, recipe, request.policy)
    checks.append(digests)
    checks.append(check_possession(claim, assertion))
    checks.append(check_authors(claim, assertion))
    checks.append(check_seed(claim, recipe))
    vouched = check_vouched(checks, container, claim, assertion)
    broken = [check for check in checks if check.status is Status.FAIL]
    links: dict[int, Link] = {}
    if subject is not None and not broken:
        links = _check_links(checks, subject, request)
    else:
        if request.depth is Depth.INSIST and not broken:
            raise EnvironmentFault("cannot regenerate: no latent is stored in the file to compare with")
        reason = f"step {broken[0].step} failed" if broken else "no latent is stored in the file"
        checks.extend(Check(step, Status.SKIP, reason) for step in (7, 8, 9))
    entry = Entry(claim, assertion.possession, assertion.authors)
    standing = check_standing(entry, request.ledger, request.policy, require_fresh=request.require_fresh)
    logged, attested = check_logged(
        assertion.receipt,
        entry,
        request.policy,
        request.now,
        vouched=vouched,
        standing=standing,
        model=recipe.model.digest,
    )
    if request.sidecar is not None:
        logged, attested = check_sidecar(
            request.sidecar,
            (logged, attested),
            claim,
            request.policy,
            request.now,
            standing=standing,
            model=recipe.model.digest,
        )
    checks.extend((logged, standing.check, check_lineage(claim)))
    verdict, reason = _decide(checks, links, subject, attested)
    verdict, reason = _dispute(verdict, reason, logged, standing)
    return Report(verdict, reason, claim_id(claim), claim.authors, tuple(checks))


# --- steps 7 to 9 and the verdict -----------------------------------------------------------------------------------


def _check_links(checks: list[Check], subject: Subject, request: Request) -> dict[int, Link]:
    """Run what the depth and the machine allow, append to ``checks``, return each step's meaning."""
    links: dict[int, Link] = {}

    def note(result: LinkResult) -> None:
        checks.append(result.check)
        links[result.check.step] = result.link

    note(check_correlation(subject))
    reason, prompt = _why_not(subject, request)
    regenerator = request.regenerator
    if regenerator is None or request.depth is Depth.QUICK or regenerator.why_not(subject.recipe) is not None:
        if request.depth is Depth.INSIST:
            raise MissingModelError(f"cannot regenerate: {reason}")
        checks.extend(Check(step, Status.SKIP, reason) for step in (8, 9))
        return links
    try:
        note(check_decoding(subject, regenerator, request.progress))
    except ImportError as error:
        reason = f"the generator on this machine cannot be loaded: {error}"
        if request.depth is Depth.INSIST:
            raise MissingModelError(f"cannot regenerate: {reason}") from error
        checks.extend(Check(step, Status.SKIP, reason) for step in (8, 9))
        return links
    except InvalidError as error:
        checks.extend((Check(8, Status.FAIL, str(error)), Check(9, Status.SKIP, "step 8 failed")))
        return links
    if prompt is None:
        if request.depth is Depth.INSIST:
            raise MissingModelError(f"cannot regenerate: {reason}")
        checks.append(Check(9, Status.SKIP, reason))
        return links
    if subject.recipe.setup is not None and subject.recipe.setup.attached:
        if request.depth is Depth.INSIST:
            raise MissingModelError("cannot regenerate: the picture was sampled by another program")
        note(check_inversion(subject, prompt, regenerator, request.progress))
        return links
    try:
        note(check_regeneration(subject, prompt, regenerator, request.entropy, request.progress))
    except NotFiniteError as error:
        if request.depth is Depth.INSIST:
            raise
        note(LinkResult(Check(9, Status.WARN, f"inconclusive, not compared on this machine: {error}"), Link.OPEN))
    return links


def _why_not(subject: Subject, request: Request) -> tuple[str, Prompt | None]:
    """Why steps 8 and 9 are not run (or ""), and the prompt to regenerate with.

    Raises:
        SealedError: the opening that was given opens another prompt.
    """
    prompt = subject.recipe.prompt
    if isinstance(prompt, bytes) and request.opening is not None:
        if opening_commitment(request.opening) != prompt:
            raise SealedError("the opening does not open this picture's sealed prompt")
        prompt = request.opening.prompt
    if request.depth is Depth.QUICK:
        return "not run because of --quick", None
    if request.regenerator is None:
        return "no generator is installed on this machine", None
    missing = request.regenerator.why_not(subject.recipe)
    if missing is not None:
        return missing, None
    if not isinstance(prompt, Prompt):
        return "the prompt is sealed; ask its author for an opening (verify --opening)", None
    return "", prompt


def _dispute(verdict: Verdict, reason: str, logged: Check, standing: Standing) -> tuple[Verdict, str]:
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


def _decide(
    checks: list[Check], links: dict[int, Link], subject: Subject | None, attested: Attested
) -> tuple[Verdict, str]:
    failed = next((check for check in checks if check.status is Status.FAIL), None)
    if failed is not None:
        return Verdict.INVALID, f"step {failed.step}, {failed.name}: {failed.detail}"
    if subject is None:
        return Verdict.CLAIMED, "no latent is stored in the file, so nothing links the seed to the picture"
    linked = any(_bits(checks, step) >= REQUIRED_BITS for step in (7, 9))
    if links.get(9) is Link.UNATTRIBUTABLE:
        return Verdict.CLAIMED, "the picture does not depend on its seed"
    bound = None if subject.recipe.setup is None else subject.recipe.setup.why_not_authentic
    if attested.holds and bound is None and not (links.get(9) is Link.HOLDS and linked):
        return Verdict.AUTHENTIC, attested.credit
    if links.get(8) is not Link.HOLDS:
        return Verdict.CLAIMED, f"the picture was not compared with its stored latent (step 8): {_detail(checks, 8)}"
    if links.get(9) is Link.HOLDS and linked:
        if subject.calibration is None:
            return Verdict.CONSISTENT, "regenerated, but the policy knows no calibration for this model, size and steps"
        if bound is not None:
            return Verdict.CONSISTENT, f"regenerated, but {bound}, which could turn any seed into any picture"
        return Verdict.AUTHENTIC, ""
    if linked:
        return Verdict.CONSISTENT, f"no regeneration confirmed the picture (step 9): {_detail(checks, 9)}"
    return Verdict.CLAIMED, "seed and stored latent are not linked strongly enough (steps 7 and 9)"


def _detail(checks: list[Check], step: int) -> str:
    return next(check.detail for check in checks if check.step == step)


def _bits(checks: list[Check], step: int) -> float:
    """Bits of evidence that the seed's noise is in the latent: by correlation (7) or by inversion (9)."""
    names = {7: "false_accept_log2", 9: "inversion_false_accept_log2"}
    found = next((check for check in checks if check.step == step), None)
    value = None if found is None else found.figures.get(names[step])
    return -value if isinstance(value, float) else 0.0
