"""Every secret of an author, derived from the one master (docs/protocol.md, section 2).

    derive(info, salt):  for counter = 0, 1, 2, ...:
                             k = HKDF-SHA256(ikm = master, salt = salt, info = info || u32be(counter), length = 32)
                             return k if 0 < k < n, else go on
    P = derive("seedproof/v1/kdf/work", nonce)        secret of one work
    a = derive("seedproof/v1/kdf/author", "")         author key
    k = HKDF-SHA256(master, salt = nonce, info = "seedproof/v1/kdf/prompt", length = 32)

The nonce is 32 public random bytes, fresh for each work, and stands in the claim: master and picture are all it takes
to prove again. An empty salt is HKDF's default of 32 zero bytes (RFC 5869, section 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from provenance.curve import is_scalar
from provenance.hashing import Tag

if TYPE_CHECKING:
    from provenance.master import Master

__all__ = ["NONCE_SIZE", "derive_author", "derive_prompt_key", "derive_work"]

NONCE_SIZE = 32
_KEY_SIZE = 32
_NO_SALT = b""


def derive_work(master: Master, nonce: bytes) -> bytes:
    """P, the secret of the work with this derivation nonce (32 bytes each).

    Raises:
        ValueError: a nonce of another size.
    """
    _require_nonce(nonce)
    return _derive_scalar(master, nonce, Tag.KDF_WORK)


def derive_author(master: Master) -> bytes:
    """The author's secret, 32 bytes: the same for all his works, so it links them on purpose."""
    return _derive_scalar(master, _NO_SALT, Tag.KDF_AUTHOR)


def derive_prompt_key(master: Master, nonce: bytes) -> bytes:
    """The 32-byte key that encrypts the sealed prompt of the work with this derivation nonce.

    Raises:
        ValueError: a nonce of another size.
    """
    _require_nonce(nonce)
    return _hkdf(master, nonce, Tag.KDF_PROMPT.encode("ascii"))


def _derive_scalar(master: Master, salt: bytes, tag: Tag) -> bytes:
    counter = 0
    while True:  # one round in all but 2^-127 of cases
        secret = _hkdf(master, salt, tag.encode("ascii") + counter.to_bytes(4, "big"))
        if is_scalar(secret):
            return secret
        counter += 1


def _hkdf(master: Master, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_SIZE, salt=salt, info=info).derive(master.reveal())


def _require_nonce(nonce: bytes) -> None:
    if len(nonce) != NONCE_SIZE:
        raise ValueError(f"a derivation nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
