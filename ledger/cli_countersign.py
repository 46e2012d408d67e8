"""``seedproof countersign``: the other owners of a work sign its transfer or revocation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli_signing import Signing, force_option, signing_options
from provenance.errors import InvalidError, UsageError
from provenance.files import check_writable, read_bounded, write_atomic
from provenance.terminal import note, printable, write_json

if TYPE_CHECKING:
    from provenance.draft import Draft
    from provenance.history import History

__all__ = ["countersign", "pass_along"]

_MAX_DRAFT = 65_536


@click.command(epilog="Example: seedproof countersign draft.json -o signed.json --ledger http://127.0.0.1:8700")
@click.argument("draft_file", metavar="DRAFT", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write it with your signature.")
@force_option
@signing_options
def countersign(
    draft_file: Path,
    output: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Add your signature to the transfer or revocation of a work that you own together with others.

    Shows what it does, and asks. The last owner to sign makes of a transfer the offer for its buyer, and has a
    revocation logged.
    """
    from ledger.countersign import add_signature, log_revocation, require_current
    from provenance.draft import missing_owners, parse_draft
    from provenance.followup_body import Revocation

    asked = Signing(**options)
    if output is not None:
        check_writable(output, overwrite=force)
    try:
        draft = parse_draft(read_bounded(draft_file, "draft", limit=_MAX_DRAFT))
    except InvalidError as error:
        raise UsageError(f"{draft_file} is no draft: {error}") from error
    with asked.ledger() as ledger:
        history = require_current(ledger, draft)
        _show(draft, history)
        asked.confirm("Sign this?")
        signed = add_signature(history, draft, asked.master())
        whole = not missing_owners(signed, history.ownership.owners)
        if output is None and not (whole and isinstance(signed.body, Revocation)):
            raise UsageError("name a file for the result with -o")
        index = log_revocation(ledger, signed, history).index if whole and isinstance(signed.body, Revocation) else None
    if output is not None:
        pass_along(signed, history, output, force=force, as_json=asked.as_json, index=index)
    elif asked.as_json:
        write_json({"version": 1, "claim_id": signed.body.claim.hex(), "complete": True, "index_in_log": index})
    if index is not None and not asked.as_json:
        note(f"claim {signed.body.claim.hex()}: revoked, by entry {index} of {history.log}")


def pass_along(
    draft: Draft, history: History, output: Path, *, force: bool, as_json: bool, index: int | None = None
) -> None:
    """Write a draft, or the offer that it has become, and say whose turn it is."""
    from provenance.draft import finished, format_draft, missing_owners
    from provenance.offer import Offer, format_offer

    missing = missing_owners(draft, history.ownership.owners)
    made = None if missing else finished(draft, history.ownership.owners)
    data = format_offer(made) if isinstance(made, Offer) else format_draft(draft)
    write_atomic(output, data + b"\n", overwrite=force)
    if as_json:
        write_json(
            {
                "version": 1,
                "path": str(output),
                "claim_id": draft.body.claim.hex(),
                "complete": not missing,
                "missing": [key.hex() for key in missing],
                "index_in_log": index,
            }
        )
    elif missing:
        note(f"{output}: {len(missing)} of {len(history.ownership.owners)} owners must sign, too; send it to them: ")
        for key in missing:
            note(f"  {key.hex()} runs: seedproof countersign {output.name} -o ... --ledger ...")
    elif isinstance(made, Offer):
        note(f"{output}: send it to the buyer; he runs: seedproof accept {output.name} --ledger ...")


def _show(draft: Draft, history: History) -> None:
    from provenance.draft import missing_owners
    from provenance.followup_body import Transfer

    body = draft.body
    what = f"transfer it to {body.to.hex()}" if isinstance(body, Transfer) else f"revoke it for good ({body.reason})"
    click.echo(f"claim    {body.claim.hex()}", err=True)
    click.echo(f"to sign  {what}", err=True)
    if not isinstance(body, Transfer) and body.note:
        click.echo(f"note     {printable(body.note)}", err=True)
    missing = missing_owners(draft, history.ownership.owners)
    for owner in history.ownership.owners:
        click.echo(f"owner    {owner.hex()}{'' if owner in missing else '  has signed'}", err=True)
