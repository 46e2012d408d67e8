"""A transfer on its way: what the seller hands to the buyer, outside any log.

    offer = {"kind":"transfer-offer","v":1,"body":<transfer body>,"owners":[sig,...]}

The owners have signed, the buyer has not; with his acceptance it becomes the one log entry of the transfer. Until then
the sellers can still sell to somebody else (the first that is logged wins: what is left in the buyer's hands is their
signed offer, which proves it) or withdraw the offer, by a transfer to themselves that takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.curve import public_key
from provenance.encoding import Fields, canonical, parse_json
from provenance.errors import EncodingError, UsageError
from provenance.followup import (
    MAX_OWNERS,
    FollowUp,
    Proofs,
    body_id,
    check_signatures,
    sign_acceptance,
    sign_owners,
    signature_item,
)
from provenance.followup_body import Transfer, body_json, read_body
from provenance.hashing import Tag

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Offer", "accept_offer", "check_offer", "format_offer", "make_offer", "parse_offer"]


@dataclass(frozen=True)
class Offer:
    """A transfer that its owners have signed, each with 64 bytes, in order."""

    body: Transfer
    owners: tuple[bytes, ...]


def make_offer(body: Transfer, secrets: Sequence[bytes]) -> Offer:
    """The offer, signed by every owner's secret (32 bytes each), in order."""
    return Offer(body, sign_owners(body, secrets))


def format_offer(offer: Offer) -> bytes:
    """Canonical bytes of an offer."""
    return canonical(
        {
            "kind": "transfer-offer",
            "v": 1,
            "body": body_json(offer.body),
            "owners": [signature.hex() for signature in offer.owners],
        }
    )


def parse_offer(data: bytes) -> Offer:
    """The offer in a JSON document, however formatted; its signatures are not checked here.

    Raises:
        EncodingError, LimitError: it is none. UnsupportedVersionError: another version.
    """
    with Fields(parse_json(data, "transfer offer"), "transfer offer") as fields:
        fields.version("transfer-offer")
        body = read_body("transfer", fields.take("body"))
        owners = fields.array("owners", signature_item, limit=MAX_OWNERS, low=1)
    if not isinstance(body, Transfer):
        raise EncodingError("transfer offer: it offers no transfer")
    return Offer(body, owners)


def check_offer(offer: Offer, owners: Sequence[bytes]) -> None:
    """Check that these ``owners``, all of them and in order, have signed the offer.

    Raises:
        ForgedError: they have not. DisagreementError: see provenance.proof.
    """
    identifier = body_id(offer.body)
    check_signatures(Tag.TRANSFER_OFFER, owners, identifier, offer.owners, "transfer offer", second_opinion=True)


def accept_offer(offer: Offer, secret: bytes) -> FollowUp:
    """The transfer, ready for the log, with the buyer's signature by ``secret``.

    Raises:
        UsageError: the offer is made to another key.
    """
    if public_key(secret) != offer.body.to:
        raise UsageError(f"the offer is made to the key {offer.body.to.hex()}, which is not yours")
    return FollowUp(offer.body, Proofs(sign_acceptance(offer.body, secret), offer.owners))
