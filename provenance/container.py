"""What a C2PA manifest store says, read out of the report that the library gives as JSON.

The report repeats what a stranger wrote, so nothing in it is taken to have any type before it was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from cryptography import x509
from cryptography.x509.oid import NameOID

from provenance.errors import EncodingError
from provenance.ingredient import (
    LATENT_TITLE,
    OUTSIDE_TITLE,
    WORK_TITLE,
    Ingredient,
    Nested,
    as_list,
    as_object,
    as_text,
    codes_of,
    data_uris,
    ingredients_below,
    our_assertion,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LATENT_TITLE", "Container", "Ingredient", "Signer", "active_label", "describe", "latent_uri"]

State = Literal["valid", "trusted", "invalid"]

_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class Signer:
    """Common names in the signer's certificate, for display: anybody can make a certificate with any names."""

    common_name: str | None
    issuer: str | None


@dataclass(frozen=True)
class Container:
    """What a C2PA manifest store says about the file it came with.

    ``state``: "trusted" chains to a given anchor, "valid" holds but nobody vouches for the certificate, "invalid" does
    not hold; ``failures`` are the C2PA codes why. ``("signingCredential.expired",)`` alone means an intact file that
    was signed without a timestamp by a certificate that has run out since.

    ``certificate_der``: the certificate whose key made the signature, verified here; None when that cannot be shown.
    ``signed_time`` is a claim of the file unless ``time_trusted``. ``assertion`` and ``latent`` are from the active
    manifest only. ``store`` is the whole report, for people to read. ``outside`` are stored latents of outside pictures
    and ``works`` parents that came without a file, from anywhere in the store.
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
    outside: tuple[bytes, ...] = field(default=(), repr=False)
    works: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def title(self) -> str:
        """What the active manifest calls itself, or ""."""
        return as_text(_manifest(self.store, active_label(self.store)).get("title")) or ""


def active_label(store: object) -> str:
    """Label of the manifest that speaks for the file; "" when the report names none."""
    return as_text(as_object(store).get("active_manifest")) or ""


def latent_uri(store: object) -> str | None:
    """Where the active manifest stores the latent, None when it has none.

    Raises:
        EncodingError: it has two, or points into another manifest.
    """
    label = active_label(store)
    entries = map(as_object, as_list(_manifest(store, label).get("ingredients")))
    found = [entry for entry in entries if entry.get("title") == LATENT_TITLE]
    if not found:
        return None
    if len(found) > 1:
        raise EncodingError(f"manifest: {len(found)} ingredients are titled {LATENT_TITLE!r}")
    uri = as_text(as_object(found[0].get("data")).get("identifier")) or ""
    if not uri.startswith(f"self#jumbf=/c2pa/{label}/"):
        raise EncodingError("manifest: the latent is not stored in the active manifest")
    return uri


def describe(
    store: object, latent: bytes | None, certificate_der: bytes | None, nested: Nested | None = None
) -> Container:
    """The report as values; ``nested`` is what was read of the manifests below.

    Raises:
        EncodingError: our assertion stands twice in the active manifest.
    """
    report = dict(as_object(store))
    label, nested = active_label(store), nested or Nested()
    active = _manifest(store, label)
    data = data_uris(report.get("manifests"), label)
    results = as_object(report.get("validation_results"))
    codes = as_object(results.get("activeManifest"))
    signature = as_object(active.get("signature_info"))
    deltas = [as_object(delta) for delta in as_list(results.get("ingredientDeltas"))]
    return Container(
        state=_state(report.get("validation_state")),
        failures=tuple(code for code in codes_of(codes.get("failure")) if code != _UNTRUSTED),
        certificate_der=certificate_der,
        signer=_signer(certificate_der, signature),
        signed_time=as_text(signature.get("time")),
        time_trusted="timeStamp.trusted" in codes_of(codes.get("success")),
        assertion=our_assertion(active),
        latent=latent,
        ingredients=ingredients_below(report.get("manifests"), label, deltas, nested),
        store=report,
        outside=tuple(nested.data[uri] for uri in data[OUTSIDE_TITLE] if uri in nested.data),
        works=tuple(nested.data[uri] for uri in data[WORK_TITLE] if uri in nested.data),
    )


def _signer(certificate_der: bytes | None, signature: Mapping[str, Any]) -> Signer:
    if certificate_der is None:
        return Signer(as_text(signature.get("common_name")), as_text(signature.get("issuer")))
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
    return as_object(as_object(as_object(store).get("manifests")).get(label))


def _state(value: object) -> State:
    state = value.lower() if isinstance(value, str) else "invalid"
    return cast("State", state) if state in ("valid", "trusted") else "invalid"
