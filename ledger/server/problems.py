"""Problem documents (RFC 9457): what went wrong, as a stable name that programs can rely on.

``type`` is ``urn:seedproof:problem:<name>`` with a name of the table below; ``detail`` is one line for people and may
change. Whether to try again: never after a 4xx, except 408 and 429; after 429 and 503 in ``Retry-After`` seconds.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from starlette.responses import Response

from ledger.log import NotPublishedFault
from ledger.pool import Busy
from provenance.errors import (
    ConflictError,
    EncodingError,
    ForgedError,
    InvalidError,
    LedgerFault,
    LimitError,
    SeedproofError,
    UnsupportedVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEDIA_TYPE", "PROBLEMS", "Problem", "problem_of", "problem_response"]

MEDIA_TYPE = "application/problem+json"

PROBLEMS = {
    "malformed": (400, "The body is no canonical entry"),
    "bad-request": (400, "The request is not understood"),
    "unauthorized": (401, "An API key is needed"),
    "forbidden": (403, "This is not permitted"),
    "not-found": (404, "There is no such thing here"),
    "method": (405, "This method does not apply here"),
    "timeout": (408, "The request took too long"),
    "conflict": (409, "Another entry came first"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The media type is not accepted"),
    "invalid": (422, "The entry does not apply"),
    "forged": (422, "A proof does not hold"),
    "limit": (422, "A part of the entry is beyond its limit"),
    "unsupported": (422, "This kind or version is not known"),
    "rate-limit": (429, "Too many requests"),
    "internal": (500, "The service has a defect"),
    "unavailable": (503, "The log cannot be reached at the moment"),
    "busy": (503, "The log has too much to do"),
    "full": (507, "There is no room for more blobs"),
    "not-published": (503, "Not published yet"),
}
"""Name -> status and title."""


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised by handlers. ``retry_after`` in seconds; ``more`` are further members of the document."""

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.status, self.title = PROBLEMS[name]
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))


def problem_of(error: SeedproofError) -> Problem:
    """What an exception of ours means to a client."""
    text = str(error)
    match error:
        case ConflictError():
            return Problem("conflict", text, index=error.index)
        case LimitError():
            return Problem("limit", text)
        case EncodingError():
            return Problem("malformed", text)
        case ForgedError():
            return Problem("forged", text)
        case InvalidError():
            return Problem("invalid", text)
        case UnsupportedVersionError():
            return Problem("unsupported", text)
        case Busy():
            return Problem("busy", text, retry_after=error.retry_after)
        case NotPublishedFault():
            return Problem("not-published", text, retry_after=error.retry_after)
        case LedgerFault():
            return Problem("unavailable", "the log cannot be reached at the moment; try again", retry_after=1)
    return Problem("internal", "the service has a defect; its operator finds it in the journal")


def problem_response(problem: Problem) -> Response:
    """The answer that carries it."""
    document = {
        "type": f"urn:seedproof:problem:{problem.name}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(json.dumps(document).encode(), problem.status, headers, MEDIA_TYPE)
