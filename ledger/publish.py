"""Taking a signed picture to another log: submit its claim, and rebuild its manifest around the new receipt.

The claim binds pixels and not file bytes, so nothing that was claimed changes: the same claim, recipe, latent and
pixels, in a container that is signed anew. A picture is published by its author alone, since only he can sign the
container so that it vouches for itself; the entry itself anybody may submit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.stapling import staple_trusted
from provenance.assertion import parse_assertion
from provenance.authoring import Wrapping, submit_claim, wrap
from provenance.canonicalfile import read_plain
from provenance.claim import Entry, claim_id, format_entry, parse_claim, parse_entry
from provenance.commitment import commit
from provenance.credentials import one_time_credentials
from provenance.derivation import derive_author, derive_work
from provenance.encoding import parse_json
from provenance.errors import (
    EncodingError,
    EnvironmentFault,
    InvalidError,
    UnprovedError,
    UnsupportedVersionError,
    UsageError,
)
from provenance.manifest import read_container
from provenance.pixels import media_type_of
from provenance.policy import Policy
from provenance.receipt import parse_receipt
from provenance.recipe import parse_recipe
from provenance.report import Verdict
from provenance.storedlatent import decode_latent
from provenance.verify import Depth, Request, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from provenance.assertion import Assertion
    from provenance.claim import Claim
    from provenance.container import Container
    from provenance.credentials import Credentials
    from provenance.master import Master
    from provenance.ports import Ledger, LoggedEntry

__all__ = ["Publication", "publish_picture", "receipt_remarks"]


@dataclass(frozen=True)
class Publication:
    """A published picture: ``data`` is the new file; ``logged`` stands in the log, first there if ``known_before``.

    ``receipt`` took the place of ``replaced``, the receipt that the file had before, if it had one.
    """

    data: bytes
    claim_id: bytes
    logged: LoggedEntry
    receipt: bytes
    known_before: bool
    anonymous: bool
    replaced: bytes | None


@dataclass(frozen=True)
class _Work:
    """What is taken out of a signed file."""

    assertion: Assertion
    claim: Claim
    latent: bytes
    title: str


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
) -> Publication:
    """The picture with its claim in ``ledger``. An anonymous work is signed by a fresh one-time certificate again.

    Attestations by the notaries of ``trust`` come before all others in the receipt.
    Nothing is submitted before it is certain that the file is sound and that it is the caller's own.

    Raises:
        UnprovedError: there is no claim of ours in it. InvalidError: it is not what it claims.
        UsageError: it was made with another master secret. LedgerFault: see :func:`provenance.authoring.submit_claim`.
    """
    work = _read_work(data, now)
    secret = _own_secret(work.claim, master)
    entry = format_entry(Entry(work.claim, work.assertion.possession, work.assertion.authors))
    known_before = ledger.find(claim_id(work.claim)) is not None
    logged, receipt = submit_claim(ledger, entry, before_receipt)
    receipt = staple_trusted(receipt, ledger, claim_id(work.claim), trust or Policy())
    wrapping = Wrapping(
        entry=parse_entry(logged.entry),
        recipe=parse_recipe(work.assertion.recipe),
        integers=decode_latent(work.latent),
        receipt=receipt,
        sealed=work.assertion.sealed,
        environment=_environment(work.assertion.environment),
        title=work.title,
    )
    signer = credentials if work.claim.authors else one_time_credentials(now)
    media_type = media_type_of(data) or ""
    signed = wrap(data, media_type, wrapping, signer, master=master, work_secret=secret, tsa_url=tsa_url)
    if read_plain(signed).data != read_plain(data).data:
        raise EnvironmentFault("signing changed the picture itself; nothing was written, please report it")
    return Publication(
        data=signed,
        claim_id=claim_id(work.claim),
        logged=logged,
        receipt=receipt,
        known_before=known_before,
        anonymous=not work.claim.authors,
        replaced=work.assertion.receipt,
    )


def receipt_remarks(made: Publication) -> list[str]:
    """What the new receipt took away, and what it gives away, in sentences for the author."""
    remarks = []
    before, now = _count_timestamps(made.replaced), _count_timestamps(made.receipt)
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


def _count_timestamps(receipt: bytes | None) -> int:
    """RFC 3161 tokens in a receipt; none in one that cannot be read. Whether they hold is not asked."""
    if receipt is None:
        return 0
    try:
        return len(parse_receipt(receipt).timestamps)
    except (InvalidError, UnsupportedVersionError):
        return 0


def _read_work(data: bytes, now: datetime) -> _Work:
    """The parts of a signed file, after the quick verification: trusting nobody, so that only what is false fails."""
    report = verify(data, Request(policy=Policy(), now=now, depth=Depth.QUICK))
    if report.verdict is Verdict.UNPROVED:
        raise UnprovedError(f"no authorship claim to publish: {report.reason}")
    if report.verdict is Verdict.INVALID:
        raise InvalidError(f"not published, the picture is invalid: {report.reason}")
    container = read_container(data, media_type_of(data) or "", anchors_pem=None)
    if container is None or container.assertion is None or container.latent is None:
        raise UnprovedError("no authorship claim to publish: its latent is not in the file")
    assertion = parse_assertion(container.assertion)
    return _Work(assertion, parse_claim(assertion.claim), container.latent, _title(container))


def _own_secret(claim: Claim, master: Master) -> bytes:
    """The work's secret, if the claim is all the caller's own."""
    if claim.nonce is None:
        raise UsageError("this claim's key was not derived from a master secret; publish it with the key's own tool")
    secret = derive_work(master, claim.nonce)
    if commit(secret) != claim.Y:
        raise UsageError("this picture was made with another master secret; only its author can publish it")
    if claim.authors and commit(derive_author(master)) != claim.authors[0]:
        raise UsageError("the first author of this picture is somebody else; he must publish it")
    return secret


def _environment(text: str) -> dict[str, str]:
    value = parse_json(text.encode(), "environment")
    if not isinstance(value, dict):
        raise EncodingError("environment: must be an object")
    return {key: item if isinstance(item, str) else str(item) for key, item in value.items()}


def _title(container: Container) -> str:
    manifest = container.store["manifests"][container.store["active_manifest"]]
    title = manifest.get("title")
    return title if isinstance(title, str) and title else "picture"
