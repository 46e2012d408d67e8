"""Other claims over the same pixels or the same latent, and what the older ones among them mean.

A log never judges: whoever has seen a picture can log a claim over it. So an older rival is a warning, and *disputed*
is said only where the rival is known to be authentic: because notaries whom the policy trusts attest it, or because it
is a *twin*: the same secret, recipe and latent, so that regenerating the one regenerates the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.attested import check_attestations
from provenance.claim import claim_id
from provenance.errors import UnsupportedVersionError
from provenance.history import confirm, read_entry_of, read_history

if TYPE_CHECKING:
    from provenance.claim import Claim
    from provenance.ownership import Indexed, Ownership
    from provenance.policy import Policy
    from provenance.ports import Ledger

__all__ = ["Others", "Rivalry", "find_rivals", "weigh_rivals"]

MAX_RIVALS = 8
"""Older rivals that are looked at closely; they cost a history each."""

MAX_RIVAL_ENTRIES = 32
"""Entries of such a history that are read, and of each of its keys: who has sold a work so often has sold it, which is
all that is asked of them."""


@dataclass(frozen=True)
class Others:
    """Other claims that a log shows about a work.

    Attributes:
        rivals: over the same pixels or latent, oldest first.
        siblings: how many have the same Y and another picture.
        unknown: how many are of a version that this program does not know.
    """

    rivals: list[Indexed]
    siblings: int
    unknown: int


def find_rivals(claim: Claim, ledger: Ledger) -> Others:
    """What the log has beside this claim over the same pixels, the same latent or the same Y.

    Raises:
        LedgerFault: the log is away, or answered something that does not verify.
    """
    own = claim_id(claim)
    rivals: dict[int, Indexed] = {}
    siblings, unknown = set(), set()
    for logged in (
        *ledger.search(pixels=claim.pixels),
        *ledger.search(latent=claim.latent.digest),
        *ledger.search(commitment=claim.Y),
    ):
        if logged.index in rivals or logged.index in siblings:
            continue
        try:
            other = read_entry_of(ledger, logged, second_opinion=False)  # read_history gives it to those that decide
        except UnsupportedVersionError:
            unknown.add(logged.index)
            continue
        if other.entry.claim is None or other.entry.id == own:
            continue
        if _shares_work(other.entry.claim, claim):
            rivals[logged.index] = other
        elif other.entry.claim.Y == claim.Y:
            siblings.add(logged.index)
    return Others([rivals[index] for index in sorted(rivals)], len(siblings), len(unknown))


@dataclass(frozen=True)
class Rivalry:
    """What older rivals mean: ``remark`` for people, and why the claim is disputed, in any case or if authentic."""

    remark: str = ""
    disputed: str = ""
    disputed_if_authentic: str = ""


def weigh_rivals(claim: Claim, older: list[Indexed], ledger: Ledger, policy: Policy) -> Rivalry:
    """Look closely at the oldest of the ``older`` rivals.

    Raises:
        LedgerFault: the log does not prove what it says of them.
    """
    if not older:
        return Rivalry()
    remark = f"an older claim over the same picture stands at entry {older[0].index}; verify its picture and compare"
    twin = attested = ""
    for item in older[:MAX_RIVALS]:
        confirm(ledger, item)
        other = item.entry.claim
        notaries = [trust.key for trust in policy.notaries]
        history = read_history(item.entry.id, ledger, notaries=notaries, most=MAX_RIVAL_ENTRIES)
        if other is None or history is None or _yields(other, claim, history.ownership):
            continue
        where = f"entry {item.index} of {history.log} is an older claim over the same"
        data = [found.entry.data for found in history.ownership.attestations]
        if not attested and check_attestations(data, other, policy).holds:
            attested = f"{where} picture, and notaries whom the policy trusts have regenerated it"
        if not twin and _is_twin(other, claim):
            twin = f"{where} work, under the same secret, by another owner"
    return Rivalry(remark, attested, twin)


def _is_twin(a: Claim, b: Claim) -> bool:
    """Whether whatever regenerates one regenerates the other."""
    return (a.Y, a.index, a.recipe, a.outputs, a.latent) == (b.Y, b.index, b.recipe, b.outputs, b.latent)


def _yields(older: Claim, claim: Claim, ownership: Ownership) -> bool:
    """Whether an older claim is the same people's, never sold: the work was claimed anew, say with other terms."""
    if ownership.transferred:
        return False
    return older.authors == claim.authors if older.authors else _is_twin(older, claim)


def _shares_work(a: Claim, b: Claim) -> bool:
    return a.pixels == b.pixels or a.latent.digest == b.latent.digest
