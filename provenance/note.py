"""Signed notes: a short text with the Ed25519 signatures of a log and of its witnesses (C2SP signed-note).

Grammar, every line ended by U+000A::

    note       = text, empty line, 1 to 16 signature lines
    signature  = "— " name " " base64(keyid || signature)     the dash is U+2014
    keyid      = SHA-256(name || 0x0A || type || public key)[:4]         type 0x01: Ed25519 over the text
    verifier   = name "+" hex(keyid) "+" base64(type || public key)

A name is not empty and has no Unicode space and no plus. Base64 is RFC 4648, section 4, in its one canonical spelling.
Lines of other keys (cosignatures of witnesses whom we do not know) are kept and mean nothing to us, but they must be
well formed. Worked example, by the key ``PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW``::

    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import EncodingError, ForgedError, LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "MAX_NOTE_BYTES",
    "MAX_SIGNATURES",
    "NoteSigner",
    "Signature",
    "VerifierKey",
    "check_name",
    "check_signatures",
    "format_base64",
    "open_note",
    "parse_base64",
    "sign_note",
    "split_note",
]

MAX_NOTE_BYTES = 16_384
"""A checkpoint with 16 ML-DSA-44 cosignatures would be larger; with 16 of Ed25519 it is 3 KB."""

MAX_SIGNATURES = 16
"""Signature lines that are read: one of the log, the others of witnesses."""

MAX_SIGNATURE_BYTES = 4_096
"""Longest signature in a line; ML-DSA-44 has 2,420 bytes and a timestamp."""

MAX_NAME_CHARACTERS = 255
"""Longest key name; it is a host name with a path."""

_ED25519 = b"\x01"
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True)
class VerifierKey:
    """The Ed25519 public key (32 bytes) of a log, under its name."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys apart; no security rests on them."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``name+keyid+base64``.

        Raises:
            EncodingError: another form, another key type than Ed25519, or a key id that does not belong to the key.
        """
        parts = text.split("+", 2)
        if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):  # noqa: PLR2004 - the three parts of the form
            raise EncodingError("verifier key: must have the form name+keyid+base64")
        check_name(parts[0], "verifier key")
        data = parse_base64(parts[2], "verifier key")
        if data[:1] != _ED25519 or len(data) != 33:  # noqa: PLR2004 - type byte and 32 bytes
            raise EncodingError("verifier key: not an Ed25519 key (type 01)")
        key = cls(parts[0], data[1:])
        if key.key_id.hex() != parts[1]:
            raise EncodingError("verifier key: its key id does not belong to this name and key; was it copied whole?")
        return key

    def format(self) -> str:
        """``name+keyid+base64``, one line without its end."""
        return f"{self.name}+{self.key_id.hex()}+{format_base64(_ED25519 + self.public_key)}"


@dataclass(frozen=True)
class NoteSigner:
    """A log's name with its private key."""

    name: str
    private_key: Ed25519PrivateKey

    @property
    def verifier_key(self) -> VerifierKey:
        """The public side."""
        return VerifierKey(self.name, self.private_key.public_key().public_bytes_raw())


@dataclass(frozen=True)
class Signature:
    """One signature line, taken apart: key name, 4-byte key id, and the signature itself."""

    name: str
    key_id: bytes
    signature: bytes


def sign_note(text: str, signer: NoteSigner) -> bytes:
    """A note over ``text``, which ends with a newline, with one signature line."""
    check_name(signer.name, "note")
    body = text.encode()
    blob = signer.verifier_key.key_id + signer.private_key.sign(body)
    return body + f"\n— {signer.name} {format_base64(blob)}\n".encode()


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
    if any(ord(character) < 0x20 and character != "\n" for character in whole):  # noqa: PLR2004 - ASCII controls
        raise EncodingError("note: holds a control character")
    text, gap, tail = whole.rpartition("\n\n")
    if not gap or not text or not tail.endswith("\n"):
        raise EncodingError("note: must be a text, an empty line, and signature lines that end with a newline")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise LimitError(f"note: more than {MAX_SIGNATURES} signatures")
    return text + "\n", [_parse_signature(line) for line in lines]


def check_signatures(
    text: str, signatures: Sequence[Signature], keys: Sequence[VerifierKey]
) -> tuple[VerifierKey, ...]:
    """The keys that signed. Every line that bears the name and id of one of ``keys`` must hold under one such key."""
    signed_by: list[VerifierKey] = []
    for line in signatures:
        own = [key for key in keys if (key.name, key.key_id) == (line.name, line.key_id)]
        holding = [key for key in own if _holds(key, line.signature, text.encode())]
        if own and not holding:
            raise ForgedError(f"note: the signature of {line.name} does not hold")
        signed_by += [key for key in holding if key not in signed_by]
    return tuple(signed_by)


def parse_base64(text: str, what: str, *, size: int | None = None) -> bytes:
    """Bytes of canonical base64 (RFC 4648, section 4): padded, zero trailing bits, nothing else in between."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise EncodingError(f"{what}: not base64") from error
    if format_base64(data) != text:
        raise EncodingError(f"{what}: base64, but not in its canonical spelling")
    if size is not None and len(data) != size:
        raise EncodingError(f"{what}: must be {size} bytes as base64, it has {len(data)}")
    return data


def format_base64(data: bytes) -> str:
    """Standard base64, padded."""
    return base64.b64encode(data).decode("ascii")


def check_name(name: str, what: str) -> None:
    """Refuse what is no key name; ``what`` stands in the message.

    Raises:
        EncodingError, LimitError: empty, a space, a plus, something that cannot be printed, or too long.
    """
    if not name or "+" in name or any(character.isspace() or not character.isprintable() for character in name):
        raise EncodingError(f"{what}: {name[:60]!r} is no key name (not empty, without spaces, plus and controls)")
    if len(name) > MAX_NAME_CHARACTERS:
        raise LimitError(f"{what}: a key name has at most {MAX_NAME_CHARACTERS} characters")


def _parse_signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":  # noqa: PLR2004 - dash, name, base64
        raise EncodingError("note: a signature line must be a dash, a name and base64, with one space between")
    check_name(parts[1], "note: signature")
    blob = parse_base64(parts[2], "note: signature")
    if not 4 < len(blob) <= 4 + MAX_SIGNATURE_BYTES:  # noqa: PLR2004 - the key id has four bytes
        raise EncodingError(f"note: a signature must have 1 to {MAX_SIGNATURE_BYTES} bytes after its key id")
    return Signature(parts[1], blob[:4], blob[4:])


def _holds(key: VerifierKey, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
