"""A transfer or revocation that waits for its other owners: a file that they pass along, each adding his signature.

    draft = {"kind":"draft","v":1,"body":<transfer or revocation body>,
             "signatures":[{"key":hex32,"signature":hex64},...]}

A work of several owners changes hands, or is revoked, only by all of them together. The signatures are those of the
finished entry, under its tag and over its id; once every owner's is there, a transfer becomes an offer
(:mod:`provenance.offer`) and a revocation the log's entry. Whoever signs first binds himself, and nobody else: without
the others a draft is worth nothing, and one whose ``prev`` is no longer the newest entry never will be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provenance import proof
from provenance.curve import public_key
from provenance.encoding import Fields, canonical, parse_json
from provenance.errors import EncodingError, ForgedError, UsageError
from provenance.followup import MAX_OWNERS, FollowUp, Proofs, body_id, sign_owners
from provenance.followup_body import Revocation, Transfer, body_json, read_body
from provenance.hashing import Tag
from provenance.offer import Offer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Draft", "check_draft", "finished", "format_draft", "missing_owners", "parse_draft", "sign_draft"]

_KINDS = ("transfer", "revocation")


@dataclass(frozen=True)
class Draft:
    """A body and the signatures (64 bytes) that it has so far, each with the key (32 bytes) that made it."""

    body: Transfer | Revocation
    signatures: tuple[tuple[bytes, bytes], ...] = ()


def sign_draft(draft: Draft, secrets: Collection[bytes]) -> Draft:
    """The draft with a signature by each of these secrets (32 bytes) in place of what stood under its key."""
    made = {public_key(secret): sign_owners(draft.body, [secret])[0] for secret in secrets}
    return replace(draft, signatures=tuple((dict(draft.signatures) | made).items()))


def missing_owners(draft: Draft, owners: Sequence[bytes]) -> tuple[bytes, ...]:
    """Those of the owners whose signature is not there yet."""
    return tuple(owner for owner in owners if owner not in dict(draft.signatures))


def check_draft(draft: Draft, owners: Sequence[bytes]) -> None:
    """Check every signature, and that it is an owner's.

    Raises:
        ForgedError: one is not, or does not hold. DisagreementError: see provenance.proof.
    """
    tag = Tag.TRANSFER_OFFER if isinstance(draft.body, Transfer) else Tag.REVOCATION
    for key, signature in draft.signatures:
        if key not in owners:
            raise ForgedError(f"draft: it is signed by {key.hex()}, who does not own the work")
        where = f"draft: signature of {key.hex()[:16]}"
        proof.check(tag, key, body_id(draft.body), signature, where, second_opinion=True)


def finished(draft: Draft, owners: Sequence[bytes]) -> Offer | FollowUp:
    """The offer, or the revocation for the log, once every owner has signed.

    Raises:
        UsageError: one has not.
    """
    missing = missing_owners(draft, owners)
    if missing:
        raise UsageError(f"{' and '.join(key.hex() for key in missing)} must sign, too")
    signed = dict(draft.signatures)
    signatures = tuple(signed[owner] for owner in owners)
    if isinstance(draft.body, Transfer):
        return Offer(draft.body, signatures)
    return FollowUp(draft.body, Proofs(owners=signatures))


def format_draft(draft: Draft) -> bytes:
    """Canonical bytes of a draft."""
    return canonical(
        {
            "kind": "draft",
            "v": 1,
            "body": body_json(draft.body),
            "signatures": [{"key": key.hex(), "signature": made.hex()} for key, made in draft.signatures],
        }
    )


def parse_draft(data: bytes) -> Draft:
    """The draft in a JSON document, however formatted; its signatures are not checked here.

    Raises:
        EncodingError, LimitError: it is none. UnsupportedVersionError: another version.
    """
    with Fields(parse_json(data, "draft"), "draft") as fields:
        fields.version("draft")
        value = fields.take("body")
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind not in _KINDS:
            raise EncodingError("draft: its body must be a transfer or a revocation")
        body = read_body(kind, value)
        signatures = fields.array("signatures", _read_signature, limit=MAX_OWNERS)
    if not isinstance(body, Transfer | Revocation) or len(dict(signatures)) != len(signatures):
        raise EncodingError("draft: a key stands twice among its signatures")
    return Draft(body, tuple(signatures))


def _read_signature(value: object, where: str) -> tuple[bytes, bytes]:
    with Fields(value, where) as fields:
        return fields.binary("key", size=32), fields.binary("signature", size=64)
