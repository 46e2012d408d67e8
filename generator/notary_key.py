"""A notary's key: a BIP-340 secret of its own in a file of mode 0600.

    {"kind":"notary-key","v":1,"secret":hex32}

It is no author's key and derived from no master: a notary is a service that runs unattended, and whoever breaks into
its machine should get nothing but the power to attest, which a key-revocation ends.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.commitment import commit
from provenance.curve import is_scalar
from provenance.encoding import Fields, canonical, parse_json
from provenance.errors import InvalidError, OutputError, UsageError
from provenance.files import read_bounded, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NotaryKey", "load_key", "make_key"]

_LIMIT = 4_096


@dataclass(frozen=True)
class NotaryKey:
    """``public`` (32 bytes) is what policies name."""

    secret: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """The x-only public key."""
        return commit(self.secret)


def make_key(path: Path) -> NotaryKey:
    """A new key in a new file.

    Raises:
        OutputError: the file exists, or cannot be written.
    """
    secret = os.urandom(32)
    while not is_scalar(secret):
        secret = os.urandom(32)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create {path.parent}: {error.strerror or error}") from error
    data = canonical({"kind": "notary-key", "v": 1, "secret": secret.hex()})
    write_atomic(path, data + b"\n", mode=0o600, overwrite=False)
    return NotaryKey(secret)


def load_key(path: Path) -> NotaryKey:
    """The key in this file.

    Raises:
        UsageError: it is missing, readable by others, or damaged.
    """
    data = read_bounded(path, "notary key", limit=_LIMIT)
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"the notary's key {path} is open to other users; run chmod 600 on it")
        with Fields(parse_json(data, "notary key"), "notary key") as fields:
            fields.version("notary-key")
            secret = fields.binary("secret", size=32)
    except (OSError, InvalidError) as error:
        raise UsageError(f"the notary's key {path} is damaged: {error}") from error
    if not is_scalar(secret):
        raise UsageError(f"the notary's key {path} is damaged: no scalar of secp256k1")
    return NotaryKey(secret)
