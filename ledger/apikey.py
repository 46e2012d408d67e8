"""The API keys that operators gave this user: ``api-keys.txt`` in his configuration, a line ``address key`` for each.

A key is a secret, so the file must be closed to others, and it is sent over HTTPS, or to this machine itself.
"""

from __future__ import annotations

import ipaddress
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from provenance.errors import InvalidError, LedgerFault, UsageError
from provenance.files import read_bounded
from provenance.home import find_home

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["api_key"]

_MAX_FILE_BYTES = 65_536


def api_key(address: str) -> str | None:
    """The key for the service at this address, if there is one.

    Raises:
        LedgerFault: the file is readable by others or damaged, or the key would be sent in the clear.
    """
    path = find_home().config / "api-keys.txt"
    for line in _lines(path):
        place, _, key = line.partition(" ")
        if place.rstrip("/") == address:
            if not key.isascii() or not key.isprintable() or " " in key or not key:
                raise LedgerFault(f"{path}: the key for {address} is not one word; mend the line")
            if not address.startswith("https://") and not _is_this_machine(address):
                raise LedgerFault(f"the API key for {address} is not sent without encryption; use its https address")
            return key
    return None


def _lines(path: Path) -> list[str]:
    try:
        if not path.exists():
            return []
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise LedgerFault(f"{path} is open to other users; run chmod 600 on it")
        return read_bounded(path, "API keys", limit=_MAX_FILE_BYTES).decode().splitlines()
    except (OSError, UsageError, InvalidError, UnicodeDecodeError) as error:
        raise LedgerFault(f"cannot read {path}: {error}") from error


def _is_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
