"""What the handlers of one worker share: the log, its pool, and the threads that wait for the database."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from ledger.server.doorkeeper import Doorkeeper, KeyRing
from ledger.server.metrics import Metrics
from ledger.server.proofs import Proofs
from ledger.server.tilecache import TileCache
from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from ledger.log import Log
    from ledger.pool import Pool
    from ledger.server.settings import Settings

__all__ = ["Service", "service_of"]

P = ParamSpec("P")
T = TypeVar("T")

_READERS = 4
"""Threads that read. Python runs one at a time; more would only queue for the database instead of here."""


class Service:
    """One worker's state. ``pool`` is set while the service runs and can write."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.metrics = Metrics(self)
        self.door = Doorkeeper(write_rate=settings.write_rate, read_rate=settings.read_rate)
        self.keys = KeyRing(log.api_keys)
        self.tiles = TileCache()
        self.proofs = Proofs(self)
        self._pool: Pool | None = None
        self._readers = ThreadPoolExecutor(_READERS, "reader")

    @property
    def pool(self) -> Pool:
        """Where entries go.

        Raises:
            LedgerFault: it is not running (yet, or any more).
        """
        if self._pool is None:
            raise LedgerFault("the service is starting or stopping")
        return self._pool

    @property
    def waiting(self) -> int:
        """Entries that are not logged yet."""
        return 0 if self._pool is None else self._pool.waiting

    def attach(self, pool: Pool | None) -> None:
        """Set or take away the pool."""
        self._pool = pool

    async def run(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call what may wait for disk or database in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: function(*args, **options))

    async def require_key(self, request: Request) -> None:
        """Where API keys are required: admit the request or raise the problem ``unauthorized``."""
        if not self.settings.require_api_key:
            return
        if self.keys.stale:
            await self.run(self.keys.refresh)
        self.keys.check(request.headers.get("authorization"))

    def close(self) -> None:
        """Let the threads end and close the log."""
        self._readers.shutdown(wait=True, cancel_futures=True)
        self.log.close()


def service_of(request: Request) -> Service:
    """The service that answers this request."""
    return cast("Service", request.scope["app"].service)
