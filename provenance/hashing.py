"""Tagged hashes, and the one registry of domain tags.

``tagged_hash(tag, m) = SHA-256(SHA-256(tag) || SHA-256(tag) || m)`` (BIP-340, "Design", tagged hashes). A value that
is signed or hashed for one purpose is worthless for every other, because no two purposes share a tag.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

__all__ = ["DIGEST_SIZE", "Tag", "tagged_hash"]

DIGEST_SIZE = 32
"""Bytes of every digest of the protocol (SHA-256)."""


class Tag(StrEnum):
    """Every domain tag of protocol version 1. The value is hashed as ASCII."""

    # identifiers and commitments
    SEED = "seedproof/v1/seed"
    WRONG_SEED = "seedproof/v1/wrong-seed"
    CLAIM = "seedproof/v1/claim"
    RECIPE = "seedproof/v1/recipe"
    LATENT = "seedproof/v1/latent"
    PIXELS = "seedproof/v1/pixels"
    PROMPT = "seedproof/v1/prompt"
    MODEL = "seedproof/v1/model"
    CALIBRATION_ID = "seedproof/v1/calibration-id"
    CHALLENGE_ID = "seedproof/v1/challenge-id"
    ENTRY = "seedproof/v1/entry"
    SLOT = "seedproof/v1/slot"
    # what a signature is for: the message is tagged_hash(tag, id)
    POSSESSION = "seedproof/v1/possession"
    AUTHOR = "seedproof/v1/author"
    ATTRIBUTION = "seedproof/v1/attribution"
    TRANSFER_OFFER = "seedproof/v1/transfer-offer"
    TRANSFER_ACCEPT = "seedproof/v1/transfer-accept"
    REVOCATION = "seedproof/v1/revocation"
    KEY_REVOCATION = "seedproof/v1/key-revocation"
    CHALLENGE = "seedproof/v1/challenge"
    ATTESTATION = "seedproof/v1/attestation"
    CALIBRATION = "seedproof/v1/calibration"
    CONTAINER = "seedproof/v1/container"
    GRANT = "seedproof/v1/grant"
    # HKDF "info" labels: what a derived secret is for
    KDF_WORK = "seedproof/v1/kdf/work"
    KDF_AUTHOR = "seedproof/v1/kdf/author"
    KDF_PROMPT = "seedproof/v1/kdf/prompt"


_PREFIX: dict[Tag, bytes] = {tag: hashlib.sha256(tag.encode("ascii")).digest() * 2 for tag in Tag}


def tagged_hash(tag: Tag, message: bytes) -> bytes:
    """SHA-256 of ``message`` in the domain ``tag``: 32 bytes (BIP-340)."""
    return hashlib.sha256(_PREFIX[tag] + message).digest()
