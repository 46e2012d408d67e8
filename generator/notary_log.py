"""What a notary asks of a log, behind the port: claims in order, blobs, and what stands there about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from provenance.commitment import commit
from provenance.entry import check_any, parse_any
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.followup import FollowUp, format_follow_up, sign_key_revocation
from provenance.followup_body import Attestation, KeyRevocation
from provenance.ports import BlobSource, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provenance.entry import AnyEntry
    from provenance.ports import LoggedEntry

__all__ = ["Library", "attestation_in", "attested_at", "claims_after", "key_revoked_at", "origin_of", "revoke_key"]


class Library(Ledger, BlobSource, Protocol):
    """A log whose service also keeps what authors publish beside it."""


def origin_of(ledger: Ledger) -> str:
    """The log's name."""
    return ledger.verifier_key.partition("+")[0]


def claims_after(ledger: Ledger, after: int) -> Iterator[LoggedEntry]:
    """Every claim beyond the index ``after``, in log order, as far as the log goes."""
    while found := ledger.search(after=after):
        yield from found
        after = found[-1].index


def attested_at(ledger: Ledger, claim_id: bytes, notary: bytes) -> int | None:
    """Index of this notary's attestation of the claim, if the log shows one."""
    for index, entry in _known(ledger.follow_ups(claim_id, kind="attestation", notary=notary)):
        body = attestation_in(entry)
        if body is not None and body.notary == notary:
            return index
    return None


def key_revoked_at(ledger: Ledger, key: bytes) -> int | None:
    """Index at which the key was revoked in this log, if it was."""
    origin = origin_of(ledger)
    for index, entry in _known(ledger.follow_ups(key, kind="chained")):
        body = entry.content.body if isinstance(entry.content, FollowUp) else None
        if isinstance(body, KeyRevocation) and body.log == origin:
            return index
    return None


def revoke_key(ledger: Ledger, secret: bytes, from_index: int) -> LoggedEntry:
    """Tell the log that a key was stolen: attestations by it from this index on count no more. It is for good.

    Raises:
        ConflictError: it was revoked before. LedgerFault: the log is away.
    """
    body = KeyRevocation(commit(secret), origin_of(ledger), from_index, "key-compromised")
    return ledger.submit(format_follow_up(sign_key_revocation(body, secret)))


def attestation_in(entry: AnyEntry) -> Attestation | None:
    """The attestation that an entry is, if it is one."""
    body = entry.content.body if isinstance(entry.content, FollowUp) else None
    return body if isinstance(body, Attestation) else None


def _known(found: Iterable[LoggedEntry]) -> Iterator[tuple[int, AnyEntry]]:
    """Index and entry of those whose proofs hold, of the kinds that are known here.

    One page is enough: a log takes one attestation of a claim by a notary, and one revocation of a key.
    """
    for logged in found:
        try:
            entry = parse_any(logged.entry)
            check_any(entry, second_opinion=False)
        except (InvalidError, UnsupportedVersionError):
            continue
        yield logged.index, entry
