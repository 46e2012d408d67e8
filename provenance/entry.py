"""Every kind of log entry behind one face: what a log stores, looks up and checks without knowing what it means.

The set of kinds is open: a new one is one more row here. What a log does with an entry::

    entry = parse_any(data)                    strict; refuses what this version does not know
    check_any(entry, second_opinion=False)     every signature that needs no other entry
    if needs_owner(entry):                     with what the log has, in the transaction that appends:
        claim, before = find(entry.subject), find(entry.prev) if entry.prev else None
        check_beside(entry, claim, before, second_opinion=False)
    check_place(entry, log=origin, index=index)    what a key-revocation says about its place
    slot taken already?  -> ConflictError      unless it is the very entry (same id), which is a duplicate

``slot`` makes "the first one wins" one unique column: at most one entry of a log has any given slot. For transfers and
revocations it is ``prev``, so a work is sold once; a claim is attributed once, a key revoked once, and a notary attests
a claim once. It is None for claims: of rivals, all are logged.

Whether a key revocation takes an entry's force away is :mod:`provenance.ownership`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provenance.claim import MAX_ENTRY_BYTES, Claim, Entry, check_entry, entry_claim_id, read_entry
from provenance.encoding import parse_canonical
from provenance.errors import InvalidError
from provenance.followup import (
    FOLLOW_UPS,
    FollowUp,
    body_id,
    check_named,
    check_owners,
    check_possession,
    named_key,
    read_follow_up,
)
from provenance.followup_body import Attestation, Attribution, KeyRevocation, Revocation, Transfer
from provenance.hashing import Tag, tagged_hash

__all__ = [
    "ATTESTATION",
    "KINDS",
    "AnyEntry",
    "attestation_slot",
    "check_any",
    "check_beside",
    "check_place",
    "needs_owner",
    "owners_after",
    "parse_any",
]

ATTESTATION: Final = "attestation"
"""The one kind of follow-up that strangers can log in any number."""


KINDS = ("claim", *FOLLOW_UPS)
"""Every kind of version 1."""


@dataclass(frozen=True)
class AnyEntry:
    """One entry of any kind, nothing of its proofs checked.

    Attributes:
        id: 32 bytes; two entries with one id are the same entry, whatever their signatures.
        subject: what its follow-ups are listed under: the claim id (of a claim its own), or the key that is revoked.
        prev: the chained entry before a transfer or revocation (at first the claim id), else None.
        slot: 32 bytes that a log has once, else None; see the module.
        keys: author, owner and notary keys to look it up by: of a claim its authors, else the key that the body names.
        claim: the claim in an entry of that kind, else None.
        data: the canonical bytes, which are the leaf.
        content: the claim with its proofs, or the follow-up with its.
    """

    kind: str
    id: bytes
    subject: bytes
    prev: bytes | None
    slot: bytes | None
    keys: tuple[bytes, ...]
    claim: Claim | None
    data: bytes
    content: Entry | FollowUp


def parse_any(data: bytes) -> AnyEntry:
    """The entry whose canonical bytes these are.

    Raises:
        EncodingError, LimitError: it is none. UnsupportedVersionError: a kind or version that is not known.
    """
    value = parse_canonical(data, "log entry", limit=MAX_ENTRY_BYTES)
    if isinstance(value, dict) and value.get("kind") == "claim":
        entry = read_entry(value)
        identifier = entry_claim_id(data)
        return AnyEntry("claim", identifier, identifier, None, None, entry.claim.authors, entry.claim, data, entry)
    made = read_follow_up(value)
    body = made.body
    key = named_key(body)
    return AnyEntry(
        kind=body.kind,
        id=body_id(body),
        subject=body.key if isinstance(body, KeyRevocation) else body.claim,
        prev=body.prev if isinstance(body, Transfer | Revocation) else None,
        slot=_slot(made),
        keys=(key,) if key else (),
        claim=None,
        data=data,
        content=made,
    )


def check_any(entry: AnyEntry, *, second_opinion: bool) -> None:
    """Check every signature that needs no other entry.

    Raises:
        ForgedError: one does not hold. DisagreementError: see provenance.proof.
    """
    if isinstance(entry.content, Entry):
        check_entry(entry.content, second_opinion=second_opinion, identifier=entry.id)
    else:
        check_named(entry.content, second_opinion=second_opinion)


def needs_owner(entry: AnyEntry) -> bool:
    """Whether :func:`check_beside` has to see it beside its claim: all follow-ups but a key-revocation."""
    return entry.kind not in ("claim", "key-revocation")


def check_beside(entry: AnyEntry, claim: AnyEntry | None, before: AnyEntry | None, *, second_opinion: bool) -> None:
    """Check a follow-up beside the entry of its claim and, for chained ones, the entry that ``prev`` names.

    Both come from the same log, whose entries were checked when they were logged; None is what the log does not have.
    Who owned the work at ``prev`` follows from what stands before ``prev``, so the outcome does not depend on timing.

    Raises:
        InvalidError: the claim or ``prev`` is not in the log, or belongs to something else.
        ForgedError: an owner's or the author's proof does not hold. DisagreementError: see provenance.proof.
    """
    if claim is None or claim.claim is None or claim.id != entry.subject:
        raise InvalidError(f"{entry.kind}: claim {entry.subject.hex()} is not in this log; submit the claim first")
    made = entry.content
    if isinstance(made, Entry) or isinstance(made.body, KeyRevocation):
        raise TypeError(f"a {entry.kind} is not checked beside a claim")
    if isinstance(made.body, Attribution):
        if claim.claim.authors:
            raise InvalidError("attribution: the claim names its authors already")
        check_possession(made, claim.claim.Y, second_opinion=second_opinion)
    elif isinstance(made.body, Attestation):
        if made.body.recipe != claim.claim.recipe:
            raise InvalidError("attestation: made under another recipe than the claim's")
    else:
        if before is None or before.id != entry.prev or before.subject != entry.subject:
            raise InvalidError(f"{entry.kind}: prev names no entry of this claim; ask the log for its newest one")
        check_owners(made, owners_after(before), second_opinion=second_opinion)


def check_place(entry: AnyEntry, *, log: str, index: int) -> None:
    """Check an entry against its place ``index`` in the log of this origin: what only key-revocations speak of.

    One that would begin beyond its own place has no effect, and takes no slot: it could keep a true one out for ever.

    Raises:
        InvalidError: it is meant for another log, or for later than its own place.
    """
    body = None if isinstance(entry.content, Entry) else entry.content.body
    if not isinstance(body, KeyRevocation):
        return
    if body.log != log:
        raise InvalidError(f"key-revocation: it is meant for the log {body.log}, and this is {log}")
    if body.from_index > index:
        raise InvalidError(f"key-revocation: from_index {body.from_index} is beyond its own place {index} in the log")


def owners_after(entry: AnyEntry) -> tuple[bytes, ...]:
    """Who owns the work once ``entry`` is the newest of its chain: none after a revocation, or for unchained kinds.

    At first a work belongs to all its authors together, an anonymous one to whoever holds P.
    """
    if isinstance(entry.content, Entry):
        return entry.content.claim.authors or (entry.content.claim.Y,)
    body = entry.content.body
    return (body.to,) if isinstance(body, Transfer) else ()


def attestation_slot(claim: bytes, notary: bytes) -> bytes:
    """The slot of this notary's attestation of this claim: by it a log finds that one among a million others."""
    return tagged_hash(Tag.SLOT, ATTESTATION.encode() + b"\n" + claim + notary)


def _slot(made: FollowUp) -> bytes:
    body = made.body
    if isinstance(body, Transfer | Revocation):
        return body.prev
    if isinstance(body, Attestation):
        return attestation_slot(body.claim, body.notary)
    subject = body.key + body.log.encode() if isinstance(body, KeyRevocation) else body.claim
    return tagged_hash(Tag.SLOT, body.kind.encode() + b"\n" + subject)
