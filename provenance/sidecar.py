"""``FILE.seedproof.json``: what came after a picture was signed, beside it: its log entry and a newer receipt.

::

    sidecar = {"kind":"sidecar","v":1,"entry":<log entry>,"receipt":<receipt>}          at most 160 KB, freely formatted

The entry stands in it because a receipt is about one entry with its signatures, byte for byte, and the file may carry
other signatures of the same claim. Anybody can put such a file beside a picture: it can say more about the claim than
the file does, and never speaks against it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from provenance.claim import Entry, check_entry, claim_id, format_entry, parse_entry
from provenance.encoding import Fields, Json, canonical, parse_json
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.report import Check, Status
from provenance.standing import check_logged

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from provenance.attested import Attested
    from provenance.claim import Claim
    from provenance.policy import Policy
    from provenance.standing import Standing

__all__ = [
    "MAX_SIDECAR_BYTES",
    "Sidecar",
    "check_sidecar",
    "format_sidecar",
    "make_sidecar",
    "parse_sidecar",
    "sidecar_path",
]

MAX_SIDECAR_BYTES = 160 * 1024
"""An entry and a receipt of 64 KB each, and the spaces of a formatted file."""

_SUFFIX = ".seedproof.json"


@dataclass(frozen=True)
class Sidecar:
    """A parsed sidecar: the entry, nothing of it checked, and the canonical bytes of a receipt about it."""

    entry: Entry
    receipt: bytes


def sidecar_path(picture: Path) -> Path:
    """Where the sidecar of a picture file stands."""
    return picture.with_name(picture.name + _SUFFIX)


def make_sidecar(entry: bytes, receipt: bytes) -> Sidecar:
    """The sidecar around a canonical entry and a canonical receipt about it."""
    return Sidecar(parse_entry(entry), receipt)


def format_sidecar(sidecar: Sidecar) -> bytes:
    """Its bytes, for people to look at."""
    document = {
        "kind": "sidecar",
        "v": 1,
        "entry": json.loads(format_entry(sidecar.entry)),
        "receipt": json.loads(sidecar.receipt),
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def parse_sidecar(data: bytes) -> Sidecar:
    """The sidecar in these bytes, in any formatting.

    Raises:
        EncodingError, LimitError: it is none. UnsupportedVersionError: another version.
    """
    with Fields(parse_json(data, "sidecar", limit=MAX_SIDECAR_BYTES), "sidecar") as fields:
        fields.version("sidecar")
        entry, receipt = (_canonical(fields.take(name), name) for name in ("entry", "receipt"))
    return Sidecar(parse_entry(entry), receipt)


def check_sidecar(
    data: bytes,
    own: tuple[Check, Attested],
    claim: Claim,
    policy: Policy,
    now: datetime,
    *,
    standing: Standing,
    model: bytes | None,
) -> tuple[Check, Attested]:
    """Step 10 with a sidecar: ``own``, which the file's own receipt came to, or what the sidecar's comes to if better.

    A sidecar that is false, or newer than this program, is a remark.
    """
    try:
        sidecar = parse_sidecar(data)
        if claim_id(sidecar.entry.claim) != claim_id(claim):
            raise InvalidError("it is about another claim")
        check_entry(sidecar.entry, second_opinion=True)
        found, attested = check_logged(
            sidecar.receipt, sidecar.entry, policy, now, vouched=False, standing=standing, model=model
        )
    except (InvalidError, UnsupportedVersionError) as error:
        check = own[0]
        return Check(10, check.status, f"{check.detail}; the sidecar is not counted: {error}", check.figures), own[1]
    if own[0].status is Status.FAIL or _worth(found, attested) <= _worth(*own):
        return own
    return Check(10, found.status, f"beside the file: {found.detail}", found.figures), attested


def _worth(check: Check, attested: Attested) -> tuple[bool, int, bool, bool, bool]:
    """Evidence, to be compared: what notaries say first, then times, then whether anything holds at all."""
    passed, known = check.status is Status.PASS, check.figures.get("known_log") is True
    return attested.holds, len(attested.by), "existed_before" in check.figures, passed, known


def _canonical(value: object, what: str) -> bytes:
    if not isinstance(value, dict):
        raise InvalidError(f"sidecar: {what} must be an object")
    return canonical(cast("dict[str, Json]", value))
