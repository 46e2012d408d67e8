"""What the service says about itself: the log's name and keys, health, figures, and its contract."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from starlette.responses import Response

from ledger.server.metrics import MEDIA_TYPE
from ledger.server.service import service_of

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["contract", "health", "log_about", "metrics"]

_FRESH = {"Cache-Control": "no-store"}


async def log_about(request: Request) -> Response:
    """Name, keys and retired keys, published size, witnesses and authorities of the log."""
    service = service_of(request)
    published = await service.proofs.shown()
    cosigned = await service.run(service.log.cosigned)
    about = {
        "origin": service.log.origin,
        "keys": list(service.log.signing_keys),
        "retired": [{"key": key, "size": size} for key, size in service.log.retired_keys.items()],
        "size": published.size,
        "witnesses": [{"name": name, "size": size} for name, size in sorted(cosigned.items())],
        "authorities": list(service.settings.authorities),
    }
    return Response(json.dumps(about).encode(), 200, {"Cache-Control": "no-cache"}, "application/json")


async def health(request: Request) -> Response:
    """200 while the database answers and the head holds, else the problem ``unavailable``."""
    service = service_of(request)
    document = {"status": "ok", "size": await service.health.check()}
    return Response(json.dumps(document).encode(), 200, _FRESH, "application/json")


async def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    service = service_of(request)
    return Response(await service.run(service.metrics.text), 200, _FRESH, MEDIA_TYPE)


async def contract(request: Request) -> Response:  # noqa: ARG001 - every handler takes the request
    """The OpenAPI document."""
    return Response(_contract(), 200, {"Cache-Control": "public, max-age=3600"}, "application/json")


@cache
def _contract() -> bytes:
    from ledger.server.openapi import document

    return json.dumps(document()).encode()
