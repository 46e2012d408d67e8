"""A picture that carries no claim of ours: does a log know one over exactly these pixels?

Whoever strips a manifest leaves the pixels as they are, and those stand in the claim. What is found proves nothing by
itself: anybody may claim the pixels of others, and only a file with its proofs can be verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.claim import claim_id, parse_entry
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.pixels import pixel_digest, read_picture
from provenance.report import Check, Report, Status, Verdict

if TYPE_CHECKING:
    from provenance.ports import Ledger

__all__ = ["check_pixels", "report_stray"]


def report_stray(data: bytes, reason: str, checks: list[Check], ledger: Ledger | None) -> Report:
    """The report *unproved*, after ``checks`` and for ``reason``; with what the log knows, where one was named.

    Raises:
        LedgerFault: the ledger cannot be asked.
    """
    if ledger is not None:
        checks = [*checks, check_pixels(data, ledger)]
        if checks[-1].status is Status.WARN:
            reason = f"{reason}; {checks[-1].detail}"
    return Report(Verdict.UNPROVED, reason, None, (), tuple(checks))


def check_pixels(data: bytes, ledger: Ledger) -> Check:
    """Step 11 for a file without a claim: the oldest entry of ``ledger`` over its pixels, if there is one.

    Raises:
        LedgerFault: the ledger cannot be asked.
    """
    try:
        pixels = pixel_digest(read_picture(data).rgb)
    except InvalidError as error:
        return Check(11, Status.SKIP, f"its pixels cannot be looked up in {ledger.location}: {error}")
    found = ledger.search(pixels=pixels)
    figures: dict[str, str | int | float | bool | None] = {"ledger": ledger.location, "claims_over_pixels": len(found)}
    if not found:
        return Check(11, Status.SKIP, f"no claim over these pixels in {ledger.location}", figures)
    oldest = min(found, key=lambda logged: logged.index)
    try:
        identifier = claim_id(parse_entry(oldest.entry).claim).hex()
    except UnsupportedVersionError as error:
        text = f"these exact pixels are claimed in entry {oldest.index} of {ledger.location}: {error}"
        return Check(11, Status.WARN, text, figures | {"oldest_entry": oldest.index})
    more = f" and {len(found) - 1} later ones" if len(found) > 1 else ""
    where = f"entry {oldest.index}{more} of {ledger.location}"
    text = f"these exact pixels are claimed in {where}, claim {identifier[:16]}... (see: seedproof ledger find)"
    return Check(11, Status.WARN, text, figures | {"oldest_entry": oldest.index, "claim_id": identifier})
