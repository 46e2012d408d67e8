"""Changing a log's keys: new ones beside the old, later the old ones retired, each change announced by the old keys.

Beside the key file stands ``<key file>.successions`` with what :mod:`provenance.succession` describes: the old keys say
which keys sign from now on, so that clients who know the old ones learn the new ones. It is no secret, and served at
``/log/keys``; a host that serves the log from another copy of the keys needs a copy of it.

New secrets are durable before they are announced, and retired ones destroyed after it. A change that was interrupted in
between is repeated; the next succession names all keys again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.keys import MAX_KEYS, format_keys, load_keys, load_verifiers
from provenance.errors import InvalidError, LedgerFault, OutputError, UnsupportedVersionError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.notekey import KeyType, NoteSigner, VerifierKey, new_signer
from provenance.succession import MAX_SUCCESSIONS_BYTES, format_successions, parse_successions, sign_succession

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provenance.succession import Succession

__all__ = ["add_keys", "load_successions", "retire_keys", "retired_at", "succession_path"]


def succession_path(key_file: Path) -> Path:
    """Where the successions of the log with this key file stand."""
    return key_file.with_name(key_file.name + ".successions")


def load_successions(key_file: Path, origin: str) -> tuple[Succession, ...]:
    """What was announced when the keys of the log ``origin`` changed, oldest first; none when they never did.

    Raises:
        LedgerFault: the file is damaged, or another log's.
    """
    path = succession_path(key_file)
    if not path.exists():
        return ()
    try:
        chain = parse_successions(read_bounded(path, "successions", limit=MAX_SUCCESSIONS_BYTES))
    except (InvalidError, UsageError, UnsupportedVersionError) as error:
        raise LedgerFault(f"{path}: {error}; copy it from another host of this log, or from what it served") from error
    if any(item.origin != origin for item in chain):
        raise LedgerFault(f"{path}: is another log's than {origin}; they were mixed up")
    return chain


def add_keys(path: Path, *, size: int, post_quantum: bool) -> tuple[NoteSigner, ...]:
    """Put new keys before those that sign, and have those announce them; from its next start the log signs with all.

    ``size``: leaves of the log now.

    Raises:
        LedgerFault: a file is damaged, or cannot be written.
    """
    present, retired = load_keys(path), _retired(path)
    earlier = load_successions(path, present[0].name)
    fresh = new_signer(present[0].name), *([new_signer(present[0].name, KeyType.MLDSA44)] if post_quantum else [])
    _write_keys(path, (*fresh, *present), retired)
    keys = [signer.verifier_key for signer in (*fresh, *present)]
    _announce(path, earlier, size, keys, retired, present)
    return fresh


def retire_keys(path: Path, *, size: int) -> tuple[VerifierKey, ...]:
    """Destroy the secrets of all keys but the newest of each kind; their verifier keys stay in the file.

    Before they go they sign that they are retired.

    Raises:
        LedgerFault: there is only one set of keys, or a file is damaged or cannot be written.
    """
    staying: dict[KeyType, NoteSigner] = {}
    signers, before = load_keys(path), _retired(path)
    for signer in signers:
        staying.setdefault(signer.kind, signer)
    leaving = [signer.verifier_key for signer in signers if signer not in staying.values()]
    if not leaving:
        raise LedgerFault(f"the ledger's key {path} has no older keys to retire; add new ones first")
    retired = (*leaving, *before)
    earlier = load_successions(path, signers[0].name)
    _announce(path, earlier, size, [signer.verifier_key for signer in staying.values()], retired, signers)
    _write_keys(path, tuple(staying.values()), retired)
    return tuple(leaving)


def retired_at(chain: Sequence[Succession], key: VerifierKey) -> int | None:
    """How many leaves the log had when it announced that this key signs no more; None if that is not known any more."""
    return next((item.size for item in chain if key in item.retired), None)


def _announce(
    path: Path,
    earlier: Sequence[Succession],
    size: int,
    keys: Sequence[VerifierKey],
    retired: Sequence[VerifierKey],
    signers: Sequence[NoteSigner],
) -> None:
    target = succession_path(path)
    try:
        note = sign_succession(size, keys, retired, signers)
        write_atomic(target, format_successions([*(item.note for item in earlier), note]), mode=0o644)
    except (InvalidError, OutputError) as error:
        raise LedgerFault(f"the change of keys cannot be announced in {target}: {error}; run it again") from error


def _retired(path: Path) -> tuple[VerifierKey, ...]:
    signing = [signer.verifier_key for signer in load_keys(path)]
    return tuple(key for key in load_verifiers(path) if key not in signing)


def _write_keys(path: Path, signers: Sequence[NoteSigner], retired: Sequence[VerifierKey]) -> None:
    lines = "".join(f"{key.format()}\n" for key in retired)
    if len(signers) + len(retired) > MAX_KEYS:
        raise LedgerFault(
            f"the ledger's key {path} would have more than {MAX_KEYS} keys; remove the oldest retired one"
        )
    try:
        write_atomic(path, format_keys(signers) + lines.encode(), mode=0o600)
    except OutputError as error:
        raise LedgerFault(f"cannot write the ledger's key: {error}") from error
