"""Steps 10 to 12: how the claim stands among others: logged, rivalled, derived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.claim import claim_id, format_entry, parse_entry
from provenance.errors import EnvironmentFault, InvalidError, UnsupportedVersionError
from provenance.receipt import check_receipt, parse_receipt
from provenance.report import Check, Status
from provenance.timeevidence import check_timestamps

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.claim import Claim, Entry
    from provenance.policy import Policy
    from provenance.ports import Ledger

__all__ = ["check_lineage", "check_logged", "check_rivals"]


def check_logged(receipt: bytes | None, entry: Entry, policy: Policy, now: datetime, *, vouched: bool) -> Check:
    """Step 10: inclusion proof, checkpoint signature, timestamps.

    A receipt that does not hold fails the file only where the author vouches for the container: a stranger who wraps
    the picture again can put any receipt into it, and that must not speak against the author.
    """
    if receipt is None:
        return Check(10, Status.SKIP, "no receipt in the file: the claim may stand in no log")
    try:
        found = check_receipt(parse_receipt(receipt), format_entry(entry), [trust.key for trust in policy.logs])
    except UnsupportedVersionError:
        raise
    except InvalidError as error:
        return Check(10, Status.FAIL if vouched else Status.WARN, str(error))
    figures: dict[str, str | int | float | bool | None] = {
        "log": found.log,
        "index": found.index,
        "size": found.size,
        "known_log": found.known,
    }
    place = f"entry {found.index} of {found.size} in {found.log}"
    evidence = check_timestamps(found.timestamps, found.note, policy.timestamp_authorities, now)
    remarks = "".join(f"; {remark}" for remark in evidence.remarks)
    if evidence.before is not None:
        figures["existed_before"] = f"{evidence.before:%Y-%m-%dT%H:%M:%SZ}"
        figures["authorities"] = len(evidence.stamps)
    if not found.known:  # its timestamps hold all the same: they are over the root that holds the entry
        worth = f"; {evidence.sentence()}" if evidence.before else ": proves nothing yet"
        text = f"{place}, a log that the policy does not know{worth}{remarks}"
        return Check(10, Status.WARN, text, figures)
    if evidence.before is not None:
        return Check(10, Status.PASS, f"{place}; {evidence.sentence()}{remarks}", figures)
    if remarks:
        return Check(10, Status.WARN, f"{place}{remarks}", figures)
    independent = any(trust.independent for trust in policy.logs if trust.key == found.key)
    figures["independent"] = independent
    note = "" if independent else ": a log run by its own user proves no time"
    return Check(10, Status.PASS, f"{place}{note}", figures)


def check_rivals(entry: Entry, ledger: Ledger | None, *, require_fresh: bool) -> Check:
    """Step 11: what the log knows about other claims over the same pixels or latent.

    Raises:
        EnvironmentFault: freshness was demanded and there is no log to ask.
    """
    if ledger is None:
        if require_fresh:
            raise EnvironmentFault("--require-fresh needs a ledger to ask for rivals; name one with --ledger")
        return Check(11, Status.SKIP, "rivals not checked: no ledger was asked (--ledger)")
    own = claim_id(entry.claim)
    mine = ledger.find(own)
    rivals, siblings = {}, 0
    for logged in (
        *ledger.search(pixels=entry.claim.pixels),
        *ledger.search(latent=entry.claim.latent.digest),
        *ledger.search(commitment=entry.claim.Y),
    ):
        other = parse_entry(logged.entry).claim
        if claim_id(other) == own:
            continue
        if _shares_work(other, entry.claim):
            rivals[logged.index] = other
        else:
            siblings += 1
    figures: dict[str, str | int | float | bool | None] = {
        "ledger": ledger.location,
        "rivals": len(rivals),
        "siblings": siblings,
        "own_index": None if mine is None else mine.index,
    }
    if mine is None and require_fresh:
        raise EnvironmentFault(f"--require-fresh: this claim is not in {ledger.location}, so its rivals are not known")
    if mine is None:
        return Check(11, Status.WARN, f"this claim is not in {ledger.location}", figures)
    older = sorted(index for index in rivals if index < mine.index)
    if older:
        text = f"an older claim over the same picture stands at entry {older[0]}; verify its picture and compare"
        return Check(11, Status.WARN, text, figures | {"oldest_rival": older[0]})
    if rivals:
        return Check(11, Status.WARN, f"{len(rivals)} later claims over the same picture; this one is first", figures)
    return Check(11, Status.PASS, f"no other claim over the same pixels or latent in {ledger.location}", figures)


def check_lineage(claim: Claim) -> Check:
    """Step 12: works that this one was made from."""
    if not claim.parents:
        return Check(12, Status.PASS, "made from its seed and prompt alone, no parents")
    return Check(12, Status.WARN, f"{len(claim.parents)} parents are named; they were not verified")


def _shares_work(a: Claim, b: Claim) -> bool:
    return a.pixels == b.pixels or a.latent.digest == b.latent.digest
