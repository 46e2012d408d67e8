"""Works of several owners: beginning a transfer or revocation, and signing what another owner began.

Nothing in a draft is believed: the log says who owns the work, and every signature is checked before another is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.follow import Submitted, look_up, own_secrets, submit_checked
from provenance.draft import Draft, check_draft, finished, sign_draft
from provenance.errors import ConflictError, UsageError
from provenance.followup import FollowUp

if TYPE_CHECKING:
    from provenance.followup_body import Revocation, Transfer
    from provenance.history import History
    from provenance.master import Master
    from provenance.ports import Ledger

__all__ = ["add_signature", "begin_draft", "log_revocation", "require_current"]


def begin_draft(history: History, body: Transfer | Revocation, master: Master) -> Draft:
    """A draft with the caller's signature.

    Raises:
        UsageError: none of the owners is the caller, or the work was revoked.
    """
    return sign_draft(Draft(body), own_secrets(history, master).values())


def require_current(ledger: Ledger, draft: Draft) -> History:
    """The history of the draft's work, if the draft can still come to something.

    Raises:
        ConflictError: the work was sold or revoked since. ForgedError: a signature does not hold, or is no owner's.
        UnprovedError, LedgerFault: see ``ledger.follow.look_up``.
    """
    history = look_up(ledger, draft.body.claim)
    ownership = history.ownership
    if draft.body.prev != ownership.head:
        last = ownership.chain[-1] if ownership.chain else history.claim
        raise ConflictError(
            f"this draft is stale: the work changed at entry {last.index} of {history.log} (a {last.entry.kind})",
            last.index,
        )
    check_draft(draft, ownership.owners)
    return history


def add_signature(history: History, draft: Draft, master: Master) -> Draft:
    """The draft with the caller's signature, too.

    Raises:
        UsageError: he is no owner, or has signed already.
    """
    secrets = own_secrets(history, master)
    signed = dict(draft.signatures)
    if all(key in signed for key in secrets):
        raise UsageError("your signature is there already; send the file to the other owners")
    return sign_draft(draft, [secret for key, secret in secrets.items() if key not in signed])


def log_revocation(ledger: Ledger, draft: Draft, history: History) -> Submitted:
    """Have the revocation logged that all owners have signed.

    Raises:
        UsageError: one has not. ConflictError: the work was sold in the meantime.
    """
    made = finished(draft, history.ownership.owners)
    if not isinstance(made, FollowUp):
        raise TypeError("a transfer is logged by its buyer")
    return submit_checked(ledger, draft.body.claim, made)
