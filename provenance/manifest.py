"""Reading C2PA manifests: is the container intact, who signed it, and what of ours does it hold.

Together with :mod:`provenance.manifest_write` the only place that imports c2pa. Nothing here fetches anything: files
may name URLs (remote manifests, OCSP responders), and a reader that follows them tells its address to their author.

``read_container`` says what the *container* is; whether the claim inside holds is judged elsewhere, since anybody can
wrap somebody else's picture into a container of his own.
"""

from __future__ import annotations

import io
import json
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import c2pa
from cryptography import x509

from provenance.assertion import Assertion, format_assertion, parse_assertion
from provenance.chunks import MAX_FILE_BYTES, embedded_store
from provenance.container import LATENT_TITLE, Container, Ingredient, Signer, active_label, describe, latent_uri
from provenance.errors import InvalidError, LimitError, UsageError
from provenance.ingredient import OUTSIDE_TITLE, WORK_TITLE, Nested, data_uris
from provenance.jumbf import MAX_MANIFESTS, check_labels, count_manifests, signing_certificate, signing_certificates
from provenance.plainwords import explain_damage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LATENT_TITLE",
    "MAX_LATENT_BYTES",
    "Assertion",
    "Container",
    "Ingredient",
    "Signer",
    "format_assertion",
    "parse_assertion",
    "read_container",
    "read_data",
    "settings",
]

MAX_LATENT_BYTES = 16 * 2**20
"""Largest stored latent: 2^22 values of two bytes, twice over."""

MAX_STORE_BYTES = 8 * 2**20
"""Largest manifest store. Reading one takes some 40 times its size in memory; ours, with all in it, has 20 KB."""

MAX_NESTED_BYTES = 64 * 2**20
"""All latents of all works in one store together; they may be compressed twice over."""

MAX_UNKNOWN_BYTES = 64 * 2**20
"""Largest file of a format, or in a state, in which we cannot find the store ourselves before it is read."""

_TRUST_CONFIG = "1.3.6.1.5.5.7.3.4\n1.3.6.1.4.1.62558.2.1\n"


def settings(*, anchors_pem: bytes | None = None, hosts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Settings of c2pa-rs: no thumbnails, no network except ``hosts``, no trust except ``anchors_pem``.

    The hosts are for timestamps; c2pa-rs 0.91 fetches those without asking, a later one may ask.
    """
    chosen: dict[str, Any] = {
        "version": 1,
        "builder": {"thumbnail": {"enabled": False}},
        "core": {"allowed_network_hosts": list(hosts), "max_decompressed_manifest_size_in_mb": 32},
        "verify": {
            "verify_after_sign": True,
            "verify_trust": True,
            "verify_timestamp_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
    }
    if anchors_pem:
        chosen["trust"] = {"user_anchors": anchors_pem.decode("utf-8"), "trust_config": _TRUST_CONFIG}
    return chosen


def read_container(data: bytes, media_type: str, *, anchors_pem: bytes | None) -> Container | None:
    """The C2PA manifest store embedded in a file of any format that c2pa-rs reads; None when there is none.

    ``anchors_pem``: PEM certificates of the roots that are trusted, for signers and for timestamps.

    Raises:
        InvalidError: the store cannot be read at all, or holds our assertion or latent twice, or names a box in other
            characters than ASCII.
        LimitError: the file is larger than MAX_FILE_BYTES, or the latent than MAX_LATENT_BYTES, or the manifest is
            compressed.
        UsageError: the anchors cannot be read.
    """
    if len(data) > MAX_FILE_BYTES:
        raise LimitError(f"picture: {len(data)} bytes are more than the limit of {MAX_FILE_BYTES}")
    jumbf = embedded_store(data, media_type)
    where_it_is = data if jumbf is None else jumbf
    if len(where_it_is) > (MAX_UNKNOWN_BYTES if jumbf is None else MAX_STORE_BYTES):
        raise LimitError(f"manifest: a store beyond {MAX_STORE_BYTES} bytes is not read")
    if count_manifests(where_it_is) > MAX_MANIFESTS:
        raise LimitError(f"manifest: a store of more than {MAX_MANIFESTS} manifests is not read")
    check_labels(where_it_is)
    context = _context(os.getpid(), anchors_pem)
    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=context)
        if reader is None:
            return None
        with reader:
            store = json.loads(reader.json())
            latent = _read_latent(reader, store)
            nested = _read_nested(reader, store, jumbf)
    except InvalidError:
        raise
    except Exception as error:  # c2pa-python raises C2paError, and what its ctypes layer happens to raise
        if str(error).startswith("Remote"):
            return None  # the file only names a URL: nothing is embedded, and we do not fetch
        raise InvalidError(explain_damage(_short(error))) from error
    return describe(store, latent, _certificate(jumbf, active_label(store)), nested)


@lru_cache(maxsize=8)
def _context(process: int, anchors_pem: bytes | None) -> Any:  # noqa: ARG001 - a context does not survive a fork
    try:
        if anchors_pem:
            x509.load_pem_x509_certificates(anchors_pem)  # c2pa-rs passes over what it cannot read
        return c2pa.Context.from_dict(settings(anchors_pem=anchors_pem))
    except (c2pa.C2paError, ValueError, x509.InvalidVersion) as error:
        raise UsageError(f"trust anchors: not readable PEM certificates: {_short(error)}") from error


def _read_latent(reader: Any, store: object) -> bytes | None:
    uri = latent_uri(store)
    if uri is None:
        return None
    out = io.BytesIO()
    reader.resource_to_stream(uri, out)
    if out.tell() > MAX_LATENT_BYTES:
        raise LimitError(f"manifest: the stored latent is larger than the limit of {MAX_LATENT_BYTES} bytes")
    return out.getvalue()


def read_data(data: bytes, media_type: str, more: Iterable[str] = ()) -> dict[str, bytes]:
    """Data of ours in the manifests of a file that :func:`read_container` reads, by URI, and what ``more`` names.

    Raises:
        InvalidError, LimitError: as there.
    """
    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=_context(os.getpid(), None))
        if reader is None:
            return {}
        with reader:
            return _read_all(reader, json.loads(reader.json()), more)
    except InvalidError:
        raise
    except Exception as error:  # as in read_container
        raise InvalidError(explain_damage(_short(error))) from error


def _read_nested(reader: Any, store: dict[str, Any], jumbf: bytes | None) -> Nested:
    """Data of ours and certificates in the manifests below the active one; nothing where there are none."""
    uris = data_uris(store.get("manifests"), active_label(store))
    if len(store.get("manifests") or ()) <= 1 and not (uris[OUTSIDE_TITLE] or uris[WORK_TITLE]):
        return Nested()
    data = _read_all(reader, store)
    try:
        return Nested(data, {} if jumbf is None else signing_certificates(jumbf))
    except InvalidError:
        return Nested(data)


def _read_all(reader: Any, store: dict[str, Any], more: Iterable[str] = ()) -> dict[str, bytes]:
    data, total = dict[str, bytes](), 0
    ours = data_uris(store.get("manifests"), active_label(store)).values()
    for uri in (*(uri for uris in ours for uri in uris), *more):
        out = io.BytesIO()
        reader.resource_to_stream(uri, out)
        total += out.tell()
        if out.tell() > MAX_LATENT_BYTES or total > MAX_NESTED_BYTES:
            raise LimitError(f"manifest: the works in it store more than {MAX_NESTED_BYTES} bytes of latents")
        data[uri] = out.getvalue()
    return data


def _certificate(jumbf: bytes | None, label: str) -> bytes | None:
    try:
        return None if jumbf is None else signing_certificate(jumbf, label)
    except InvalidError:
        return None


def _short(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
