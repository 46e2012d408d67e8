"""``seedproof transfer``, ``accept``, ``revoke``, ``attribute``, ``revoke-key``, ``owner``: works after their claim."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli_signing import Signing, force_option, json_option, ledger_option, signing_options
from ledger.cli_subject import opened, read_claim_id, read_key
from provenance.errors import InvalidError, UsageError
from provenance.files import check_writable, read_bounded, write_atomic
from provenance.home import find_home
from provenance.terminal import note, printable, write_json

if TYPE_CHECKING:
    from ledger.follow import Submitted
    from provenance.history import History

__all__ = ["accept", "attribute", "owner", "revoke", "revoke_key", "transfer"]

_REASONS = ("key-compromised", "superseded", "mistake", "withdrawn", "unspecified")
_MAX_OFFER = 65_536
_KEY_BYTES = 32

_WORK = click.argument("work", metavar="FILE|CLAIM")
_REASON = click.option("--reason", type=click.Choice(_REASONS), default="unspecified", show_default=True)


@click.command(epilog="Example: seedproof transfer hills.png --to 5c1f... --ledger http://127.0.0.1:8700")
@_WORK
@click.option("--to", "buyer", metavar="KEY", required=True, help="The buyer's author key (his: seedproof keys show).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default="offer.json", show_default=True, help="The offer's file."
)
@force_option
@signing_options
def transfer(
    work: str,
    buyer: str,
    output: Path,
    force: bool,
    **options: Any,
) -> None:
    """Offer a work to another key. It changes hands when its buyer accepts the offer.

    Whoever has the offer and the buyer's key can accept it as long as you own the work. To withdraw an offer, transfer
    the work to your own key and accept that yourself. Of a work of several owners the file is a draft, which the others
    sign with seedproof countersign; the last one gets the offer.
    """
    from ledger.cli_countersign import pass_along
    from ledger.countersign import begin_draft
    from ledger.follow import look_up, offer_of
    from provenance.followup_body import Transfer
    from provenance.offer import format_offer

    asked = Signing(**options)
    check_writable(output, overwrite=force)
    to = read_key(buyer)
    with asked.ledger() as ledger:
        claim = read_claim_id(work)
        asked.confirm(f"Offer the work of claim {claim.hex()} to {to.hex()}?")
        history = look_up(ledger, claim)
    master = asked.master()
    body = Transfer(claim, history.ownership.head, to)
    if len(history.ownership.owners) > 1:
        pass_along(begin_draft(history, body, master), history, output, force=force, as_json=asked.as_json)
        return
    offer = offer_of(history, body, master)
    write_atomic(output, format_offer(offer) + b"\n", overwrite=force)
    if asked.as_json:
        write_json({"version": 1, "path": str(output), "claim_id": claim.hex(), "to": to.hex()})
    else:
        note(f"{output}: send it to the buyer; he runs: seedproof accept {output.name} --ledger ...")


@click.command(epilog="Example: seedproof accept offer.json --ledger http://127.0.0.1:8700")
@click.argument("offer_file", type=click.Path(path_type=Path))
@signing_options
def accept(
    offer_file: Path,
    **options: Any,
) -> None:
    """Accept an offer: sign for it, and have the transfer logged. Shows first what you get, and asks."""
    from ledger.follow import accept as accept_work
    from ledger.follow import require_acceptable
    from provenance.offer import parse_offer

    asked = Signing(**options)
    try:
        offer = parse_offer(read_bounded(offer_file, "offer", limit=_MAX_OFFER))
    except InvalidError as error:
        raise UsageError(f"{offer_file} is no offer: {error}") from error
    with asked.ledger() as ledger:
        history = require_acceptable(ledger, offer)
        _show(history)
        asked.confirm(f"Accept this work for the key {offer.body.to.hex()}?")
        master = asked.master()
        made = accept_work(ledger, offer, master)
    _report(made, "yours now", as_json=asked.as_json)


@click.command(epilog='Example: seedproof revoke hills.png --reason mistake --note "wrong prompt" --ledger gallery.db')
@_WORK
@_REASON
@click.option("--note", "remark", default="", help="A sentence for people, at most 500 characters. Public for good.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Of a work of several owners: the draft for the others."
)
@force_option
@signing_options
def revoke(
    work: str,
    reason: str,
    remark: str,
    output: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Withdraw the claim of a work that you own. That cannot be undone, and the claim stays in the log.

    A work of several owners is revoked once all have signed: this writes a draft for seedproof countersign.
    """
    from ledger.cli_countersign import pass_along
    from ledger.countersign import begin_draft
    from ledger.follow import look_up, revoke_work
    from provenance.display import require_plain_text
    from provenance.followup_body import Revocation

    asked = Signing(**options)
    try:
        remark = remark and require_plain_text(remark, "the note", limit=500)
    except InvalidError as error:
        raise UsageError(f"--note: {error}") from error
    if output is not None:
        check_writable(output, overwrite=force)
    with asked.ledger() as ledger:
        claim = read_claim_id(work)
        asked.confirm(f"Revoke claim {claim.hex()} for good ({reason})?")
        master = asked.master()
        history = look_up(ledger, claim)
        if output is not None and len(history.ownership.owners) > 1:
            body = Revocation(claim, history.ownership.head, reason, remark)
            pass_along(begin_draft(history, body, master), history, output, force=force, as_json=asked.as_json)
            return
        made = revoke_work(ledger, claim, master, reason, remark)
    _report(made, "revoked", as_json=asked.as_json)


@click.command(epilog="Example: seedproof attribute hills.png --ledger http://127.0.0.1:8700")
@_WORK
@signing_options
def attribute(
    work: str,
    **options: Any,
) -> None:
    """Come forward as the author of your anonymous work. Everybody can link it to your other works from then on."""
    from ledger.follow import attribute_work

    asked = Signing(**options)
    with asked.ledger() as ledger:
        claim = read_claim_id(work)
        asked.confirm(f"Put your name to the anonymous claim {claim.hex()}, for good?")
        master = asked.master()
        made = attribute_work(ledger, claim, master)
    _report(made, "attributed to your author key", as_json=asked.as_json)


@click.command("revoke-key", epilog="Example: seedproof revoke-key --from-index 1042 --ledger http://127.0.0.1:8700")
@click.option("--from-index", type=click.IntRange(min=0), required=True, help="First entry that is not yours.")
@click.option("--work", metavar="FILE|CLAIM", help="Revoke the key of this anonymous work, not your author key.")
@click.option("--reason", type=click.Choice(_REASONS), default="key-compromised", show_default=True)
@signing_options
def revoke_key(
    from_index: int,
    work: str | None,
    reason: str,
    **options: Any,
) -> None:
    """Tell a log that your key was stolen: what it signed there from this entry on does not count.

    Only the first such report about a key counts, in each log for itself. Sales that were logged before it stand, but
    verify calls them disputed. What you still own stays yours and can neither be sold nor revoked any more.
    """
    from ledger.follow import look_up, work_secret
    from ledger.follow import revoke_key as report_key
    from provenance.curve import public_key
    from provenance.derivation import derive_author

    asked = Signing(**options)
    with asked.ledger() as ledger:
        master = asked.master()
        secret = derive_author(master)
        if work is not None:
            claim = look_up(ledger, read_claim_id(work)).claim.entry.claim
            if claim is not None:
                secret = work_secret(claim, master)
        key = public_key(secret)
        asked.confirm(f"Report the key {key.hex()} as not yours alone from entry {from_index} on, for good?")
        index = report_key(ledger, secret, from_index, reason)
        where = ledger.location
    if asked.as_json:
        write_json({"version": 1, "key": key.hex(), "from_index": from_index, "index_in_log": index, "ledger": where})
    else:
        note(f"the key {key.hex()} is revoked from entry {from_index} on, by entry {index} of {where}")


@click.command(epilog="Example: seedproof owner hills.png --ledger http://127.0.0.1:8700")
@_WORK
@ledger_option
@json_option
def owner(work: str, location: str | None, as_json: bool) -> None:
    """Show who owns a work, and how it came to that. Exit code 3 when the log does not know the claim."""
    from ledger.follow import look_up
    from ledger.historytext import history_json
    from provenance.policy import load_policy

    notaries = [trust.key for trust in load_policy(find_home()).notaries]
    with opened(location) as ledger:
        history = look_up(ledger, read_claim_id(work), notaries=notaries)
    if as_json:
        write_json(history_json(history))
    else:
        _show(history, err=False)


def _report(made: Submitted, what: str, *, as_json: bool) -> None:
    from ledger.historytext import history_json

    if as_json:
        write_json({"index_in_log": made.index, "entry_id": made.entry_id.hex(), **history_json(made.history)})
        return
    note(f"claim {made.history.claim.entry.id.hex()}: {what}, by entry {made.index} of {made.history.log}")


def _show(history: History, *, err: bool = True) -> None:
    from ledger.historytext import history_lines

    for line in history_lines(history):
        click.echo(printable(line), err=err)
