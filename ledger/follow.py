"""What owners and authors do with a logged work: offer, accept, revoke, attribute, and revoke a key.

All of it goes through the port, so it works with a local log and with a service alike. What the log says is replayed
and confirmed first (``provenance.history``), and looked at again after a submission: an entry that is logged and does
not count is no success.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.checkpoint import VerifierKey
from provenance.curve import public_key
from provenance.derivation import derive_author, derive_work
from provenance.entry import parse_any
from provenance.errors import ConflictError, ForgedError, InvalidError, LedgerFault, UnprovedError, UsageError
from provenance.followup import FollowUp, attribute, format_follow_up, sign_key_revocation, sign_revocation
from provenance.followup_body import Attribution, KeyRevocation, Revocation, Transfer
from provenance.history import History, read_history
from provenance.offer import Offer, accept_offer, check_offer, make_offer

if TYPE_CHECKING:
    from collections.abc import Collection

    from provenance.claim import Claim
    from provenance.master import Master
    from provenance.ports import Ledger

__all__ = [
    "Submitted",
    "accept",
    "attribute_work",
    "look_up",
    "offer_of",
    "offer_work",
    "own_secrets",
    "require_acceptable",
    "revoke_key",
    "revoke_work",
    "submit_checked",
    "work_secret",
]


@dataclass(frozen=True)
class Submitted:
    """An entry that stands in the log and counts: its index, its id, and the history of the work after it."""

    index: int
    entry_id: bytes
    history: History


def look_up(ledger: Ledger, claim_id: bytes, *, notaries: Collection[bytes] = ()) -> History:
    """The history of a work.

    Raises:
        UnprovedError: the log does not have the claim. LedgerFault: its answers do not verify.
    """
    history = read_history(claim_id, ledger, notaries=notaries)
    if history is None:
        raise UnprovedError(
            f"claim {claim_id.hex()} is not in {ledger.location}; name another log with --ledger, or publish it there"
        )
    if not history.complete:
        raise LedgerFault(f"{ledger.location}: has more about this claim than can be read; nothing was done")
    return history


def offer_work(ledger: Ledger, claim_id: bytes, master: Master, to: bytes) -> Offer:
    """An offer of the work to the key ``to``, signed by its owner. Nothing is logged before it is accepted.

    Raises:
        UsageError: the work is not the caller's, or revoked. UnprovedError, LedgerFault: see :func:`look_up`.
    """
    history = look_up(ledger, claim_id)
    return offer_of(history, Transfer(claim_id, history.ownership.head, to), master)


def offer_of(history: History, body: Transfer, master: Master) -> Offer:
    """The offer of this transfer, signed by all owners, who are the caller.

    Raises:
        UsageError: the work is not the caller's alone, or revoked.
    """
    return make_offer(body, _owner_secrets(history, master))


def require_acceptable(ledger: Ledger, offer: Offer) -> History:
    """The history of the offered work, if the offer can still be accepted and its buyer gets what he thinks.

    Raises:
        ForgedError: the owners did not sign it. ConflictError: the work was sold or revoked since.
        InvalidError: a key that the sale hangs on was reported as stolen.
    """
    history = look_up(ledger, offer.body.claim)
    ownership = history.ownership
    if offer.body.prev != ownership.head:
        last = ownership.chain[-1] if ownership.chain else history.claim
        if ownership.owners == (offer.body.to,) and last.entry.kind == "transfer":
            raise ConflictError(
                f"this work belongs to the buyer {offer.body.to.hex()} already, by entry {last.index} of {history.log}",
                last.index,
            )
        raise ConflictError(
            f"this offer is stale: the work changed at entry {last.index} of {history.log} (a {last.entry.kind}). "
            "If its seller sold it twice, his signed offer proves that: keep it",
            last.index,
        )
    check_offer(offer, ownership.owners)
    doubtful = [key for key in ownership.owners if key in ownership.revoked_keys]
    if doubtful or ownership.contested:
        raise InvalidError(
            f"a key that this sale hangs on was reported as stolen in {history.log}; whoever buys the work gets a "
            "disputed one (see: seedproof owner)"
        )
    return history


def accept(ledger: Ledger, offer: Offer, master: Master) -> Submitted:
    """Buy the offered work: sign the acceptance, log the transfer, and see that the buyer is its owner now.

    Raises:
        UsageError: it is offered to another key. ConflictError, ForgedError, InvalidError: :func:`require_acceptable`.
    """
    made = accept_offer(offer, derive_author(master))
    require_acceptable(ledger, offer)
    return submit_checked(ledger, offer.body.claim, made)


def revoke_work(ledger: Ledger, claim_id: bytes, master: Master, reason: str, note: str) -> Submitted:
    """Withdraw the claim, for good.

    Raises:
        UsageError: the work is not the caller's, or revoked already. ConflictError: it was sold in the meantime.
    """
    history = look_up(ledger, claim_id)
    body = Revocation(claim_id, history.ownership.head, reason, note)
    return submit_checked(ledger, claim_id, sign_revocation(body, _owner_secrets(history, master)))


def attribute_work(ledger: Ledger, claim_id: bytes, master: Master) -> Submitted:
    """Come forward as the author of an anonymous work.

    Raises:
        UsageError: the work was made with another master, or has an author already.
    """
    claim = _claim(look_up(ledger, claim_id))
    if claim.authors:
        raise UsageError("this claim names its authors already; only an anonymous one can be attributed")
    secret, author = work_secret(claim, master), derive_author(master)
    return submit_checked(ledger, claim_id, attribute(Attribution(claim_id, public_key(author)), secret, author))


def revoke_key(ledger: Ledger, secret: bytes, from_index: int, reason: str) -> int:
    """Report that the key of ``secret`` (32 bytes) is not to be believed from this index on. Returns the entry's index.

    Raises:
        ConflictError: it was revoked in this log before.
    """
    log = VerifierKey.parse(ledger.verifier_key).name
    body = KeyRevocation(public_key(secret), log, from_index, reason)
    return ledger.submit(format_follow_up(sign_key_revocation(body, secret))).index


def work_secret(claim: Claim, master: Master) -> bytes:
    """The secret P of a work.

    Raises:
        UsageError: it was made with another master, or with a key of its own.
    """
    secret = None if claim.nonce is None else derive_work(master, claim.nonce)
    if secret is None or public_key(secret) != claim.Y:
        raise UsageError("this work was made with another master secret than yours")
    return secret


def _claim(history: History) -> Claim:
    claim = history.claim.entry.claim
    if claim is None:
        raise LedgerFault("the log answered with something else than a claim")
    return claim


def own_secrets(history: History, master: Master) -> dict[bytes, bytes]:
    """The owners who are the caller, in their order: key -> secret.

    Raises:
        UsageError: there is none, or the work was revoked.
    """
    revoked = history.ownership.revoked
    if revoked is not None:
        raise UsageError(f"the work was revoked at entry {revoked.index} of {history.log}; that cannot be undone")
    claim, author = _claim(history), derive_author(master)
    mine = {public_key(author): author}
    if claim.nonce is not None:
        work = derive_work(master, claim.nonce)
        mine[public_key(work)] = work
    found = {key: mine[key] for key in history.ownership.owners if key in mine}
    if not found:
        owners = " and ".join(key.hex() for key in history.ownership.owners)
        raise UsageError(f"the work belongs to {owners}; your key does not own it")
    return found


def _owner_secrets(history: History, master: Master) -> list[bytes]:
    """A secret for every owner, all of which are the caller's."""
    mine, owners = own_secrets(history, master), history.ownership.owners
    if len(mine) < len(owners):
        raise UsageError(f"the work has {len(owners)} owners, and all of them must sign: name a file for them with -o")
    return list(mine.values())


def submit_checked(ledger: Ledger, claim_id: bytes, made: FollowUp) -> Submitted:
    """Log a follow-up, and see that it counts.

    Raises:
        ConflictError: another one came first. ForgedError: it is logged and has no effect.
    """
    data = format_follow_up(made)
    logged = ledger.submit(data)
    entry = parse_any(data)
    history = look_up(ledger, claim_id)
    void = next((item for item in history.ownership.void if item.index == logged.index), None)
    if void is not None:
        raise ForgedError(f"entry {logged.index} of {history.log} has no effect: {void.reason}")
    head = made.body.kind not in ("transfer", "revocation") or history.ownership.head == entry.id
    if not head:
        last = history.ownership.chain[-1].index
        raise ConflictError(f"the work went on at entry {last} of {history.log} already", last)
    return Submitted(logged.index, entry.id, history)
