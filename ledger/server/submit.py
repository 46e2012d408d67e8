"""``POST /v1/claims`` and ``POST /v1/follow-ups``: check every proof, log, answer where it stands."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from ledger.log import prepare
from ledger.server.body import ENTRY_TYPE, read_body, require_type
from ledger.server.problems import Problem
from ledger.server.service import service_of
from ledger.server.settings import LOG_SECONDS, MAX_BODY_BYTES

if TYPE_CHECKING:
    from starlette.requests import Request

    from ledger.log import Accepted, Prepared
    from ledger.pool import Pool

__all__ = ["submit_claim", "submit_follow_up"]


async def submit_claim(request: Request) -> Response:
    """Log a claim. 201 with its index, or 200 when this claim was logged before."""
    return await _submit(request, claims=True)


async def submit_follow_up(request: Request) -> Response:
    """Log an entry of any other kind."""
    return await _submit(request, claims=False)


async def _submit(request: Request, *, claims: bool) -> Response:
    service = service_of(request)
    if service.settings.read_only:
        raise Problem("forbidden", "this server only reads; submit to the log's primary")
    await service.require_key(request)
    require_type(request, (ENTRY_TYPE,))
    data = await read_body(request, limit=MAX_BODY_BYTES)
    prepared = prepare(data)
    entry = prepared.entry
    if (entry.kind == "claim") is not claims:
        where = "/v1/claims" if entry.kind == "claim" else "/v1/follow-ups"
        raise Problem("invalid", f"an entry of kind {entry.kind} is submitted to {where}")
    accepted = await _log(service.pool, prepared)
    service.metrics.count_entry(entry.kind, duplicate=accepted.duplicate)
    identifier = accepted.id.hex()
    answer = {"index": accepted.index, "id": identifier, "duplicate": accepted.duplicate}
    headers = {"Location": f"/v1/{'claims' if claims else 'entries'}/{identifier}"}
    return Response(json.dumps(answer).encode(), 200 if accepted.duplicate else 201, headers, "application/json")


async def _log(pool: Pool, prepared: Prepared) -> Accepted:
    try:
        async with asyncio.timeout(LOG_SECONDS):
            return await pool.submit(prepared)
    except TimeoutError:
        raise Problem(
            "unavailable", "the log does not answer; the entry may still be logged: submit it again", retry_after=5
        ) from None
