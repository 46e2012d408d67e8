"""``/v1/blobs/{digest}``: recipes and latents that their owners let everybody read, beside the log and deletable.

Only what a logged claim names as its recipe or latent is kept, only while the claim's owners permit it (see
provenance.grant), and only if it has the digest that the claim names.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import TYPE_CHECKING

from starlette.responses import Response

from ledger.beside import QuotaFault, SpentGrantError
from ledger.server.body import ENTRY_TYPE, read_body, require_type
from ledger.server.ownership import owners_of
from ledger.server.problems import Problem
from ledger.server.query import path_digest
from ledger.server.service import Service, service_of
from ledger.server.settings import BLOB_COST_BYTES, MAX_BLOB_BYTES
from provenance.encoding import MAX_DOCUMENT_BYTES, parse_hex
from provenance.entry import parse_any
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.grant import MAX_GRANT_BYTES, Grant, SignedGrant, check_grant, parse_grant
from provenance.latent import latent_digest
from provenance.ownership import Indexed
from provenance.recipe import parse_recipe, recipe_digest
from provenance.storedlatent import decode_latent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from provenance.claim import Claim

__all__ = ["delete", "get", "put"]

_STORED = "application/octet-stream"
_RECIPE, _LATENT = "recipe", "latent"
_GRANT_HEADER = "seedproof-grant"
_MICROSECONDS = 1_000_000
_CLOCKS_APART = 600
"""Seconds. Serials grow across owners: without a bound the seller could spend the largest, and lock the buyer out."""


async def put(request: Request) -> Response:
    """Keep a blob. 201, or 200 when it was there; its content must have the digest that the grant names."""
    service = _writable(request)
    await service.require_key(request)
    digest = path_digest(request, "digest")
    media = require_type(request, (ENTRY_TYPE, _STORED))
    signed = _grant(request, digest, "publish")
    kind, limit = await service.search(_permit, service, signed)
    if (media == ENTRY_TYPE) is not (kind == _RECIPE):
        wanted = ENTRY_TYPE if kind == _RECIPE else _STORED
        raise Problem("media-type", f"the claim names a {kind} of this digest: send it as {wanted}")
    data = await read_body(request, limit=limit)
    service.door.charge(request.client.host if request.client else None, len(data) / BLOB_COST_BYTES, writes=True)
    created = await service.run(_keep, service, signed.grant, kind, data)
    answer = {"digest": digest.hex(), "kind": kind, "bytes": len(data)}
    return Response(json.dumps(answer).encode(), 201 if created else 200, None, "application/json")


async def get(request: Request) -> Response:
    """The blob, as it was put."""
    service = service_of(request)
    digest = path_digest(request, "digest")
    data = await service.run(service.log.get_blob, digest)
    if data is None:
        raise Problem("not-found", f"no blob {digest.hex()} is published here")
    media = ENTRY_TYPE if data.startswith(b"{") else _STORED
    return Response(data, 200, {"Cache-Control": "no-cache"}, media)


async def delete(request: Request) -> Response:
    """Withdraw a claim's blob, which is forgotten when no other claim publishes it. The log itself does not change."""
    service = _writable(request)
    await service.require_key(request)
    digest = path_digest(request, "digest")
    signed = _grant(request, digest, "withdraw")
    await service.search(_permit, service, signed)
    if not await service.run(_forget, service, signed.grant):
        raise Problem("not-found", f"this claim publishes no blob {digest.hex()} here")
    return Response(status_code=204)


def _writable(request: Request) -> Service:
    service = service_of(request)
    if service.settings.read_only:
        raise Problem("forbidden", "this server only reads; ask the log's primary")
    return service


def _grant(request: Request, digest: bytes, action: str) -> SignedGrant:
    text = request.headers.get(_GRANT_HEADER)
    if text is None:
        raise Problem("forbidden", "a grant of the work's owners is needed, in the header field Seedproof-Grant")
    try:
        signed = parse_grant(parse_hex(text, "Seedproof-Grant", limit=MAX_GRANT_BYTES))
    except (InvalidError, UnsupportedVersionError) as error:
        raise Problem("bad-request", f"Seedproof-Grant: {error}") from error
    grant = signed.grant
    origin = service_of(request).log.origin
    for what, is_same in (
        ("digest", grant.digest == digest),
        ("action", grant.action == action),
        ("log", grant.log == origin),
    ):
        if not is_same:
            raise Problem("forbidden", f"the grant is for another {what}")
    if grant.serial > (time.time() + _CLOCKS_APART) * _MICROSECONDS:
        raise Problem("forbidden", "the grant's serial is in the future; take the time in microseconds since 1970")
    return signed


def _permit(service: Service, signed: SignedGrant) -> tuple[str, int]:
    """Check that the claim's owners signed; what the claim calls the digest, and the most bytes that it can need."""
    grant = signed.grant
    found = service.log.find(grant.claim)
    logged = None if found is None else Indexed(found.index, parse_any(found.entry))
    if logged is None or logged.entry.claim is None:
        raise Problem("forbidden", f"this log has no claim {grant.claim.hex()}")
    kind = _kind(logged.entry.claim, grant.digest)
    owners = owners_of(service.log, logged)
    if not owners:
        raise Problem("forbidden", "the claim or its owner's key is revoked: nobody may grant anything")
    try:
        check_grant(signed, owners)
    except InvalidError as error:
        raise Problem("forbidden", str(error)) from error
    return kind, MAX_DOCUMENT_BYTES if kind == _RECIPE else _latent_limit(logged.entry.claim)


def _latent_limit(claim: Claim) -> int:
    """What zstd makes of values that do not compress, with room for the head."""
    values = math.prod(claim.latent.shape)
    return min(MAX_BLOB_BYTES, 2 * values + values // 64 + 1_024)


def _kind(claim: Claim, digest: bytes) -> str:
    if claim.recipe == digest:
        return _RECIPE
    if claim.latent.digest == digest:
        return _LATENT
    raise Problem("forbidden", "the claim names no recipe or latent of this digest")


def _keep(service: Service, grant: Grant, kind: str, data: bytes) -> bool:
    found = recipe_digest(parse_recipe(data)) if kind == _RECIPE else latent_digest(decode_latent(data))
    if found != grant.digest:
        raise Problem("invalid", f"the body has the digest {found.hex()}, not the one in the path")
    with _spending():
        quota = service.settings.blob_quota
        return service.log.put_blob(grant.claim, grant.digest, grant.serial, kind, data, quota=quota)


def _forget(service: Service, grant: Grant) -> bool:
    with _spending():
        return service.log.delete_blob(grant.claim, grant.digest, grant.serial)


@contextlib.contextmanager
def _spending() -> Iterator[None]:
    try:
        yield
    except SpentGrantError as error:
        raise Problem("forbidden", str(error)) from error
    except QuotaFault as fault:
        raise Problem("full", str(fault)) from fault
