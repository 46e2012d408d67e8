"""``/log/``: the log as C2SP tlog-tiles lays it out, so that any client of such logs reads this one.

Tiles come from the store (or memory), never from the database; the checkpoint is the published one, at most a tenth of
a second old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from ledger.server.problems import Problem
from ledger.server.service import service_of
from provenance.errors import EncodingError
from provenance.tiles import FULL_WIDTH, parse_tile_path

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["checkpoint", "keys", "tile", "vkey"]

_TEXT = "text/plain; charset=utf-8"
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PARTIAL = {"Cache-Control": "public, max-age=3600, immutable"}
_FRESH = {"Cache-Control": "no-cache"}


async def checkpoint(request: Request) -> Response:
    """The newest published checkpoint."""
    note = (await service_of(request).proofs.shown()).note
    if not note:
        raise Problem("not-published", "this log has no checkpoint yet", retry_after=1)
    return Response(note, 200, _FRESH, _TEXT)


async def tile(request: Request) -> Response:
    """A tile of hashes or a bundle of entries."""
    service = service_of(request)
    path = f"tile/{request.path_params['path']}"
    data = service.tiles.get(path)
    try:
        wanted = parse_tile_path(path)
    except EncodingError as error:
        raise Problem("bad-request", f"{path[:100]!r} is no path of a tile: {error}") from error
    if data is None:
        data = await service.run(service.log.tile, path)
        if data is None:
            raise Problem("not-found", f"this log has no {path} (yet)")
        service.tiles.put(path, data)
    headers = _FOREVER if wanted.width == FULL_WIDTH else _PARTIAL
    return Response(data, 200, headers, "application/octet-stream")


async def vkey(request: Request) -> Response:
    """The verifier keys that sign now, one a line, newest first; the first one is an Ed25519 key."""
    lines = "".join(f"{key}\n" for key in service_of(request).log.signing_keys)
    return Response(lines.encode(), 200, _FRESH, _TEXT)


async def keys(request: Request) -> Response:
    """What the log has announced, signed by its keys of then, when its keys changed."""
    return Response(service_of(request).log.successions, 200, _FRESH, "application/json")
