"""Verification of one signed picture in numbered steps.

 1  container and C2PA signature          7  latent-noise correlation and its false-accept rate
 2  our assertion, strictly parsed        8  the picture is the decoded latent
 3  digests: recipe, latent, pixels       9  regeneration and inversion
 4  proof of possession                  10  receipt: inclusion, checkpoint, timestamps
 5  author signatures                    11  rivals, transfers, revocations known to the log
 6  seed = H(Y, index)                   12  lineage

Steps 1 to 6 live here, 7 to 9 in provenance.link, 10 to 12 in provenance.standing. A step that fails ends with the
verdict *invalid*, after the remaining cheap steps were run for the report. Time is passed in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from provenance import proof
from provenance.assertion import parse_assertion
from provenance.claim import Entry, claim_id, parse_claim
from provenance.commitment import seed
from provenance.errors import (
    EnvironmentFault,
    ForgedError,
    InvalidError,
    MissingModelError,
    SealedError,
    UnprovedError,
    UnsupportedVersionError,
)
from provenance.hashing import Tag
from provenance.latent import latent_digest
from provenance.link import Link, LinkResult, Subject, check_correlation, check_decoding, check_regeneration
from provenance.manifest import read_container
from provenance.pixels import media_type_of, pixel_digest, read_picture
from provenance.recipe import Prompt, opening_commitment, parse_recipe, recipe_digest
from provenance.report import Check, Report, Status, Verdict
from provenance.standing import check_lineage, check_logged, check_rivals
from provenance.storedlatent import decode_latent

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.assertion import Assertion
    from provenance.claim import Claim
    from provenance.container import Container
    from provenance.policy import Policy
    from provenance.ports import Ledger, Progress, Regenerator
    from provenance.recipe import Opening, Recipe

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
    """

    policy: Policy
    now: datetime
    depth: Depth = Depth.AUTO
    regenerator: Regenerator | None = None
    ledger: Ledger | None = None
    opening: Opening | None = None
    require_fresh: bool = False
    progress: Progress | None = None


def verify(data: bytes, request: Request) -> Report:
    """Verify the bytes of one picture file.

    Raises:
        EnvironmentFault: this machine cannot tell: an unknown version, a missing model under INSIST, no ledger under
            ``require_fresh``, or two curve implementations that disagree.
        SealedError: the opening that was given opens another prompt. Every other outcome is a Report.
    """
    checks: list[Check] = []
    try:
        container = _read_container(data, request.policy)
        checks.append(_check_container(container))
        assertion = _read_assertion(container)
    except UnprovedError as error:
        return Report(
            Verdict.UNPROVED, str(error), None, (), (*checks, Check(len(checks) + 1, Status.SKIP, str(error)))
        )
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
    checks.append(Check(2, Status.PASS, f"claim {claim_id(claim).hex()[:16]}... by {_by(claim)}"))
    subject, digests = _check_digests(data, container, claim, recipe, request.policy)
    checks.append(digests)
    checks.append(_check_possession(claim, assertion))
    checks.append(_check_authors(claim, assertion))
    checks.append(_check_seed(claim, recipe))
    _add_container_warning(checks, container, claim, assertion)
    broken = [check for check in checks if check.status is Status.FAIL]
    links: dict[int, Link] = {}
    if subject is not None and not broken:
        links = _check_links(checks, subject, request)
    else:
        if request.depth is Depth.INSIST and not broken:
            raise EnvironmentFault("cannot regenerate: no latent is stored in the file to compare with")
        reason = f"step {broken[0].step} failed" if broken else "no latent is stored in the file"
        checks.extend(Check(step, Status.SKIP, reason) for step in (7, 8, 9))
    checks.append(check_logged(assertion.receipt, _entry(claim, assertion), request.policy, request.now))
    checks.append(check_rivals(_entry(claim, assertion), request.ledger, require_fresh=request.require_fresh))
    checks.append(check_lineage(claim))
    verdict, reason = _decide(checks, links, subject)
    return Report(verdict, reason, claim_id(claim), claim.authors, tuple(checks))


# --- steps 1 and 2: container and assertion -------------------------------------------------------------------------


def _read_container(data: bytes, policy: Policy) -> Container:
    media_type = media_type_of(data)
    if media_type is None:
        raise InvalidError("not a picture file that is known here")
    anchors = b"\n".join(policy.c2pa_anchors) or None
    container = read_container(data, media_type, anchors_pem=anchors)
    if container is None:
        raise UnprovedError("no C2PA manifest in this file; it may have been stripped")
    return container


def _check_container(container: Container) -> Check:
    certificate = container.certificate_der
    who = _signer_name(container)
    figures: dict[str, str | int | float | bool | None] = {
        "state": container.state,
        "signer": who,
        "certificate_sha256": None if certificate is None else hashlib.sha256(certificate).hexdigest(),
        "signed_time": container.signed_time,
        "time_trusted": container.time_trusted,
    }
    if container.failures == ("signingCredential.expired",):
        return Check(
            1, Status.WARN, f"intact, but the certificate of {who} has run out and no timestamp says when", figures
        )
    if container.state == "invalid":
        codes = ", ".join(container.failures) or "unknown reason"
        return Check(1, Status.FAIL, f"the C2PA manifest does not hold: {codes}", figures)
    trust = "trusted by the policy" if container.state == "trusted" else "valid, signer not in the policy's anchors"
    return Check(1, Status.PASS, f"{trust}: {who}", figures)


def _signer_name(container: Container) -> str:
    return container.signer.common_name or container.signer.issuer or "nameless signer"


def _read_assertion(container: Container) -> Assertion:
    if container.assertion is None:
        origin = next((i for i in container.ingredients if i.claim is not None), None)
        if origin is not None and origin.claim is not None:
            identifier = claim_id(parse_claim(origin.claim)).hex()
            raise UnprovedError(f"edited from claim {identifier}, which is an ingredient; not active in this file")
        raise UnprovedError("the active C2PA manifest carries no authorship assertion of ours")
    return parse_assertion(container.assertion)


# --- steps 3 to 6: digests, proofs, seed ----------------------------------------------------------------------------


def _check_digests(
    data: bytes, container: Container, claim: Claim, recipe: Recipe, policy: Policy
) -> tuple[Subject | None, Check]:
    if recipe_digest(recipe) != claim.recipe:
        return None, Check(3, Status.FAIL, "the recipe is not the one that was claimed")
    if (recipe.shape, recipe.latent_steps) != (claim.latent.shape, claim.latent.steps):
        return None, Check(3, Status.FAIL, "recipe and claim disagree about the latent's shape or steps")
    if recipe.parents != claim.parents:
        return None, Check(3, Status.FAIL, "recipe and claim disagree about the parents")
    try:
        picture = read_picture(data)
    except InvalidError as error:
        return None, Check(3, Status.FAIL, f"not a canonical picture file: {error}")
    if pixel_digest(picture.rgb) != claim.pixels:
        return None, Check(3, Status.FAIL, "the pixels are not the ones that were claimed")
    if (picture.width, picture.height) != (recipe.width, recipe.height):
        return None, Check(3, Status.FAIL, "the recipe makes a picture of another size")
    if container.latent is None:
        return None, Check(3, Status.WARN, "recipe and pixels match; no latent is stored in the file")
    try:
        integers = decode_latent(container.latent)
    except InvalidError as error:
        return None, Check(3, Status.FAIL, f"stored latent: {error}")
    if integers.shape != recipe.shape or latent_digest(integers) != claim.latent.digest:
        return None, Check(3, Status.FAIL, "the stored latent is not the one that was claimed")
    subject = Subject(claim, recipe, integers, picture.rgb, policy.models.get(recipe.model.digest))
    return subject, Check(3, Status.PASS, "recipe, stored latent and pixels match the claim")


def _check_possession(claim: Claim, assertion: Assertion) -> Check:
    try:
        proof.check(Tag.POSSESSION, claim.Y, claim_id(claim), assertion.possession, "proof of possession")
    except ForgedError as error:
        return Check(4, Status.FAIL, str(error))
    return Check(4, Status.PASS, "the claimant knows P with Y = P*G (libsecp256k1 and py_ecc agree)")


def _check_authors(claim: Claim, assertion: Assertion) -> Check:
    if len(claim.authors) != len(assertion.authors):
        return Check(5, Status.FAIL, f"{len(claim.authors)} authors but {len(assertion.authors)} author signatures")
    for position, (key, signature) in enumerate(zip(claim.authors, assertion.authors, strict=True)):
        try:
            proof.check(Tag.AUTHOR, key, claim_id(claim), signature, f"signature of author {position + 1}")
        except ForgedError as error:
            return Check(5, Status.FAIL, str(error))
    if not claim.authors:
        return Check(5, Status.PASS, "anonymous: the claim names no author")
    return Check(5, Status.PASS, f"signed by {_by(claim)}")


def _check_seed(claim: Claim, recipe: Recipe) -> Check:
    if recipe.seed != seed(claim.Y, claim.index):
        return Check(6, Status.FAIL, "the recipe's seed is not H(Y, index) of the claim")
    return Check(6, Status.PASS, "the seed is derived from the public commitment")


def _add_container_warning(checks: list[Check], container: Container, claim: Claim, assertion: Assertion) -> None:
    """Step 1 again, with the claim at hand: did the author vouch for the certificate that signed the file?"""
    if checks[0].status is not Status.PASS:
        return
    key = claim.authors[0] if claim.authors else claim.Y
    try:
        if container.certificate_der is None:
            raise ForgedError("no certificate")
        identifier = hashlib.sha256(container.certificate_der).digest()
        proof.check(Tag.CONTAINER, key, identifier, assertion.container, "container signature")
    except ForgedError:
        text = f"the file was wrapped by somebody the author does not vouch for: {_signer_name(container)}"
        checks[0] = Check(1, Status.WARN, text, checks[0].figures)


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
        note(check_decoding(subject, regenerator))
    except InvalidError as error:
        checks.extend((Check(8, Status.FAIL, str(error)), Check(9, Status.SKIP, "step 8 failed")))
        return links
    if prompt is None:
        if request.depth is Depth.INSIST:
            raise MissingModelError(f"cannot regenerate: {reason}")
        checks.append(Check(9, Status.SKIP, reason))
        return links
    note(check_regeneration(subject, prompt, regenerator, request.progress))
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
        return "not run (--quick)", None
    if request.regenerator is None:
        return "no generator is installed on this machine", None
    missing = request.regenerator.why_not(subject.recipe)
    if missing is not None:
        return missing, None
    if not isinstance(prompt, Prompt):
        return "the prompt is sealed; ask its author for an opening (verify --opening)", None
    return "", prompt


def _decide(checks: list[Check], links: dict[int, Link], subject: Subject | None) -> tuple[Verdict, str]:
    failed = next((check for check in checks if check.status is Status.FAIL), None)
    if failed is not None:
        return Verdict.INVALID, f"step {failed.step}, {failed.name}: {failed.detail}"
    if subject is None:
        return Verdict.CLAIMED, "no latent is stored in the file, so nothing links the seed to the picture"
    linked = Link.HOLDS in (links.get(7), links.get(9))
    if links.get(9) is Link.UNATTRIBUTABLE:
        return Verdict.CLAIMED, "the picture does not depend on its seed"
    if links.get(8) is not Link.HOLDS:
        return Verdict.CLAIMED, "the picture was not compared with its stored latent (step 8)"
    if links.get(9) is Link.HOLDS:
        if subject.model is None:
            return Verdict.CONSISTENT, "regenerated, but the model is not one that the policy knows"
        return Verdict.AUTHENTIC, ""
    if linked:
        return Verdict.CONSISTENT, "nobody regenerated the picture, or the regeneration was inconclusive (step 9)"
    return Verdict.CLAIMED, "seed and stored latent are not linked strongly enough (step 7)"


def _entry(claim: Claim, assertion: Assertion) -> Entry:
    return Entry(claim, assertion.possession, assertion.authors)


def _by(claim: Claim) -> str:
    if not claim.authors:
        return "an anonymous author"
    more = f" and {len(claim.authors) - 1} more" if len(claim.authors) > 1 else ""
    return f"author {claim.authors[0].hex()[:16]}...{more}"
