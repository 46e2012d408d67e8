"""``seedproof lineage``: what a picture was made from, and which share of it comes from whom."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.cli_options import folder_option, models_option, policy_option
from provenance.cli_verify import read_picture_file
from provenance.errors import EnvironmentFault, InvalidError, OutputError, UnprovedError, UsageError
from provenance.files import write_atomic
from provenance.home import find_home
from provenance.nearby import works_in
from provenance.policy import load_policy
from provenance.report import Report, Verdict
from provenance.terminal import ProgressLine, printable, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.lineage import Lineage
    from provenance.ports import Regenerator

__all__ = ["lineage"]

_KINDS = (".svg", ".png", ".html")


@click.command(epilog="Example: seedproof lineage pear.png --html pear.html")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON (docs/report.md).")
@click.option("--svg", type=click.Path(path_type=Path), help="Draw it with thumbnails into this file.")
@click.option("--png", type=click.Path(path_type=Path), help="The same as a picture.")
@click.option("--html", type=click.Path(path_type=Path), help="The same as a page with every author, model and term.")
@click.option("--deep", is_flag=True, help="Make every ancestor again and say whether it comes from its own seed.")
@click.option("--no-thumbnails", is_flag=True, help="Draw without decoding latents: no model is loaded.")
@folder_option
@click.option("--ledger", "ledger_location", metavar="PATH|URL", help="Ask this log for ancestors and revocations.")
@policy_option
@models_option
@click.option("--force", is_flag=True, help="Replace drawings that exist.")
def lineage(
    file: Path,
    as_json: bool,
    svg: Path | None,
    png: Path | None,
    html: Path | None,
    deep: bool,
    no_thumbnails: bool,
    folders: tuple[Path, ...],
    ledger_location: str | None,
    policy_file: Path | None,
    models: tuple[str, ...],
    force: bool,
) -> int:
    """Show what FILE was made from: every ancestor with its author, model and terms.

    Their proofs are checked; with --deep they are made again as well. Exit codes: 0 the lineage holds, 1 something in
    it does not, 3 something is missing.
    """
    from provenance.plugins import open_ledger, open_regenerator
    from provenance.verify import Depth, Request, verify_lineage

    outputs = [path for path in (svg, png, html) if path is not None]
    _check_outputs(outputs, force=force)
    data = read_picture_file(file)
    policy = load_policy(find_home(), policy_file)
    drawn = bool(outputs) and not no_thumbnails
    regenerator = open_regenerator(models) if deep or drawn else None
    ledger = None if ledger_location is None else open_ledger(ledger_location, create=False)
    line = ProgressLine()
    try:
        report, found = verify_lineage(
            data,
            Request(
                policy=policy,
                now=datetime.now(UTC),
                depth=Depth.AUTO if deep else Depth.QUICK,
                regenerator=regenerator if deep else None,
                ledger=ledger,
                entropy=os.urandom(32),
                progress=line,
                deep=deep,
                nearby=works_in(folders),
            ),
        )
        if found is None:
            raise _nothing(file, report)
        told = _told(found, report)
        if outputs:
            thumbnails = _thumbnails(data, found, regenerator) if drawn else {}
            _draw(told, thumbnails, f"Lineage of {file.name}", svg=svg, png=png, html=html, force=force)
    finally:
        line.clear()
        if ledger is not None:
            ledger.close()
    if as_json:
        write_json(told)
    else:
        _print(told, report)
    return _exit_code(told, report)


def _nothing(file: Path, report: Report) -> Exception:
    if report.verdict is Verdict.UNPROVED:
        return UnprovedError(f"{file}: {report.reason}")
    return InvalidError(f"{file}: {report.reason}")


def _told(found: Lineage, report: Report) -> dict[str, Any]:
    """The JSON form; a work that was made from its seed alone has a lineage of one."""
    from provenance.ancestors import Ancestry
    from provenance.descent import describe_lineage
    from provenance.pedigree import shares

    graph = dict(report.lineage or describe_lineage(found, Ancestry()))
    # a claim's words come from a stranger: what JSON cannot hold was refused when they were read
    plain: dict[str, Any] = json.loads(json.dumps(graph))
    return {
        "version": 1,
        "verdict": str(report.verdict),
        "qualified": report.qualified,
        "reason": report.reason,
        **plain,
        "shares": shares(plain),
    }


def _print(told: dict[str, Any], report: Report) -> None:
    from provenance.pedigree import tree

    for line in tree(told):
        click.echo(printable(line))
    count = len(told["works"])
    authors = {key for work in told["works"] for key in work.get("authors", [])}
    click.echo()
    click.echo(
        f"{count} work{'s' if count > 1 else ''} by {len(authors)} named author{'s' if len(authors) != 1 else ''}"
    )
    check = next((check for check in report.checks if check.step == 12), None)  # noqa: PLR2004 - the step's number
    if check is not None:
        click.echo(printable(check.detail))


def _exit_code(told: dict[str, Any], report: Report) -> int:
    if report.verdict is Verdict.INVALID or any(work["standing"] == "fails" for work in told["works"]):
        return 1
    return 3 if any(work["standing"] == "missing" for work in told["works"]) else 0


def _check_outputs(outputs: list[Path], *, force: bool) -> None:
    for path in outputs:
        if path.exists() and not force:
            raise OutputError(f"{path} exists; --force replaces it")
        if path.suffix.lower() not in _KINDS:
            raise UsageError(f"{path}: a drawing's name ends in {', '.join(_KINDS)}")


def _thumbnails(data: bytes, found: Lineage, regenerator: Regenerator | None) -> dict[str, NDArray[np.uint8]]:
    """Small pictures by claim id: the file's own pixels, and what this machine can decode of the ancestors' latents."""
    from provenance.latent import dequantise
    from provenance.pedigreedraw import shrink
    from provenance.pixels import read_picture

    made: dict[str, NDArray[np.uint8]] = {}
    with contextlib.suppress(InvalidError):
        made[found.root.identifier.hex()] = shrink(read_picture(data).rgb)
    for work in found.all_works():
        if regenerator is None or work.integers is None or work.identifier.hex() in made:
            continue
        if regenerator.why_not(work.recipe) is not None:
            continue
        try:
            rgb = regenerator.decode(work.recipe, dequantise(work.integers, work.recipe.latent_steps))
        except (EnvironmentFault, InvalidError, ImportError):
            continue
        made[work.identifier.hex()] = shrink(rgb)
    return made


def _draw(
    told: dict[str, Any],
    thumbnails: dict[str, NDArray[np.uint8]],
    title: str,
    *,
    svg: Path | None,
    png: Path | None,
    html: Path | None,
    force: bool,
) -> None:
    from provenance.pedigree import lay_out
    from provenance.pedigreedraw import draw_html, draw_png, draw_svg

    layout = lay_out(told)
    if svg is not None:
        write_atomic(svg, draw_svg(layout, thumbnails).encode(), overwrite=force)
    if png is not None:
        write_atomic(png, draw_png(layout, thumbnails), overwrite=force)
    if html is not None:
        write_atomic(html, draw_html(layout, thumbnails, told, title).encode(), overwrite=force)
