"""What the handlers of one worker share: the log, its pool, and the threads that wait for the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ledger.server.doorkeeper import Doorkeeper, KeyRing
from ledger.server.health import Health
from ledger.server.metrics import Metrics
from ledger.server.proofs import Proofs
from ledger.server.threads import Threads
from ledger.server.tilecache import TileCache
from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from starlette.requests import Request

    from ledger.log import Log
    from ledger.pool import Pool
    from ledger.server.settings import Settings

__all__ = ["Service", "service_of"]


class Service:
    """One worker's state. ``pool`` is set while the service runs and can write."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.metrics = Metrics(log, lambda: self.waiting)
        self.door = Doorkeeper(write_rate=settings.write_rate, read_rate=settings.read_rate)
        self.keys = KeyRing(log.api_keys)
        self.tiles = TileCache()
        threads = Threads()
        self.proofs = Proofs(log, self.tiles, threads)
        self.health = Health(log, threads)
        self.run = threads.run
        self.search = threads.search
        self._pool: Pool | None = None
        self._threads = threads

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

    async def require_key(self, request: Request) -> None:
        """Where API keys are required: admit the request or raise the problem ``unauthorized``."""
        if not self.settings.require_api_key:
            return
        if self.keys.stale:
            await self.run(self.keys.refresh)
        self.keys.check(request.headers.get("authorization"))

    def close(self) -> None:
        """Let the threads end and close the log."""
        self._threads.close()
        self.log.close()


def service_of(request: Request) -> Service:
    """The service that answers this request."""
    return cast("Service", request.scope["app"].service)
