"""HTTP around the development authority (RFC 3161, section 3.4): POST a query to any path, GET the root certificate.

The standard library's server is enough for development: a thread for each connection, a bound on how many there are, on
the length of a request, and on how long a client may be silent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from ledger.tsa import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from ledger.tsa import Authority

__all__ = ["TsaServer", "make_server"]

_MAX_CONNECTIONS = 64
_TIMEOUT = 10
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


class TsaServer(ThreadingHTTPServer):
    """Answers for one authority, by this machine's clock."""

    daemon_threads = True

    def __init__(self, authority: Authority, address: tuple[str, int]) -> None:
        self.authority = authority
        self._free = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """Where it listens, for the log's ``--timestamp``."""
        host, port = self.server_address[:2]
        shown = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Start a thread, or hang up where too many are at work."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Answer, and free the place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away in the middle is its own affair, and no address belongs into a log."""


def make_server(authority: Authority, address: tuple[str, int]) -> TsaServer:
    """A server that listens on ``address``; port 0 takes a free one.

    Raises:
        OSError: the address is taken, or not this machine's.
    """
    return TsaServer(authority, address)


class _Handler(BaseHTTPRequestHandler):
    server: TsaServer
    timeout = _TIMEOUT
    server_version = "seedproof-development-tsa"
    sys_version = ""

    def do_GET(self) -> None:
        """The root certificate, for a policy."""
        if self.path == "/root.pem":
            self._answer(200, "application/x-pem-file", self.server.authority.anchor)
        else:
            self._answer(404, "text/plain", b"POST an RFC 3161 query, or GET /root.pem\n")

    def do_POST(self) -> None:
        """A TimeStampResp to the TimeStampReq in the body."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            length = self.headers.get("Content-Length", "")
            if self.headers.get_content_type() != _QUERY:
                self._answer(415, "text/plain", f"the content type must be {_QUERY}\n".encode())
            elif not (length.isascii() and length.isdigit()):
                self._answer(411, "text/plain", b"a Content-Length is needed\n")
            elif int(length[:9]) > MAX_REQUEST_BYTES or len(length) > 9:  # noqa: PLR2004 - digits, before int() reads on
                self._answer(413, "text/plain", f"a query has at most {MAX_REQUEST_BYTES} bytes\n".encode())
            else:
                query = self.rfile.read(int(length))
                self._answer(200, _REPLY, self.server.authority.respond(query, datetime.now(UTC)))

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: there is nothing to tell but addresses of clients."""

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
