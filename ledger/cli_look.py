"""``seedproof ledger show|find|stamp``: look into a log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.opening import open_any, open_own
from provenance.cli_verify import read_picture_file
from provenance.encoding import parse_hex
from provenance.errors import EncodingError, InvalidError, UnprovedError, UsageError
from provenance.home import find_home
from provenance.terminal import note, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.claim import Claim
    from provenance.ports import LoggedEntry

__all__ = ["find", "show", "stamp"]

_LEDGER = click.option(
    "--ledger", "location", metavar="PATH", help="The log's database file; by default your own local one."
)
_ANY_LEDGER = click.option(
    "--ledger", "location", metavar="PATH|URL", help="The log's file or service; by default your own local one."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
_DIGEST_BYTES = 32


@click.command(epilog="Example: seedproof ledger show --ledger gallery.db")
@_ANY_LEDGER
@_JSON
def show(location: str | None, as_json: bool) -> None:
    """Show the log's name, key, size and newest checkpoint."""
    from ledger.client import open_ledger

    opened = open_ledger(location) if location is not None and "://" in location else open_own(location)
    try:
        head = opened.head()
        key = opened.verifier_key
    finally:
        opened.close()
    if as_json:
        write_json(
            {
                "version": 1,
                "ledger": opened.location,
                "origin": head.origin,
                "verifier_key": key,
                "size": head.size,
                "root": head.root.hex(),
                "checkpoint": head.note.decode(),
            }
        )
        return
    click.echo(f"log      {head.origin}")
    click.echo(f"at       {opened.location}")
    click.echo(f"key      {key}")
    click.echo(f"entries  {head.size}")
    click.echo(f"root     {head.root.hex()}")


@click.command(epilog="Example: seedproof ledger find hills.png --ledger gallery.db")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--claim", metavar="HEX", help="The claim with this id.")
@click.option("--commitment", metavar="HEX", help="Claims of this Y.")
@click.option("--pixels", metavar="HEX", help="Claims over this pixel digest.")
@click.option("--latent", metavar="HEX", help="Claims over this latent digest.")
@click.option("--author", metavar="HEX", help="Claims of this author key.")
@_ANY_LEDGER
@_JSON
def find(
    file: Path | None,
    claim: str | None,
    commitment: str | None,
    pixels: str | None,
    latent: str | None,
    author: str | None,
    location: str | None,
    as_json: bool,
) -> None:
    """Find claims: over the pixels of FILE (signed, stripped or wrapped by anybody), or by what is given.

    Exit code 3 when there is none.
    """
    from provenance.entry import parse_any

    given = {"commitment": commitment, "pixels": pixels, "latent": latent, "author": author}
    wanted = {name: _digest(text, name) for name, text in given.items() if text is not None}
    if (file is not None) + (claim is not None) + bool(wanted) != 1:
        raise UsageError("name a FILE, or --claim, or some of --commitment, --pixels, --latent and --author")
    if file is not None:
        wanted = {"pixels": _pixels_of(file)}
    opened = open_any(location or str(find_home().ledger), create=False)
    try:
        found: Sequence[LoggedEntry]
        if claim is not None:
            single = opened.find(_digest(claim, "claim"))
            found = [] if single is None or parse_any(single.entry).claim is None else [single]
        else:
            found = opened.search(
                commitment=wanted.get("commitment"),
                pixels=wanted.get("pixels"),
                latent=wanted.get("latent"),
                author=wanted.get("author"),
            )
    finally:
        opened.close()
    _print_entries(found, as_json=as_json)
    if not found:
        raise UnprovedError(f"no such claim in {opened.location}")


@click.command(epilog="Example: seedproof ledger stamp http://tsa.example/tsr")
@click.argument("authorities", nargs=-1, required=True, metavar="URL...")
@_LEDGER
def stamp(authorities: tuple[str, ...], location: str | None) -> None:
    """Have RFC 3161 authorities stamp the newest checkpoint; later receipts carry the timestamps."""
    opened = open_own(location)
    try:
        warnings = opened.stamp(authorities)
    finally:
        opened.close()
    for warning in warnings:
        note(f"warning: {warning}")
    note(f"{opened.location}: {len(authorities) - len(warnings)} of {len(authorities)} timestamps")


def _pixels_of(file: Path) -> bytes:
    from provenance.pixels import pixel_digest, read_picture

    try:
        return pixel_digest(read_picture(read_picture_file(file)).rgb)
    except InvalidError as error:
        raise UsageError(
            f"{file}: {error}; only a lossless file still has the pixels that were claimed. "
            "For another search pass --claim, --commitment, --pixels, --latent or --author"
        ) from error


def _digest(text: str, name: str) -> bytes:
    try:
        return parse_hex(text, name, size=_DIGEST_BYTES)
    except EncodingError as error:
        raise UsageError(f"--{error}") from error


def _print_entries(found: Sequence[LoggedEntry], *, as_json: bool) -> None:
    from provenance.claim import claim_id, parse_entry
    from provenance.errors import UnsupportedVersionError

    claims: list[tuple[int, Claim]] = []
    for item in found:
        try:
            claims.append((item.index, parse_entry(item.entry).claim))
        except UnsupportedVersionError as error:
            note(f"warning: entry {item.index} is left out: {error}")
    if as_json:
        entries = [{"index_in_log": index, **_describe(claim, claim_id(claim))} for index, claim in claims]
        write_json({"version": 1, "entries": entries})
        return
    for index, claim in claims:
        who = f"author {claim.authors[0].hex()}" if claim.authors else "anonymous"
        click.echo(f"{index:>8}  claim {claim_id(claim).hex()}  {who}")


def _describe(claim: Claim, identifier: bytes) -> dict[str, object]:
    return {
        "claim_id": identifier.hex(),
        "commitment": claim.Y.hex(),
        "pixels": claim.pixels.hex(),
        "latent": claim.latent.digest.hex(),
        "authors": [key.hex() for key in claim.authors],
    }
