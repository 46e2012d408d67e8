"""HTTP for a client that trusts no server: every answer is bounded in bytes and in seconds, no redirect is followed.

One connection is kept open and used again. What fails on the way, and what the server asks to be tried again later
(429 and 503 with Retry-After), is tried again while the caller's patience lasts: everything that a log is asked can be
asked twice, since entries, tiles and blobs are told apart by what they are.
"""

from __future__ import annotations

import http.client
import io
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provenance.errors import LedgerFault, UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

__all__ = ["Answer", "Transport"]

_TRIES = 3
_LONGEST_PAUSE = 10.0
_DEFAULT_PAUSE = 0.2
_AGAIN = (429, 503)


@dataclass(frozen=True)
class Answer:
    """What a server said: status 100 to 599, the media type without parameters, and a body within the limit."""

    status: int
    media_type: str
    body: bytes
    retry_after: float | None = None


class _Failed(Exception):  # noqa: N818 - never leaves this module
    """The connection broke or was too slow; another try may help."""


class _HungUp(_Failed):
    """The other side closed the connection."""


class Transport:
    """Requests below one base address. May be shared between threads, which then wait for each other.

    Args:
        base: ``http://host[:port][/prefix]`` or ``https://...``; certificates are always verified.
        timeout: seconds for one request with its whole answer.
        patience: seconds in which a request is tried again while the server is busy.
    """

    def __init__(self, base: str, *, timeout: float = 30.0, patience: float = 30.0) -> None:
        self._https, self._host, self._port, self._prefix = _split(base)
        self._base = base.rstrip("/")
        self._timeout = timeout
        self._patience = patience
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._deadline = 0.0

    @property
    def base(self) -> str:
        """The address, without a slash at its end."""
        return self._base

    def request(
        self, method: str, path: str, *, limit: int, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for ``path``, which begins with a slash; the answer has at most ``limit`` bytes.

        Raises:
            LedgerFault: no answer, a longer or slower one, a redirect, or one that is no HTTP.
        """
        end = time.monotonic() + self._patience
        tries = 0
        while True:
            tries += 1
            try:
                answer = self._once(method, path, limit, body, headers or {})
            except _Failed as failed:
                if tries >= _TRIES or time.monotonic() > end:
                    raise LedgerFault(f"ledger {self._base}: {failed}") from failed
                time.sleep(_DEFAULT_PAUSE * tries)
                continue
            pause = answer.retry_after
            if answer.status not in _AGAIN or pause is None or time.monotonic() + pause > end:
                return answer
            time.sleep(pause)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _once(self, method: str, path: str, limit: int, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        with self._lock:
            kept = self._connection is not None
            self._deadline = time.monotonic() + self._timeout
            try:
                try:
                    return self._exchange(method, path, limit, body, headers)
                except _HungUp:
                    self._drop()
                    if not kept:
                        raise
                    return self._exchange(method, path, limit, body, headers)  # it had only closed what was kept open
            except BaseException:
                self._drop()
                raise

    def _exchange(self, method: str, path: str, limit: int, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = self._connect()
        try:
            connection.request(
                method, self._prefix + path, body=body, headers={"Accept-Encoding": "identity", **headers}
            )
            response = connection.getresponse()
            data = self._read(response, limit)
        except TimeoutError as error:
            raise _Failed(f"no whole answer within {self._timeout:g} seconds") from error
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            raise _HungUp("hung up without a whole answer") from error
        except ssl.SSLError as error:
            raise LedgerFault(f"ledger {self._base}: no secure connection: {error.reason or error}") from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise LedgerFault(f"ledger {self._base}: no proper HTTP answer: {_short(error)}") from error
        if response.will_close:
            self._drop()
        if 300 <= response.status < 400:  # noqa: PLR2004 - the redirects
            raise LedgerFault(f"ledger {self._base}: redirects elsewhere, which is not followed; give its own address")
        return Answer(response.status, response.headers.get_content_type(), data, _retry_after(response))

    def _read(self, response: http.client.HTTPResponse, limit: int) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise LedgerFault(f"ledger {self._base}: answered compressed, which was not asked for")
        data = b"" if (response.length or 0) > limit else response.read(limit + 1)
        if len(data) > limit or (response.length or 0) > limit:
            raise LedgerFault(f"ledger {self._base}: answered with more than {limit} bytes; nothing of it was used")
        if response.length:  # a Content-Length that the body does not reach
            raise _Failed("the answer was cut off")
        return data

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
            connection = kind(self._host, self._port, timeout=max(0.001, self._deadline - time.monotonic()))
            connection.response_class = self._response  # type: ignore[assignment]
            try:
                connection.connect()
            except ssl.SSLError as error:
                raise LedgerFault(f"ledger {self._base}: no secure connection: {error.reason or error}") from error
            except TimeoutError as error:
                raise _Failed(f"no connection within {self._timeout:g} seconds") from error
            except (OSError, ValueError) as error:
                raise LedgerFault(f"ledger {self._base}: cannot be reached: {_short(error)}") from error
            self._connection = connection
        self._connection.sock.settimeout(max(0.001, self._deadline - time.monotonic()))
        return self._connection

    def _response(self, sock: socket.socket, *args: Any, **more: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Timed(sock, self._deadline), *args, **more)  # type: ignore[arg-type]

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Timed:
    """A socket as HTTPResponse wants it, each of whose reads ends by one deadline: a slow drip gains nothing."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        """The one thing that is asked of it."""
        return io.BufferedReader(_TimedReader(self._sock, self._deadline, mode))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float, mode: str) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile(mode, buffering=0)  # type: ignore[call-overload]
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _split(base: str) -> tuple[bool, str, int, str]:
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{base[:100]!r} is no address of a ledger: {error}") from error
    plain = base.isascii() and base.isprintable() and " " not in base
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise UsageError(f"{base[:100]!r} is no address of a ledger; it must look like https://ledger.example")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError("the address of a ledger has no user name, password, question mark or hash sign in it")
    https = parts.scheme == "https"
    return https, parts.hostname, port or (443 if https else 80), parts.path.rstrip("/")


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    """Seconds to wait; the form with a date is not read. Within bounds, whatever the server says."""
    text = response.headers.get("Retry-After")
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return min(max(float(text[:6]), _DEFAULT_PAUSE), _LONGEST_PAUSE)


def _short(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).split("\n", 1)[0][:200]
