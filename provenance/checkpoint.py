"""Checkpoints: a log's signed statement "so many leaves, this root" (C2SP tlog-checkpoint).

A checkpoint is a signed note (:mod:`provenance.note`) whose text has exactly three lines::

    origin                     equals the name of the log's key
    size                       number of leaves: decimal without sign or leading zeros
    root                       base64 of 32 bytes

We sign no extension lines and refuse them. Worked example (its one signature line is cut here)::

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5[...]TOAYQ8=
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import EncodingError, ForgedError
from provenance.notation import MAX_COUNT, check_name, format_base64, parse_base64, parse_size
from provenance.note import Signature, check_signatures, sign_note, split_note
from provenance.notekey import KeyType, NoteSigner, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_TREE_SIZE",
    "Checkpoint",
    "NoteSigner",
    "VerifierKey",
    "open_checkpoint",
    "parse_checkpoint",
    "parse_size",
    "sign_checkpoint",
]

MAX_TREE_SIZE = MAX_COUNT
"""Largest tree size, as in the logs of others (a signed 64-bit integer)."""

_OF_LOGS = (KeyType.ED25519, KeyType.MLDSA44)


@dataclass(frozen=True)
class Checkpoint:
    """A tree head. ``note`` is all of its bytes; ``signed_by`` the given keys that signed it, none if only parsed."""

    origin: str
    size: int
    root: bytes
    note: bytes
    signed_by: tuple[VerifierKey, ...] = ()


def sign_checkpoint(origin: str, size: int, root: bytes, signers: NoteSigner | Sequence[NoteSigner]) -> bytes:
    """The checkpoint of a tree of ``size`` leaves with this 32-byte root, with a line of each signer in their order.

    The signers are the log's keys: all bear its origin as their name, and are of type 01 or 06 (which says nothing
    about time here). Two keys of one type sign side by side while a log changes its key.

    Raises:
        EncodingError: what nobody could read again: no signer, another name, a size out of range, a root that is no
            hash.
    """
    signers = [signers] if isinstance(signers, NoteSigner) else signers
    named = bool(signers) and all((signer.name, signer.kind in _OF_LOGS) == (origin, True) for signer in signers)
    if not named or not 0 <= size <= MAX_TREE_SIZE or len(root) != 32:  # noqa: PLR2004 - a SHA-256 hash
        raise EncodingError("checkpoint: the origin must be the key's name, the size a count and the root 32 bytes")
    return sign_note(f"{origin}\n{size}\n{format_base64(root)}\n", signers)


def parse_checkpoint(note: bytes) -> Checkpoint:
    """What a checkpoint says, unauthenticated: ``signed_by`` is empty.

    Raises:
        EncodingError, LimitError: not a checkpoint in the grammar above.
    """
    return _read_checkpoint(note)[0]


def open_checkpoint(note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """A checkpoint that a key of its origin's name has signed.

    Raises:
        EncodingError, LimitError: not a checkpoint in the grammar above.
        ForgedError: no key of that name is among ``keys``, it did not sign, or its signature does not hold.
    """
    checkpoint, text, signatures = _read_checkpoint(note)
    own = [key for key in keys if key.name == checkpoint.origin and key.kind in _OF_LOGS]
    if not own:
        raise ForgedError(f"checkpoint: the log {checkpoint.origin} is not among the known ones")
    signed_by = check_signatures(text, signatures, own)
    if not signed_by:
        raise ForgedError(f"checkpoint: in the name of {checkpoint.origin}, but not signed by its known key")
    return Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, note, signed_by)


def _read_checkpoint(note: bytes) -> tuple[Checkpoint, str, list[Signature]]:
    text, signatures = split_note(note)
    lines = text.split("\n")
    if len(lines) != 4:  # noqa: PLR2004 - three lines and what follows the last newline
        raise EncodingError("checkpoint: must have three lines (origin, size, root) and no extension")
    check_name(lines[0], "checkpoint: origin")
    size = parse_size(lines[1], "checkpoint: size")
    root = parse_base64(lines[2], "checkpoint: root", size=32)
    return Checkpoint(lines[0], size, root, note), text, signatures
