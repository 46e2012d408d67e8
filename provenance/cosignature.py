"""Cosignatures: "I saw this log grow without contradiction up to here, at this time" (C2SP tlog-cosignature).

A witness adds a signature line of its own to a checkpoint, of type 04 or 06 (:mod:`provenance.notekey`). The line
covers the checkpoint's text and a time, and none of the other lines: lines may be added and left out freely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.checkpoint import parse_checkpoint
from provenance.errors import EncodingError, ForgedError
from provenance.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Signature,
    format_note,
    format_signature,
    parse_signatures,
    sign_line,
    split_note,
)
from provenance.notekey import KeyType, NoteSigner, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Cosignature",
    "add_cosignatures",
    "cosign",
    "open_cosignatures",
    "stated_time",
    "take_cosignatures",
]


_TIMED_LENGTHS = [8 + kind.signature_bytes for kind in KeyType if kind.timed]
"""u64be(time) and the signature proper (``provenance.notekey``)."""


@dataclass(frozen=True)
class Cosignature:
    """A witness's signature that holds: by ``key``, at ``time`` in seconds since 1970 by the witness's own clock."""

    key: VerifierKey
    time: int


def cosign(note: bytes, signers: Sequence[NoteSigner], time: int) -> bytes:
    """The signature lines of a witness over a checkpoint, one for each of its keys. Nothing is checked here.

    Raises:
        EncodingError, LimitError: ``note`` is no checkpoint, ``time`` is not above 0, or a key is no witness's.
    """
    checkpoint = parse_checkpoint(note)
    for signer in signers:
        if not signer.kind.timed or time <= 0 or signer.name == checkpoint.origin:
            raise EncodingError(
                "cosignature: needs a time and a key of type 04 or 06 under another name than the log's"
            )
    text = split_note(note)[0]
    return "".join(format_signature(sign_line(text, signer, time)) for signer in signers).encode()


def open_cosignatures(note: bytes, keys: Sequence[VerifierKey]) -> tuple[Cosignature, ...]:
    """Who of ``keys`` cosigned a checkpoint, each once with its newest time, in the order of ``keys``.

    One that states no time (type 06 alone could) and lines of other keys do not count. That witnesses signed says
    nothing about whether the log did: ask :func:`provenance.checkpoint.open_checkpoint` as well.

    Raises:
        EncodingError, LimitError: ``note`` is no checkpoint.
        ForgedError: a line that bears the name and id of one of ``keys`` does not hold.
    """
    origin = parse_checkpoint(note).origin
    text, signatures = split_note(note)
    found: dict[VerifierKey, int] = {}
    for key in keys:
        if key.kind is KeyType.ED25519 or key.name == origin:
            continue
        for line in signatures:
            if (line.name, line.key_id) != (key.name, key.key_id):
                continue
            time = key.verify(text, line.signature)
            if time is None:
                raise ForgedError(f"cosignature: the one of {key.name} does not hold")
            if time > 0:
                found[key] = max(time, found.get(key, 0))
    return tuple(Cosignature(key, time) for key, time in found.items())


def stated_time(line: Signature) -> int:
    """The time that a signature line states, in seconds, unchecked; 0 where it states none, as one of type 01."""
    timed = len(line.signature) in _TIMED_LENGTHS
    return int.from_bytes(line.signature[:8], "big") if timed else 0


def take_cosignatures(note: bytes, answer: bytes, keys: Sequence[VerifierKey]) -> list[bytes]:
    """Those lines of a witness's answer that hold over ``note`` under one of ``keys``, each with its newline.

    Lines of keys that were not asked for are left out, as the witness protocol wants it.

    Raises:
        EncodingError, LimitError: the answer is not made of signature lines.
        ForgedError: a line of one of ``keys`` does not hold, or there is no line of them.
    """
    text = split_note(note)[0]
    taken = [
        format_signature(line).encode()
        for line in _parse_lines(answer)
        if open_cosignatures(format_note(text, [line]), keys)
    ]
    if not taken:
        raise ForgedError("cosignature: the witness answered without a signature of its key")
    return taken


def add_cosignatures(note: bytes, lines: Sequence[bytes]) -> bytes:
    """The checkpoint with these signature lines behind its own; what stands there already is not added again.

    Where there are more than MAX_SIGNATURES, or more bytes than a note may have, the last ones are left out.

    Raises:
        EncodingError, LimitError: ``note`` is no checkpoint, or a line is malformed.
    """
    parse_checkpoint(note)
    text, present = split_note(note)
    for line in lines:
        new = [signature for signature in _parse_lines(line) if signature not in present]
        longer = [*present, *new]
        if len(longer) <= MAX_SIGNATURES and len(format_note(text, longer)) <= MAX_NOTE_BYTES:
            present = longer
    return format_note(text, present)


def _parse_lines(lines: bytes) -> list[Signature]:
    try:
        return parse_signatures(lines.decode())
    except UnicodeDecodeError as error:
        raise EncodingError("cosignature: not UTF-8") from error
