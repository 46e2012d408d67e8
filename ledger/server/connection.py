"""One TCP connection: uvicorn's HTTP protocol with bounds on headers and time, which it has not.

=====================  =============================================================================================
a client that          is answered
=====================  =============================================================================================
says nothing           nothing; it is closed after ``patience.header`` (between requests: IDLE_SECONDS)
drips its header       408 after ``patience.header`` in all, however many bytes came
sends a long header    431 beyond MAX_HEADER_BYTES; trailers of a chunked body count as well
does not read          nothing more; it is cut off after ``patience.send``
vanished               nothing; the kernel gives it up after ``patience.send`` without an acknowledgement
comes as one too many  503
=====================  =============================================================================================

Bodies have their own bound in ``ledger.server.body``.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ledger.server.settings import MAX_HEADER_BYTES

if TYPE_CHECKING:
    import asyncio

    from ledger.server.settings import Patience

__all__ = ["BoundedConnection"]

_TITLES = {
    400: ("Bad Request", "this is no HTTP/1.1 request"),
    408: ("Request Timeout", "the header did not arrive in time"),
    431: ("Request Header Fields Too Large", f"the header may have at most {MAX_HEADER_BYTES} bytes"),
    503: ("Service Unavailable", "too many connections; try again in a moment"),
}
_VERSIONS = ("1.0", "1.1")
_NAMES = {400: "bad-request", 408: "timeout", 431: "header-too-large", 503: "busy"}


class BoundedConnection(HttpToolsProtocol):
    """See the module. ``limit_concurrency`` of uvicorn's configuration is the most connections."""

    def __init__(self, *arguments: Any, patience: Patience, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._patience = patience
        self._most = self.limit_concurrency
        self.limit_concurrency = None
        self._header_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._unparsed = 0
        self._header_bytes = 0
        self._answering = False
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: a header is awaited."""
        super().connection_made(transport)
        found = transport.get_extra_info("socket")
        if (
            found is not None
            and found.family in (socket.AF_INET, socket.AF_INET6)
            and hasattr(socket, "TCP_USER_TIMEOUT")
        ):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._patience.send * 1000))
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._most is not None and len(self.connections) > self._most:
            self._refuse(503)
        else:
            self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the client has been refused."""
        if self._refused:
            return
        if not self._answering:
            self._await_header()
            self._unparsed += len(data)
        super().data_received(data)
        if not self._answering and self._unparsed > MAX_HEADER_BYTES:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or a trailer."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The header is whole; the application begins."""
        if self.parser.get_http_version() not in _VERSIONS:
            raise ValueError("another version of HTTP")  # the parser fails, and uvicorn calls send_400_response
        self._unparsed = 0
        self._answering = True
        self._cancel_header_timer()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The application has answered."""
        self._answering = bool(self.pipeline)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """The parser has failed."""
        self._refuse(431 if self._header_bytes > MAX_HEADER_BYTES else 400)

    def pause_writing(self) -> None:
        """The client takes the answer slowly."""
        super().pause_writing()
        if self._send_timer is None:
            self._send_timer = self.loop.call_later(self._patience.send, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken most of what was written."""
        super().resume_writing()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("the header is too long")

    def _await_header(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self._patience.header, self._too_slow)

    def _too_slow(self) -> None:
        self._header_timer = None
        if self._unparsed:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer without the application, and hang up."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._cancel_timers()
        title, detail = _TITLES[status]
        document = {
            "type": f"urn:seedproof:problem:{_NAMES[status]}",
            "title": title,
            "status": status,
            "detail": detail,
        }
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        retry = "retry-after: 1\r\n" if status == 503 else ""  # noqa: PLR2004 - the status
        self.transport.write(f"{head}{retry}connection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _cancel_timers(self) -> None:
        self._cancel_header_timer()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
