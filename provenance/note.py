"""Signed notes: a short text with the signatures of a log and of its witnesses (C2SP signed-note).

Grammar, every line ended by U+000A::

    note       = text, empty line, 1 to 16 signature lines
    signature  = "— " name " " base64(keyid || signature)     the dash is U+2014

Keys, their ids and what they sign are in :mod:`provenance.notekey`, the spellings in :mod:`provenance.notation`. Lines
of other keys (cosignatures of witnesses whom we do not know) are kept and mean nothing to us, but they must be well
formed. Worked example, by the key ``PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW``::

    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import EncodingError, ForgedError, LimitError
from provenance.notation import check_name, format_base64, parse_base64
from provenance.notekey import NoteSigner, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MAX_NOTE_BYTES",
    "MAX_SIGNATURES",
    "NoteSigner",
    "Signature",
    "VerifierKey",
    "check_name",
    "check_signatures",
    "format_base64",
    "format_note",
    "format_signature",
    "open_note",
    "parse_base64",
    "parse_signatures",
    "sign_line",
    "sign_note",
    "split_note",
]

MAX_NOTE_BYTES = 65_536
"""A text of 8 KB with 16 signatures of ML-DSA-44 under the longest names; with 16 of Ed25519 a checkpoint has 3 KB."""

MAX_SIGNATURES = 16
"""Signature lines that are read: those of the log, the others of witnesses."""

MAX_SIGNATURE_BYTES = 4_096
"""Longest signature in a line; ML-DSA-44 has 2,420 bytes and a timestamp."""

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")  # ASCII controls but the newline


@dataclass(frozen=True)
class Signature:
    """One signature line, taken apart: key name, 4-byte key id, and the signature itself."""

    name: str
    key_id: bytes
    signature: bytes


def sign_note(text: str, signers: NoteSigner | Sequence[NoteSigner], time: int = 0) -> bytes:
    """A note over ``text``, which ends with a newline, with one signature line for each signer, in their order.

    ``time``, in seconds, is for witnesses' keys: see :meth:`provenance.notekey.NoteSigner.sign`.
    """
    signers = [signers] if isinstance(signers, NoteSigner) else signers
    return format_note(text, [sign_line(text, signer, time) for signer in signers])


def sign_line(text: str, signer: NoteSigner, time: int = 0) -> Signature:
    """The signer's line over a note's text.

    Raises:
        EncodingError: a name, time or text that this key cannot sign.
    """
    check_name(signer.name, "note")
    return Signature(signer.name, signer.verifier_key.key_id, signer.sign(text, time))


def format_note(text: str, signatures: Iterable[Signature]) -> bytes:
    """The bytes of a note, of which :func:`split_note` is the inverse."""
    return f"{text}\n{''.join(map(format_signature, signatures))}".encode()


def format_signature(line: Signature) -> str:
    """One signature line with its newline."""
    return f"— {line.name} {format_base64(line.key_id + line.signature)}\n"


def open_note(note: bytes, keys: Sequence[VerifierKey]) -> tuple[str, tuple[VerifierKey, ...]]:
    """The text of a note and those of ``keys`` that signed it: at least one.

    Raises:
        EncodingError, LimitError: not a signed note, or one of its signature lines is malformed.
        ForgedError: a line in the name of one of ``keys`` does not hold, or there is none.
    """
    text, signatures = split_note(note)
    signed_by = check_signatures(text, signatures, keys)
    if not signed_by:
        raise ForgedError("note: not signed by any of the keys that were expected")
    return text, signed_by


def split_note(note: bytes) -> tuple[str, list[Signature]]:
    """The text (with its last newline) and the signature lines of a note, unauthenticated.

    Raises:
        EncodingError, LimitError: not a signed note, or one of its signature lines is malformed.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise LimitError(f"note: {len(note)} bytes are more than the limit of {MAX_NOTE_BYTES}")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("note: not UTF-8") from error
    if _CONTROL.search(whole):
        raise EncodingError("note: holds a control character")
    text, gap, tail = whole.rpartition("\n\n")
    if not gap or not text or not tail.endswith("\n"):
        raise EncodingError("note: must be a text, an empty line, and signature lines that end with a newline")
    return text + "\n", parse_signatures(tail)


def parse_signatures(text: str) -> list[Signature]:
    """One to MAX_SIGNATURES signature lines, each with its newline, as they end a note or come from a witness.

    Raises:
        EncodingError, LimitError: there is none, one is malformed, or there are too many.
    """
    if not text.endswith("\n"):
        raise EncodingError("note: its signature lines must end with a newline")
    lines = text[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise LimitError(f"note: more than {MAX_SIGNATURES} signatures")
    return [_parse_signature(line) for line in lines]


def check_signatures(
    text: str, signatures: Sequence[Signature], keys: Sequence[VerifierKey]
) -> tuple[VerifierKey, ...]:
    """The keys that signed. Every line that bears the name and id of one of ``keys`` must hold under one such key."""
    signed_by: list[VerifierKey] = []
    for line in signatures:
        own = [key for key in keys if (key.name, key.key_id) == (line.name, line.key_id)]
        holding = [key for key in own if key.verify(text, line.signature) is not None]
        if own and not holding:
            raise ForgedError(f"note: the signature of {line.name} does not hold")
        signed_by += [key for key in holding if key not in signed_by]
    return tuple(signed_by)


def _parse_signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":  # noqa: PLR2004 - dash, name, base64
        raise EncodingError("note: a signature line must be a dash, a name and base64, with one space between")
    check_name(parts[1], "note: signature")
    blob = parse_base64(parts[2], "note: signature")
    if not 4 < len(blob) <= 4 + MAX_SIGNATURE_BYTES:  # noqa: PLR2004 - the key id has four bytes
        raise EncodingError(f"note: a signature must have 1 to {MAX_SIGNATURE_BYTES} bytes after its key id")
    return Signature(parts[1], blob[:4], blob[4:])
