"""An owner's permission to a log's service: keep this recipe or latent for everybody to read, or delete it.

::

    grant = {"kind":"grant","v":1,"body":BODY,"proofs":{"owners":[sig,...]}}          never logged
    BODY  = {"kind":"grant","v":1,"claim":hex32,"digest":hex32,"action":"publish"|"withdraw","log":str,"serial":int}

Each owner of the claim, in order, signs TH("seedproof/v1/grant", TH("seedproof/v1/entry", canonical BODY)). ``digest``
is the claim's recipe or latent. ``log`` is the origin of the one log that is addressed. ``serial`` makes a grant good
for once: a service acts on one only if the serial is larger than any that it has seen for this claim and digest, so
that nobody can publish again what was withdrawn. It is the time in microseconds since 1970: services refuse one that is
ahead of their clock, since a seller could lock the buyer out with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance import proof
from provenance.display import require_plain_text
from provenance.encoding import Fields, Json, canonical, parse_canonical
from provenance.followup import MAX_OWNERS, check_signatures, signature_item
from provenance.followup_body import MAX_ORIGIN
from provenance.hashing import Tag, tagged_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ACTIONS",
    "MAX_GRANT_BYTES",
    "Grant",
    "SignedGrant",
    "check_grant",
    "format_grant",
    "parse_grant",
    "sign_grant",
]

ACTIONS = ("publish", "withdraw")

MAX_GRANT_BYTES = 4_096
"""It travels in a header field; 16 owners' signatures and the body have 2,900 bytes."""


@dataclass(frozen=True)
class Grant:
    """What is permitted; see the module."""

    claim: bytes
    digest: bytes
    action: str
    log: str
    serial: int


@dataclass(frozen=True)
class SignedGrant:
    """A grant with a 64-byte signature of each owner, nothing of it checked."""

    grant: Grant
    owners: tuple[bytes, ...]


def sign_grant(grant: Grant, secrets: Sequence[bytes]) -> SignedGrant:
    """The grant, signed by every owner's secret (32 bytes each), in order."""
    identifier = _grant_id(grant)
    return SignedGrant(grant, tuple(proof.prove(Tag.GRANT, secret, identifier) for secret in secrets))


def format_grant(signed: SignedGrant) -> bytes:
    """Canonical bytes of a signed grant."""
    proofs: Json = {"owners": [signature.hex() for signature in signed.owners]}
    return canonical({"kind": "grant", "v": 1, "body": _body(signed.grant), "proofs": proofs})


def parse_grant(data: bytes) -> SignedGrant:
    """The signed grant whose canonical bytes these are; its signatures are not checked here.

    Raises:
        EncodingError, LimitError: it is none. UnsupportedVersionError: another version.
    """
    with Fields(parse_canonical(data, "grant", limit=MAX_GRANT_BYTES), "grant") as fields:
        fields.version("grant")
        with fields.object("body") as body:
            body.version("grant")
            grant = Grant(
                claim=body.binary("claim", size=32),
                digest=body.binary("digest", size=32),
                action=body.choice("action", ACTIONS),
                log=require_plain_text(body.text("log", limit=MAX_ORIGIN), "grant: log", limit=MAX_ORIGIN),
                serial=body.integer("serial"),
            )
        with fields.object("proofs") as proofs:
            owners = proofs.array("owners", signature_item, limit=MAX_OWNERS, low=1)
    return SignedGrant(grant, owners)


def check_grant(signed: SignedGrant, owners: Sequence[bytes], *, second_opinion: bool = False) -> None:
    """Check that these ``owners`` (of provenance.ownership), all of them and in order, signed.

    Log, digest, action and serial are the caller's to compare.

    Raises:
        ForgedError: they have not. DisagreementError: see provenance.proof.
    """
    identifier = _grant_id(signed.grant)
    check_signatures(Tag.GRANT, owners, identifier, signed.owners, "grant", second_opinion=second_opinion)


def _grant_id(grant: Grant) -> bytes:
    return tagged_hash(Tag.ENTRY, canonical(_body(grant)))


def _body(grant: Grant) -> dict[str, Json]:
    return {
        "kind": "grant",
        "v": 1,
        "claim": grant.claim.hex(),
        "digest": grant.digest.hex(),
        "action": grant.action,
        "log": grant.log,
        "serial": grant.serial,
    }
