"""Verification of one signed picture in numbered steps.

 1  container and C2PA signature          7  latent-noise correlation and its false-accept rate
 2  our assertion, strictly parsed        8  the picture is the decoded latent
 3  digests: recipe, latent, pixels       9  regeneration and inversion
 4  proof of possession                  10  receipt: inclusion, checkpoint, timestamps
 5  author signatures                    11  rivals, transfers, revocations known to the log
 6  seed = H(Y, index)                   12  lineage

Steps 1 to 6 live in provenance.integrity, 7 to 9 in provenance.link, 10 and 11 in provenance.standing, 12 in
provenance.lineage, .ancestors and .descent, the verdict in provenance.judgement. A step that fails ends with the
verdict *invalid*, after the remaining cheap steps were run for the report. Time is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from provenance.ancestors import Ancestry, Examiner, examine_ancestors
from provenance.claim import Entry, claim_id, parse_claim
from provenance.descent import check_lineage, describe_lineage
from provenance.errors import (
    EnvironmentFault,
    InvalidError,
    MissingModelError,
    NotFiniteError,
    SealedError,
    UnprovedError,
    UnsupportedVersionError,
)
from provenance.freshness import MAX_AGE, Freshness
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
from provenance.judgement import Findings, decide, dispute
from provenance.library import Library, read_library
from provenance.lineage import Lineage, trace
from provenance.lineagesearch import finder
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
from provenance.standing import check_logged, check_standing
from provenance.stray import report_stray
from provenance.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from provenance.container import Container
    from provenance.policy import Policy
    from provenance.ports import Ledger, Progress, Regenerator
    from provenance.recipe import Opening, Recipe

__all__ = ["Depth", "Request", "check_links", "examiner_of", "verify", "verify_lineage"]


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
        deep: make every ancestor again as well, each once.
        nearby: opens works that were found in other files, by claim id; called only where an ancestor is missing.
    """

    policy: Policy
    now: datetime
    depth: Depth = Depth.AUTO
    regenerator: Regenerator | None = None
    ledger: Ledger | None = None
    opening: Opening | None = None
    require_fresh: bool = False
    max_age: timedelta = MAX_AGE
    entropy: bytes = b""
    progress: Progress | None = None
    sidecar: bytes | None = None
    deep: bool = False
    nearby: Callable[[], Mapping[bytes, Work]] | None = None


def verify(data: bytes, request: Request) -> Report:
    """Verify the bytes of one picture file.

    Raises:
        EnvironmentFault: this machine cannot tell: an unknown version, a missing model under INSIST, no ledger under
            ``require_fresh``, or two curve implementations that disagree.
        SealedError: the opening that was given opens another prompt. Every other outcome is a Report.
    """
    return verify_lineage(data, request)[0]


def verify_lineage(data: bytes, request: Request) -> tuple[Report, Lineage | None]:
    """As :func:`verify`, with the work and its ancestors as they were found; None where no claim can be read."""
    checks: list[Check] = []
    try:
        container = open_container(data, request.policy)
        checks.append(check_container(container))
        assertion = read_assertion(container)
    except UnprovedError as error:
        checks.append(Check(len(checks) + 1, Status.SKIP, str(error)))
        return report_stray(data, str(error), checks, request.ledger), None
    except UnsupportedVersionError:
        raise
    except InvalidError as error:
        failed = Check(len(checks) + 1, Status.FAIL, str(error))
        return Report(Verdict.INVALID, str(error), None, (), (*checks, failed)), None
    try:
        claim, recipe = parse_claim(assertion.claim), parse_recipe(assertion.recipe)
    except UnsupportedVersionError:
        raise
    except InvalidError as error:
        return Report(Verdict.INVALID, str(error), None, (), (*checks, Check(2, Status.FAIL, str(error)))), None
    checks.append(Check(2, Status.PASS, f"claim {claim_id(claim).hex()[:16]}... by {named_authors(claim)}"))
    subject, digests = check_digests(data, container, claim, recipe, request.policy)
    entry = Entry(claim, assertion.possession, assertion.authors)
    lineage = _trace(container, entry, recipe, subject, request)
    checks.append(digests)
    checks.append(check_possession(entry))
    checks.append(check_authors(entry))
    checks.append(check_seed(claim, recipe))
    vouched = check_vouched(checks, container, claim, assertion)
    broken = [check for check in checks if check.status is Status.FAIL]
    links: dict[int, Link] = {}
    if subject is not None and not broken:
        links = check_links(checks, subject, lineage, request)
    else:
        if request.depth is Depth.INSIST and not broken:
            raise EnvironmentFault("cannot regenerate: no latent is stored in the file to compare with")
        reason = f"step {broken[0].step} failed" if broken else "no latent is stored in the file"
        checks.extend(Check(step, Status.SKIP, reason) for step in (7, 8, 9))
    fresh = Freshness(request.now, request.max_age) if request.require_fresh else None
    standing = check_standing(entry, request.ledger, request.policy, fresh=fresh)
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
    ancestry = examine_ancestors(lineage, examiner_of(request)) if lineage.nodes else Ancestry()
    checks.extend((logged, standing.check, check_lineage(lineage, ancestry, vouched=vouched)))
    derived = recipe.operation is not None
    verdict, reason = decide(Findings(checks, links, subject, attested, lineage if derived else None, ancestry))
    verdict, reason = dispute(verdict, reason, logged, standing)
    report = Report(
        verdict,
        reason,
        claim_id(claim),
        claim.authors,
        tuple(checks),
        derived=derived,
        derived_from=recipe.parents if derived else (),
        lineage=describe_lineage(lineage, ancestry) if derived else None,
    )
    return report, lineage


# --- step 12 --------------------------------------------------------------------------------------------------------


def _trace(container: Container, entry: Entry, recipe: Recipe, subject: Subject | None, request: Request) -> Lineage:
    integers = None if subject is None else subject.integers
    root = Work(claim_id(entry.claim), entry, recipe, integers, "file", container.title)
    below = container.ingredients or container.works or container.outside
    library = read_library(container) if below else Library()
    return trace(root, library, finder(request.nearby, request.ledger))


def examiner_of(request: Request) -> Examiner:
    """Who looks at ancestors, as the request says."""
    deep = request.deep and request.depth is not Depth.QUICK
    return Examiner(
        policy=request.policy,
        now=request.now,
        regenerator=request.regenerator if deep else None,
        ledger=request.ledger,
        opening=request.opening,
        entropy=request.entropy,
        progress=request.progress if deep else None,
    )


# --- steps 7 to 9 ---------------------------------------------------------------------------------------------------


def check_links(checks: list[Check], subject: Subject, lineage: Lineage, request: Request) -> dict[int, Link]:
    """Run what the depth and the machine allow, append to ``checks``, return each step's meaning."""
    links: dict[int, Link] = {}

    def note(result: LinkResult) -> None:
        checks.append(result.check)
        links[result.check.step] = result.link

    if subject.recipe.operation is None:
        note(check_correlation(subject))
    else:
        checks.append(Check(7, Status.SKIP, "a derived work starts from its parents; what links it is step 9"))
    reason, prompt = _why_not(subject, lineage, request)
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
    sources, lacking = lineage.materials(subject.recipe)
    if lacking:
        if request.depth is Depth.INSIST:
            raise MissingModelError(f"cannot regenerate: {lacking}")
        checks.append(Check(9, Status.SKIP, lacking))
        return links
    subject = replace(subject, sources=sources)
    try:
        note(check_regeneration(subject, prompt, regenerator, request.entropy, request.progress))
    except NotFiniteError as error:
        if request.depth is Depth.INSIST:
            raise
        note(LinkResult(Check(9, Status.WARN, f"inconclusive, not compared on this machine: {error}"), Link.UNMADE))
    except InvalidError as error:
        note(LinkResult(Check(9, Status.FAIL, f"the recipe cannot be run: {error}"), Link.BROKEN))
    return links


def _why_not(subject: Subject, lineage: Lineage, request: Request) -> tuple[str, Prompt | None]:
    """Why steps 8 and 9 are not run (or ""), and the prompt to regenerate with.

    Raises:
        SealedError: the opening that was given opens another prompt.
    """
    prompt = subject.recipe.prompt
    if request.opening is not None:
        committed = opening_commitment(request.opening)
        sealed = [work.recipe.prompt for work in lineage.all_works() if isinstance(work.recipe.prompt, bytes)]
        if sealed and committed not in sealed:
            raise SealedError("the opening does not open this picture's sealed prompt")
        if committed == prompt:
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
