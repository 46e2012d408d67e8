"""Follow-ups: a body of :mod:`provenance.followup_body` with the signatures that make it count.

::

    entry = {"kind":K,"v":1,"body":BODY,"proofs":PROOFS}
    id    = TH("seedproof/v1/entry", canonical BODY)

    K               PROOFS                                 each signature is over TH(its tag, id)
    attribution     {"possession":sig,"author":sig}        both seedproof/v1/attribution, by the claim's Y and him
    transfer        {"owners":[sig,...],"accept":sig}      seedproof/v1/transfer-offer by all owners in order,
                                                           seedproof/v1/transfer-accept by the key ``to``
    revocation      {"owners":[sig,...]}                   seedproof/v1/revocation
    key-revocation  {"key":sig}                            seedproof/v1/key-revocation, by the key that is revoked
    attestation     {"notary":sig}                         seedproof/v1/attestation

The signature of the one key that a body itself names can be checked at once (:func:`check_named`); those of owners need
the claim and the entry that ``prev`` names (:mod:`provenance.entry`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance import proof
from provenance.claim import MAX_ENTRY_BYTES
from provenance.encoding import Fields, Json, canonical, parse_canonical, parse_hex
from provenance.errors import EncodingError, ForgedError, UnsupportedVersionError
from provenance.followup_body import (
    Attestation,
    Attribution,
    Body,
    KeyRevocation,
    Revocation,
    Transfer,
    body_json,
    read_body,
)
from provenance.hashing import Tag, tagged_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FOLLOW_UPS",
    "MAX_OWNERS",
    "FollowUp",
    "Proofs",
    "attribute",
    "body_id",
    "check_named",
    "check_owners",
    "check_possession",
    "format_follow_up",
    "parse_follow_up",
    "sign_attestation",
    "sign_key_revocation",
    "sign_owners",
    "sign_revocation",
]

MAX_OWNERS = 16
"""As many as a claim has authors."""


@dataclass(frozen=True)
class Proofs:
    """64-byte signatures. ``named`` is by the key that the body names; a kind without one of them leaves it empty."""

    named: bytes = b""
    owners: tuple[bytes, ...] = ()
    possession: bytes = b""


@dataclass(frozen=True)
class FollowUp:
    """A body and its signatures, nothing of them checked."""

    body: Body
    proofs: Proofs


@dataclass(frozen=True)
class _Kind:
    """Which proofs a kind has: ``named`` is the JSON name of the named key's signature, under ``tag``."""

    named: str = ""
    tag: Tag | None = None
    owners: Tag | None = None
    possession: bool = False


_KINDS = {
    "attribution": _Kind("author", Tag.ATTRIBUTION, possession=True),
    "transfer": _Kind("accept", Tag.TRANSFER_ACCEPT, owners=Tag.TRANSFER_OFFER),
    "revocation": _Kind(owners=Tag.REVOCATION),
    "key-revocation": _Kind("key", Tag.KEY_REVOCATION),
    "attestation": _Kind("notary", Tag.ATTESTATION),
}

FOLLOW_UPS = tuple(_KINDS)
"""The kinds of version 1."""


def body_id(body: Body) -> bytes:
    """The id of an entry with this body, 32 bytes; signatures are evidence beside it and identify nothing."""
    return tagged_hash(Tag.ENTRY, canonical(body_json(body)))


def format_follow_up(made: FollowUp) -> bytes:
    """Canonical bytes of the entry: the leaf."""
    kind = _KINDS[made.body.kind]
    proofs: dict[str, Json] = {}
    if kind.named:
        proofs[kind.named] = made.proofs.named.hex()
    if kind.owners is not None:
        proofs["owners"] = [signature.hex() for signature in made.proofs.owners]
    if kind.possession:
        proofs["possession"] = made.proofs.possession.hex()
    return canonical({"kind": made.body.kind, "v": 1, "body": body_json(made.body), "proofs": proofs})


def parse_follow_up(data: bytes) -> FollowUp:
    """The follow-up whose canonical bytes these are; its proofs are not checked here.

    Raises:
        EncodingError, LimitError: it is none. UnsupportedVersionError: a kind or version that is not known.
    """
    return read_follow_up(parse_canonical(data, "log entry", limit=MAX_ENTRY_BYTES))


def read_follow_up(value: Json) -> FollowUp:
    """As :func:`parse_follow_up`, of a value that was parsed canonically already."""
    with Fields(value, "log entry") as fields:
        name = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(name, str):
            raise EncodingError("log entry: kind must be a string")
        if name not in _KINDS:
            raise UnsupportedVersionError(
                f"log entry: kind {name[:40]!r} is not known to this program; update seedproof"
            )
        fields.version(name)
        body = read_body(name, fields.take("body"))
        with fields.object("proofs") as proofs:
            return FollowUp(body, _read_proofs(proofs, _KINDS[name]))


def check_named(made: FollowUp, *, second_opinion: bool) -> None:
    """Check the signature by the key that the body names; a revocation names none.

    Raises:
        ForgedError: it does not hold. DisagreementError: see provenance.proof.
    """
    kind = _KINDS[made.body.kind]
    if kind.tag is not None:
        what = f"{made.body.kind}: signature {kind.named!r}"
        key, identifier = named_key(made.body), body_id(made.body)
        proof.check(kind.tag, key, identifier, made.proofs.named, what, second_opinion=second_opinion)


def check_possession(made: FollowUp, Y: bytes, *, second_opinion: bool) -> None:
    """Check that the holder of P, with Y = P*G, stands behind an attribution.

    Raises:
        ForgedError, DisagreementError: as :func:`check_named`.
    """
    what = "attribution: proof of possession"
    proof.check(Tag.ATTRIBUTION, Y, body_id(made.body), made.proofs.possession, what, second_opinion=second_opinion)


def check_owners(made: FollowUp, owners: Sequence[bytes], *, second_opinion: bool) -> None:
    """Check that all ``owners``, in this order, signed a transfer or revocation.

    Raises:
        ForgedError, DisagreementError: as :func:`check_named`; also when there are no owners, as after a revocation.
    """
    tag = _KINDS[made.body.kind].owners
    if tag is None or not owners:
        raise ForgedError(f"{made.body.kind}: nobody can sign it, the chain of owners has ended")
    check_signatures(tag, owners, body_id(made.body), made.proofs.owners, made.body.kind, second_opinion=second_opinion)


def check_signatures(
    tag: Tag, keys: Sequence[bytes], identifier: bytes, signatures: Sequence[bytes], what: str, *, second_opinion: bool
) -> None:
    """One signature under ``tag`` by each of ``keys``, in order.

    Raises:
        ForgedError, DisagreementError: as :func:`check_named`.
    """
    if len(signatures) != len(keys):
        raise ForgedError(f"{what}: {len(signatures)} owners signed, there are {len(keys)}")
    for position, (key, signature) in enumerate(zip(keys, signatures, strict=True)):
        where = f"{what}: signature of owner {position + 1}"
        proof.check(tag, key, identifier, signature, where, second_opinion=second_opinion)


def sign_owners(body: Transfer | Revocation, secrets: Sequence[bytes]) -> tuple[bytes, ...]:
    """The owners' signatures under a transfer (then it is an offer, see provenance.offer) or revocation, in order."""
    tag = _KINDS[body.kind].owners or Tag.REVOCATION
    identifier = body_id(body)
    return tuple(proof.prove(tag, secret, identifier) for secret in secrets)


def attribute(body: Attribution, work_secret: bytes, author_secret: bytes) -> FollowUp:
    """An attribution signed by P and by the author."""
    return FollowUp(body, Proofs(_sign(body, author_secret), possession=_sign(body, work_secret)))


def sign_revocation(body: Revocation, secrets: Sequence[bytes]) -> FollowUp:
    """A revocation signed by all owners."""
    return FollowUp(body, Proofs(owners=sign_owners(body, secrets)))


def sign_key_revocation(body: KeyRevocation, secret: bytes) -> FollowUp:
    """A key revocation signed by that key."""
    return FollowUp(body, Proofs(_sign(body, secret)))


def sign_attestation(body: Attestation, secret: bytes) -> FollowUp:
    """An attestation signed by its notary."""
    return FollowUp(body, Proofs(_sign(body, secret)))


def sign_acceptance(body: Transfer, secret: bytes) -> bytes:
    """The buyer's signature under a transfer."""
    return _sign(body, secret)


def named_key(body: Body) -> bytes:
    """The one key that a body names: author, buyer, revoked key, notary; empty for a revocation."""
    if isinstance(body, Attribution):
        return body.author
    if isinstance(body, Transfer):
        return body.to
    if isinstance(body, KeyRevocation):
        return body.key
    return body.notary if isinstance(body, Attestation) else b""


def signature_item(value: object, where: str) -> bytes:
    """One 64-byte signature in an array."""
    return parse_hex(value, where, size=64)


def _sign(body: Body, secret: bytes) -> bytes:
    tag = _KINDS[body.kind].tag
    if tag is None:
        raise ValueError(f"a {body.kind} names no key")
    return proof.prove(tag, secret, body_id(body))


def _read_proofs(fields: Fields, kind: _Kind) -> Proofs:
    return Proofs(
        named=fields.binary(kind.named, size=64) if kind.named else b"",
        owners=fields.array("owners", signature_item, limit=MAX_OWNERS, low=1) if kind.owners is not None else (),
        possession=fields.binary("possession", size=64) if kind.possession else b"",
    )
