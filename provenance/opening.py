"""Prompts, and prompts that are sealed: a commitment stands in the recipe, the opening is encrypted for its author.

opening    = canonical {"kind":"opening","v":1,"salt":hex32,"text":str,"negative":str}
commitment = TH("seedproof/v1/prompt", opening)
sealed     = ChaCha20-Poly1305(prompt key, nonce u96le(index), opening || 80 || 00..., with the commitment beside it)
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from provenance.encoding import MAX_DOCUMENT_BYTES, Fields, canonical, parse_json
from provenance.errors import InvalidError, LimitError, SealedError
from provenance.hashing import Tag, tagged_hash

__all__ = [
    "MAX_PROMPT",
    "Opening",
    "Prompt",
    "checked_prompt",
    "format_opening",
    "open_sealed",
    "opening_commitment",
    "parse_opening",
    "seal",
]

MAX_PROMPT = 10_000
"""Characters of a prompt; models read far fewer and the recipe records the truncation rule."""

_PAD = 512
"""Sealed prompts are padded to a multiple of this many bytes, so that their length says little."""


@dataclass(frozen=True)
class Prompt:
    """What the model was told: ``text`` and the ``negative`` prompt, kept code point for code point."""

    text: str
    negative: str = ""


@dataclass(frozen=True)
class Opening:
    """What opens a sealed prompt: the salt (32 random bytes) and the prompt."""

    salt: bytes
    prompt: Prompt


def checked_prompt(fields: Fields) -> Prompt:
    """The fields ``text`` and ``negative``, of at most MAX_PROMPT characters each."""
    return Prompt(fields.text("text", limit=MAX_PROMPT), fields.text("negative", limit=MAX_PROMPT))


def format_opening(opening: Opening) -> bytes:
    """Canonical bytes of an opening: what the commitment hashes.

    Raises:
        LimitError: longer than a reader takes.
    """
    data = canonical(
        {
            "kind": "opening",
            "v": 1,
            "salt": opening.salt.hex(),
            "text": opening.prompt.text,
            "negative": opening.prompt.negative,
        }
    )
    if len(data) > MAX_DOCUMENT_BYTES:
        raise LimitError(f"opening: {len(data)} bytes are more than {MAX_DOCUMENT_BYTES}; shorten the prompt")
    return data


def parse_opening(data: bytes) -> Opening:
    """An opening from JSON of any formatting.

    Raises:
        EncodingError, LimitError, UnsupportedVersionError: it is none.
    """
    with Fields(parse_json(data, "opening"), "opening") as fields:
        fields.version("opening")
        salt = fields.binary("salt", size=32)
        return Opening(salt, checked_prompt(fields))


def opening_commitment(opening: Opening) -> bytes:
    """The 32 bytes that stand in the recipe instead of the prompt."""
    return tagged_hash(Tag.PROMPT, format_opening(opening))


def seal(opening: Opening, key: bytes, index: int) -> bytes:
    """The opening, padded and encrypted for its author under his 32-byte prompt key (ChaCha20-Poly1305, RFC 8439).

    One nonce per index is safe: the key is derived afresh for every work.
    """
    return ChaCha20Poly1305(key).encrypt(index.to_bytes(12, "little"), _padded(opening), opening_commitment(opening))


def open_sealed(sealed: bytes, key: bytes, index: int, commitment: bytes) -> Opening:
    """Inverse of :func:`seal`.

    Raises:
        SealedError: another key, damaged bytes, or an opening that is not the committed one.
        UnsupportedVersionError: an opening of a newer program.
    """
    try:
        plain = ChaCha20Poly1305(key).decrypt(index.to_bytes(12, "little"), sealed, commitment)
    except (InvalidTag, ValueError) as error:
        raise SealedError("the sealed prompt does not open with this master secret") from error
    try:
        opening = parse_opening(plain.rpartition(b"\x80")[0])
    except InvalidError as error:
        raise SealedError(f"the sealed prompt opens, but to no opening: {error}") from error
    if opening_commitment(opening) != commitment or _padded(opening) != plain:
        raise SealedError("the sealed prompt is not the one that the recipe commits to, or not padded as it must be")
    return opening


def _padded(opening: Opening) -> bytes:
    plain = format_opening(opening) + b"\x80"
    return plain + bytes(-len(plain) % _PAD)
