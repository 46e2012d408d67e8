"""Asking a log about one claim: the claim's place, what followed, and who owns it now.

Nothing is believed. Every proof is checked again, ownership is replayed, and :func:`confirm` has the log prove by
receipt that an entry which decides something stands where it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.checkpoint import VerifierKey
from provenance.entry import check_any, parse_any
from provenance.errors import ChallengeError, InvalidError, LedgerFault
from provenance.ownership import Indexed, Ownership, keys_involved, replay
from provenance.receipt import check_receipt, parse_receipt

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from provenance.ports import Ledger, LoggedEntry

__all__ = ["History", "answering_key", "confirm", "read_entry_of", "read_history"]

MAX_FOLLOW_UPS = 20_000
"""Most entries about one subject that are read: anybody can pile up attestations, and reading must end."""


@dataclass(frozen=True)
class History:
    """What a log has about a claim.

    Attributes:
        claim: the claim as it was logged.
        ownership: replayed; of attestations, only those of the notaries that were asked for.
        others: how many more attestations there are, by anybody.
        complete: whether everything was read; else something newer may be hidden behind a flood.
        log: the log's origin.
    """

    claim: Indexed
    ownership: Ownership
    others: int
    complete: bool
    log: str


def read_history(claim_id: bytes, ledger: Ledger, *, notaries: Collection[bytes] = ()) -> History | None:
    """The history of a claim in this log; None when the log does not have it.

    Raises:
        LedgerFault: the log is away, or answered something that does not verify.
        UnsupportedVersionError: it has entries of a kind that this program does not know.
    """
    found = ledger.find(claim_id)
    if found is None:
        return None
    claim = read_entry_of(ledger, found)
    if claim.entry.claim is None or claim.entry.id != claim_id:
        raise LedgerFault(f"{ledger.location}: answered with another entry than the claim that was asked for")
    follow_ups, others, complete = _read_all(claim_id, ledger, frozenset(notaries))
    revocations = []
    for key in dict.fromkeys((*keys_involved(claim.entry, follow_ups), *notaries)):
        revocations += _read_all(key, ledger, frozenset())[0]
    log = VerifierKey.parse(ledger.verifier_key).name
    try:
        ownership = replay(claim, follow_ups, revocations, log=log)
    except InvalidError as error:
        raise LedgerFault(f"{ledger.location}: {error}") from error
    _confirm_what_decides(ledger, claim, ownership, revocations)
    return History(claim, ownership, others, complete, log)


def answering_key(history: History) -> tuple[bytes, bytes | None]:
    """Who answers a challenge about the work: its secret with the claim's nonce, or the buyer's key, who has no nonce.

    Raises:
        ChallengeError: the work was revoked, so nobody stands behind it.
    """
    claim, ownership = history.claim.entry.claim, history.ownership
    if claim is None:
        raise LedgerFault("the log answered with something else than a claim")
    if ownership.revoked is not None:
        raise ChallengeError(f"the work was revoked at entry {ownership.revoked.index} of {history.log}")
    return (ownership.owners[0], None) if ownership.transferred else (claim.Y, claim.nonce)


def read_entry_of(ledger: Ledger, logged: LoggedEntry, *, second_opinion: bool = True) -> Indexed:
    """An entry that the log answered with, its own signatures checked.

    Raises:
        LedgerFault: they do not hold, or it is no entry. UnsupportedVersionError: it is newer.
    """
    try:
        entry = parse_any(logged.entry)
        check_any(entry, second_opinion=second_opinion and entry.kind != "attestation")
    except InvalidError as error:
        raise LedgerFault(f"{ledger.location}: answered with a bad entry {logged.index}: {error}") from error
    return Indexed(logged.index, entry)


def confirm(ledger: Ledger, item: Indexed) -> None:
    """Have the log prove that this entry stands at this index.

    Raises:
        LedgerFault: it does not.
    """
    try:
        receipt = parse_receipt(ledger.receipt(item.index))
        found = check_receipt(receipt, item.entry.data, [VerifierKey.parse(key) for key in ledger.verifier_keys])
    except InvalidError as error:
        raise LedgerFault(f"{ledger.location}: does not prove its entry {item.index}: {error}") from error
    if not found.known or found.index != item.index:
        raise LedgerFault(f"{ledger.location}: does not prove its entry {item.index}")


def _confirm_what_decides(ledger: Ledger, claim: Indexed, ownership: Ownership, revocations: list[Indexed]) -> None:
    void = {item.index for item in ownership.void}
    deciding = [claim, *ownership.chain, *(item for item in revocations if item.index not in void)]
    for item in deciding:
        confirm(ledger, item)


def _read_all(subject: bytes, ledger: Ledger, notaries: frozenset[bytes]) -> tuple[list[Indexed], int, bool]:
    """The entries about a subject, how many attestations by others were left out, and whether all was read."""
    kept: list[Indexed] = []
    others = 0
    for count, logged in enumerate(_pages(subject, ledger)):
        if count >= MAX_FOLLOW_UPS:
            return kept, others, False
        item = _parsed(ledger, logged)
        if item.entry.kind == "attestation" and not notaries.intersection(item.entry.keys):
            others += 1
        else:
            kept.append(item)
    return kept, others, True


def _pages(subject: bytes, ledger: Ledger) -> Iterator[LoggedEntry]:
    after = -1
    while page := ledger.follow_ups(subject, after=after):
        for logged in page:
            if logged.index <= after:
                raise LedgerFault(f"{ledger.location}: lists its entries out of order")
            after = logged.index
            yield logged


def _parsed(ledger: Ledger, logged: LoggedEntry) -> Indexed:
    try:
        return Indexed(logged.index, parse_any(logged.entry))
    except InvalidError as error:
        raise LedgerFault(f"{ledger.location}: answered with a bad entry {logged.index}: {error}") from error
