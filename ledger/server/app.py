"""The ASGI application: around every request admission, figures, journal and problem documents; and its lifespan."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Router

from ledger.server.journal import JOURNAL
from ledger.server.problems import Problem, problem_of, problem_response
from ledger.server.routes import methods_at, routes
from provenance.errors import LedgerFault, SeedproofError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

    from ledger.server.lifespan import Lifespan
    from ledger.server.service import Service

__all__ = ["App"]

_WRITES = frozenset(("POST", "PUT", "DELETE"))
_UNLIMITED = frozenset(("/health",))
_TELL_SECONDS = 1.0
_CORS = (b"access-control-allow-origin", b"*")
_SNIFF = (b"x-content-type-options", b"nosniff")


class App:
    """One worker's application. ``service`` is there between start-up and shutdown.

    ``fault`` is why it did not start, or did not end well.
    """

    def __init__(self, start: Callable[[], Lifespan]) -> None:
        self._start = start
        self._lifespan: Lifespan | None = None
        self.fault: SeedproofError | None = None
        self._told = -_TELL_SECONDS
        self._router = Router(routes(), redirect_slashes=False, default=_not_found)

    @property
    def service(self) -> Service:
        """What the handlers share."""
        if self._lifespan is None:
            raise LedgerFault("the service is starting or stopping")
        return self._lifespan.service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live and die with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await _Exchange(self, scope, receive, send).run(self._router)

    def tell_fault(self, error: Exception, route: str) -> None:
        """Write that the log failed into the journal, once a second at most: while it is away every request says so."""
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            JOURNAL.warning("log fault", extra={"fields": {"detail": str(error), "route": route}})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            lifespan = await asyncio.to_thread(self._start)
            async with lifespan:
                self._lifespan = lifespan
                await send({"type": "lifespan.startup.complete"})
                await receive()
            self._lifespan = None
        except SeedproofError as error:
            self.fault = error
            failed = "startup" if self._lifespan is None else "shutdown"
            await send({"type": f"lifespan.{failed}.failed", "message": ""})
            return
        await send({"type": "lifespan.shutdown.complete"})


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self._status = 0
        scope["app"] = app

    async def run(self, router: Router) -> None:
        started = time.perf_counter()
        try:
            self._admit()
            await router(self._scope, self._receive, self._answer)
        except ClientDisconnect:
            self._status = self._status or 499
        except Exception as error:  # noqa: BLE001 - the outermost frame: nobody is behind it
            await self._fail(error)
        self._count(time.perf_counter() - started)

    def _admit(self) -> None:
        if self._scope["path"] not in _UNLIMITED:
            client = self._scope.get("client")
            self._app.service.door.admit(client[0] if client else None, writes=self._scope["method"] in _WRITES)

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = [*message["headers"], _CORS, _SNIFF]
        await self._send(message)

    async def _fail(self, error: Exception) -> None:
        problem = _problem(error)
        if problem.name == "method":
            problem.headers["Allow"] = ", ".join(methods_at(self._scope))
        if problem.name == "internal":
            JOURNAL.error("defect", exc_info=error, extra={"fields": {"route": _route(self._scope)}})
        elif problem.name == "unavailable":
            self._app.tell_fault(error, _route(self._scope))
        if self._status:
            return  # the answer has begun; the connection is closed under it
        await problem_response(problem)(self._scope, self._receive, self._answer)
        service = self._app._lifespan and self._app.service  # noqa: SLF001 - one module
        if service:
            service.metrics.count_problem(problem.name)

    def _count(self, seconds: float) -> None:
        try:
            metrics = self._app.service.metrics
        except LedgerFault:
            return
        route = _route(self._scope)
        method = self._scope["method"] if self._scope["method"] in _METHODS else "other"
        metrics.count_request(route, method, self._status, seconds)
        JOURNAL.debug(
            "request",
            extra={"fields": {"route": route, "method": method, "status": self._status, "ms": round(seconds * 1e3, 1)}},
        )


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))


def _route(scope: Scope) -> str:
    """The template of the route that was taken: what the client wrote into the path is not repeated."""
    route = scope.get("route")
    return route.path if route is not None else "none"


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, SeedproofError):
        return problem_of(error)
    if isinstance(error, HTTPException):
        name = {404: "not-found", 405: "method"}.get(error.status_code, "bad-request")
        return Problem(name, "see /openapi.json for what there is")
    return Problem("internal", "the service has a defect; its operator finds it in the journal")


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI application
    raise Problem("not-found", "there is nothing at this path; see /openapi.json")
