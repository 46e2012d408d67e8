"""Giving a service the recipe and the stored latent of one's own work, for notaries, rivals' checks and remixes.

What is given can be taken back. Both need a grant that the work's owner signs (``provenance.grant``); the service keeps
what it was given beside the log, which does not change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.claim import claim_id
from provenance.derivation import derive_author, derive_work
from provenance.errors import UsageError
from provenance.grant import Grant, format_grant, sign_grant

if TYPE_CHECKING:
    from datetime import datetime

    from ledger.client import RemoteLedger
    from provenance.claim import Claim
    from provenance.master import Master

__all__ = ["KINDS", "publish_blob", "withdraw_blob"]

KINDS = {"recipe": "application/json", "latent": "application/octet-stream"}
"""What a claim names and a service keeps, with its media type."""


def publish_blob(ledger: RemoteLedger, claim: Claim, kind: str, data: bytes, master: Master, now: datetime) -> None:
    """Let everybody read the claim's ``kind``: "recipe" (canonical bytes) or "latent" (in its stored form).

    Raises:
        UsageError: the work has several owners. LedgerFault: the service refuses, for instance after a sale.
    """
    grant = _grant(ledger, claim, kind, "publish", master, now)
    ledger.put_blob(_digest(claim, kind), data, grant, media_type=KINDS[kind])


def withdraw_blob(ledger: RemoteLedger, claim: Claim, kind: str, master: Master, now: datetime) -> bool:
    """Take it back; False when the service did not have it.

    Raises:
        UsageError, LedgerFault: as above.
    """
    return ledger.delete_blob(_digest(claim, kind), _grant(ledger, claim, kind, "withdraw", master, now))


def _grant(ledger: RemoteLedger, claim: Claim, kind: str, action: str, master: Master, now: datetime) -> bytes:
    """Signed by the author, or by the work's own key where it is anonymous. Microseconds make each serial a new one."""
    if len(claim.authors) > 1:
        raise UsageError(
            f"the work has {len(claim.authors)} authors, who all would have to sign; this is not supported"
        )
    if claim.nonce is None:
        raise UsageError("this claim's key was not derived from a master secret; use the key's own tool")
    secret = derive_author(master) if claim.authors else derive_work(master, claim.nonce)
    serial = int(now.timestamp() * 1_000_000)
    grant = Grant(claim_id(claim), _digest(claim, kind), action, ledger.head().origin, serial)
    return format_grant(sign_grant(grant, [secret]))


def _digest(claim: Claim, kind: str) -> bytes:
    return claim.recipe if kind == "recipe" else claim.latent.digest
