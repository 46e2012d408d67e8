"""Prove and check knowledge of a secret, for one purpose at a time.

    message   = TH(purpose, identifier)              identifier: 32 bytes, such as a claim id
    signature = BIP-340 signature of message         (docs/protocol.md, section 9)

Every purpose has a tag of its own, so a signature that was given for one is worthless for every other. A check asks two
independent implementations and fails closed when they disagree.
"""

from __future__ import annotations

from provenance import curve
from provenance.errors import DisagreementError, ForgedError
from provenance.hashing import DIGEST_SIZE, Tag, tagged_hash

__all__ = ["PURPOSES", "check", "prove"]

PURPOSES = frozenset(
    {
        Tag.POSSESSION,
        Tag.AUTHOR,
        Tag.ATTRIBUTION,
        Tag.TRANSFER_OFFER,
        Tag.TRANSFER_ACCEPT,
        Tag.REVOCATION,
        Tag.KEY_REVOCATION,
        Tag.CHALLENGE,
        Tag.ATTESTATION,
        Tag.CALIBRATION,
        Tag.CONTAINER,
        Tag.GRANT,
    }
)
"""The tags under which a secret may sign. The others name digests and derivations, and are never signed."""


def prove(purpose: Tag, secret: bytes, identifier: bytes) -> bytes:
    """The 64-byte proof for ``purpose`` that the holder of ``secret`` stands behind ``identifier`` (32 bytes each).

    Raises:
        ValueError: a tag that is no purpose, an identifier of another size, or no scalar. These are mistakes of the
            calling program, never of a file.
    """
    return curve.sign(secret, _message(purpose, identifier))


def check(
    purpose: Tag, key: bytes, identifier: bytes, signature: bytes, what: str, *, second_opinion: bool = True
) -> None:
    """Return if ``signature`` proves ``purpose`` for ``identifier`` under the x-only ``key``.

    ``what`` names the signature in errors. ``second_opinion=False`` asks libsecp256k1 alone, about 80 times as fast:
    for bulk work whose single results are not shown to anybody as a verdict.

    Raises:
        ForgedError: it does not.
        DisagreementError: one implementation says yes and the other no. Nothing may be concluded.
        ValueError: a tag that is no purpose, or an identifier of another size.
    """
    message = _message(purpose, identifier)
    holds = curve.verify(key, message, signature)
    if second_opinion and curve.verify_independently(key, message, signature) != holds:
        raise DisagreementError(
            f"{what}: libsecp256k1 and py_ecc disagree about this signature, so nothing can be said; please report it"
        )
    if not holds:
        raise ForgedError(f"{what}: the signature does not hold for this key and purpose")


def _message(purpose: Tag, identifier: bytes) -> bytes:
    if purpose not in PURPOSES:
        raise ValueError(f"{purpose!s} is not a tag to sign under")
    if len(identifier) != DIGEST_SIZE:
        raise ValueError(f"an identifier has {DIGEST_SIZE} bytes, not {len(identifier)}")
    return tagged_hash(purpose, identifier)
