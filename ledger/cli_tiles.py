"""``seedproof ledger move-tiles``: publish a log into another tile store from now on."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli_database import refuse_password
from provenance.terminal import note, write_json

__all__ = ["move_tiles"]


@click.command("move-tiles", epilog="Example: seedproof ledger move-tiles --database gallery.db --tiles s3://gallery/1")
@click.option(
    "--database",
    "location",
    required=True,
    metavar="PATH|URL",
    help="The log's database: a path, sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME.",
)
@click.option("--key", "key_file", type=click.Path(path_type=Path), help="Its keys; by default beside a SQLite file.")
@click.option("--tiles", required=True, metavar="FOLDER|URL", help="The store that it publishes into from now on.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def move_tiles(location: str, key_file: Path | None, tiles: str, as_json: bool) -> None:
    """Let the log publish into another tile store from now on, and fill that one with all that is published.

    Stop the services of the log first, and start them with these --tiles; those that go on with the former store are
    refused from now on. Nothing is deleted there. This is also the way when the former store is lost.
    """
    from ledger.log import open_log

    opened = open_log(refuse_password(location), key_file=key_file, tiles=tiles, move=True)
    try:
        size = opened.published().size
    finally:
        opened.close()
    if as_json:
        write_json({"version": 1, "ledger": opened.location, "tiles": tiles, "entries": size})
        return
    note(f"{opened.location}: its tiles are in {tiles} now, all {size} entries; start its services with that")
