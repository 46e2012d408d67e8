"""Keys that sign notes: three kinds, their ids, and what each really signs (C2SP signed-note, tlog-cosignature).

======  ===================  ========================================  ==============================================
type    public key, secret   signature in a note's line                message that is signed
======  ===================  ========================================  ==============================================
01      Ed25519: 32, 32      64 bytes                                  the note's text
04      Ed25519: 32, 32      u64be(time) || 64 bytes                   "cosignature/v1\\ntime " time "\\n" text
06      ML-DSA-44: 1312, 32  u64be(time) || 2420 bytes                 the structure below
======  ===================  ========================================  ==============================================

::

    "subtree/v1\\n\\0" || u8 length || key name || u64be(time) || u8 length || origin || u64be(0) || u64be(size) || root

    key id   = SHA-256(name || 0x0A || type || public key)[:4]
    verifier = name "+" hex(key id) "+" base64(type || public key)                       what everybody may know
    signer   = "PRIVATE+KEY+" name "+" hex(key id) "+" base64(type || secret)            a line of a file of mode 0600

``time`` is in seconds since 1970 (POSIX). Zero, of type 06 alone, says nothing about time: so signs a log. Type 01 is a
log's, 04 a witness's, 06 either's. A text that is no checkpoint cannot be signed with 06, whose message is made of its
origin, size and root. ML-DSA-44 is FIPS 204 in its pure form with an empty context; its signatures are randomised.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from provenance.errors import EncodingError, EnvironmentFault
from provenance.notation import MAX_COUNT, check_name, format_base64, parse_base64, parse_size

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

__all__ = ["KeyType", "NoteSigner", "VerifierKey", "new_signer"]

_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_PRIVATE = "PRIVATE+KEY+"
_SECRET_BYTES = 32
_TIME_BYTES = 8
_ROOT_BYTES = 32
_MAX_LABEL = 255
_NO_MLDSA = "the installed cryptography has no ML-DSA-44; update it to 48 or newer (its wheels have it)"


class KeyType(Enum):
    """What a key is and how it signs; the value is the type byte of C2SP signed-note."""

    ED25519 = 1
    COSIGNATURE = 4
    MLDSA44 = 6

    @property
    def public_bytes(self) -> int:
        """Length of a public key."""
        return 1312 if self is KeyType.MLDSA44 else 32

    @property
    def signature_bytes(self) -> int:
        """Length of the signature proper, without a timestamp."""
        return 2420 if self is KeyType.MLDSA44 else 64

    @property
    def timed(self) -> bool:
        """Whether a time stands in the signature line."""
        return self is not KeyType.ED25519


@dataclass(frozen=True)
class VerifierKey:
    """The public key of a log or witness under its name."""

    name: str
    public_key: bytes
    kind: KeyType = KeyType.ED25519

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys apart; no security rests on them."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._material).digest()[:4]

    @property
    def _material(self) -> bytes:
        return bytes([self.kind.value]) + self.public_key

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``name+keyid+base64``.

        Raises:
            EncodingError: another form or key type, or a key id that does not belong to the key.
        """
        name, key_id, data = _parse_parts(text, "verifier key")
        kind = _parse_type(data, "verifier key")
        if len(data) != 1 + kind.public_bytes:
            raise EncodingError(f"verifier key: one of type {kind.value:02x} has {kind.public_bytes} bytes")
        key = cls(name, data[1:], kind)
        if key.key_id.hex() != key_id:
            raise EncodingError("verifier key: its key id does not belong to this name and key; was it copied whole?")
        return key

    def format(self) -> str:
        """``name+keyid+base64``, one line without its end."""
        return f"{self.name}+{self.key_id.hex()}+{format_base64(self._material)}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """The time in seconds (0 where none is stated) if ``signature`` is this key's over a note's text, else None.

        Raises:
            EnvironmentFault: the installed cryptography cannot check this kind of key.
        """
        kind = self.kind
        time = 0
        if kind.timed:
            time, signature = int.from_bytes(signature[:_TIME_BYTES], "big"), signature[_TIME_BYTES:]
        if len(signature) != kind.signature_bytes or time > MAX_COUNT or (kind is KeyType.COSIGNATURE and time == 0):
            return None
        try:
            message = _message(self.name, kind, text, time)
        except EncodingError:
            return None  # a text that nobody could have signed with such a key
        return time if _holds(kind, self.public_key, signature, message) else None


@dataclass(frozen=True)
class NoteSigner:
    """A name with a private key. Type 01 is the default, as of a log."""

    name: str
    private_key: Ed25519PrivateKey | MLDSA44PrivateKey = field(repr=False)
    kind: KeyType = KeyType.ED25519

    @property
    def verifier_key(self) -> VerifierKey:
        """The public side."""
        return VerifierKey(self.name, self.private_key.public_key().public_bytes_raw(), self.kind)

    @classmethod
    def parse(cls, text: str) -> NoteSigner:
        """Read ``PRIVATE+KEY+name+keyid+base64``, without the line's end.

        Raises:
            EncodingError: another form, or a key id that does not belong to the key. No message shows the secret.
        """
        if not text.startswith(_PRIVATE):
            raise EncodingError(f"private key: must start with {_PRIVATE}")
        name, key_id, data = _parse_parts(text.removeprefix(_PRIVATE), "private key")
        kind = _parse_type(data, "private key")
        if len(data) != 1 + _SECRET_BYTES:
            raise EncodingError(f"private key: must have {_SECRET_BYTES} bytes after its type")
        signer = cls(name, _private_key(kind, data[1:]), kind)
        if signer.verifier_key.key_id.hex() != key_id:
            raise EncodingError("private key: it does not fit its own key id; restore it from a backup")
        return signer

    def format(self) -> str:
        """The private key as one line without its end: a secret, for a file of mode 0600."""
        data = bytes([self.kind.value]) + self.private_key.private_bytes_raw()
        return f"{_PRIVATE}{self.name}+{self.verifier_key.key_id.hex()}+{format_base64(data)}"

    def sign(self, text: str, time: int = 0) -> bytes:
        """What stands in a signature line after the key id, over a note's text.

        ``time``: seconds; must be 0 for type 01, and more than 0 for type 04.

        Raises:
            EncodingError: a time that this kind cannot have, or a text that type 06 cannot sign.
        """
        allowed = {KeyType.ED25519: time == 0, KeyType.COSIGNATURE: time > 0, KeyType.MLDSA44: time >= 0}
        if not allowed[self.kind] or time > MAX_COUNT:
            raise EncodingError(f"note: a key of type {self.kind.value:02x} cannot sign with the time {time}")
        signature = self.private_key.sign(_message(self.name, self.kind, text, time))
        return time.to_bytes(_TIME_BYTES, "big") + signature if self.kind.timed else signature


def new_signer(name: str, kind: KeyType = KeyType.ED25519) -> NoteSigner:
    """A fresh key under this name.

    Raises:
        EncodingError: no key name. EnvironmentFault: the installed cryptography has no such kind of key.
    """
    import os

    check_name(name, "key name")
    return NoteSigner(name, _private_key(kind, os.urandom(_SECRET_BYTES)), kind)


def _message(name: str, kind: KeyType, text: str, time: int) -> bytes:
    """The bytes that a key of this kind signs for a note's text."""
    if kind is KeyType.ED25519:
        return text.encode()
    if kind is KeyType.COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    lines = text.split("\n")
    if len(lines) < 4:  # noqa: PLR2004 - origin, size, root, and what follows the last newline
        raise EncodingError("note: a key of type 06 signs checkpoints alone")
    size = parse_size(lines[1], "checkpoint: size")
    root = parse_base64(lines[2], "checkpoint: root", size=_ROOT_BYTES)
    parts = [b"subtree/v1\n\0", _label(name), time.to_bytes(8, "big"), _label(lines[0])]
    return b"".join([*parts, bytes(8), size.to_bytes(8, "big"), root])


def _label(text: str) -> bytes:
    data = text.encode()
    if not 1 <= len(data) <= _MAX_LABEL:
        raise EncodingError(f"note: a name or origin that a key of type 06 signs has 1 to {_MAX_LABEL} bytes")
    return bytes([len(data)]) + data


def _holds(kind: KeyType, public_key: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

    try:
        if kind is KeyType.MLDSA44:
            mldsa.MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, message)
        else:
            ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except UnsupportedAlgorithm as error:
        raise EnvironmentFault(_NO_MLDSA) from error
    except (InvalidSignature, ValueError):
        return False
    return True


def _private_key(kind: KeyType, secret: bytes) -> Ed25519PrivateKey | MLDSA44PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

    if kind is not KeyType.MLDSA44:
        return ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    try:
        return mldsa.MLDSA44PrivateKey.from_seed_bytes(secret)
    except UnsupportedAlgorithm as error:
        raise EnvironmentFault(_NO_MLDSA) from error


def _parse_parts(text: str, what: str) -> tuple[str, str, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):  # noqa: PLR2004 - the three parts of the form
        raise EncodingError(f"{what}: must have the form name+keyid+base64")
    check_name(parts[0], what)
    return parts[0], parts[1], parse_base64(parts[2], what)


def _parse_type(data: bytes, what: str) -> KeyType:
    try:
        return KeyType(data[0])
    except (ValueError, IndexError) as error:
        raise EncodingError(f"{what}: not of a type that is known here (01, 04 or 06)") from error
