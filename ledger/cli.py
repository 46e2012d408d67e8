"""``seedproof publish`` takes a claim to a log; ``seedproof ledger`` is the group of all that has to do with logs."""

from __future__ import annotations

import importlib
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.opening import open_any
from provenance.cli_options import keystore_options, unlock_author
from provenance.cli_verify import read_picture_file
from provenance.errors import UsageError
from provenance.terminal import note, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.ports import Ledger

__all__ = ["ledger", "publish"]

_COMMANDS = {
    "api-key": "ledger.cli_serve:api_key",
    "find": "ledger.cli_look:find",
    "fsck": "ledger.cli_look:fsck",
    "monitor": "ledger.cli_watch:monitor",
    "serve": "ledger.cli_serve:serve",
    "show": "ledger.cli_look:show",
    "stamp": "ledger.cli_look:stamp",
    "tsa": "ledger.cli_tsa:tsa",
    "witness": "ledger.cli_watch:witness",
}
"""Name of a command -> module:function. Its module must import quickly: the help of the group loads them all."""

_JSON = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")


@click.command(epilog="Example: seedproof publish hills.png --ledger gallery.db --stamp http://tsa.example/tsr")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--ledger",
    "location",
    metavar="PATH|URL",
    required=True,
    help="The log that takes the claim; a file that is missing becomes a new one of your own.",
)
@click.option(
    "--stamp", "authorities", multiple=True, metavar="URL", help="RFC 3161 authority that stamps the log's checkpoint."
)
@click.option("--cert", type=click.Path(path_type=Path), help="Your own C2PA certificate chain (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key (PEM, mode 0600).")
@click.option("--tsa", metavar="URL", help="RFC 3161 authority that stamps the C2PA signature.")
@_JSON
@keystore_options
def publish(
    file: Path,
    location: str,
    authorities: tuple[str, ...],
    cert: Path | None,
    key: Path | None,
    tsa: str | None,
    as_json: bool,
    passphrase_file: Path | None,
) -> None:
    """Put the claim of FILE into another log, and the log's receipt into FILE. The picture itself stays as it is.

    A file holds one receipt: the new one replaces the old one with its timestamps, so keep a copy where you need both.
    Done again it fetches a newer receipt, for instance one with timestamps. The receipt of a log that others use too
    shows there when an anonymous work was published. A symbolic link stays one; the file behind it is written.
    """
    from ledger.publish import publish_picture, receipt_remarks
    from provenance.files import check_writable, write_atomic
    from provenance.home import find_home
    from provenance.policy import load_policy

    data = read_picture_file(file)
    target = file.resolve()
    check_writable(target, overwrite=True)
    if authorities and "://" in location:
        raise UsageError("--stamp is for local logs; a service has its own checkpoints stamped")
    secrets, credentials = unlock_author(passphrase_file, cert=cert, key=key)
    if "://" not in location and not Path(location).expanduser().exists():
        note(f"{location} is missing: it becomes a new log of your own")
    opened = open_any(location, create="://" not in location)
    try:
        made = publish_picture(
            data,
            opened,
            secrets.master,
            credentials,
            now=datetime.now(UTC),
            tsa_url=tsa,
            before_receipt=lambda: _stamp(opened, authorities),
            trust=load_policy(find_home()),
        )
    finally:
        opened.close()
    write_atomic(target, made.data, mode=stat.S_IMODE(target.stat().st_mode))
    for remark in receipt_remarks(made):
        note(f"{file}: {remark}")
    if as_json:
        write_json(
            {
                "version": 1,
                "path": str(file),
                "claim_id": made.claim_id.hex(),
                "ledger": opened.location,
                "index_in_log": made.logged.index,
                "known_before": made.known_before,
            }
        )
        return
    again = ", where it stood already" if made.known_before else ""
    note(f"{file}: claim {made.claim_id.hex()[:16]}... is entry {made.logged.index} of {opened.location}{again}")


class _Lazy(click.Group):
    """Imports the module of a command only when it is asked for: one that is started must not load the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_Lazy, epilog="Example: seedproof ledger show --ledger gallery.db")
def ledger() -> None:
    """Serve a log, look into logs, check and keep them."""


def _stamp(opened: Ledger, authorities: Sequence[str]) -> None:
    """Ask each authority; one that does not deliver is a warning."""
    from ledger.local import LocalLedger

    if authorities and isinstance(opened, LocalLedger):
        for warning in opened.stamp(authorities):
            note(f"warning: {warning}")
