"""A work's history in words and in JSON, for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.ownership import revocation_reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provenance.history import History

__all__ = ["history_json", "history_lines"]


def history_lines(history: History) -> Iterator[str]:
    """What happened to a work, a line for each event, and who owns it now."""
    ownership, claim = history.ownership, history.claim.entry
    yield f"claim    {claim.id.hex()}"
    yield f"log      {history.log}"
    by = " and ".join(key.hex() for key in claim.keys) or "an anonymous author"
    yield f"{history.claim.index:>8}  claimed by {by}"
    for item in ownership.chain:
        to = f"transferred to {item.entry.keys[0].hex()}" if item.entry.keys else ""
        yield f"{item.index:>8}  {to or 'revoked: ' + revocation_reason(item)}"
    if ownership.author is not None:
        yield f"author   {ownership.author.hex()} came forward"
    for contest in ownership.contested:
        yield (
            f"disputed the {contest.kind} at entry {contest.index}: its key {contest.key.hex()} is revoked from entry "
            f"{contest.from_index} on"
        )
    for void in ownership.void:
        yield f"void     entry {void.index}, a {void.kind}: {void.reason}"
    if history.gap:
        yield f"warning  {history.gap}"
    yield f"owner    {' and '.join(key.hex() for key in ownership.owners) or 'nobody: the work was revoked'}"


def history_json(history: History) -> dict[str, object]:
    """The same for programs (docs/report.md)."""
    ownership = history.ownership
    return {
        "version": 1,
        "claim_id": history.claim.entry.id.hex(),
        "log": history.log,
        "index": history.claim.index,
        "owners": [key.hex() for key in ownership.owners],
        "head": ownership.head.hex(),
        "chain": [
            {"index": item.index, "kind": item.entry.kind, "to": item.entry.keys[0].hex() if item.entry.keys else None}
            for item in ownership.chain
        ],
        "revoked": ownership.revoked is not None,
        "attributed_to": None if ownership.author is None else ownership.author.hex(),
        "attestations": [item.index for item in ownership.attestations],
        "contested": [
            {"index": item.index, "kind": item.kind, "key": item.key.hex(), "from_index": item.from_index}
            for item in ownership.contested
        ],
        "unknown": history.unknown,
        "void": [{"index": item.index, "kind": item.kind, "reason": item.reason} for item in ownership.void],
    }
