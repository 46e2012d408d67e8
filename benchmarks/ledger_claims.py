"""Claims with their proofs, such as a service checks, made before a run."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

from provenance import proof
from provenance.claim import Claim, Entry, LatentRef, Output, Terms, claim_id, format_entry
from provenance.commitment import commit
from provenance.hashing import Tag

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_entry", "sign_claims"]


def sign_claims(path: Path, count: int) -> Path:
    """A file with a canonical claim entry on each line."""
    with path.open("wb") as file:
        for i in range(count):
            file.write(make_entry(str(i)) + b"\n")
    return path


def make_entry(name: str) -> bytes:
    """A claim of one author with both proofs, such as ``seedproof create`` makes."""
    work, author = secret("work", name), secret("author", str(len(name)))
    claim = Claim(
        Y=commit(work),
        index=0,
        nonce=digest("nonce", name),
        authors=(commit(author),),
        recipe=digest("recipe", name),
        outputs=(Output("pixels", digest("pixels", name)),),
        latent=LatentRef(digest("latent", name), (4, 16, 16), (Decimal("0.0625"),) * 4),
        parents=(),
        terms=Terms(),
    )
    identifier = claim_id(claim)
    possession, signature = proof.prove(Tag.POSSESSION, work, identifier), proof.prove(Tag.AUTHOR, author, identifier)
    return format_entry(Entry(claim, possession, (signature,)))


def digest(*parts: str) -> bytes:
    return hashlib.sha256("/".join(parts).encode()).digest()


def secret(*parts: str) -> bytes:
    return b"\x00" + digest(*parts)[1:]
