"""Steps 1 to 6 of verification: the container, our assertion in it, digests, proofs and the seed. No model, no log."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from provenance import proof
from provenance.assertion import parse_assertion
from provenance.claim import claim_id, parse_claim
from provenance.commitment import seed
from provenance.errors import ForgedError, InvalidError, UnprovedError, UnsupportedVersionError
from provenance.hashing import Tag
from provenance.latent import latent_digest
from provenance.link import Subject
from provenance.manifest import read_container
from provenance.pixels import media_type_of, pixel_digest, read_picture
from provenance.plainwords import explain_codes
from provenance.recipe import recipe_digest
from provenance.report import Check, Status
from provenance.storedlatent import decode_latent

if TYPE_CHECKING:
    from provenance.assertion import Assertion
    from provenance.claim import Claim, Entry
    from provenance.container import Container, Ingredient
    from provenance.policy import Policy
    from provenance.recipe import Recipe

__all__ = [
    "check_authors",
    "check_container",
    "check_digests",
    "check_possession",
    "check_recipe",
    "check_seed",
    "check_vouched",
    "named_authors",
    "open_container",
    "read_assertion",
]


# --- steps 1 and 2: container and assertion -------------------------------------------------------------------------


def open_container(data: bytes, policy: Policy) -> Container:
    """The file's manifest.

    Raises:
        InvalidError: no picture, or a manifest that cannot be read. UnprovedError: there is none.
    """
    media_type = media_type_of(data)
    if media_type is None:
        raise InvalidError("not a picture file that is known here")
    anchors = b"\n".join(policy.c2pa_anchors) or None
    container = read_container(data, media_type, anchors_pem=anchors)
    if container is None:
        raise UnprovedError("no C2PA manifest in this file; it may have been stripped")
    return container


def check_container(container: Container) -> Check:
    """Step 1: does the C2PA manifest hold, and who signed it?"""
    certificate = container.certificate_der
    who = signer_name(container)
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
        return Check(1, Status.FAIL, explain_codes(container.failures), figures)
    trust = "trusted by the policy" if container.state == "trusted" else "valid, signer not in the policy's anchors"
    return Check(1, Status.PASS, f"{trust}: {who}", figures)


def signer_name(container: Container) -> str:
    return container.signer.common_name or container.signer.issuer or "nameless signer"


def _claim_named(ingredient: Ingredient) -> str | None:
    with contextlib.suppress(InvalidError, UnsupportedVersionError):
        return None if ingredient.claim is None else claim_id(parse_claim(ingredient.claim)).hex()
    return None


def read_assertion(container: Container) -> Assertion:
    """Our assertion in the active manifest, parsed.

    Raises:
        UnprovedError: there is none; the message names the claim of an ingredient, if one is readable.
        InvalidError, UnsupportedVersionError: it is not what it must be.
    """
    if container.assertion is None:
        for ingredient in container.ingredients:
            identifier = _claim_named(ingredient)
            if identifier is not None:
                raise UnprovedError(f"edited from claim {identifier}, so says an ingredient; nothing of it was checked")
        raise UnprovedError("the active C2PA manifest carries no authorship assertion of ours")
    return parse_assertion(container.assertion)


# --- steps 3 to 6: digests, proofs, seed ----------------------------------------------------------------------------


def check_digests(
    data: bytes, container: Container, claim: Claim, recipe: Recipe, policy: Policy
) -> tuple[Subject | None, Check]:
    """Step 3: recipe, pixels and stored latent are the claimed ones; and what steps 7 to 9 need, where all is there."""
    unfit = check_recipe(claim, recipe)
    if unfit is not None:
        return None, unfit
    try:
        picture = read_picture(data)
    except InvalidError as error:
        return None, Check(
            3, Status.FAIL, f"a damaged file, or one that can show more than the claimed pixels ({error})"
        )
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
    sealed: dict[str, str | int | float | bool | None] = {"sealed_prompt": isinstance(recipe.prompt, bytes)}
    return subject, Check(3, Status.PASS, "recipe, stored latent and pixels match the claim", sealed)


def check_recipe(claim: Claim, recipe: Recipe) -> Check | None:
    """The part of step 3 that needs no picture; None where recipe and claim belong together."""
    if recipe_digest(recipe) != claim.recipe:
        return Check(3, Status.FAIL, "the recipe is not the one that was claimed")
    if (recipe.shape, recipe.latent_steps) != (claim.latent.shape, claim.latent.steps):
        return Check(3, Status.FAIL, "recipe and claim disagree about the latent's shape or steps")
    if recipe.parents != claim.parents:
        return Check(3, Status.FAIL, "recipe and claim disagree about the parents")
    return None


def check_possession(entry: Entry) -> Check:
    """Step 4: somebody who knows P signed the claim."""
    claim = entry.claim
    try:
        proof.check(Tag.POSSESSION, claim.Y, claim_id(claim), entry.possession, "proof of possession")
    except ForgedError as error:
        return Check(4, Status.FAIL, str(error))
    return Check(4, Status.PASS, "the claimant knows P with Y = P*G (libsecp256k1 and py_ecc agree)")


def check_authors(entry: Entry) -> Check:
    """Step 5: every author of the claim signed it, and nobody else."""
    claim = entry.claim
    if len(claim.authors) != len(entry.authors):
        return Check(5, Status.FAIL, f"{len(claim.authors)} authors but {len(entry.authors)} author signatures")
    for position, (key, signature) in enumerate(zip(claim.authors, entry.authors, strict=True)):
        try:
            proof.check(Tag.AUTHOR, key, claim_id(claim), signature, f"signature of author {position + 1}")
        except ForgedError as error:
            return Check(5, Status.FAIL, str(error))
    if not claim.authors:
        return Check(5, Status.PASS, "anonymous: the claim names no author")
    return Check(5, Status.PASS, f"signed by {named_authors(claim)}")


def check_seed(claim: Claim, recipe: Recipe) -> Check:
    """Step 6: the recipe's seed comes from the claim's commitment."""
    if recipe.seed != seed(claim.Y, claim.index):
        return Check(6, Status.FAIL, "the recipe's seed is not H(Y, index) of the claim")
    return Check(6, Status.PASS, "the seed is derived from the public commitment")


def check_vouched(checks: list[Check], container: Container, claim: Claim, assertion: Assertion) -> bool:
    """Step 1 again, with the claim at hand: did the author vouch for the certificate that signed the file?"""
    if checks[0].status is Status.FAIL:
        return False
    key = claim.authors[0] if claim.authors else claim.Y
    try:
        if container.certificate_der is None:
            raise ForgedError("no certificate")
        identifier = hashlib.sha256(container.certificate_der).digest()
        proof.check(Tag.CONTAINER, key, identifier, assertion.container, "container signature")
    except ForgedError:
        text = f"the file was wrapped by somebody the author does not vouch for: {signer_name(container)}"
        if checks[0].status is Status.WARN:
            text = f"{text}; {checks[0].detail}"
        checks[0] = Check(1, Status.WARN, text, checks[0].figures)
        return False
    return True


def named_authors(claim: Claim) -> str:
    """The claim's authors in words."""
    if not claim.authors:
        return "an anonymous author"
    more = f" and {len(claim.authors) - 1} more" if len(claim.authors) > 1 else ""
    return f"author {claim.authors[0].hex()[:16]}...{more}"
