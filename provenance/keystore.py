"""An author's secrets on disk: sealed under a passphrase, mode 0600, never overwritten by accident.

The format of the file is :mod:`provenance.sealedfile`'s. Its plaintext is the canonical JSON object ::

    {"kind":"secrets","v":1,"master":hex32,"certificate_key":str,"root_certificate":str,"root_key":str}

with keys and certificates in PEM. Whoever needs the author's secrets finds the whole vocabulary here: the master and
its words (:mod:`provenance.master`) and what is derived from it (:mod:`provenance.derivation`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from provenance.curve import public_key
from provenance.derivation import derive_author, derive_prompt_key, derive_work
from provenance.encoding import Fields, canonical, format_hex, parse_canonical
from provenance.errors import (
    CorruptKeystoreError,
    EncodingError,
    InvalidError,
    LimitError,
    MissingKeysError,
    UsageError,
)
from provenance.files import read_bounded, write_atomic
from provenance.master import MASTER_SIZE, Master, master_from_words, new_master, words
from provenance.sealedfile import ADVICE, KEYSTORE_LIMIT, PEM_LIMIT, decrypt, encrypt, parse_sealed

__all__ = [
    "Master",
    "Secrets",
    "author_key",
    "certificate_chain",
    "derive_author",
    "derive_prompt_key",
    "derive_work",
    "master_from_words",
    "needs_passphrase",
    "new_master",
    "open_keystore",
    "read_keystore",
    "seal_keystore",
    "words",
    "write_keystore",
]


@dataclass(frozen=True, repr=False)
class Secrets:
    """All that a keystore holds; certificates and keys are PEM. ``root_key`` is empty when the root is not ours."""

    master: Master
    certificate_chain: bytes
    certificate_key: bytes
    root_certificate: bytes
    root_key: bytes

    def __repr__(self) -> str:
        return "Secrets(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are neither copied nor pickled: they would lie about in the clear")


def seal_keystore(secrets: Secrets, passphrase: str | None) -> bytes:
    """The bytes of a keystore file, with fresh salt and nonce; None leaves it unencrypted.

    Raises:
        UsageError: a passphrase that is empty, longer than 1,024 characters or no Unicode text.
        EncodingError: a certificate or key that is no ASCII text or too long.
    """
    _pem_text(secrets.certificate_chain)
    plaintext = canonical(
        {
            "kind": "secrets",
            "v": 1,
            "master": format_hex(secrets.master.reveal()),
            "certificate_key": _pem_text(secrets.certificate_key),
            "root_certificate": _pem_text(secrets.root_certificate),
            "root_key": _pem_text(secrets.root_key),
        }
    )
    author = public_key(derive_author(secrets.master))
    return encrypt(author, secrets.certificate_chain, plaintext, passphrase)


def open_keystore(data: bytes, passphrase: str | None) -> Secrets:
    """The secrets in a keystore file. None opens one that is not encrypted; see :func:`needs_passphrase`.

    Raises:
        WrongPassphraseError: the file is undamaged, and this passphrase (or none) does not open it.
        CorruptKeystoreError: damaged, truncated, not a keystore, or its author key is not the master's.
        UnsupportedVersionError: written by a newer program.
        UsageError: a passphrase where there is nothing to decrypt.
        EnvironmentFault: this machine has not the memory that the file asks for (1 GiB at most).
    """
    sealed = parse_sealed(data)
    secrets = _read_secrets(decrypt(sealed, passphrase), sealed.certificates)
    # Raised here and not where it was noticed, so that the exception drags no secrets along in its context.
    if secrets is None or public_key(derive_author(secrets.master)) != sealed.author:
        raise CorruptKeystoreError(f"keystore: its contents do not fit its header; {ADVICE}")
    return secrets


def needs_passphrase(data: bytes) -> bool:
    """Whether the keystore file is encrypted. Raises CorruptKeystoreError or UnsupportedVersionError."""
    return parse_sealed(data).kdf is not None


def author_key(data: bytes) -> bytes:
    """The x-only author key in the header, 32 bytes, as yet unproved. Raises as :func:`needs_passphrase`."""
    return parse_sealed(data).author


def certificate_chain(data: bytes) -> bytes:
    """The PEM certificate chain in the header, as yet unproved. Raises as :func:`needs_passphrase`."""
    return parse_sealed(data).certificates


def read_keystore(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a keystore file; a symbolic link is followed.

    Raises:
        MissingKeysError: there is none.
        CorruptKeystoreError: others than its owner may read or write it, or it is too large.
        UsageError: it cannot be read.
    """
    file = Path(path)
    try:
        mode = file.stat().st_mode
    except FileNotFoundError as error:
        raise MissingKeysError(f"no keystore at {file}; run: seedproof keys new") from error
    except OSError as error:
        raise UsageError(f"keystore: cannot read {file}: {error.strerror or error}") from error
    if os.name == "posix" and mode & 0o077:
        raise CorruptKeystoreError(f"keystore: others may read or change {file}; run: chmod 600 {file}")
    try:
        return read_bounded(file, "keystore", limit=KEYSTORE_LIMIT)
    except LimitError as error:
        raise CorruptKeystoreError(f"{error}; {ADVICE}") from error


def write_keystore(path: str | os.PathLike[str], data: bytes, overwrite: bool = False) -> None:
    """Write a keystore file with mode 0600, all or nothing.

    Raises:
        UsageError: there is one already; a master is not to be lost by overwriting it.
        OutputError: it cannot be written, and nothing was changed.
    """
    file = Path(path)
    if not overwrite and os.path.lexists(file):
        raise UsageError(f"there is a keystore already at {file}; it was not touched")
    write_atomic(file.resolve() if overwrite else file, data, mode=0o600, overwrite=overwrite)


def _read_secrets(plaintext: bytes, certificates: bytes) -> Secrets | None:
    try:
        with Fields(parse_canonical(plaintext, "secrets"), "secrets") as f:
            f.version("secrets")
            master = Master(f.binary("master", size=MASTER_SIZE))
            pems = [
                f.text(name, limit=PEM_LIMIT).encode("utf-8")
                for name in ("certificate_key", "root_certificate", "root_key")
            ]
    except InvalidError:
        return None
    return Secrets(master, certificates, *pems)


def _pem_text(pem: bytes) -> str:
    if len(pem) > PEM_LIMIT or not pem.isascii():
        raise EncodingError(f"keystore: a certificate or key is not ASCII text of at most {PEM_LIMIT} bytes")
    return pem.decode("ascii")
