"""``seedproof dispute``: two claims over the same or similar pictures."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.chunks import MAX_FILE_BYTES
from provenance.cli_options import models_option, policy_option
from provenance.cli_verify import open_models, open_named_ledger, read_opening
from provenance.errors import UsageError
from provenance.files import check_writable, read_bounded, write_atomic
from provenance.home import find_home
from provenance.policy import load_policy
from provenance.terminal import ProgressLine, note, printable, write_json

if TYPE_CHECKING:
    from provenance.dispute import Dispute

__all__ = ["dispute"]


@click.command(epilog="Example: seedproof dispute mine.png theirs.png --html dispute.html")
@click.argument("first", type=click.Path(path_type=Path), metavar="A")
@click.argument("second", type=click.Path(path_type=Path), metavar="B")
@click.option("--ledger", "ledger_location", metavar="PATH|URL", help="Ask this log about both claims.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Also write one HTML page for people.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON (docs/disputes.md).")
@click.option("--force", is_flag=True, help="Replace the page if it exists.")
@click.option(
    "--opening",
    "opening_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Opens a sealed prompt; may be repeated.",
)
@policy_option
@models_option
@click.option(
    "--quick", is_flag=True, help="Make no picture again: proofs, anchors and the noise in stored latents alone."
)
@click.option(
    "--draws", type=click.IntRange(1, 100_000), help="Wrong seeds that pictures are compared with.  [default: 8]"
)
def dispute(
    first: Path,
    second: Path,
    ledger_location: str | None,
    page: Path | None,
    as_json: bool,
    force: bool,
    opening_files: tuple[Path, ...],
    policy_file: Path | None,
    models: tuple[str, ...],
    quick: bool,
    draws: int | None,
) -> int:
    """Which claim explains both pictures? A and B are signed pictures or claim files.

    Exit codes: 0 decided (A, B, or both stand), 1 neither holds, 2 usage, 3 undetermined, 4 this machine cannot tell.
    """
    from provenance.dispute import DRAWS, compare_claims
    from provenance.disputepage import dispute_page
    from provenance.disputetext import dispute_json
    from provenance.side import read_side
    from provenance.verify import Depth, Request

    if page is not None:
        check_writable(page, overwrite=force)
    openings = tuple(opening for opening in map(read_opening, opening_files) if opening is not None)
    data = [read_bounded(path, "claim", limit=MAX_FILE_BYTES) for path in (first, second)]
    if not all(data):
        raise UsageError(f"{first if not data[0] else second} is empty; a signed picture or a claim file is needed")
    line = ProgressLine()
    ledger = open_named_ledger(ledger_location)
    try:
        request = Request(
            policy=load_policy(find_home(), policy_file),
            now=datetime.now(UTC),
            depth=Depth.QUICK if quick else Depth.AUTO,
            regenerator=None if quick else open_models(models),
            ledger=ledger,
            entropy=os.urandom(32),
            progress=line,
        )
        a = read_side("A", str(first), data[0], request, openings)
        b = read_side("B", str(second), data[1], request, openings)
        found = compare_claims(a, b, request, draws=DRAWS if draws is None else draws)
    finally:
        line.clear()
        if ledger is not None:
            ledger.close()
    if page is not None:
        program = f"seedproof {version('seedproof')}"
        write_atomic(page, dispute_page(found, request.now, program=program).encode(), overwrite=force)
        note(f"{page}: the same as a page for people")
    if as_json:
        write_json(dispute_json(found))
    else:
        _print(found)
    return _exit_code(found)


def _print(found: Dispute) -> None:
    from provenance.disputetext import reasons_of

    click.echo(click.style(printable(str(found.outcome)), bold=True) + printable(f": {found.reason}"))
    for side in (found.a, found.b):
        click.echo(
            f"  {side.letter}  {printable(side.name)}: {side.claimed.verdict}, claim {side.claimed.work.named}..."
        )
    click.echo()
    for each in reasons_of(found):
        click.echo(f"  {each.number} {each.name}?")
        for sentence in each.sentences:
            click.echo(f"      {printable(sentence, limit=600)}")


def _exit_code(found: Dispute) -> int:
    from provenance.settle import Outcome

    return {Outcome.NEITHER: 1, Outcome.UNDETERMINED: 3}.get(found.outcome, 0)
