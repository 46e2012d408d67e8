"""Making every ancestor of a derived work again (``verify --deep``), each once, and what a log says about each.

A child is no better than what it was made from: at little strength an operation gives back its source, so a false
parent makes any picture look like honest work. An ancestor is *sound* when steps 7 to 9 would make it authentic, or,
where it uses no noise of its own, when its sources and parameters make it again; or when trusted notaries say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.correlation import REQUIRED_BITS
from provenance.errors import InvalidError, MissingModelError, NotFiniteError
from provenance.followup import FollowUp
from provenance.followup_body import Transfer
from provenance.history import read_history
from provenance.link import Link, Subject, check_correlation, check_decoding, check_regeneration, evidence_bits
from provenance.measured import UNBOUNDED, why_unmeasured
from provenance.ownership import revocation_reason
from provenance.recipe import Prompt, opening_commitment
from provenance.report import Check, Status
from provenance.standing import Standing, check_logged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from provenance.history import History
    from provenance.lineage import Lineage
    from provenance.policy import Policy
    from provenance.ports import Ledger, Progress, Regenerator
    from provenance.recipe import Opening, Recipe
    from provenance.work import Work

__all__ = ["Ancestry", "Examiner", "examine_ancestors"]


@dataclass(frozen=True)
class Ancestry:
    """What was found out about ancestors, by claim id: ``sound`` ones with the reason why they are, ``open`` ones with
    the reason why that is not known, ``faults`` that regeneration showed, ``withdrawn`` ones with who and when, and
    ``repainted`` ones, whose latent decodes to other pixels here: on other hardware honest ones do, and nothing that is
    made from a latent depends on them.
    """

    sound: Mapping[bytes, str] = field(default_factory=dict)
    open: Mapping[bytes, str] = field(default_factory=dict)
    faults: Mapping[bytes, str] = field(default_factory=dict)
    withdrawn: Mapping[bytes, str] = field(default_factory=dict)
    repainted: Mapping[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Examiner:
    """Who looks, and with what: as of a verification request. ``regenerator`` is None where nothing is made again."""

    policy: Policy
    now: datetime
    regenerator: Regenerator | None
    ledger: Ledger | None
    opening: Opening | None
    entropy: bytes
    progress: Progress | None


def examine_ancestors(lineage: Lineage, examiner: Examiner) -> Ancestry:
    """Every ancestor in turn, those first that others were made from."""
    sound: dict[bytes, str] = {}
    unknown: dict[bytes, str] = {}
    faults: dict[bytes, str] = {}
    withdrawn: dict[bytes, str] = {}
    repainted: dict[bytes, str] = {}
    for place, identifier in enumerate(lineage.order):
        node = lineage.nodes[identifier]
        if node.work is None or node.faults:
            continue
        if examiner.progress is not None:
            examiner.progress(place, len(lineage.order), "making ancestors again")
        said = _withdrawn(identifier, examiner)
        if said:
            withdrawn[identifier] = said
        link, reason, remark = _judge(node.work, lineage, examiner)
        if remark:
            repainted[identifier] = remark
        {Link.HOLDS: sound, Link.BROKEN: faults}.get(link, unknown)[identifier] = reason
    return Ancestry(sound, unknown, faults, withdrawn, repainted)


def _judge(work: Work, lineage: Lineage, examiner: Examiner) -> tuple[Link, str, str]:
    """Whether it is sound (HOLDS), false (BROKEN) or neither is known, why, and a remark about its pixels."""
    setup = work.recipe.setup
    bound = None if setup is None else setup.why_not_authentic
    if bound is not None:
        return Link.OPEN, f"{bound}, which could turn any seed into any picture", ""
    prompt = _prompt(work.recipe, examiner.opening)
    model = examiner.policy.models.get(work.recipe.model.digest)
    operation = work.recipe.operation
    if operation is None or operation.draws:  # where no seed has a share, none was to be measured
        unmeasured = why_unmeasured(work.recipe, work.recipe.shape, prompt, model)
        if unmeasured is not None:
            return Link.OPEN, unmeasured, ""
    if any(source.claim is None for source in (work.recipe.operation.sources if work.recipe.operation else ())):
        return Link.OPEN, "it starts from an outside picture", ""
    nobody = Standing(Check(11, Status.SKIP, ""))
    attested = check_logged(
        work.receipt,
        work.entry,
        examiner.policy,
        examiner.now,
        vouched=False,
        standing=nobody,
        model=work.recipe.model.digest,
    )[1]
    if attested.holds:
        return Link.HOLDS, attested.credit, ""
    if examiner.regenerator is None:
        return Link.OPEN, "it was not made again here", ""
    return _regenerate(work, lineage, examiner, examiner.regenerator)


def _regenerate(work: Work, lineage: Lineage, examiner: Examiner, regenerator: Regenerator) -> tuple[Link, str, str]:
    sources, lacking = lineage.materials(work.recipe)
    prompt = _prompt(work.recipe, examiner.opening)
    if work.integers is None:
        return Link.OPEN, "its latent is not at hand", ""
    if lacking:
        return Link.OPEN, lacking, ""
    if prompt is None:
        return Link.OPEN, "its prompt is sealed", ""
    missing = regenerator.why_not(work.recipe)
    if missing is not None:
        return Link.OPEN, missing, ""
    model = examiner.policy.models.get(work.recipe.model.digest)
    subject = Subject(work.claim, work.recipe, work.integers, None, model, sources)
    try:
        pixels = check_decoding(subject, regenerator)
        made = check_regeneration(subject, prompt, regenerator, examiner.entropy)
    except (NotFiniteError, MissingModelError, ImportError) as error:
        return Link.OPEN, f"it cannot be made again here: {error}", ""
    except InvalidError as error:
        return Link.BROKEN, str(error), ""
    remark = "" if pixels.link is Link.HOLDS else pixels.check.detail
    if made.link is not Link.HOLDS:
        return made.link if made.link is Link.BROKEN else Link.OPEN, made.check.detail, remark
    if subject.calibration is None:
        return Link.OPEN, "made again, but the policy knows no calibration for its model, size and steps", remark
    if subject.calibration.region is None:
        return Link.OPEN, f"made again, but {UNBOUNDED}", remark
    operation = work.recipe.operation
    checks = [made.check] if operation is not None else [made.check, check_correlation(subject).check]
    linkable = operation is None or operation.invertible
    if linkable and max(map(evidence_bits, checks)) < REQUIRED_BITS:
        return Link.OPEN, "seed and stored latent are not linked strongly enough", remark
    return Link.HOLDS, made.check.detail, remark


def _prompt(recipe: Recipe, opening: Opening | None) -> Prompt | None:
    if isinstance(recipe.prompt, Prompt):
        return recipe.prompt
    return opening.prompt if opening is not None and opening_commitment(opening) == recipe.prompt else None


def _withdrawn(identifier: bytes, examiner: Examiner) -> str:
    """Who took the work back in the log that was asked, and when; or that it is contested there."""
    if examiner.ledger is None:
        return ""
    history = read_history(identifier, examiner.ledger)
    if history is None:
        return ""
    revoked = history.ownership.revoked
    if revoked is not None:
        owner = _last_owner(history)
        where = f"at entry {revoked.index} of {history.log}"
        return f"revoked by its owner {owner.hex()[:16]}... {where} ({revocation_reason(revoked)})"
    if history.ownership.contested:
        first = history.ownership.contested[0]
        where = f"from entry {first.from_index} of {history.log} on"
        return f"contested: the key {first.key.hex()[:16]}... was revoked {where}"
    return ""


def _last_owner(history: History) -> bytes:
    """Whose key owned the work when it was revoked: the last buyer's, else the first author's, else its own."""
    for item in reversed(history.ownership.chain):
        content = item.entry.content
        if isinstance(content, FollowUp) and isinstance(content.body, Transfer):
            return content.body.to
    claim = history.claim.entry.claim
    if claim is None:
        raise TypeError("a history is that of a claim")
    return claim.authors[0] if claim.authors else claim.Y
