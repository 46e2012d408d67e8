"""A witness's own keys: a file of mode 0600 with a private key of type 04 or 06 on each line, all under one name."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from provenance.errors import InvalidError, LedgerFault, OutputError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.notekey import KeyType, NoteSigner, new_signer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_keys"]

_MAX_BYTES = 32_768


def open_keys(path: Path, name: str | None) -> tuple[NoteSigner, ...]:
    """The keys in a file; where there is none, new ones of both types under ``name``.

    Raises:
        UsageError: no file and no name, or the keys of another name. LedgerFault: the file is readable by others,
            damaged, or holds other keys.
    """
    if not path.exists():
        return _make(path, name)
    signers = _load(path)
    if name is not None and signers[0].name != name:
        raise UsageError(f"the keys in {path} are those of {signers[0].name}; name another file with --key")
    return signers


def _load(path: Path) -> tuple[NoteSigner, ...]:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise LedgerFault(f"the witness's key {path} is open to other users; run chmod 600 on it")
        lines = read_bounded(path, "witness key", limit=_MAX_BYTES).decode("ascii").splitlines()
        signers = tuple(NoteSigner.parse(line) for line in lines)
    except (OSError, UsageError, InvalidError, UnicodeDecodeError) as error:
        raise LedgerFault(f"the witness's key {path} is damaged or cannot be read: {error}") from error
    if len({signer.name for signer in signers}) != 1 or not all(signer.kind.timed for signer in signers):
        raise LedgerFault(f"the witness's key {path} must hold keys of one witness, of types 04 and 06")
    return signers


def _make(path: Path, name: str | None) -> tuple[NoteSigner, ...]:
    if name is None:
        raise UsageError(f"there are no keys at {path}; give the new witness a --name, such as witness.example/w1")
    try:
        signers = tuple(new_signer(name, kind) for kind in (KeyType.COSIGNATURE, KeyType.MLDSA44))
    except InvalidError as error:
        raise UsageError(f"--name: {error}") from error
    text = "".join(f"{signer.format()}\n" for signer in signers)
    try:
        write_atomic(path, text.encode(), mode=0o600, overwrite=False)
    except OutputError as error:
        raise LedgerFault(f"cannot write the witness's key: {error}") from error
    return signers
