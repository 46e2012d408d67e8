"""secp256k1: keys and BIP-340 Schnorr signatures.

Two implementations, and a wall between them:

- libsecp256k1 (through ``btclib_secp256k1``) makes keys and signatures and checks them. It is constant-time, so it is
  the only code that ever sees a secret.
- py_ecc, a slow program by other people in another language, checks public data once more. It is not constant-time,
  and its arithmetic takes points off the curve as they come, so every condition of BIP-340 stands here in full.

A *secret* is 32 bytes, big-endian, 0 < secret < n. A *key* is the x-coordinate of secret*G, 32 bytes; a secret and
n - secret have the same key. A *signature* is 64 bytes, x(R) || s.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from functools import cache
from typing import Any

from btclib_secp256k1 import keys, ssa, xonly

__all__ = [
    "KEY_SIZE",
    "SECRET_SIZE",
    "SIGNATURE_SIZE",
    "is_scalar",
    "public_key",
    "sign",
    "verify",
    "verify_independently",
]

SECRET_SIZE = 32
KEY_SIZE = 32
SIGNATURE_SIZE = 64
_MESSAGE_SIZE = 32

_p = 2**256 - 2**32 - 977
"""Order of the field (SEC 2, section 2.4.1)."""

_n = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Order of the group."""

_CHALLENGE_PREFIX = hashlib.sha256(b"BIP0340/challenge").digest() * 2
_importing = threading.Lock()


def is_scalar(secret: bytes) -> bool:
    """Whether ``secret`` is 32 bytes and 0 < secret < n."""
    return keys.prvkey_verify(secret)


def public_key(secret: bytes) -> bytes:
    """The 32-byte x-only public key of a secret (BIP-340, "Public Key Generation").

    Raises:
        ValueError: not a scalar; see :func:`is_scalar`. The message does not hold the secret.
    """
    _require_scalar(secret)
    key, _parity = xonly.from_prvkey(secret)
    return key


def sign(secret: bytes, message: bytes) -> bytes:
    """The 64-byte BIP-340 signature of a 32-byte message.

    Fresh auxiliary randomness goes in, and the signature is verified before it comes out.

    Raises:
        ValueError: not a scalar, or not a 32-byte message.
        RuntimeError: the computation went wrong (BIP-340: abort, for a faulty signature may give the secret away).
    """
    _require_scalar(secret)
    if len(message) != _MESSAGE_SIZE:
        raise ValueError(f"a message to be signed has {_MESSAGE_SIZE} bytes, not {len(message)}")
    return ssa.sign(message, secret, None, verify=True)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether libsecp256k1 accepts the signature of a message of any length. Never raises for bytes of any size."""
    if len(key) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:  # the library would also take SEC 1 keys
        return False
    try:
        return ssa.verify(message, key, signature)
    except ValueError:  # the key is no x-coordinate of the curve
        return False


def verify_independently(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether py_ecc's arithmetic confirms the signature (BIP-340, "Verification"); about 3 ms. For public data only.

    Never raises for bytes of any size.
    """
    if len(key) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    x = int.from_bytes(key, "big")
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if x >= _p or r >= _p or s >= _n:
        return False
    y_squared = (pow(x, 3, _p) + 7) % _p
    y = pow(y_squared, (_p + 1) // 4, _p)
    if y * y % _p != y_squared:  # lift_x fails: x is not on the curve
        return False
    P = (x, y if y % 2 == 0 else _p - y, 1)
    digest = hashlib.sha256(_CHALLENGE_PREFIX + signature[:32] + key + message).digest()
    e = int.from_bytes(digest, "big") % _n

    curve = _py_ecc()
    sG = curve.jacobian_multiply((*curve.G, 1), s)
    R = curve.jacobian_add(sG, curve.jacobian_multiply(P, (_n - e) % _n))
    # Infinity is (0, 0, 0) or (0, 0, 1) to py_ecc. The order of the group is odd, so no
    # point has y = 0.
    if R[1] == 0 or R[2] == 0:
        return False
    Rx, Ry = curve.from_jacobian(R)
    return bool(Ry % 2 == 0 and Rx == r)


def _require_scalar(secret: bytes) -> None:
    if not is_scalar(secret):
        raise ValueError("not a secret of secp256k1: it must be 32 bytes, above zero and below the order of the group")


@cache
def _py_ecc() -> Any:
    """py_ecc's secp256k1 module, imported when it is first needed.

    Its import raises the interpreter's recursion limit to 100,000, which turns deep recursion anywhere in the program
    from a RecursionError into a crash of the C stack; so the limit is put back. The lock keeps two threads from
    taking each other's limit for the old one.
    """
    with _importing:
        limit = sys.getrecursionlimit()
        from py_ecc.secp256k1 import secp256k1

        sys.setrecursionlimit(limit)
    return secp256k1
