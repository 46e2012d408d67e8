"""What a C2PA manifest store says, read out of the report that the library gives as JSON.

The report repeats what a stranger wrote, so nothing in it is taken to have any type before it was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from cryptography import x509
from cryptography.x509.oid import NameOID

from provenance.assertion import LABEL
from provenance.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LATENT_TITLE", "Container", "Ingredient", "Signer", "active_label", "describe", "latent_uri"]

State = Literal["valid", "trusted", "invalid"]

LATENT_TITLE = "seedproof-latent"
"""Title of the ingredient that carries the stored latent (protocol section 11)."""

_MAX_INGREDIENTS = 1_000
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class Signer:
    """Common names in the signer's certificate, for display: anybody can make a certificate with any names."""

    common_name: str | None
    issuer: str | None


@dataclass(frozen=True)
class Ingredient:
    """One manifest below the active one, ``depth`` 1 for its own ingredients, 2 for theirs.

    ``claim`` is the text of our claim in it, if any. ``failures`` are C2PA codes found when it was taken in and now;
    a signature over an ingredient says that it was used, not that it was good.
    """

    title: str | None
    relationship: str | None
    manifest: str | None
    depth: int
    claim: bytes | None
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Container:
    """What a C2PA manifest store says about the file it came with.

    ``state``: "trusted" chains to a given anchor, "valid" holds but nobody vouches for the certificate, "invalid" does
    not hold; ``failures`` are the C2PA codes why. ``("signingCredential.expired",)`` alone means an intact file that
    was signed without a timestamp by a certificate that has run out since.

    ``certificate_der``: the certificate whose key made the signature, verified here; None when that cannot be shown.
    ``signed_time`` is a claim of the file unless ``time_trusted``. ``assertion`` and ``latent`` are from the active
    manifest only. ``store`` is the whole report, for people to read.
    """

    state: State
    failures: tuple[str, ...]
    certificate_der: bytes | None
    signer: Signer
    signed_time: str | None
    time_trusted: bool
    assertion: dict[str, Any] | None
    latent: bytes | None
    ingredients: tuple[Ingredient, ...]
    store: dict[str, Any] = field(repr=False)


def active_label(store: object) -> str:
    """Label of the manifest that speaks for the file; "" when the report names none."""
    return _text(_object(store).get("active_manifest")) or ""


def latent_uri(store: object) -> str | None:
    """Where the active manifest stores the latent, None when it has none.

    Raises:
        EncodingError: it has two, or points into another manifest.
    """
    label = active_label(store)
    entries = map(_object, _list(_manifest(store, label).get("ingredients")))
    found = [entry for entry in entries if entry.get("title") == LATENT_TITLE]
    if not found:
        return None
    if len(found) > 1:
        raise EncodingError(f"manifest: {len(found)} ingredients are titled {LATENT_TITLE!r}")
    uri = _text(_object(found[0].get("data")).get("identifier")) or ""
    if not uri.startswith(f"self#jumbf=/c2pa/{label}/"):
        raise EncodingError("manifest: the latent is not stored in the active manifest")
    return uri


def describe(store: object, latent: bytes | None, certificate_der: bytes | None) -> Container:
    """The report as values.

    Raises:
        EncodingError: our assertion stands twice in the active manifest.
    """
    report = dict(_object(store))
    active = _manifest(store, active_label(store))
    results = _object(report.get("validation_results"))
    codes = _object(results.get("activeManifest"))
    signature = _object(active.get("signature_info"))
    deltas = [_object(delta) for delta in _list(results.get("ingredientDeltas"))]
    return Container(
        state=_state(report.get("validation_state")),
        failures=tuple(code for code in _codes(codes.get("failure")) if code != _UNTRUSTED),
        certificate_der=certificate_der,
        signer=_signer(certificate_der, signature),
        signed_time=_text(signature.get("time")),
        time_trusted="timeStamp.trusted" in _codes(codes.get("success")),
        assertion=_our_assertion(active),
        latent=latent,
        ingredients=_ingredients(_object(report.get("manifests")), active, deltas),
        store=report,
    )


def _signer(certificate_der: bytes | None, signature: Mapping[str, Any]) -> Signer:
    if certificate_der is None:
        return Signer(_text(signature.get("common_name")), _text(signature.get("issuer")))
    certificate = x509.load_der_x509_certificate(certificate_der)
    return Signer(_common_name(certificate, "subject"), _common_name(certificate, "issuer"))


def _common_name(certificate: x509.Certificate, which: Literal["subject", "issuer"]) -> str | None:
    try:
        name = certificate.subject if which == "subject" else certificate.issuer
        found = [*name.get_attributes_for_oid(NameOID.COMMON_NAME), *name]
    except ValueError:
        return None
    return str(found[0].value) if found else None


def _manifest(store: object, label: str) -> Mapping[str, Any]:
    return _object(_object(_object(store).get("manifests")).get(label))


def _our_assertion(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    # Only an assertion that the signer marks as created is his statement (C2PA 2.x, section 10.3); others are hearsay.
    found = [each for each in map(_object, _list(manifest.get("assertions"))) if each.get("label") == LABEL]
    if len(found) > 1:
        raise EncodingError(f"manifest: {len(found)} assertions are labelled {LABEL}")
    if not found or found[0].get("created") is not True:
        return None
    return dict(_object(found[0].get("data")))


def _ingredients(
    manifests: Mapping[str, Any], active: Mapping[str, Any], deltas: list[Mapping[str, Any]]
) -> tuple[Ingredient, ...]:
    # Breadth first and each manifest once: stores may be nested, and a hostile one may point in circles.
    found: list[Ingredient] = []
    seen: set[str] = set()
    level, depth = [active], 1
    while level and len(found) < _MAX_INGREDIENTS:
        below: list[Mapping[str, Any]] = []
        for entry in (each for manifest in level for each in map(_object, _list(manifest.get("ingredients")))):
            label = _text(entry.get("active_manifest"))
            if entry.get("title") == LATENT_TITLE or (label is not None and label in seen):
                continue
            manifest = _object(manifests.get(label or ""))
            if label is not None:
                seen.add(label)
                below.append(manifest)
            title, relationship = _text(entry.get("title")), _text(entry.get("relationship"))
            found.append(Ingredient(title, relationship, label, depth, _claim(manifest), _failures(entry, deltas)))
        level, depth = below, depth + 1
    return tuple(found[:_MAX_INGREDIENTS])


def _claim(manifest: Mapping[str, Any]) -> bytes | None:
    try:
        claim = _text((_our_assertion(manifest) or {}).get("claim"))
        return None if claim is None else claim.encode("utf-8")
    except (EncodingError, UnicodeEncodeError):
        return None


def _failures(entry: Mapping[str, Any], deltas: list[Mapping[str, Any]]) -> tuple[str, ...]:
    then = _codes(_object(_object(entry.get("validation_results")).get("activeManifest")).get("failure"))
    label = _text(entry.get("label"))
    now = [
        code
        for delta in deltas
        if label and (_text(delta.get("ingredientAssertionURI")) or "").endswith(f"/{label}")
        for code in _codes(_object(delta.get("validationDeltas")).get("failure"))
    ]
    return tuple(dict.fromkeys(code for code in (*then, *now) if code != _UNTRUSTED))


def _state(value: object) -> State:
    state = value.lower() if isinstance(value, str) else "invalid"
    return cast("State", state) if state in ("valid", "trusted") else "invalid"


def _codes(statuses: object) -> list[str]:
    return [code for each in _list(statuses) if (code := _text(_object(each).get("code"))) is not None]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
