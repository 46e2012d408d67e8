"""Which path is answered by which handler. What is asked most stands first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Route

from ledger.server import about, blobs, lookup, submit, tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Scope

__all__ = ["methods_at", "routes"]


def routes() -> Sequence[Route]:
    """The routes, in the order in which they are tried."""
    return [
        Route("/v1/claims", submit.submit_claim, methods=["POST"]),
        Route("/log/checkpoint", tiles.checkpoint),
        Route("/log/tile/{path:path}", tiles.tile),
        Route("/v1/proofs/{index}", lookup.proof),
        Route("/v1/claims/{id}/receipt", lookup.claim_receipt),
        Route("/v1/entries/{id}/receipt", lookup.entry_receipt),
        Route("/v1/receipts/{index}", lookup.receipt),
        Route("/v1/claims/{id}", lookup.claim),
        Route("/v1/entries/{id}", lookup.entry),
        Route("/v1/claims", lookup.claims),
        Route("/v1/follow-ups", submit.submit_follow_up, methods=["POST"]),
        Route("/v1/follow-ups", lookup.follow_ups),
        Route("/v1/stamps/{size}", lookup.stamps),
        Route("/v1/vouched", lookup.vouched),
        Route("/v1/blobs/{digest}", blobs.put, methods=["PUT"]),
        Route("/v1/blobs/{digest}", blobs.delete, methods=["DELETE"]),
        Route("/v1/blobs/{digest}", blobs.get),
        Route("/v1/log", about.log_about),
        Route("/log/vkey", tiles.vkey),
        Route("/log/keys", tiles.keys),
        Route("/health", about.health),
        Route("/metrics", about.metrics),
        Route("/openapi.json", about.contract),
    ]


def methods_at(scope: Scope) -> list[str]:
    """The methods that apply at the path of a request."""
    found: set[str] = set()
    for route in routes():
        if route.matches({**scope, "path_params": {}})[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)
