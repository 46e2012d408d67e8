"""``seedproof verify`` and ``seedproof inspect``."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.chunks import MAX_FILE_BYTES
from provenance.cli_options import folder_option, models_option, policy_option
from provenance.errors import InvalidError, UnprovedError, UsageError
from provenance.files import read_bounded
from provenance.home import find_home
from provenance.nearby import works_in
from provenance.pixels import media_type_of
from provenance.policy import load_policy
from provenance.report import Report, Status, Verdict
from provenance.terminal import ProgressLine, note, printable, write_json

if TYPE_CHECKING:
    from provenance.encoding import Json
    from provenance.ports import Ledger, Regenerator
    from provenance.recipe import Opening

__all__ = [
    "MARKS",
    "inspect",
    "open_models",
    "open_named_ledger",
    "print_report",
    "read_opening",
    "read_picture_file",
    "read_sidecar",
    "verify",
]

MARKS = {
    Status.PASS: ("pass", "green"),
    Status.FAIL: ("FAIL", "red"),
    Status.WARN: ("warn", "yellow"),
    Status.SKIP: ("skip", "bright_black"),
}
_COLOURS = {
    Verdict.AUTHENTIC: "green",
    Verdict.CONSISTENT: "cyan",
    Verdict.CLAIMED: "yellow",
    Verdict.UNPROVED: "yellow",
    Verdict.DISPUTED: "magenta",
    Verdict.INVALID: "red",
}


_LABELS = {Verdict.AUTHENTIC: "How"}
_FINAL = {Verdict.INVALID, Verdict.DISPUTED}
"""Verdicts whose reason does not say what is missing, but what speaks against the file."""


def read_picture_file(path: Path) -> bytes:
    """The bytes of a picture file; its magic number must be a picture's.

    Raises:
        UsageError: it cannot be read, is empty or is no picture. LimitError: larger than MAX_FILE_BYTES.
    """
    data = read_bounded(path, "picture", limit=MAX_FILE_BYTES)
    if not data:
        raise UsageError(f"{path} is empty; a picture file is needed")
    if media_type_of(data) is None:
        raise UsageError(f"{path} is no picture file (PNG, WebP or JPEG, for instance)")
    return data


@click.command(epilog="Example: seedproof verify hills.png --json | jq .verdict")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="No regeneration: well below half a second, no torch.")
@click.option("--regenerate", is_flag=True, help="Insist on regenerating: exit 4 where this machine cannot.")
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON (docs/report.md).")
@click.option(
    "--accept",
    type=click.Choice(["authentic", "consistent"]),
    default="authentic",
    help="Lowest verdict with exit code 0.",
)
@click.option("--ledger", "ledger_location", metavar="PATH|URL", help="Ask this log for rivals and revocations.")
@click.option(
    "--require-fresh", is_flag=True, help="Fail (exit 4) where rivals cannot be checked, or the log's state may be old."
)
@click.option(
    "--max-age",
    type=click.FloatRange(0, 876_000, min_open=True),
    metavar="HOURS",
    help="With --require-fresh: how old the newest word of its witnesses or authorities may be; 24 by default.",
)
@click.option("--deep", is_flag=True, help="Of a work made from others: make every ancestor again as well.")
@folder_option
@click.option(
    "--opening", "opening_file", type=click.Path(path_type=Path), help="Opens a sealed prompt (see: disclose)."
)
@policy_option
@models_option
@click.option(
    "--claim",
    "claim_source",
    metavar="FILE|HEX",
    help="FILE is a copy without a manifest: compare it with this claim file, or with this claim in --ledger.",
)
@click.option("--author", metavar="KEY", help="The same with each work of this author in --ledger.")
@click.option("--copy", "is_copy", is_flag=True, help="The same with the claim over these very pixels in --ledger.")
@click.option(
    "--draws", type=click.IntRange(1, 100_000), help="Wrong seeds that a copy is compared with.  [default: 16]"
)
@click.option(
    "--difference",
    type=click.Path(path_type=Path),
    help="Write a map (PNG) of where a copy differs from the claimed picture.",
)
@click.option("--force", is_flag=True, help="Replace the map of --difference if it exists.")
def verify(
    file: Path,
    quick: bool,
    regenerate: bool,
    as_json: bool,
    accept: str,
    ledger_location: str | None,
    require_fresh: bool,
    max_age: float | None,
    deep: bool,
    folders: tuple[Path, ...],
    opening_file: Path | None,
    policy_file: Path | None,
    models: tuple[str, ...],
    claim_source: str | None,
    author: str | None,
    is_copy: bool,
    draws: int | None,
    difference: Path | None,
    force: bool,
) -> int:
    """Check who made FILE and whether the picture can be made again from its seed.

    By default the strongest answer that this machine can give. Exit codes: 0 authentic, 1 invalid, 2 usage,
    3 consistent, claimed or unproved, 4 this machine cannot tell, 5 disputed.
    """
    from provenance.freshness import MAX_AGE
    from provenance.verify import Depth, Request
    from provenance.verify import verify as run

    if quick and regenerate:
        raise UsageError("--quick and --regenerate exclude each other")
    if quick and deep:
        raise UsageError("--quick makes nothing again, so it excludes --deep")
    if max_age is not None and not require_fresh:
        raise UsageError("--max-age goes with --require-fresh")
    comparing = _is_comparing(claim_source, author, is_copy=is_copy)
    if not comparing and (draws is not None or difference is not None):
        raise UsageError("--draws and --difference go with --claim, --author or --copy")
    data = b"" if comparing else read_picture_file(file)
    home = find_home()
    policy = load_policy(home, policy_file)
    opening = read_opening(opening_file)
    depth = Depth.QUICK if quick else Depth.INSIST if regenerate else Depth.AUTO
    line = ProgressLine()
    ledger = open_named_ledger(ledger_location)
    try:
        request = Request(
            policy=policy,
            now=datetime.now(UTC),
            depth=depth,
            regenerator=None if quick else open_models(models),
            ledger=ledger,
            opening=opening,
            require_fresh=require_fresh,
            max_age=MAX_AGE if max_age is None else timedelta(hours=max_age),
            entropy=os.urandom(32),
            progress=line,
            sidecar=read_sidecar(file),
            deep=deep,
            nearby=works_in(folders),
        )
        if comparing:
            from provenance.cli_copy import verify_copy

            report = verify_copy(
                file,
                request,
                claim_source=claim_source,
                author=author,
                draws=draws,
                difference=difference,
                force=force,
            )
        else:
            report = run(data, request)
    finally:
        line.clear()
        if ledger is not None:
            ledger.close()
    if opening is not None and any(check.figures.get("sealed_prompt") is False for check in report.checks):
        note("note: the prompt of this work is not sealed; --opening was not needed and not used")
    if as_json:
        write_json(report.to_json())
    else:
        print_report(file, report)
    return report.exit_code(accept_consistent=accept == "consistent")


@click.command(epilog="Example: seedproof inspect hills.png --json")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--c2pa", is_flag=True, help="Also the whole C2PA manifest store.")
def inspect(file: Path, as_json: bool, c2pa: bool) -> None:
    """Show all that FILE says about itself, without judging it."""
    from provenance.inspection import describe

    data = read_picture_file(file)
    try:
        description = describe(data, with_store=c2pa)
    except InvalidError as error:
        raise InvalidError(f"{file}: {error}") from error
    if description is None:
        raise UnprovedError(f"{file}: no C2PA manifest in this file; it may have been stripped")
    if as_json:
        write_json(description)
    else:
        _print_tree(description, 0)


def _is_comparing(claim_source: str | None, author: str | None, *, is_copy: bool) -> bool:
    """Whether FILE is a copy to be compared with a claim from elsewhere."""
    named = sum((claim_source is not None, author is not None, is_copy))
    if named > 1:
        raise UsageError("--claim, --author and --copy exclude each other")
    return named == 1


def open_named_ledger(location: str | None) -> Ledger | None:
    """The existing log at a path or address; None for None."""
    if location is None:
        return None
    from provenance.plugins import open_ledger

    return open_ledger(location, create=False)


def open_models(models: tuple[str, ...]) -> Regenerator | None:
    """The generator of this machine, which also knows these folders and adapter files; None where there is none."""
    from provenance.plugins import open_regenerator

    return open_regenerator(models)


def read_sidecar(file: Path) -> bytes | None:
    """What stands beside the picture under its name; too long a file is as if it were none."""
    from provenance.sidecar import MAX_SIDECAR_BYTES, sidecar_path

    path = sidecar_path(file)
    try:
        return read_bounded(path, "sidecar", limit=MAX_SIDECAR_BYTES) if path.exists() else None
    except (OSError, UsageError, InvalidError) as error:
        note(f"note: {path} is not counted: {error}")
        return None


def read_opening(path: Path | None) -> Opening | None:
    """The opening of a sealed prompt in a file; None for None."""
    if path is None:
        return None
    from provenance.recipe import parse_opening

    try:
        return parse_opening(read_bounded(path, "opening", limit=65_536))
    except InvalidError as error:
        raise UsageError(f"--opening: {path} is no opening of a sealed prompt: {error}") from error


def print_report(file: Path, report: Report) -> None:
    """Write a report for people."""
    word, _, origin = report.qualified.partition(" ")
    verdict = " ".join(filter(None, (click.style(word.upper(), fg=_COLOURS[report.verdict], bold=True), origin)))
    click.echo(f"{printable(str(file))}: {verdict}")
    click.echo(f"  {report.statement}")
    if report.reason:
        label = "Reason" if report.verdict in _FINAL else _LABELS.get(report.verdict, "Why not more")
        click.echo(f"  {label}: {printable(report.reason)}")
    if report.claim_id is not None:
        click.echo(f"  claim  {report.claim_id.hex()}")
        click.echo(f"  author {report.authors[0].hex() if report.authors else 'anonymous'}")
    click.echo()
    for check in report.checks:
        word, colour = MARKS[check.status]
        mark = click.style(word, fg=colour)
        click.echo(f"  {check.step:>2} {mark}  {check.name:<37} {printable(check.detail)}")


def _print_tree(value: Json, indent: int) -> None:
    pad = "  " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list) and item:
                click.echo(f"{pad}{printable(key)}:")
                _print_tree(item, indent + 1)
            else:
                shown = "none" if item is None or item in ([], {}) else str(item)
                click.echo(f"{pad}{printable(key)}: {printable(shown, limit=300)}")
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list):
                click.echo(f"{pad}-")
                _print_tree(item, indent + 1)
            else:
                click.echo(f"{pad}- {printable(str(item), limit=300)}")
