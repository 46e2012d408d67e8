"""Our C2PA assertion ``org.seedproof.authorship``: a strict string-only envelope (protocol section 11).

    {"version":"1","claim":<JSON text>,"recipe":<JSON text>,"possession":hex64,
     "authors":<hex64 joined by single spaces, or "">,"container":hex64,
     "receipt":<JSON text> or null,"sealed":<hex> or null,"environment":<JSON text>}

Values are strings and null because C2PA readers damage numbers. What the texts say is judged where they belong
(claim, recipe, receipt); here they are bytes within bounds. ``parse_assertion(format_assertion(a)) == a``.
"""

from __future__ import annotations

from dataclasses import dataclass

from provenance.encoding import MAX_DOCUMENT_BYTES, Fields, format_hex, parse_hex
from provenance.errors import EncodingError, LimitError, UnsupportedVersionError

__all__ = [
    "LABEL",
    "MAX_AUTHORS",
    "MAX_ENVIRONMENT_BYTES",
    "MAX_SEALED_BYTES",
    "SIGNATURE_SIZE",
    "Assertion",
    "format_assertion",
    "parse_assertion",
]

LABEL = "org.seedproof.authorship"
"""Label of the assertion. Its version is a field: C2PA libraries drop a version suffix."""

SIGNATURE_SIZE = 64
"""Bytes of a BIP-340 signature."""

MAX_AUTHORS = 16
"""Most authors of one claim (protocol section 8)."""

MAX_ENVIRONMENT_BYTES = 16_384
"""Device, libraries and threads: some 500 bytes in practice."""

MAX_SEALED_BYTES = MAX_DOCUMENT_BYTES + 512 + 16
"""An encrypted opening: a document, its padding and the authentication tag (protocol section 7)."""


@dataclass(frozen=True)
class Assertion:
    """What stands in the file beside the pixels. ``authors`` holds one signature for each of the claim's authors."""

    claim: bytes
    recipe: bytes
    possession: bytes
    authors: tuple[bytes, ...]
    container: bytes
    receipt: bytes | None
    sealed: bytes | None
    environment: str


def format_assertion(assertion: Assertion) -> dict[str, str | None]:
    """The assertion's data for C2PA.

    Raises:
        LimitError, EncodingError: a part is beyond its limit, of another size, or no UTF-8.
    """
    data: dict[str, str | None] = {
        "version": "1",
        "claim": _text(assertion.claim, "claim"),
        "recipe": _text(assertion.recipe, "recipe"),
        "possession": format_hex(assertion.possession),
        "authors": " ".join(format_hex(signature) for signature in assertion.authors),
        "container": format_hex(assertion.container),
        "receipt": None if assertion.receipt is None else _text(assertion.receipt, "receipt"),
        "sealed": None if assertion.sealed is None else format_hex(assertion.sealed),
        "environment": assertion.environment,
    }
    if parse_assertion(data) != assertion:
        raise EncodingError("assertion: does not survive its own encoding")
    return data


def parse_assertion(data: object) -> Assertion:
    """The assertion of a manifest.

    Raises:
        UnsupportedVersionError: another version than "1".
        EncodingError: a field is missing, unknown, or not of its form.
        LimitError: a part is beyond its limit.
    """
    with Fields(data, "assertion") as fields:
        version = fields.take("version")
        if not isinstance(version, str):
            raise EncodingError("assertion: version must be a string")
        if version != "1":
            raise UnsupportedVersionError(
                f"assertion: version {version[:20]!r} is not known to this program (it knows '1'); update seedproof"
            )
        return Assertion(
            claim=_document(fields, "claim"),
            recipe=_document(fields, "recipe"),
            possession=fields.binary("possession", size=SIGNATURE_SIZE),
            authors=_signatures(fields.text("authors", limit=MAX_AUTHORS * (2 * SIGNATURE_SIZE + 1))),
            container=fields.binary("container", size=SIGNATURE_SIZE),
            receipt=_document(fields, "receipt") if fields.optional("receipt") else None,
            sealed=fields.binary("sealed", limit=MAX_SEALED_BYTES) if fields.optional("sealed") else None,
            environment=_document(fields, "environment", MAX_ENVIRONMENT_BYTES).decode("utf-8"),
        )


def _document(fields: Fields, name: str, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
    text = fields.text(name, limit=limit)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodingError(f"assertion: {name} holds a lone surrogate") from error
    if len(data) > limit:
        raise LimitError(f"assertion: {name} has {len(data)} bytes, more than the limit of {limit}")
    return data


def _signatures(text: str) -> tuple[bytes, ...]:
    parts = text.split(" ") if text else []
    if len(parts) > MAX_AUTHORS:
        raise LimitError(f"assertion: more than {MAX_AUTHORS} author signatures")
    return tuple(parse_hex(part, f"assertion: authors[{i}]", size=SIGNATURE_SIZE) for i, part in enumerate(parts))


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError(f"assertion: {name} is not UTF-8") from error
