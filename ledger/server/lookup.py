"""Reading what is logged: entries by id and by what they are about, receipts, timestamps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from ledger.server.problems import Problem
from ledger.server.proofs import format_proof
from ledger.server.query import Query, path_digest, path_index
from ledger.server.service import service_of
from ledger.server.settings import ENTRY_COST, MAX_PAGE, MAX_PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from ledger.lookup import FoundEntry
    from provenance.ports import About

__all__ = [
    "claim",
    "claim_receipt",
    "claims",
    "entry",
    "entry_receipt",
    "follow_ups",
    "proof",
    "receipt",
    "stamps",
    "vouched",
]

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_FRESH = {"Cache-Control": "no-cache"}
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PAGE = 100
_SEARCHED = ("commitment", "author", "pixels", "latent")
_PARTS: tuple[About, ...] = ("chained", "attestation")


async def claim(request: Request) -> Response:
    """A claim by its id."""
    return _answer(_described(await _find(request, claims=True)), _FOREVER)


async def entry(request: Request) -> Response:
    """An entry of any kind by its id."""
    return _answer(_described(await _find(request, claims=False)), _FOREVER)


async def claim_receipt(request: Request) -> Response:
    """The receipt of a claim."""
    return await _receipt(request, (await _find(request, claims=True)).index)


async def entry_receipt(request: Request) -> Response:
    """The receipt of an entry of any kind."""
    return await _receipt(request, (await _find(request, claims=False)).index)


async def receipt(request: Request) -> Response:
    """The receipt of the leaf at an index."""
    service = service_of(request)
    index = path_index(request, "index")
    if index >= (await service.proofs.shown()).size and index >= (await service.run(service.log.head)).size:
        raise Problem("not-found", f"this log has no entry {index}")
    return await _receipt(request, index)


async def claims(request: Request) -> Response:
    """Claims that match every given criterion, in log order; without any, all of them."""
    service = service_of(request)
    with Query(request) as query:
        wanted = {name: query.digest(name) for name in _SEARCHED}
        after, limit = query.integer("after", default=-1), query.integer("limit", default=_PAGE, low=1, high=MAX_PAGE)
    return await _searched(request, lambda: service.log.search(**wanted, after=after, limit=limit))


async def follow_ups(request: Request) -> Response:
    """What the log has about a claim or a key, in log order."""
    service = service_of(request)
    with Query(request) as query:
        subject, notary = query.digest("subject"), query.digest("notary")
        kind = query.choice("kind", _PARTS)
        after, limit = query.integer("after", default=-1), query.integer("limit", default=_PAGE, low=1, high=MAX_PAGE)
    if subject is None:
        raise Problem("bad-request", "subject is missing: the id of a claim or a key, as 64 hex digits")
    if notary is not None and kind != "attestation":
        raise Problem("bad-request", "notary goes with kind=attestation")
    return await _searched(
        request, lambda: service.log.follow_ups(subject, kind=kind, notary=notary, after=after, limit=limit)
    )


async def proof(request: Request) -> Response:
    """The bare inclusion proof (C2SP tlog-proof) of the leaf at an index, in the newest published checkpoint."""
    proofs = service_of(request).proofs
    index = path_index(request, "index")
    head = await proofs.shown()
    if index >= head.size:
        raise Problem("not-found", f"no published checkpoint of this log has an entry {index} (yet)")
    return Response(format_proof(index, await proofs.path(index, head), head.note), 200, _FRESH, _TEXT)


async def stamps(request: Request) -> Response:
    """The timestamps over the checkpoint of one size."""
    service = service_of(request)
    size = path_index(request, "size")
    rows = await service.run(service.log.stamps, size)
    document = {
        "size": size,
        "note": rows[0].note.decode() if rows else None,
        "timestamps": [{"authority": row.authority, "token": row.token.hex()} for row in rows],
    }
    return _answer(document, _FRESH)


async def vouched(request: Request) -> Response:
    """Checkpoints that witnesses and authorities have signed lately."""
    service = service_of(request)
    found = await service.run(service.log.vouched)
    checkpoints = [{"note": note.decode(), "timestamps": [token.hex() for token in tokens]} for note, tokens in found]
    return _answer({"checkpoints": checkpoints}, _FRESH)


async def _find(request: Request, *, claims: bool) -> FoundEntry:
    service = service_of(request)
    identifier = path_digest(request, "id")
    found = await service.run(service.log.find, identifier)
    if found is None or (claims and found.kind != "claim"):
        raise Problem("not-found", f"this log has no {'claim' if claims else 'entry'} {identifier.hex()}")
    return found


async def _receipt(request: Request, index: int) -> Response:
    service = service_of(request)
    return Response(await service.run(service.log.receipt, index), 200, _FRESH, _JSON)


async def _searched(request: Request, search: Callable[[], Sequence[FoundEntry]]) -> Response:
    """A page of what is found, made in a thread of its own kind, and charged by what was found."""
    service = service_of(request)
    page, count = await service.search(lambda: _page(search()))
    service.door.charge(request.client.host if request.client else None, count * ENTRY_COST)
    return Response(page, 200, _FRESH, _JSON)


def _page(found: Sequence[FoundEntry]) -> tuple[bytes, int]:
    """Entries until MAX_PAGE_BYTES are crossed, and how many; a client asks on until none comes."""
    entries, size = [], 0
    for item in found:
        entries.append(_described(item))
        size += len(item.entry)
        if size > MAX_PAGE_BYTES:
            break
    return json.dumps({"entries": entries}).encode(), len(entries)


def _described(item: FoundEntry) -> dict[str, object]:
    return {"index": item.index, "id": item.entry_id.hex(), "kind": item.kind, "entry": item.entry.decode()}


def _answer(document: object, headers: dict[str, str]) -> Response:
    return Response(json.dumps(document).encode(), 200, headers, _JSON)
