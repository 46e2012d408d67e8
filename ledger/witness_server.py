"""A witness over HTTP (C2SP tlog-witness), on the same bounded connections as the log's service.

::

    POST /add-checkpoint                     see ledger.witness
    GET  /<SHA-256 of the origin>/checkpoint     the last checkpoint that was cosigned, with the cosignatures
    GET  /vkey                               the witness's verifier keys, one a line

There are no accounts: a checkpoint's own signature says whether it is worth an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from typing import TYPE_CHECKING

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ledger.server.connection import BoundedConnection
from ledger.server.problems import Problem, problem_response
from ledger.server.settings import IDLE_SECONDS, STOP_SECONDS, Patience
from ledger.witness import MAX_REQUEST_BYTES, Reply
from provenance.errors import LedgerFault

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from starlette.types import Receive, Scope, Send

    from ledger.witness import Witness

__all__ = ["WitnessApp", "config_of", "serve_witness"]

_MOST_CONNECTIONS = 256
_PARTS = 2


class WitnessApp:
    """The ASGI application around one witness."""

    def __init__(self, witness: Witness, tell: Callable[[str], None] = lambda _: None) -> None:
        self._witness = witness
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        except Problem as problem:
            response = problem_response(problem)
        except LedgerFault as fault:
            self._tell(str(fault))
            response = problem_response(Problem("unavailable", "the witness cannot answer now", retry_after=1))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path.strip("/").split("/")
        if path == ["add-checkpoint"]:
            if request.method != "POST":
                raise Problem("method", "add-checkpoint is for POST", headers={"Allow": "POST"})
            return _response(await asyncio.to_thread(self._witness.add_checkpoint, await _read(request)))
        if request.method not in ("GET", "HEAD"):
            raise Problem("method", "this is for reading", headers={"Allow": "GET, HEAD"})
        if path == ["vkey"]:
            keys = "".join(f"{key.format()}\n" for key in self._witness.verifier_keys)
            return _response(Reply(200, keys.encode()))
        note = None
        if len(path) == _PARTS and path[1] == "checkpoint":
            note = await asyncio.to_thread(self._witness.checkpoint_of, path[0])
        if note is None:
            raise Problem("not-found", "this witness has no such checkpoint")
        return _response(Reply(200, note))


def serve_witness(
    app: WitnessApp, listener: socket.socket, ready: Callable[[], None], ended: threading.Event | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, or until ``ended`` is set. ``ready`` is called when requests are answered."""
    _Server(config_of(app), ready, ended or threading.Event()).run([listener])


def config_of(app: WitnessApp) -> uvicorn.Config:
    """How it is served: bounded connections, no lifespan."""
    return uvicorn.Config(
        app,
        http=functools.partial(BoundedConnection, patience=Patience()),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


class _Server(uvicorn.Server):
    """Says when it is ready, and ends without an error when it is told to end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ended: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._ended = ended

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._ended.is_set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()


async def _read(request: Request) -> bytes:
    """The body, bounded in bytes and time."""
    data = b""
    try:
        async with asyncio.timeout(Patience().body):
            async for chunk in request.stream():
                data += chunk
                if len(data) > MAX_REQUEST_BYTES:
                    raise Problem("too-large", f"a request has at most {MAX_REQUEST_BYTES} bytes")
    except TimeoutError:
        raise Problem("timeout", "the body did not arrive in time", headers={"Connection": "close"}) from None
    return data


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, {"Cache-Control": "no-cache", "Content-Type": reply.media_type})
