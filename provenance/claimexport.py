"""Making a claim file out of a signed picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.claim import Entry, check_entry, claim_id, format_entry
from provenance.claimed import read_claimed
from provenance.claimfile import ClaimFile
from provenance.errors import InvalidError, SealedError, UnprovedError, UnsupportedVersionError
from provenance.manifest import read_container
from provenance.pixels import media_type_of
from provenance.receipt import check_receipt, parse_receipt
from provenance.recipe import opening_commitment, parse_recipe
from provenance.sidecar import parse_sidecar

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.claim import Claim
    from provenance.recipe import Opening

__all__ = ["export_claim"]


def export_claim(
    data: bytes, name: str, now: datetime, opening: Opening | None = None, sidecar: bytes | None = None
) -> ClaimFile:
    """The claim file of a signed picture; ``name`` is for messages.

    ``opening`` goes into it. A receipt in ``sidecar``, the file beside the picture, is newer than the picture's and
    takes its place, with the entry that it is about, if it holds.

    Raises:
        InvalidError: the file is not what it claims. UnprovedError: it claims nothing, or stores no latent.
        SealedError: the opening is another work's.
    """
    assertion, claim = read_claimed(data, name, now)
    container = read_container(data, media_type_of(data) or "", anchors_pem=None)
    if container is None or container.latent is None:
        raise UnprovedError(f"{name}: no latent is stored in the file, and a claim file is of little use without")
    recipe = parse_recipe(assertion.recipe)
    if opening is not None and opening_commitment(opening) != recipe.prompt:
        raise SealedError(f"the opening does not open the prompt of {name}")
    entry, receipt = Entry(claim, assertion.possession, assertion.authors), assertion.receipt
    newer = None if sidecar is None else _newer(sidecar, claim)
    if newer is not None:
        entry, receipt = newer
    return ClaimFile(entry, recipe, container.latent, receipt, opening)


def _newer(sidecar: bytes, claim: Claim) -> tuple[Entry, bytes] | None:
    """Entry and receipt of a sidecar that holds; anybody can put a false one beside a picture."""
    try:
        found = parse_sidecar(sidecar)
        if claim_id(found.entry.claim) != claim_id(claim):
            return None
        check_entry(found.entry, second_opinion=True)
        check_receipt(parse_receipt(found.receipt), format_entry(found.entry), [])
    except (InvalidError, UnsupportedVersionError):
        return None
    return found.entry, found.receipt
