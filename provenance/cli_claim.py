"""``seedproof claim export``: a claim that travels without its picture."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from provenance.cli_verify import read_opening, read_picture_file, read_sidecar
from provenance.files import check_writable, write_atomic
from provenance.terminal import note

__all__ = ["claim"]


@click.group()
def claim() -> None:
    """Take a claim out of its picture, so that it can travel alone."""


@claim.command(epilog="Example: seedproof claim export hills.png -o hills.claim.json")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The claim file.")
@click.option(
    "--opening",
    "opening_file",
    type=click.Path(path_type=Path),
    help="Also give away a sealed prompt (see: disclose) to everybody who gets the claim file.",
)
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
def export(file: Path, output: Path, opening_file: Path | None, force: bool) -> None:
    """Write the claim of FILE with its recipe, stored latent and receipt, without the picture.

    Whoever has it can check the claim, make its picture again, and compare other pictures with it.
    """
    from provenance.claimexport import export_claim
    from provenance.claimfile import format_claim_file

    check_writable(output, overwrite=force)
    opening = read_opening(opening_file)
    made = export_claim(read_picture_file(file), str(file), datetime.now(UTC), opening, read_sidecar(file))
    data = format_claim_file(made)
    write_atomic(output, data, overwrite=force)
    note(f"{output}: claim file of {len(data)} bytes" + (", with the opening of its prompt" if opening else ""))
