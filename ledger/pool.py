"""Group commit: many clients' entries become one transaction.

An entry waits at most ``max_wait`` seconds for others, or until ``max_batch`` are there; while one batch is being
committed the next one gathers. What is answered is durable. When the queue is full, callers are told to come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.log import Accepted, Log, Prepared, Published

__all__ = ["Busy", "Pool"]


class Busy(LedgerFault):  # noqa: N818 - a state of the service
    """Too many entries are waiting; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the ledger has too much to do; try again in a moment")
        self.retry_after = retry_after


class Pool:
    """Entries in, places in the log out. Lives in one event loop; use as ``async with Pool(log) as pool``."""

    def __init__(
        self,
        log: Log,
        *,
        max_batch: int = 512,
        max_wait: float = 0.005,
        max_queue: int = 4096,
        publish_every: float = 0.2,
        cosign: Callable[[Published], Sequence[bytes]] | None = None,
    ) -> None:
        raise NotImplementedError

    async def submit(self, prepared: Prepared) -> Accepted:
        """Log one entry.

        Raises:
            ConflictError, InvalidError: see ``Log.submit_batch``. Busy: the queue is full.
            LedgerFault: the database is away; it was not logged, or that is not known.
        """
        raise NotImplementedError

    async def published(self, index: int) -> Published:
        """Wait until the entry at ``index`` is in a published checkpoint."""
        raise NotImplementedError

    @property
    def waiting(self) -> int:
        """Entries that are not logged yet."""
        raise NotImplementedError

    async def __aenter__(self) -> Pool:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        """Log what waits, publish it, and stop."""
        raise NotImplementedError
