"""Taking a signed picture to another log: submit its claim, and rebuild its manifest around the new receipt.

The claim binds pixels and not file bytes, so nothing that was claimed changes: the same claim, recipe, latent and
pixels, in a container that is signed anew. Into a file a receipt is put by its author alone, since only he can sign the
container so that it vouches for itself. Beside it anybody may put one, as anybody may submit the entry.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ledger.stapling import staple_trusted
from ledger.work import Work, own_secret, read_environment, read_work
from provenance.authoring import Wrapping, submit_claim, wrap
from provenance.canonicalfile import read_plain
from provenance.claim import claim_id, parse_entry
from provenance.credentials import one_time_credentials
from provenance.errors import EnvironmentFault, InvalidError, UnprovedError, UnsupportedVersionError
from provenance.kept import kept_remix
from provenance.note import split_note
from provenance.pixels import media_type_of
from provenance.policy import Policy
from provenance.receipt import parse_receipt
from provenance.recipe import parse_recipe
from provenance.sidecar import format_sidecar, make_sidecar, parse_sidecar
from provenance.storedlatent import decode_latent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from provenance.credentials import Credentials
    from provenance.master import Master
    from provenance.ports import Ledger, LoggedEntry

__all__ = ["Publication", "publish_beside", "publish_picture", "receipt_remarks"]


@dataclass(frozen=True)
class Publication:
    """A published picture: ``data`` is the new file or sidecar; ``logged`` is first there if ``known_before``.

    ``receipt`` took the place of ``replaced``, the receipt that was there before, if there was one. Where a refresh
    found nothing better, ``data`` is None and nothing is to be written.
    """

    data: bytes | None
    claim_id: bytes
    logged: LoggedEntry
    receipt: bytes
    known_before: bool
    anonymous: bool
    replaced: bytes | None


def publish_picture(
    data: bytes,
    ledger: Ledger,
    master: Master,
    credentials: Credentials,
    *,
    now: datetime,
    tsa_url: str | None = None,
    before_receipt: Callable[[], None] | None = None,
    trust: Policy | None = None,
    refresh: bool = False,
) -> Publication:
    """The picture with its claim in ``ledger``. An anonymous work is signed by a fresh one-time certificate again.

    Attestations by the notaries of ``trust`` come before all others in the receipt.
    Nothing is submitted before it is certain that the file is sound and that it is the caller's own. With ``refresh``
    nothing is submitted at all, and the receipt is put in only if it proves more.

    Raises:
        UnprovedError: there is no claim of ours in it, or, to refresh it, not in this log.
        InvalidError: it is not what it claims.
        UsageError: it was made with another master secret. LedgerFault: see :func:`provenance.authoring.submit_claim`.
    """
    work = read_work(data, now)
    secret = own_secret(work.claim, master)
    made = _log(work, ledger, work.assertion.receipt, before_receipt, trust or Policy(), refresh=refresh)
    if refresh and not _proves_more(made.receipt, made.replaced):
        return made
    wrapping = Wrapping(
        entry=parse_entry(made.logged.entry),
        recipe=parse_recipe(work.assertion.recipe),
        integers=decode_latent(work.latent),
        receipt=made.receipt,
        sealed=work.assertion.sealed,
        environment=read_environment(work.assertion.environment),
        title=work.title,
        remix=kept_remix(data),
    )
    signer = credentials if work.claim.authors else one_time_credentials(now)
    media_type = media_type_of(data) or ""
    signed = wrap(data, media_type, wrapping, signer, master=master, work_secret=secret, tsa_url=tsa_url)
    if read_plain(signed).data != read_plain(data).data:
        raise EnvironmentFault("signing changed the picture itself; nothing was written, please report it")
    return replace(made, data=signed)


def publish_beside(
    data: bytes,
    ledger: Ledger,
    present: bytes | None,
    *,
    now: datetime,
    before_receipt: Callable[[], None] | None = None,
    trust: Policy | None = None,
    refresh: bool = False,
) -> Publication:
    """A sidecar for the picture, with its claim in ``ledger``; ``present`` is the sidecar that is there already.

    Raises:
        As :func:`publish_picture`, but that anybody's picture will do.
    """
    work = read_work(data, now)
    replaced = _receipt_of(present)
    if replaced is None and refresh:
        replaced = work.assertion.receipt
    made = _log(work, ledger, replaced, before_receipt, trust or Policy(), refresh=refresh)
    if refresh and not _proves_more(made.receipt, made.replaced):
        return made
    return replace(made, data=format_sidecar(make_sidecar(made.logged.entry, made.receipt)))


def receipt_remarks(made: Publication) -> list[str]:
    """What the new receipt took away, and what it gives away, in sentences for the author."""
    if made.data is None:
        return ["this log has no receipt that proves more; nothing was changed"]
    remarks = []
    (before, *_), (now, *_) = _counts(made.replaced), _counts(made.receipt)
    if before and not now:
        remarks.append(
            f"warning: the receipt that was in the file had {before} timestamps, the new one has none and proves no "
            "time; publish again with --stamp, or go back to a copy of the file"
        )
    elif made.replaced is not None:
        remarks.append(f"the new receipt took the place of the old one ({before} timestamps before, {now} now)")
    if made.anonymous:
        remarks.append(
            "the work is anonymous, but its receipt says where in the log it stands; in a log that others use too, "
            "that shows when it was published, and beside which other works"
        )
    return remarks


def _log(
    work: Work,
    ledger: Ledger,
    replaced: bytes | None,
    before_receipt: Callable[[], None] | None,
    trust: Policy,
    *,
    refresh: bool,
) -> Publication:
    """The claim in the log with its newest receipt; nothing is written yet."""
    identifier = claim_id(work.claim)
    known = ledger.find(identifier)
    if refresh and known is None:
        raise UnprovedError(f"this claim is not in {ledger.location}; publish it there first, without --refresh")
    logged, receipt = submit_claim(ledger, work.entry, before_receipt)
    receipt = staple_trusted(receipt, ledger, identifier, trust)
    return Publication(None, identifier, logged, receipt, known is not None, not work.claim.authors, replaced)


def _proves_more(receipt: bytes, before: bytes | None) -> bool:
    return before is None or any(new > old for new, old in zip(_counts(receipt), _counts(before), strict=True))


def _counts(receipt: bytes | None) -> tuple[int, int, int]:
    """Timestamps, attestations, and signatures under the checkpoint; whether they hold is not asked."""
    if receipt is None:
        return 0, 0, 0
    try:
        parsed = parse_receipt(receipt)
        signatures = split_note(parsed.checkpoint.note)[1]
    except (InvalidError, UnsupportedVersionError):
        return 0, 0, 0
    return len(parsed.timestamps), len(parsed.attestations), len(signatures)


def _receipt_of(sidecar: bytes | None) -> bytes | None:
    try:
        return None if sidecar is None else parse_sidecar(sidecar).receipt
    except (InvalidError, UnsupportedVersionError):
        return None
