"""``seedproof ledger tsa``: run a development timestamp authority."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.errors import EnvironmentFault, UsageError
from provenance.home import find_home
from provenance.terminal import note

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["tsa"]

_LISTEN = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):([0-9]{1,5})", re.ASCII)
_MAX_PORT = 65_535


@click.command(epilog="Example: seedproof ledger tsa --listen 127.0.0.1:8720")
@click.option(
    "--listen", default="127.0.0.1:8720", show_default=True, metavar="HOST:PORT", help="Port 0 takes a free one."
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    help="Its key and certificates (mode 0600); made when missing. By default tsa.pem in your data folder.",
)
def tsa(listen: str, keys: Path | None) -> None:
    """Run a timestamp authority for DEVELOPMENT: real RFC 3161 over HTTP, and no proof of any time.

    Its tokens say so in their policy, and verify never counts them. Its root certificate is served at /root.pem.
    """
    from datetime import UTC, datetime

    from ledger.tsa import open_authority
    from ledger.tsa_server import make_server

    address = _address(listen)
    home = find_home()
    path = keys or home.make(home.data) / "tsa.pem"
    authority = open_authority(path, datetime.now(UTC))
    try:
        server = make_server(authority, address)
    except (OSError, OverflowError) as error:
        raise EnvironmentFault(f"cannot listen on {listen}: {getattr(error, 'strerror', None) or error}") from error

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    note("development timestamp authority: its tokens prove no time, and verify never counts them")
    note(f"listening on {server.url}")
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        server.server_close()


def _address(listen: str) -> tuple[str, int]:
    found = _LISTEN.fullmatch(listen)
    if not found or int(found[2]) > _MAX_PORT:
        raise UsageError(f"--listen: {listen[:100]!r} is not HOST:PORT such as 127.0.0.1:8720")
    return found[1].strip("[]"), int(found[2])
