"""Signing a picture: our assertion, the stored latent and the standard C2PA assertions in one manifest.

The private key stays in Python's ``cryptography``; c2pa-rs hands over the bytes to be signed and gets a signature. It
then validates its own output (``verify_after_sign``), because it would write a bad signature as readily as a good one.

Everything else in the file (PNG text, for one) must be there before signing: the manifest hashes the whole file.
Signing a file that has a manifest replaces that manifest.
"""

from __future__ import annotations

import io
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import c2pa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from provenance import __version__
from provenance.assertion import LABEL, Assertion, format_assertion
from provenance.canonicalfile import media_type_of
from provenance.chunks import embedded_store
from provenance.credentials import Credentials, signing_algorithm
from provenance.errors import EnvironmentFault, LimitError, SeedproofError, UsageError
from provenance.ingredient import LATENT_TITLE
from provenance.jumbf import MAX_MANIFESTS, count_manifests
from provenance.manifest import MAX_LATENT_BYTES, MAX_STORE_BYTES, settings
from provenance.manifest_parents import DIGITAL_SOURCE, add_parents, carried, data_ingredient, edited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provenance.manifest_parents import Remix

__all__ = ["MAX_TITLE", "TERMS", "sign_picture"]

MAX_TITLE = 1_000
"""Longest title of a manifest, in characters."""

TERMS = ("allowed", "notAllowed", "constrained")
"""What a cawg.training-mining entry may say (CAWG training and data mining assertion 1.1)."""

_MEDIA_TYPES = ("image/png", "image/webp")
_CURVE_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}


def sign_picture(
    image: bytes,
    media_type: str,
    assertion: Assertion,
    latent: bytes,
    credentials: Credentials,
    *,
    title: str,
    training_mining: Mapping[str, str],
    tsa_url: str | None = None,
    remix: Remix | None = None,
) -> bytes:
    """The file with its manifest, whole. ``training_mining`` maps cawg.training-mining entries to one of TERMS.

    With ``remix`` the picture was edited from its parents, whose manifests come along; without it was created.

    Raises:
        UsageError: not a PNG or WebP, a bad title, entry or URL, or a certificate that C2PA does not accept.
        LimitError, EncodingError: a part of the assertion is beyond its limit, or the ancestors' manifests together.
        EnvironmentFault: the key could not sign, the timestamp authority did not answer, or c2pa-rs failed.
    """
    if media_type not in _MEDIA_TYPES or media_type_of(image) != media_type:
        raise UsageError(f"only PNG and WebP are signed, not {media_type_of(image) or 'this'} as {media_type}")
    if remix is not None and not remix.parents:
        raise UsageError("a derived picture is signed with the works that it was made from")
    if not 1 <= len(latent) <= MAX_LATENT_BYTES:
        raise UsageError(f"latent: must have 1 to {MAX_LATENT_BYTES} bytes, it has {len(latent)}")
    manifest = _manifest(assertion, title, training_mining, remix)
    context = _context(os.getpid(), _host(tsa_url))
    trouble: list[Exception] = []
    out = io.BytesIO()
    try:
        with (
            _signer(credentials, tsa_url, trouble) as signer,
            c2pa.Builder(manifest, context=context) as builder,
        ):
            builder.add_resource(LATENT_TITLE, io.BytesIO(latent))
            add_parents(builder, remix)
            builder.sign(signer, media_type, io.BytesIO(image), out)
    except SeedproofError:
        raise
    except Exception as error:  # c2pa-python raises C2paError, and what its ctypes layer happens to raise
        raise _explain(trouble[0] if trouble else error, tsa_url, in_callback=bool(trouble)) from error
    if remix is not None:
        _check_size(out.getvalue(), media_type)
    return out.getvalue()


def _check_size(signed: bytes, media_type: str) -> None:
    """A lineage grows with every generation: what no verifier would read is not written."""
    store = embedded_store(signed, media_type) or b""
    if len(store) > MAX_STORE_BYTES or count_manifests(store) > MAX_MANIFESTS:
        raise LimitError(
            f"the manifests of all ancestors have {len(store)} bytes in {count_manifests(store)} parts, more than is "
            f"read ({MAX_STORE_BYTES} bytes, {MAX_MANIFESTS} parts); remix from an earlier work"
        )


def _manifest(
    assertion: Assertion, title: str, training_mining: Mapping[str, str], remix: Remix | None
) -> dict[str, Any]:
    if not 1 <= len(title) <= MAX_TITLE:
        raise UsageError(f"title: must have 1 to {MAX_TITLE} characters")
    for entry, use in training_mining.items():
        if use not in TERMS:
            raise UsageError(f"training terms: {entry} must be one of {', '.join(TERMS)}")
    created = {"action": "c2pa.created", "digitalSourceType": DIGITAL_SOURCE}
    actions = [created] if remix is None else edited(remix)
    statements: list[tuple[str, Any]] = [
        ("c2pa.actions.v2", {"actions": actions}),
        (LABEL, format_assertion(assertion)),
    ]
    if training_mining:
        entries = {entry: {"use": use} for entry, use in training_mining.items()}
        statements.append(("cawg.training-mining", {"entries": entries}))
    return {
        "claim_generator_info": [{"name": "seedproof", "version": __version__}],
        "title": title,
        "assertions": [{"label": label, "created": True, "data": data} for label, data in statements],
        "ingredients": [data_ingredient(LATENT_TITLE, LATENT_TITLE), *carried(remix)],
    }


@lru_cache(maxsize=8)
def _context(process: int, host: str | None) -> Any:  # noqa: ARG001 - a context does not survive a fork
    return c2pa.Context.from_dict(settings(hosts=(host,) if host else ()))


def _signer(credentials: Credentials, tsa_url: str | None, trouble: list[Exception]) -> Any:
    # c2pa-python turns an exception in the callback into "signature invalid", so it is kept in ``trouble``.
    algorithm = c2pa.C2paSigningAlg[signing_algorithm(credentials).upper()]
    key = credentials.key

    def sign(message: bytes) -> bytes:
        try:
            if isinstance(key, ed25519.Ed25519PrivateKey):
                return key.sign(message)
            if isinstance(key, ec.EllipticCurvePrivateKey):
                r, s = decode_dss_signature(key.sign(message, ec.ECDSA(_CURVE_HASHES[key.curve.name])))
                half = (key.curve.key_size + 7) // 8
                return r.to_bytes(half, "big") + s.to_bytes(half, "big")
            digest = hashes.SHA256()
            return key.sign(message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        except Exception as error:  # noqa: BLE001 - kept, and raised again by the caller
            trouble.append(error)
            return b""

    return c2pa.Signer.from_callback(sign, algorithm, credentials.chain_pem.decode("ascii"), tsa_url)


def _host(tsa_url: str | None) -> str | None:
    if tsa_url is None:
        return None
    try:
        parts = urlsplit(tsa_url)
        host = parts.hostname
    except ValueError as error:
        raise UsageError(f"timestamp authority: {tsa_url!r:.200} is no URL") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"timestamp authority: {tsa_url!r:.200} must be an http or https URL")
    return host


def _explain(error: Exception, tsa_url: str | None, *, in_callback: bool) -> SeedproofError:
    text = " ".join(str(error).split())[:300]
    if in_callback:
        return EnvironmentFault(f"the signing key could not sign: {text or type(error).__name__}")
    lower = text.lower()
    if "certificate" in lower or "signingcredential" in lower:
        return UsageError(f"C2PA does not accept this certificate: {text}")
    if tsa_url is not None:
        return EnvironmentFault(f"not signed; the timestamp authority {tsa_url} may not answer as it should: {text}")
    return EnvironmentFault(f"the picture could not be signed: {text}")
