"""The format of a keystore file: a public header, and secrets encrypted under a passphrase (or, on request, not).

One canonical JSON document (``provenance.encoding``). The header is public and is the cipher's associated data::

    {"kind":"keystore","v":1,
     "author":hex32,                         x-only author key, which the decrypted master must derive again
     "certificates":str,                     PEM chain of the C2PA signer, leaf first: every picture shows it anyway
     "kdf":{"name":"argon2id","memory_kib":int,"iterations":int,"lanes":int,"salt":hex16} or {"name":"none"},
     "aead":{"name":"chacha20poly1305","nonce":hex12} or {"name":"none"},

The rest::

     "ciphertext":hex,
     "checksum":hex32}                       SHA-256(canonical header || ciphertext)

The checksum is no protection; it tells damage from a wrong passphrase. Argon2id is RFC 9106, the cipher RFC 8439. The
passphrase is taken in Unicode form NFC, since keyboards differ in how they compose an accent.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from provenance.curve import KEY_SIZE
from provenance.encoding import Fields, Json, canonical, format_hex, parse_canonical
from provenance.errors import CorruptKeystoreError, EnvironmentFault, InvalidError, UsageError, WrongPassphraseError

__all__ = ["ADVICE", "KEYSTORE_LIMIT", "PASSPHRASE_LIMIT", "PEM_LIMIT", "Sealed", "decrypt", "encrypt", "parse_sealed"]

PASSPHRASE_LIMIT = 1024
"""Characters of a passphrase: more than any human types, and a bound for what is read from a file."""

KEYSTORE_LIMIT = 65_536
"""Bytes of a keystore file; ours have about 5,000."""

PEM_LIMIT = 16_384
"""Bytes of one PEM file in a keystore; chains of three certificates have about 5,000."""

ADVICE = "restore a backup, or move it away and run: seedproof keys recover"
"""What to do about a damaged keystore."""

_MEMORY_KIB, _ITERATIONS, _LANES = 64 * 1024, 3, 4
_MAX_MEMORY_KIB, _MAX_ITERATIONS, _MAX_LANES = 1024 * 1024, 16, 16  # a hostile file must not exhaust the machine
_MIN_MEMORY_KIB_PER_LANE = 8  # RFC 9106, section 3.1
_SALT_SIZE, _AEAD_KEY_SIZE, _AEAD_NONCE_SIZE, _CHECKSUM_SIZE = 16, 32, 12, 32


@dataclass(frozen=True)
class Kdf:
    """Parameters of Argon2id."""

    memory_kib: int
    iterations: int
    lanes: int
    salt: bytes


@dataclass(frozen=True)
class Sealed:
    """A keystore file, read but not opened. ``kdf`` is None (and ``nonce`` empty) when it is not encrypted."""

    author: bytes
    certificates: bytes
    kdf: Kdf | None
    nonce: bytes
    header: bytes
    ciphertext: bytes


def encrypt(author: bytes, certificates: bytes, plaintext: bytes, passphrase: str | None) -> bytes:
    """A keystore file around ``plaintext``, with fresh salt and nonce; None leaves it unencrypted.

    Raises:
        UsageError: a passphrase that is empty, longer than PASSPHRASE_LIMIT or no Unicode text.
    """
    header: dict[str, Json] = {
        "kind": "keystore",
        "v": 1,
        "author": format_hex(author),
        "certificates": certificates.decode("ascii"),
        "kdf": {"name": "none"},
        "aead": {"name": "none"},
    }
    if passphrase is None:
        associated, ciphertext = canonical(header), plaintext
    else:
        kdf = Kdf(_MEMORY_KIB, _ITERATIONS, _LANES, secrets.token_bytes(_SALT_SIZE))
        nonce = secrets.token_bytes(_AEAD_NONCE_SIZE)
        header["kdf"] = {
            "name": "argon2id",
            "memory_kib": kdf.memory_kib,
            "iterations": kdf.iterations,
            "lanes": kdf.lanes,
            "salt": format_hex(kdf.salt),
        }
        header["aead"] = {"name": "chacha20poly1305", "nonce": format_hex(nonce)}
        associated = canonical(header)
        ciphertext = ChaCha20Poly1305(_stretch(passphrase, kdf)).encrypt(nonce, plaintext, associated)
    checksum = hashlib.sha256(associated + ciphertext).digest()
    return canonical({**header, "ciphertext": format_hex(ciphertext), "checksum": format_hex(checksum)})


def decrypt(sealed: Sealed, passphrase: str | None) -> bytes:
    """The plaintext of a keystore file.

    Raises:
        WrongPassphraseError: this passphrase, or none, does not open it.
        UsageError: a passphrase where there is nothing to decrypt: somebody may have put another file in its place.
        EnvironmentFault: this machine has not the memory that the file asks for (1 GiB at most).
    """
    if sealed.kdf is None:
        if passphrase is not None:
            raise UsageError("keystore: it is not encrypted, so this passphrase is for another one")
        return sealed.ciphertext
    if passphrase is None:
        raise WrongPassphraseError("keystore: it is encrypted; a passphrase is needed")
    cipher = ChaCha20Poly1305(_stretch(passphrase, sealed.kdf))
    try:
        return cipher.decrypt(sealed.nonce, sealed.ciphertext, sealed.header)
    except InvalidTag as error:
        raise WrongPassphraseError(
            "keystore: this passphrase does not open it; the file itself is undamaged"
        ) from error


def parse_sealed(data: bytes) -> Sealed:
    """The parts of a keystore file whose checksum holds. They are as yet unproved: anybody can compute a checksum.

    Raises:
        CorruptKeystoreError: damaged, truncated, not a keystore, or key derivation beyond the limits.
        UnsupportedVersionError: written by a newer program.
    """
    try:
        value = parse_canonical(data, "keystore", limit=KEYSTORE_LIMIT)
        with Fields(value, "keystore") as f:
            f.version("keystore")
            author = f.binary("author", size=KEY_SIZE)
            certificates = f.text("certificates", limit=PEM_LIMIT).encode("utf-8")
            with f.object("kdf") as kdf_fields:
                kdf = _read_kdf(kdf_fields)
            with f.object("aead") as aead:
                aead.choice("name", ("none",) if kdf is None else ("chacha20poly1305",))
                nonce = b"" if kdf is None else aead.binary("nonce", size=_AEAD_NONCE_SIZE)
            ciphertext = f.binary("ciphertext")
            checksum = f.binary("checksum", size=_CHECKSUM_SIZE)
    except InvalidError as error:
        raise CorruptKeystoreError(f"{error}; {ADVICE}") from error
    if not isinstance(value, dict):
        raise CorruptKeystoreError(f"keystore: not an object; {ADVICE}")
    header = canonical({name: item for name, item in value.items() if name not in {"ciphertext", "checksum"}})
    if hashlib.sha256(header + ciphertext).digest() != checksum:
        raise CorruptKeystoreError(f"keystore: damaged, its checksum does not hold; {ADVICE}")
    return Sealed(author, certificates, kdf, nonce, header, ciphertext)


def _read_kdf(fields: Fields) -> Kdf | None:
    if fields.choice("name", ("argon2id", "none")) == "none":
        return None
    lanes = fields.integer("lanes", low=1, high=_MAX_LANES)
    memory = fields.integer("memory_kib", low=_MIN_MEMORY_KIB_PER_LANE * lanes, high=_MAX_MEMORY_KIB)
    iterations = fields.integer("iterations", low=1, high=_MAX_ITERATIONS)
    return Kdf(memory, iterations, lanes, fields.binary("salt", size=_SALT_SIZE))


def _stretch(passphrase: str, kdf: Kdf) -> bytes:
    if not 1 <= len(passphrase) <= PASSPHRASE_LIMIT:
        raise UsageError(f"passphrase: must have 1 to {PASSPHRASE_LIMIT} characters")
    try:
        secret = unicodedata.normalize("NFC", passphrase).encode("utf-8")
    except UnicodeEncodeError:  # it holds the passphrase, so nothing is raised in its context
        secret = b""
    if not secret:
        raise UsageError("passphrase: it is not Unicode text")
    try:
        return Argon2id(
            salt=kdf.salt,
            length=_AEAD_KEY_SIZE,
            iterations=kdf.iterations,
            lanes=kdf.lanes,
            memory_cost=kdf.memory_kib,
        ).derive(secret)
    except MemoryError as error:
        raise EnvironmentFault(f"keystore: {kdf.memory_kib} KiB of memory are needed to open it") from error
