"""What can be said about a claim after it was logged: the bodies of the follow-up kinds.

::

    KEY            = {"scheme":"bip340","key":hex32}

    attribution    = {"kind","v":1,"claim":hex32,"author":KEY}       an author of an anonymous claim
    transfer       = {"kind","v":1,"claim":hex32,"prev":hex32,"to":KEY}
    revocation     = {"kind","v":1,"claim":hex32,"prev":hex32,"reason":R,"note":str}
    key-revocation = {"kind","v":1,"key":KEY,"log":str,"from_index":int,"reason":R}
    attestation    = {"kind","v":1,"claim":hex32,"notary":KEY,"recipe":hex32,"model":hex32,"calibration":hex32|null,
                      "verdict":"regenerated"|"differs","figures":FIGURES,"software":str}
    FIGURES        = {"distance","nearest_wrong","accept","reject": decimal|null,
                      "correlation_bits","inversion_bits": int|null}
    R              = one of REASONS

``kind`` stands in the body, so that bodies of two kinds never share an id. :mod:`provenance.followup` adds the proofs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.display import require_plain_text
from provenance.encoding import Fields, Json, decimal_string
from provenance.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

__all__ = [
    "REASONS",
    "Attestation",
    "Attribution",
    "Body",
    "Figures",
    "KeyRevocation",
    "Revocation",
    "Transfer",
    "body_json",
    "key_json",
    "read_body",
    "read_key",
]

REASONS = ("key-compromised", "superseded", "mistake", "withdrawn", "unspecified")

MAX_NOTE = 500
MAX_ORIGIN = 255
"""Characters of a log's origin, as a checkpoint may have them."""

MAX_SOFTWARE = 200
MAX_BITS = 2**32


@dataclass(frozen=True)
class Attribution:
    """The author of an anonymous claim names himself. Ownership does not change."""

    kind = "attribution"
    claim: bytes
    author: bytes


@dataclass(frozen=True)
class Transfer:
    """The owners after ``prev`` hand the work over to the holder of the key ``to``."""

    kind = "transfer"
    claim: bytes
    prev: bytes
    to: bytes


@dataclass(frozen=True)
class Revocation:
    """The owners after ``prev`` withdraw the claim, for good; ``note`` is for people."""

    kind = "revocation"
    claim: bytes
    prev: bytes
    reason: str
    note: str = ""


@dataclass(frozen=True)
class KeyRevocation:
    """What ``key`` signed in the log of this origin, at ``from_index`` or later, does not count."""

    kind = "key-revocation"
    key: bytes
    log: str
    from_index: int
    reason: str


@dataclass(frozen=True)
class Figures:
    """What a notary measured. Distances in quantisation steps (None: not finite or not known), bits of both links."""

    distance: Decimal | None
    nearest_wrong: Decimal | None
    accept: Decimal | None
    reject: Decimal | None
    correlation_bits: int | None
    inversion_bits: int | None


@dataclass(frozen=True)
class Attestation:
    """A notary has made the picture again (``regenerated``) or something else came out (``differs``).

    ``regenerated`` says: distance within the accept threshold, wrong seeds beyond the reject threshold, and the
    decoded latent has the claim's pixel digest. ``model`` is the digest of all components, ``calibration`` the id of
    the one that the thresholds come from.
    """

    kind = "attestation"
    claim: bytes
    notary: bytes
    recipe: bytes
    model: bytes
    calibration: bytes | None
    verdict: str
    figures: Figures
    software: str


Body = Attribution | Transfer | Revocation | KeyRevocation | Attestation


def body_json(body: Body) -> dict[str, Json]:
    """The JSON object of a body; canonical bytes of it are what is hashed."""
    value: dict[str, Json] = {"kind": body.kind, "v": 1}
    if isinstance(body, KeyRevocation):
        return value | {
            "key": key_json(body.key),
            "log": body.log,
            "from_index": body.from_index,
            "reason": body.reason,
        }
    value["claim"] = body.claim.hex()
    if isinstance(body, Attribution):
        return value | {"author": key_json(body.author)}
    if isinstance(body, Transfer):
        return value | {"prev": body.prev.hex(), "to": key_json(body.to)}
    if isinstance(body, Revocation):
        return value | {"prev": body.prev.hex(), "reason": body.reason, "note": body.note}
    return value | {
        "notary": key_json(body.notary),
        "recipe": body.recipe.hex(),
        "model": body.model.hex(),
        "calibration": None if body.calibration is None else body.calibration.hex(),
        "verdict": body.verdict,
        "figures": _figures_json(body.figures),
        "software": body.software,
    }


def read_body(kind: str, value: object) -> Body:
    """The body of this kind in a JSON object.

    Raises:
        EncodingError, LimitError: it is none. UnsupportedVersionError: another version.
    """
    with Fields(value, kind) as fields:
        fields.version(kind)
        return _READERS[kind](fields)


def key_json(key: bytes) -> Json:
    """KEY in JSON."""
    return {"scheme": "bip340", "key": key.hex()}


def read_key(fields: Fields, name: str) -> bytes:
    """The 32 bytes of a KEY field."""
    with fields.object(name) as key:
        key.choice("scheme", ("bip340",))
        return key.binary("key", size=32)


def _digest(fields: Fields, name: str) -> bytes:
    return fields.binary(name, size=32)


def _read_attribution(fields: Fields) -> Attribution:
    return Attribution(_digest(fields, "claim"), read_key(fields, "author"))


def _read_transfer(fields: Fields) -> Transfer:
    return Transfer(_digest(fields, "claim"), _digest(fields, "prev"), read_key(fields, "to"))


def _read_revocation(fields: Fields) -> Revocation:
    claim, prev = _digest(fields, "claim"), _digest(fields, "prev")
    reason, note = fields.choice("reason", REASONS), fields.text("note", limit=MAX_NOTE)
    if note:
        require_plain_text(note, "revocation: note", limit=MAX_NOTE)
    return Revocation(claim, prev, reason, note)


def _read_key_revocation(fields: Fields) -> KeyRevocation:
    log = require_plain_text(fields.text("log", limit=MAX_ORIGIN), "key-revocation: log", limit=MAX_ORIGIN)
    return KeyRevocation(read_key(fields, "key"), log, fields.integer("from_index"), fields.choice("reason", REASONS))


def _read_attestation(fields: Fields) -> Attestation:
    with fields.object("figures") as numbers:
        figures = Figures(
            distance=_decimal(numbers, "distance"),
            nearest_wrong=_decimal(numbers, "nearest_wrong"),
            accept=_decimal(numbers, "accept"),
            reject=_decimal(numbers, "reject"),
            correlation_bits=_bits(numbers, "correlation_bits"),
            inversion_bits=_bits(numbers, "inversion_bits"),
        )
    software = fields.text("software", limit=MAX_SOFTWARE)
    body = Attestation(
        claim=_digest(fields, "claim"),
        notary=read_key(fields, "notary"),
        recipe=_digest(fields, "recipe"),
        model=_digest(fields, "model"),
        calibration=_digest(fields, "calibration") if fields.optional("calibration") else None,
        verdict=fields.choice("verdict", ("regenerated", "differs")),
        figures=figures,
        software=require_plain_text(software, "attestation: software", limit=MAX_SOFTWARE),
    )
    if body.verdict == "regenerated" and figures.distance is None:
        raise EncodingError("attestation: a picture that was regenerated has a distance")
    return body


def _figures_json(figures: Figures) -> dict[str, Json]:
    decimals = {name: getattr(figures, name) for name in ("distance", "nearest_wrong", "accept", "reject")}
    return {
        **{name: None if value is None else decimal_string(value) for name, value in decimals.items()},
        "correlation_bits": figures.correlation_bits,
        "inversion_bits": figures.inversion_bits,
    }


def _decimal(fields: Fields, name: str) -> Decimal | None:
    if not fields.optional(name):
        return None
    value = fields.decimal(name)
    if value < 0:
        raise EncodingError(f"{fields.what}: {name} must not be negative")
    return value


def _bits(fields: Fields, name: str) -> int | None:
    return fields.integer(name, high=MAX_BITS) if fields.optional(name) else None


_READERS: dict[str, Callable[[Fields], Body]] = {
    "attribution": _read_attribution,
    "transfer": _read_transfer,
    "revocation": _read_revocation,
    "key-revocation": _read_key_revocation,
    "attestation": _read_attestation,
}
