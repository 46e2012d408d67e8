"""Whether the log is well. Nobody is refused an answer, so many questions in a moment must cost the database one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.log import Log
    from ledger.server.threads import Threads

__all__ = ["FRESH_SECONDS", "Health"]

FRESH_SECONDS = 0.25
"""How old an answer may be, good or bad."""


class Health:
    """The newest answer. For one event loop."""

    def __init__(self, log: Log, threads: Threads) -> None:
        self._log = log
        self._threads = threads
        self._asking: asyncio.Task[int] | None = None
        self._until = 0.0

    async def check(self) -> int:
        """The published size, while the database answers and the head holds.

        Raises:
            LedgerFault: they do not.
        """
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() >= self._until):
            self._asking = loop.create_task(self._threads.run(self._ask))
            self._asking.add_done_callback(self._date)
        return await asyncio.shield(self._asking)

    def _ask(self) -> int:
        self._log.check_health()
        return self._log.published().size

    def _date(self, task: asyncio.Task[int]) -> None:
        self._until = task.get_loop().time() + FRESH_SECONDS
        if not task.cancelled():
            task.exception()  # those who asked may have gone
