"""The contract of the service as an OpenAPI 3.1 document; schemathesis holds the handlers to it (make test-api)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.server.problems import MEDIA_TYPE, PROBLEMS
from ledger.server.settings import MAX_BLOB_BYTES, MAX_PAGE
from provenance import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["document"]

Json = dict[str, Any]

_HEX32 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_WIDTH = "([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_TILE = rf"^(entries|[0-9]|[1-5][0-9]|6[0-3])/(x[0-9]{{3}}/){{0,5}}[0-9]{{3}}(\.p/{_WIDTH})?$"
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_TEXT = {"type": "string"}
_BYTES = {"schema": {"type": "string", "contentEncoding": "binary"}}
_ALWAYS = ("bad-request", "rate-limit", "internal", "unavailable")
_WRITING = ("unauthorized", "forbidden", "timeout", "too-large", "media-type")
_ENTRY_PROBLEMS = ("malformed", *_WRITING, "conflict", "invalid", "forged", "limit", "unsupported", "busy")


def document() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Seedproof ledger",
            "version": __version__,
            "summary": "An append-only, publicly auditable log of claims about generated pictures.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {**_claims(), **_entries(), **_blobs(), **_log(), **_about()},
        "components": {"schemas": _schemas(), "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _claims() -> Json:
    found = _one_of("claim", "id")
    query = [_query(name, _HEX32) for name in ("commitment", "author", "pixels", "latent")]
    return {
        "/v1/claims": {
            "post": _submission("submitClaim", "Log a claim."),
            "get": _operation(
                "findClaims",
                "Claims that match every criterion, in log order; ask on with the last index until none comes.",
                {"200": _json("Page")},
                parameters=[*query, *_paging()],
            ),
        },
        "/v1/claims/{id}": {"get": _operation("getClaim", "A claim by its id.", {"200": _json("Entry")}, **found)},
        "/v1/claims/{id}/receipt": {"get": _receipt("getClaimReceipt", "The receipt of a claim.", found)},
    }


def _entries() -> Json:
    found, by_index = _one_of("entry", "id"), _one_of("entry", "index", _COUNT)
    subject = {**_query("subject", _HEX32), "required": True, "description": "Id of a claim, or a key."}
    kind = {
        **_query("kind", {"type": "string", "enum": ["chained", "attestation"]}),
        "description": "Attestations, of which anybody can log any number, or everything else.",
    }
    notary = {**_query("notary", _HEX32), "description": "With kind=attestation: the one by this key."}
    return {
        "/v1/follow-ups": {
            "post": _submission("submitFollowUp", "Log an entry of any other kind: a transfer, a revocation, ..."),
            "get": _operation(
                "findFollowUps",
                "What the log has about a claim or a key, in log order; all of it, or one part.",
                {"200": _json("Page")},
                parameters=[subject, kind, notary, *_paging()],
            ),
        },
        "/v1/entries/{id}": {"get": _operation("getEntry", "Any entry by its id.", {"200": _json("Entry")}, **found)},
        "/v1/entries/{id}/receipt": {"get": _receipt("getEntryReceipt", "The receipt of an entry.", found)},
        "/v1/receipts/{index}": {"get": _receipt("getReceipt", "The receipt of the entry at an index.", by_index)},
        "/v1/proofs/{index}": {
            "get": _operation(
                "getProof",
                "The bare inclusion proof (C2SP tlog-proof) of the entry at an index, in the newest checkpoint.",
                {"200": _plain()},
                **by_index,
            )
        },
        "/v1/vouched": {
            "get": _operation(
                "getVouched",
                "Checkpoints that witnesses and authorities have signed lately: how fresh the log's state is.",
                {"200": _json("Vouched")},
            )
        },
        "/v1/stamps/{size}": {
            "get": _operation(
                "getStamps",
                "RFC 3161 timestamps over the checkpoint of exactly this size.",
                {"200": _json("Stamps")},
                parameters=[_path("size", _COUNT)],
            )
        },
    }


def _blobs() -> Json:
    grant = {
        "name": "Seedproof-Grant",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": 8_192},
        "description": "Canonical bytes of a grant that all owners of the claim signed, as hex.",
    }
    where = [_path("digest", _HEX32)]
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Document"}},
            "application/octet-stream": {
                "schema": {"type": "string", "contentEncoding": "binary", "maxLength": MAX_BLOB_BYTES}
            },
        },
    }
    stored = {"200": _json("Blob", "It was there."), "201": _json("Blob", "It is kept.")}
    content = {"application/json": {"schema": {"type": "object"}}, "application/octet-stream": _BYTES}
    return {
        "/v1/blobs/{digest}": {
            "put": _operation(
                "putBlob",
                "Keep a recipe or stored latent for everybody to read.",
                stored,
                parameters=[*where, grant],
                requestBody=body,
                problems=(*_WRITING, "malformed", "invalid", "limit", "unsupported", "full"),
                security=[{}, {"key": []}],
            ),
            "get": _operation(
                "getBlob",
                "A recipe or stored latent by its digest.",
                {"200": {"description": "As it was put.", "content": content}},
                parameters=where,
                problems=("not-found",),
            ),
            "delete": _operation(
                "deleteBlob",
                "Forget a blob; the log itself does not change.",
                {"204": {"description": "It is gone."}},
                parameters=[*where, grant],
                problems=("unauthorized", "forbidden", "not-found"),
                security=[{}, {"key": []}],
            ),
        }
    }


def _log() -> Json:
    tile = {
        **_path("path", {"type": "string", "pattern": _TILE}),
        "description": "0/x001/067, 1/000.p/12, entries/000, ... (tlog-tiles)",
    }
    return {
        "/v1/log": {"get": _operation("getLog", "Name, keys and size of the log.", {"200": _json("Log")})},
        "/log/checkpoint": {
            "get": _operation("getCheckpoint", "The newest checkpoint.", {"200": _plain()}, problems=("not-published",))
        },
        "/log/vkey": {
            "get": _operation(
                "getKeys", "The verifier keys that sign now, one a line, newest first.", {"200": _plain()}
            )
        },
        "/log/keys": {
            "get": _operation(
                "getSuccessions",
                "What the log's keys signed when they changed: which keys sign from then on.",
                {"200": _json("Successions")},
            )
        },
        "/log/tile/{path}": {
            "get": _operation(
                "getTile",
                "A tile of hashes or a bundle of entries.",
                {"200": {"description": "The file.", "content": {"application/octet-stream": _BYTES}}},
                parameters=[tile],
                problems=("not-found",),
            )
        },
    }


def _about() -> Json:
    return {
        "/health": {"get": _operation("getHealth", "Whether the log can be reached.", {"200": _json("Health")})},
        "/metrics": {"get": _operation("getMetrics", "Figures for Prometheus.", {"200": _plain()})},
        "/openapi.json": {"get": _operation("getContract", "This document.", {"200": _json("Document")})},
    }


def _schemas() -> Json:
    entry = _object(index=_COUNT, id=_HEX32, kind=_TEXT, entry=_TEXT)
    stamp = _object(authority=_TEXT, token=_TEXT)
    note = {"type": ["string", "null"]}
    return {
        "Document": {"type": "object"},
        "Accepted": _object(index=_COUNT, id=_HEX32, duplicate={"type": "boolean"}),
        "Entry": entry,
        "Page": _object(entries={"type": "array", "items": entry, "maxItems": MAX_PAGE}),
        "Receipt": _object(kind={"const": "receipt"}, v={"const": 1}, proof=_TEXT, more=True),
        "Stamps": _object(size=_COUNT, note=note, timestamps={"type": "array", "items": stamp}),
        "Vouched": _object(
            checkpoints={
                "type": "array",
                "items": _object(note=_TEXT, timestamps={"type": "array", "items": _TEXT}),
                "maxItems": 8,
            }
        ),
        "Blob": _object(digest=_HEX32, kind={"enum": ["recipe", "latent"]}, bytes=_COUNT),
        "Log": _object(
            origin=_TEXT,
            keys={"type": "array", "items": _TEXT, "minItems": 1},
            retired={"type": "array", "items": _object(key=_TEXT, size={"type": ["integer", "null"]})},
            size=_COUNT,
            witnesses={"type": "array", "items": _object(name=_TEXT, size=_COUNT)},
            authorities={"type": "array", "items": _TEXT},
        ),
        "Successions": _object(kind={"const": "successions"}, v={"const": 1}, notes={"type": "array", "items": _TEXT}),
        "Health": _object(status={"const": "ok"}, size=_COUNT),
        "Problem": _object(
            type={"enum": [f"urn:seedproof:problem:{name}" for name in PROBLEMS]},
            title=_TEXT,
            status={"type": "integer"},
            detail=_TEXT,
            more=True,
        ),
    }


def _object(*, more: bool = False, **members: object) -> Json:
    return {
        "type": "object",
        "properties": members,
        "required": sorted(members),
        "additionalProperties": more,
    }


def _operation(identifier: str, summary: str, answers: Json, *, problems: Sequence[str] = (), **more: object) -> Json:
    return {
        "operationId": identifier,
        "summary": summary,
        "responses": {**answers, **_problems((*_ALWAYS, *problems))},
        **more,
    }


def _submission(identifier: str, summary: str) -> Json:
    schema = {"schema": {"$ref": "#/components/schemas/Document"}}
    return _operation(
        identifier,
        summary,
        {"200": _json("Accepted", "It was logged before."), "201": _json("Accepted", "It is logged, durably.")},
        problems=_ENTRY_PROBLEMS,
        requestBody={
            "required": True,
            "description": "Canonical JSON (RFC 8785) of the entry with its proofs, at most 65,535 bytes.",
            "content": {"application/json": schema},
        },
        security=[{}, {"key": []}],
    )


def _receipt(identifier: str, summary: str, found: Json) -> Json:
    problems = (*found["problems"], "not-published")
    return _operation(identifier, summary, {"200": _json("Receipt")}, **{**found, "problems": problems})


def _one_of(what: str, name: str, schema: Json = _HEX32) -> Json:
    return {"parameters": [_path(name, schema)], "problems": ("not-found",), "description": f"One {what}."}


def _problems(names: Sequence[str]) -> Json:
    """One answer for each status, whose description lists the problems."""
    schema = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    by_status: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        by_status.setdefault(str(PROBLEMS[name][0]), []).append(f"{name}: {PROBLEMS[name][1]}")
    return {status: {"description": "; ".join(lines) + ".", "content": schema} for status, lines in by_status.items()}


def _json(schema: str, description: str = "Found.") -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _plain() -> Json:
    return {"description": "As text.", "content": {"text/plain": {"schema": {"type": "string"}}}}


def _path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


def _paging() -> list[Json]:
    return [
        {
            **_query("after", {"type": "integer", "minimum": -1, "maximum": 2**53 - 1}),
            "description": "Beyond this index.",
        },
        _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 100}),
    ]
