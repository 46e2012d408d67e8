"""A log's own keys: a file of mode 0600, by default ``<database>.key`` beside a SQLite database.

Each line is a key in the form of :mod:`provenance.notekey`. All private ones sign, in their order: a log that serves
others has an ML-DSA-44 key beside its Ed25519 key, and one that changes its keys (:mod:`ledger.keychange`) has the old
and the new ones for a while, newest first. Of keys that are retired only the verifier keys stay, so that what they
signed can still be checked. A process that never writes needs no secret: its file may hold verifier keys alone.

New keys first stand in ``<key file>.new``. They are put in place only after the database that they signed is durable:
so keys without their database mean that the database was lost, and never that the log may begin anew. That would sign a
fork of everything logged before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from provenance.errors import InvalidError, LedgerFault, OutputError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.home import find_home
from provenance.notekey import KeyType, NoteSigner, VerifierKey, new_signer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "MAX_KEYS",
    "check_origin",
    "format_keys",
    "key_path",
    "load_keys",
    "load_verifiers",
    "make_pending_keys",
    "remember_own_log",
    "remember_successors",
    "settle_keys",
]

_MAX_KEY_BYTES = 32_768
_MAX_OWN_LOGS_BYTES = 2**20
MAX_KEYS = 16
"""In one key file, retired ones among them: a checkpoint carries at most 16 signatures."""

_PRIVATE = "PRIVATE+KEY+"


def key_path(database: Path) -> Path:
    """Where the keys of this SQLite database stand when nothing else is said."""
    return database.with_name(database.name + ".key")


def load_keys(path: Path) -> tuple[NoteSigner, ...]:
    """The signing keys in this file, of one log.

    Raises:
        LedgerFault: it is missing, readable by others, or damaged.
    """
    with _key_faults(path):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise LedgerFault(f"the ledger's key {path} is open to other users; run chmod 600 on it")
        signers = tuple(NoteSigner.parse(line) for line in _lines(path) if line.startswith(_PRIVATE))
        if not signers:
            raise LedgerFault(f"the ledger's key {path} holds no private key; only the log's operator can write to it")
    _check_names(path, [signer.verifier_key for signer in signers])
    return signers


def load_verifiers(path: Path) -> tuple[VerifierKey, ...]:
    """The public side of a key file: of those that sign first, then of retired ones.

    Raises:
        LedgerFault: it is missing or damaged.
    """
    with _key_faults(path):
        lines = _lines(path)
        private = any(line.startswith(_PRIVATE) for line in lines)
        public = tuple(VerifierKey.parse(line) for line in lines if not line.startswith(_PRIVATE))
        keys = (*(signer.verifier_key for signer in load_keys(path)), *public) if private else public
    _check_names(path, keys)
    return keys


def make_pending_keys(path: Path, origin: str | None = None, *, post_quantum: bool = False) -> tuple[NoteSigner, ...]:
    """Fresh keys for a log that has none; see :func:`settle_keys`. They replace pending ones that were never used.

    Raises:
        LedgerFault: they cannot be made or written.
    """
    try:
        primary = new_signer(origin or "seedproof.local/new")
        if origin is None:
            digest = hashlib.sha256(primary.verifier_key.public_key).hexdigest()
            primary = NoteSigner(f"seedproof.local/{digest[:16]}", primary.private_key)
        signers = (primary, new_signer(primary.name, KeyType.MLDSA44)) if post_quantum else (primary,)
    except InvalidError as error:
        raise LedgerFault(f"cannot make the ledger's key: {error}") from error
    try:
        write_atomic(_pending(path), format_keys(signers), mode=0o600)
    except OutputError as error:
        raise LedgerFault(f"cannot write the ledger's key: {error}") from error
    return signers


def settle_keys(path: Path, origin: str) -> tuple[NoteSigner, ...]:
    """The keys of the log ``origin``, whose database is durable; pending keys of this log are put in their place.

    Raises:
        LedgerFault: the keys are missing, or belong to another log.
    """
    pending = _pending(path)
    if not path.exists() and pending.exists():
        candidate = load_keys(pending)
        if candidate[0].name == origin:
            with contextlib.suppress(OutputError):  # another process was faster
                write_atomic(path, format_keys(candidate), mode=0o600, overwrite=False)
    signers = load_keys(path)
    check_origin(path, signers[0].name, origin)
    with contextlib.suppress(FileNotFoundError):
        pending.unlink()
    return signers


def check_origin(path: Path, name: str, origin: str) -> None:
    """Refuse the keys of another log than ``origin``."""
    if name != origin:
        raise LedgerFault(f"the key {path} belongs to {name}, the database to {origin}; they were mixed up")


def format_keys(signers: Sequence[NoteSigner]) -> bytes:
    """The content of a key file: secrets."""
    return "".join(f"{signer.format()}\n" for signer in signers).encode()


def remember_successors(known: Sequence[VerifierKey], added: Sequence[VerifierKey]) -> None:
    """Where the user's own logs name a log by one of its ``known`` keys, name its new keys as well.

    Else what the new ones sign alone would read as a forgery by his own policy.

    Raises:
        LedgerFault: the list cannot be read or written.
    """
    path = find_home().own_logs
    if not path.exists():
        return
    try:
        lines = read_bounded(path, "own logs", limit=_MAX_OWN_LOGS_BYTES).decode().split("\n")
    except (OSError, UsageError, InvalidError, UnicodeDecodeError) as error:
        raise LedgerFault(f"cannot read {path}: {error}") from error
    if any(key.format() in lines for key in known):
        for key in added:
            remember_own_log(key)


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


def _pending(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _lines(path: Path) -> list[str]:
    text = read_bounded(path, "ledger key", limit=_MAX_KEY_BYTES).decode("ascii")
    lines = text.removesuffix("\n").split("\n")
    if len(lines) > MAX_KEYS:
        raise LedgerFault(f"the ledger's key {path} has more than {MAX_KEYS} lines")
    return lines


def _check_names(path: Path, keys: Sequence[VerifierKey]) -> None:
    if len({key.name for key in keys}) != 1 or any(key.kind is KeyType.COSIGNATURE for key in keys):
        raise LedgerFault(f"the ledger's key {path} must hold keys of one log, of types 01 and 06")
    if keys[0].kind is not KeyType.ED25519:
        raise LedgerFault(f"the ledger's key {path} must begin with an Ed25519 key: every client knows that kind")


@contextlib.contextmanager
def _key_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise LedgerFault(
            f"the ledger's key {path} is missing; restore it, nobody else can sign for this log"
        ) from error
    except (OSError, UsageError, InvalidError, UnicodeDecodeError) as error:
        raise LedgerFault(f"the ledger's key {path} is damaged or cannot be read: {error}") from error
