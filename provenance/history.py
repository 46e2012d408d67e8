"""Asking a log about one claim: the claim's place, what followed, and who owns it now.

Nothing is believed. Every proof is checked again, ownership is replayed, and :func:`confirm` has the log prove by
receipt that an entry which decides something stands where it says.

Anybody can log attestations, in any number, so they are read apart: what is chained first and completely, then the
attestations of the notaries that were asked for, each by name. No flood of others stands before a sale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.checkpoint import VerifierKey
from provenance.entry import ATTESTATION, check_any, parse_any
from provenance.errors import ChallengeError, InvalidError, LedgerFault, UnsupportedVersionError
from provenance.ownership import Indexed, Ownership, keys_involved, replay
from provenance.receipt import check_receipt, parse_receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from provenance.entry import AnyEntry
    from provenance.ports import Ledger, LoggedEntry

__all__ = ["MAX_CHAINED", "History", "answering_key", "confirm", "read_entry_of", "read_history"]

MAX_CHAINED = 1_024
"""Most entries about one subject that are read, attestations apart. A log takes fewer (protocol, section 14)."""


@dataclass(frozen=True)
class History:
    """What a log has about a claim.

    Attributes:
        claim: the claim as it was logged.
        ownership: replayed; of attestations, only those of the notaries that were asked for.
        unknown: how many entries about it, or about a key that matters, this program is too old to understand.
        complete: whether everything was read but the attestations of others; else something newer may be hidden.
        log: the log's origin.
    """

    claim: Indexed
    ownership: Ownership
    unknown: int
    complete: bool
    log: str

    @property
    def gap(self) -> str:
        """What may be missing from it, as a sentence's end; empty when nothing is."""
        if self.unknown:
            return f"{self.unknown} entries about it are not understood by this program; update seedproof"
        return "" if self.complete else "so much was logged about this claim that not all of it was read"


def read_history(
    claim_id: bytes, ledger: Ledger, *, notaries: Collection[bytes] = (), most: int | None = None
) -> History | None:
    """The history of a claim in this log; None when the log does not have it.

    Of what is chained about the claim or a key, ``most`` entries are read (by default MAX_CHAINED): the first ones.

    Raises:
        LedgerFault: the log is away, or answered something that does not verify.
        UnsupportedVersionError: the claim itself is of a version that this program does not know.
    """
    found = ledger.find(claim_id)
    if found is None:
        return None
    claim = read_entry_of(ledger, found)
    if claim.entry.claim is None or claim.entry.id != claim_id:
        raise LedgerFault(f"{ledger.location}: answered with another entry than the claim that was asked for")
    reading = _Reading(ledger, MAX_CHAINED if most is None else most)
    follow_ups = reading.chained(claim_id)
    revocations = []
    for key in dict.fromkeys((*keys_involved(claim.entry, follow_ups), *notaries)):
        revocations += reading.chained(key)
    for notary in dict.fromkeys(notaries):
        follow_ups += reading.attestation(claim_id, notary)
    log = VerifierKey.parse(ledger.verifier_key).name
    try:
        ownership = replay(claim, follow_ups, revocations, log=log)
    except InvalidError as error:
        raise LedgerFault(f"{ledger.location}: {error}") from error
    _confirm_what_decides(ledger, claim, ownership, revocations)
    return History(claim, ownership, reading.unknown, reading.complete, log)


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
        check_any(entry, second_opinion=second_opinion and entry.kind != ATTESTATION)
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


class _Reading:
    """Reads what is about a claim and its keys, and counts what it could not read or understand."""

    def __init__(self, ledger: Ledger, most: int) -> None:
        self._ledger = ledger
        self._most = most
        self._unknown: set[int] = set()
        self.complete = True

    @property
    def unknown(self) -> int:
        """Entries of a kind or version that this program does not know."""
        return len(self._unknown)

    def chained(self, subject: bytes) -> list[Indexed]:
        """All that is about the subject, attestations apart, up to the most that are read."""
        found: list[LoggedEntry] = []
        for logged in self._pages(subject):
            if len(found) >= self._most:
                self.complete = False
                break
            found.append(logged)
        return self._parsed(found, lambda entry: entry.kind != ATTESTATION)

    def attestation(self, claim_id: bytes, notary: bytes) -> list[Indexed]:
        """This notary's attestation of the claim: the first one, since a log takes no second."""
        found = self._ledger.follow_ups(claim_id, kind=ATTESTATION, notary=notary)[:1]
        return self._parsed(found, lambda entry: entry.kind == ATTESTATION and notary in entry.keys)

    def _pages(self, subject: bytes) -> Iterator[LoggedEntry]:
        after = -1
        while page := self._ledger.follow_ups(subject, kind="chained", after=after):
            for logged in page:
                if logged.index <= after:
                    raise LedgerFault(f"{self._ledger.location}: lists its entries out of order")
                after = logged.index
                yield logged

    def _parsed(self, found: Sequence[LoggedEntry], wanted: Callable[[AnyEntry], bool]) -> list[Indexed]:
        parsed = []
        where = self._ledger.location
        for logged in found:
            try:
                entry = parse_any(logged.entry)
            except UnsupportedVersionError:
                self._unknown.add(logged.index)
                continue
            except InvalidError as error:
                raise LedgerFault(f"{where}: answered with a bad entry {logged.index}: {error}") from error
            if not wanted(entry):
                raise LedgerFault(f"{where}: answered with entry {logged.index}, which was not asked for")
            parsed.append(Indexed(logged.index, entry))
        return parsed
