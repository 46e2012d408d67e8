"""Reading what a client sends: bounded in bytes, in time, and of the media type that was agreed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from ledger.server.problems import Problem
from ledger.server.service import service_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message

__all__ = ["ENTRY_TYPE", "read_body", "require_type"]

ENTRY_TYPE = "application/json"
"""Of entries and recipes."""

_DISCARD_SECONDS, _DISCARD_PAUSE, _DISCARD_BYTES = 2.0, 0.1, 16 * 2**20


def require_type(request: Request, accepted: tuple[str, ...]) -> str:
    """The media type of the body, which must be one of ``accepted``; a charset other than UTF-8 is refused.

    Raises:
        Problem: media-type.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    plain = parameters.replace(" ", "").replace('"', "").lower()
    if kind not in accepted or plain not in ("", "charset=utf-8") or "content-encoding" in request.headers:
        raise Problem(
            "media-type", f"send Content-Type: {' or '.join(accepted)}, without Content-Encoding, not {kind[:60]!r}"
        )
    return kind


async def read_body(request: Request, *, limit: int) -> bytes:
    """The body, of at most ``limit`` bytes, if it is whole in time.

    Raises:
        Problem: too-large (nothing beyond the limit is kept), timeout.
        ClientDisconnect: the client has gone.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise Problem("bad-request", "Content-Length is no number")
    if len(announced) > 15 or int(announced) > limit:  # noqa: PLR2004 - a petabyte
        await _discard(request)
        raise _too_large(limit)
    seconds = service_of(request).settings.patience.body
    message = await _receive(request, seconds)
    if not message.get("more_body"):
        data: bytes = message.get("body", b"")
        if len(data) > limit:
            raise _too_large(limit)
        return data
    return await _read_on(request, message["body"], limit, seconds)


async def _read_on(request: Request, first: bytes, limit: int, seconds: float) -> bytes:
    parts, size = [first], len(first)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    more = True
    while more:
        if size > limit:
            await _discard(request)
            raise _too_large(limit)
        message = await _receive(request, end - loop.time())
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    if size > limit:
        raise _too_large(limit)
    return b"".join(parts)


async def _receive(request: Request, seconds: float) -> Message:
    try:
        async with asyncio.timeout(seconds):
            message = await request.receive()
    except TimeoutError:
        raise Problem(
            "timeout", "the body did not arrive in time; send it again at once", headers={"Connection": "close"}
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message


async def _discard(request: Request) -> None:
    """Take in what a client is sending already: a connection that is closed before that loses the answer, too."""
    loop = asyncio.get_running_loop()
    end, left, more = loop.time() + _DISCARD_SECONDS, _DISCARD_BYTES, True
    with contextlib.suppress(TimeoutError):
        while more and left > 0 and loop.time() < end:
            async with asyncio.timeout(_DISCARD_PAUSE):
                message = await request.receive()
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)


def _too_large(limit: int) -> Problem:
    return Problem("too-large", f"the body may have at most {limit} bytes", headers={"Connection": "close"})
