"""Which attestations a receipt should carry: those by notaries whom the publisher's policy names, before all others.

A log hands out the first few about a claim, and anybody may attest anything under a fresh key: a few junk attestations,
logged early, would keep the useful ones out of every receipt. Attestations are no part of the log's proof, so whoever
publishes may choose.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provenance.entry import check_any, parse_any
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.receipt import (
    MAX_ATTESTATION_BYTES,
    MAX_ATTESTATIONS,
    MAX_RECEIPT_BYTES,
    format_receipt,
    parse_receipt,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provenance.policy import Policy
    from provenance.ports import Ledger

__all__ = ["staple_trusted"]

_FIELD = len('"attestations":[],')


def staple_trusted(receipt: bytes, ledger: Ledger, claim_id: bytes, policy: Policy) -> bytes:
    """The receipt with the attestations in this log by notaries of ``policy`` first, then with what it carried before.

    Raises:
        LedgerFault: the log cannot be asked.
    """
    if not policy.notaries:
        return receipt
    parsed = parse_receipt(receipt)
    room = MAX_RECEIPT_BYTES - len(format_receipt(replace(parsed, attestations=()))) - _FIELD
    chosen: list[bytes] = []
    for entry in dict.fromkeys((*_trusted(ledger, claim_id, policy), *parsed.attestations)):
        cost = 2 * len(entry) + 3  # hex, quotes, comma
        if len(chosen) < MAX_ATTESTATIONS and len(entry) <= MAX_ATTESTATION_BYTES and cost <= room:
            chosen.append(entry)
            room -= cost
    return format_receipt(replace(parsed, attestations=tuple(chosen)))


def _trusted(ledger: Ledger, claim_id: bytes, policy: Policy) -> Iterator[bytes]:
    for trust in policy.notaries:
        for logged in ledger.follow_ups(claim_id, kind="attestation", notary=trust.key)[:1]:
            try:
                entry = parse_any(logged.entry)
                if entry.kind == "attestation" and trust.key in entry.keys:
                    check_any(entry, second_opinion=False)
                    yield logged.entry
            except (InvalidError, UnsupportedVersionError):
                continue
