"""The log's own Ed25519 key: one line in a file of mode 0600 beside the database, ``<database>.key``.

The line is a private key of the Go package golang.org/x/mod/sumdb/note,
``PRIVATE+KEY+name+keyid+base64(0x01 || seed)``. A new key first stands in ``<database>.key.new``. It becomes
``<database>.key`` only after the database that it signed is durable: so a key without its database means that the
database was lost, and never that the log may begin anew. That would sign a fork of everything logged before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.checkpoint import NoteSigner, VerifierKey
from provenance.errors import InvalidError, LedgerFault, OutputError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.home import find_home
from provenance.note import format_base64, parse_base64

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["key_path", "load_key", "make_pending_key", "remember_own_log", "settle_key"]

_MAX_KEY_BYTES = 4_096
_MAX_OWN_LOGS_BYTES = 2**20
_PREFIX = "PRIVATE+KEY+"


def key_path(database: Path) -> Path:
    """Where the key of this database stands."""
    return database.with_name(database.name + ".key")


def load_key(path: Path) -> NoteSigner:
    """The key in this file.

    Raises:
        LedgerFault: it is missing, readable by others, or damaged.
    """
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise LedgerFault(f"the ledger's key {path} is open to other users; run chmod 600 on it")
        text = read_bounded(path, "ledger key", limit=_MAX_KEY_BYTES).decode("ascii")
        return _parse_key(text)
    except FileNotFoundError as error:
        raise LedgerFault(
            f"the ledger's key {path} is missing; restore it, nobody else can sign for this log"
        ) from error
    except (OSError, UsageError, InvalidError, UnicodeDecodeError) as error:
        raise LedgerFault(f"the ledger's key {path} is damaged or cannot be read: {error}") from error


def make_pending_key(database: Path) -> NoteSigner:
    """A fresh key for a database that does not have one; see :func:`settle_key`. Replaces one that was never used."""
    private_key = Ed25519PrivateKey.generate()
    public_key = private_key.public_key().public_bytes_raw()
    name = f"seedproof.local/{hashlib.sha256(public_key).hexdigest()[:16]}"
    signer = NoteSigner(name, private_key)
    try:
        write_atomic(_pending(database), _format_key(signer).encode(), mode=0o600)
    except OutputError as error:
        raise LedgerFault(f"cannot write the ledger's key: {error}") from error
    return signer


def settle_key(database: Path, origin: str) -> NoteSigner:
    """The key of the log ``origin``, whose database is durable; a pending key of this log is put in its place.

    Raises:
        LedgerFault: the key is missing, or belongs to another log.
    """
    path, pending = key_path(database), _pending(database)
    if not path.exists() and pending.exists():
        candidate = load_key(pending)
        if candidate.name == origin:
            with contextlib.suppress(OutputError):  # another process was faster
                write_atomic(path, _format_key(candidate).encode(), mode=0o600, overwrite=False)
    signer = load_key(path)
    if signer.name != origin:
        raise LedgerFault(f"the key {path} belongs to {signer.name}, the database to {origin}; they were mixed up")
    with contextlib.suppress(FileNotFoundError):
        pending.unlink()
    return signer


def remember_own_log(key: VerifierKey) -> None:
    """Add the key to the user's own logs, which his policy trusts as "self-run"; nothing happens when it is there.

    Raises:
        LedgerFault: the list cannot be read or written.
    """
    home = find_home()
    line = key.format()
    try:
        home.make(home.config)
        present = ""
        if home.own_logs.exists():
            present = read_bounded(home.own_logs, "own logs", limit=_MAX_OWN_LOGS_BYTES).decode()
        if line in present.split("\n"):
            return
        gap = "\n" if present and not present.endswith("\n") else ""
        handle = os.open(home.own_logs, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{gap}{line}\n".encode())  # one write: two processes append one after the other
            os.fsync(handle)
        finally:
            os.close(handle)
    except (OSError, UsageError, InvalidError, UnicodeDecodeError) as error:
        raise LedgerFault(f"cannot add the ledger to {home.own_logs}: {error}") from error


def _pending(database: Path) -> Path:
    return database.with_name(database.name + ".key.new")


def _format_key(signer: NoteSigner) -> str:
    encoded = format_base64(b"\x01" + signer.private_key.private_bytes_raw())
    return f"{_PREFIX}{signer.name}+{signer.verifier_key.key_id.hex()}+{encoded}\n"


def _parse_key(text: str) -> NoteSigner:
    parts = text.removesuffix("\n").removeprefix(_PREFIX).split("+", 2)
    if not text.startswith(_PREFIX) or len(parts) != 3:  # noqa: PLR2004 - name, key id, key
        raise LedgerFault("the ledger's key must have the form PRIVATE+KEY+name+keyid+base64")
    data = parse_base64(parts[2], "ledger key", size=33)
    signer = NoteSigner(parts[0], Ed25519PrivateKey.from_private_bytes(data[1:]))
    if data[:1] != b"\x01" or signer.verifier_key.key_id.hex() != parts[1]:
        raise LedgerFault("the ledger's key does not fit its own key id; restore it from a backup")
    return signer
