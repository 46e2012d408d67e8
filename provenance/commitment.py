"""F: a secret scalar P becomes the public commitment Y, and Y becomes the seed of the picture.

``Y = x(P*G)`` is the 32-byte BIP-340 public key, ``S = tagged_hash("seedproof/v1/seed", Y || u32be(index))`` the
256-bit seed. The seed depends on these bytes alone: P and n - P share Y, so parity cannot leak into the picture.
"""

from __future__ import annotations

from provenance import curve
from provenance.hashing import Tag, tagged_hash

__all__ = ["MAX_INDEX", "commit", "seed", "wrong_seed"]

MAX_INDEX = 2**32 - 1


def commit(secret: bytes) -> bytes:
    """Y of a 32-byte secret scalar, computed by libsecp256k1 (constant time).

    Raises:
        ValueError: the secret is no scalar in [1, n-1]; derivation never yields such a one.
    """
    return curve.public_key(secret)


def seed(Y: bytes, index: int = 0) -> bytes:
    """The 32-byte seed S of a commitment.

    Raises:
        ValueError: Y is not 32 bytes or index is no u32.
    """
    if len(Y) != 32 or not 0 <= index <= MAX_INDEX:  # noqa: PLR2004 - the size of an x coordinate
        raise ValueError("Y must be 32 bytes and the index fit into 32 bits")
    return tagged_hash(Tag.SEED, Y + index.to_bytes(4, "big"))


def wrong_seed(claim_id: bytes, entropy: bytes, j: int) -> bytes:
    """The j-th wrong seed that step 9 compares with: bound to the claim, unknown without the verifier's ``entropy``."""
    return tagged_hash(Tag.WRONG_SEED, claim_id + j.to_bytes(4, "big") + entropy)
