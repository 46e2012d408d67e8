"""Steps 10 and 11: how the claim stands among others: logged, attested, owned, rivalled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.attested import Attested, check_attestations
from provenance.claim import claim_id, format_entry
from provenance.cosignature import open_cosignatures
from provenance.entry import parse_any
from provenance.errors import EnvironmentFault, InvalidError, UnsupportedVersionError
from provenance.freshness import check_freshness
from provenance.history import History, read_history
from provenance.ownership import revocation_reason
from provenance.receipt import check_receipt, parse_receipt
from provenance.report import Check, Status
from provenance.rivals import Others, Rivalry, find_rivals, weigh_rivals
from provenance.timeevidence import check_timestamps

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.claim import Entry
    from provenance.freshness import Freshness
    from provenance.ownership import Ownership
    from provenance.policy import Policy
    from provenance.ports import Ledger
    from provenance.receipt import ReceiptCheck

__all__ = ["Standing", "check_logged", "check_standing"]

Figures = dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Standing:
    """Step 11's check, and what it means for the verdict.

    Attributes:
        disputed: why the claim is disputed whatever else holds, or "".
        rivalry: what older claims over the same picture mean.
        history: what the log has about the claim, if it was asked and has it.
        attestations: those that count in that log, canonical entries.
    """

    check: Check
    disputed: str = ""
    rivalry: Rivalry = field(default_factory=Rivalry)
    history: History | None = None
    attestations: tuple[bytes, ...] = ()


def check_logged(
    receipt: bytes | None,
    entry: Entry,
    policy: Policy,
    now: datetime,
    *,
    vouched: bool,
    standing: Standing,
    model: bytes | None,
) -> tuple[Check, Attested]:
    """Step 10: inclusion proof, checkpoint signature, cosignatures, timestamps, attestations.

    A receipt that does not hold fails the file only where the author vouches for the container: a stranger who wraps
    the picture again can put any receipt into it, and that must not speak against the author.
    """
    stapled: tuple[bytes, ...] = ()
    if receipt is None:
        check = Check(10, Status.SKIP, "no receipt in the file: the claim may stand in no log")
    else:
        try:
            parsed = parse_receipt(receipt)
            keys = [trust.key for trust in policy.logs]
            found = check_receipt(parsed, format_entry(entry), keys, met=policy.met)
            check = _judge_receipt(found, policy, now)
            stapled = found.attestations
        except UnsupportedVersionError:
            raise
        except InvalidError as error:
            check = Check(10, Status.FAIL if vouched else Status.WARN, str(error))
    counted = dict.fromkeys((*(item for item in stapled if not _withdrawn(item, standing)), *standing.attestations))
    attested = check_attestations(counted, entry.claim, policy, model=model)
    said = attested.sentence()
    if not said:
        return check, attested
    figures: Figures = {"notaries": len(attested.by), "notaries_against": len(attested.against)}
    status = Status.WARN if attested.against and check.status is Status.PASS else check.status
    return Check(10, status, f"{check.detail}; {said}", check.figures | figures), attested


def check_standing(entry: Entry, ledger: Ledger | None, policy: Policy, *, fresh: Freshness | None = None) -> Standing:
    """Step 11: what the log knows about this claim since, and about other claims over the same pixels or latent.

    ``fresh``: how new the word of others about the log's state must be; None where that does not matter.

    Raises:
        EnvironmentFault: freshness was demanded and cannot be had. LedgerFault: the log's answers do not verify.
    """
    if ledger is None:
        if fresh is not None:
            raise EnvironmentFault("--require-fresh needs a ledger to ask for rivals; name one with --ledger")
        return Standing(
            Check(11, Status.SKIP, "rivals, transfers and revocations not checked: no ledger was asked (--ledger)")
        )
    notaries = [trust.key for trust in policy.notaries]
    history = read_history(claim_id(entry.claim), ledger, notaries=notaries)
    others = find_rivals(entry.claim, ledger)
    rivals, gap = others.rivals, _gap(history, others)
    if fresh is not None and (history is None or gap):
        what = gap or f"this claim is not in {ledger.location}"
        raise EnvironmentFault(f"--require-fresh: {what}; so its standing is not known")
    entries = "1 entry" if ledger.size == 1 else f"{ledger.size} entries"
    shown = f"as far as {ledger.location} shows at {entries}"
    if fresh is not None:
        shown += f" ({check_freshness(ledger, policy, fresh)})"
    figures: Figures = {
        "ledger": ledger.location,
        "size": ledger.size,
        "rivals": len(rivals),
        "siblings": others.siblings,
        "own_index": None if history is None else history.claim.index,
    }
    if history is None:
        return Standing(Check(11, Status.WARN, f"this claim is not in {ledger.location}", figures))
    owned, figures_owned = _describe(history)
    figures |= figures_owned
    older = [item for item in rivals if item.index < history.claim.index]
    rivalry = weigh_rivals(entry.claim, older, ledger, policy)
    remark = rivalry.disputed or rivalry.remark
    if older:
        figures["oldest_rival"] = older[0].index
    elif rivals:
        remark = f"{len(rivals)} later claims over the same picture; this one is first"
    disputed = _grievance(history.ownership)
    text = "; ".join(filter(None, (disputed or owned, remark, gap))) or (
        "no other claim over the same pixels or latent, never transferred or revoked"
    )
    calm = not (disputed or rivals or gap)
    attestations = tuple(item.entry.data for item in history.ownership.attestations)
    check = Check(11, Status.PASS if calm else Status.WARN, f"{text}, {shown}", figures)
    return Standing(check, disputed, rivalry, history, attestations)


# --- step 10 --------------------------------------------------------------------------------------------------------


def _judge_receipt(found: ReceiptCheck, policy: Policy, now: datetime) -> Check:
    figures: Figures = {"log": found.log, "index": found.index, "size": found.size, "known_log": found.known}
    place = f"entry {found.index} of {found.size} in {found.log}"
    evidence = check_timestamps(found.timestamps, found.note, policy.timestamp_authorities, now)
    remarks = "".join(f"; {remark}" for remark in evidence.remarks)
    if evidence.before is not None:
        figures["existed_before"] = f"{evidence.before:%Y-%m-%dT%H:%M:%SZ}"
        figures["authorities"] = len(evidence.stamps)
    if not found.known:  # its timestamps hold all the same: they are over the root that holds the entry
        worth = f"; {evidence.sentence()}" if evidence.before else ": proves nothing yet"
        return Check(10, Status.WARN, f"{place}, a log that the policy does not know{worth}{remarks}", figures)
    few, witnesses = _judge_witnesses(found, policy)
    figures |= witnesses
    if evidence.before is not None:
        text = f"{place}; {evidence.sentence()}{remarks}{few}"
        return Check(10, Status.WARN if few else Status.PASS, text, figures)
    if remarks or few:
        return Check(10, Status.WARN, f"{place}{remarks}{few}", figures)
    independent = any(trust.independent for trust in policy.logs if trust.key == found.key)
    figures["independent"] = independent
    note = "" if independent else ": a log that the policy does not call independent proves no time"
    return Check(10, Status.PASS, f"{place}{note}", figures)


def _judge_witnesses(found: ReceiptCheck, policy: Policy) -> tuple[str, Figures]:
    """What is missing of the witnesses that the policy asks for, as the end of a sentence; and their number."""
    if not policy.witnesses:
        return "", {}
    keys = [cosignature.key for cosignature in open_cosignatures(found.note, policy.witnesses)]
    count = min(len({key.name for key in keys}), len({key.public_key for key in keys}))
    if count >= policy.witnesses_required:
        return "", {"witnesses": count}
    text = (
        f"; cosigned by {count} of the {policy.witnesses_required} witnesses that the policy asks for, so others "
        "may have been shown another tree"
    )
    return text, {"witnesses": count}


def _withdrawn(attestation: bytes, standing: Standing) -> bool:
    """Whether the log that was asked knows the notary's key as revoked, and this attestation as none that counts."""
    if standing.history is None or attestation in standing.attestations:
        return False
    try:
        keys = parse_any(attestation).keys
    except (InvalidError, UnsupportedVersionError):
        return False
    return bool(set(keys).intersection(standing.history.ownership.revoked_keys))


# --- step 11 --------------------------------------------------------------------------------------------------------


def _describe(history: History) -> tuple[str, Figures]:
    ownership = history.ownership
    figures: Figures = {
        "owner": " ".join(key.hex() for key in ownership.owners) or None,
        "transfers": sum(item.entry.kind == "transfer" for item in ownership.chain),
        "revoked": None if ownership.revoked is None else ownership.revoked.index,
        "void": len(ownership.void),
        "contested": len(ownership.contested),
        "attributed_to": None if ownership.author is None else ownership.author.hex(),
    }
    parts = []
    if ownership.author is not None:
        parts.append(f"attributed to {ownership.author.hex()}")
    if ownership.transferred and ownership.owners:
        parts.append(f"owned by {ownership.owners[0].hex()} since entry {ownership.chain[-1].index}")
    if ownership.void:
        parts.append(f"{len(ownership.void)} entries of the log have no effect, the first: {ownership.void[0].reason}")
    return "; ".join(parts), figures


def _gap(history: History | None, others: Others) -> str:
    """What the log has about the work that was not read or not understood."""
    gap = "" if history is None else history.gap
    if others.unknown and not gap:
        return f"{others.unknown} other claims over it are not understood by this program; update seedproof"
    return gap


def _grievance(ownership: Ownership) -> str:
    """What the log has against the claim."""
    parts = []
    if ownership.revoked is not None:
        reason = revocation_reason(ownership.revoked)
        parts.append(f"revoked by its owner at entry {ownership.revoked.index} ({reason})")
    parts += [
        f"the {item.kind} at entry {item.index} is signed by the key {item.key.hex()[:16]}, which its holder has "
        f"revoked from entry {item.from_index} on"
        for item in ownership.contested
    ]
    return "; ".join(parts)
