"""Honest log entries for tests, made with real keys: cheap, deterministic in their content, each with its own claim."""

import hashlib
from decimal import Decimal

from provenance import proof
from provenance.claim import Claim, Entry, LatentRef, Output, Terms, claim_id, format_entry
from provenance.commitment import commit
from provenance.hashing import Tag


def digest(*parts):
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


def secret(*parts):
    """A scalar of secp256k1: the top byte is cleared, so it is below the order."""
    return b"\x00" + digest("secret", *parts)[1:]


def make_claim(name, *, work=None, authors=(), pixels=None, latent=None, notice=""):
    """A claim; works, pixels and latents of the same name are the same."""
    return Claim(
        Y=commit(secret("work", name if work is None else work)),
        index=0,
        nonce=digest("nonce", name),
        authors=tuple(commit(secret("author", author)) for author in authors),
        recipe=digest("recipe", name),
        outputs=(Output("pixels", digest("pixels", name if pixels is None else pixels)),),
        latent=LatentRef(digest("latent", name if latent is None else latent), (4, 8, 8), (Decimal("0.5"),) * 4),
        parents=(),
        terms=Terms(notice=notice),
    )


def make_entry(name, *, work=None, authors=(), **claim):
    """Canonical bytes of an entry whose proofs hold."""
    made = make_claim(name, work=work, authors=authors, **claim)
    identifier = claim_id(made)
    return format_entry(
        Entry(
            made,
            proof.prove(Tag.POSSESSION, secret("work", name if work is None else work), identifier),
            tuple(proof.prove(Tag.AUTHOR, secret("author", author), identifier) for author in authors),
        )
    )
