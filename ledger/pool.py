"""Group commit: many clients' entries become one transaction.

An entry waits at most ``max_wait`` seconds for others, or until ``max_batch`` are there; while one batch is being
committed the next one gathers. What is answered is durable. When the queue is full, callers are told to come back.

A second task publishes what was logged, at most once every ``publish_every`` seconds. Where the database or the tile
store is away, callers get a LedgerFault and publishing is tried again; the pool works on once they are back.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

from provenance.errors import InvalidError, LedgerFault, SeedproofError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from ledger.log import Accepted, Log, Prepared, Published

    Waiting = tuple[Prepared, asyncio.Future[Accepted]]

__all__ = ["Busy", "Pool"]

_RETRY_PUBLISHING = 1.0
_LOOK_AROUND = 1.0  # other processes log too, and witnesses sign later


class Busy(LedgerFault):
    """Too many entries are waiting; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the ledger has too much to do; try again in a moment")
        self.retry_after = retry_after


class Pool:
    """Entries in, places in the log out. Lives in one event loop; use as ``async with Pool(log) as pool``.

    ``on_published`` is called in the event loop with each checkpoint that becomes visible, ``on_fault`` with each
    failure to publish, ``on_batch`` with the number of entries of each batch that was committed.
    """

    def __init__(
        self,
        log: Log,
        *,
        max_batch: int = 512,
        max_wait: float = 0.005,
        max_queue: int = 4096,
        publish_every: float = 0.2,
        cosign: Callable[[Published], Sequence[bytes]] | None = None,
        on_published: Callable[[Published], None] | None = None,
        on_fault: Callable[[Exception], None] | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self._log = log
        self._max_batch, self._max_wait, self._max_queue = max_batch, max_wait, max_queue
        self._publish_every, self._cosign = publish_every, cosign
        self._on_published, self._on_fault, self._on_batch = on_published, on_fault, on_batch
        self._queue: list[Waiting] = []
        self._closing = False
        self._come, self._enough = asyncio.Event(), asyncio.Event()
        self._changed, self._stopping, self._shown = asyncio.Event(), asyncio.Event(), asyncio.Condition()
        self._published: Published | None = None
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="ledger")
        self._tasks: list[asyncio.Task[None]] = []

    async def submit(self, prepared: Prepared) -> Accepted:
        """Log one entry.

        Raises:
            ConflictError, InvalidError: see ``Log.submit_batch``. Busy: the queue is full.
            LedgerFault: the database is away, or the pool is closing; it was not logged, or that is not known.
        """
        if self._closing:
            raise LedgerFault("the ledger is closing; nothing was logged")
        if len(self._queue) >= self._max_queue:
            raise Busy(1.0)
        future: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._queue.append((prepared, future))
        self._come.set()
        if len(self._queue) >= self._max_batch:
            self._enough.set()
        return await future

    async def published(self, index: int) -> Published:
        """Wait until the entry at ``index`` is in a published checkpoint, and return that."""
        async with self._shown:
            await self._shown.wait_for(lambda: self._published is not None and self._published.size > index)
        if self._published is None:
            raise LedgerFault("the ledger has published nothing yet")
        return self._published

    @property
    def waiting(self) -> int:
        """Entries that wait for their batch."""
        return len(self._queue)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._commit_all()), asyncio.create_task(self._publish_all())]
        self._changed.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Log what waits, publish it, and stop."""
        self._closing = True
        self._come.set()
        self._enough.set()
        await self._tasks[0]
        self._stopping.set()
        self._changed.set()
        await self._tasks[1]
        await self._publish()
        self._threads.shutdown(wait=True)

    async def _commit_all(self) -> None:
        while True:
            await self._come.wait()
            if self._queue and not self._closing and len(self._queue) < self._max_batch:
                await _within(self._enough.wait(), self._max_wait)
            batch, self._queue = self._queue[: self._max_batch], self._queue[self._max_batch :]
            if len(self._queue) < self._max_batch and not self._closing:
                self._enough.clear()
            if batch:
                await self._commit(batch)
            if not self._queue:
                if self._closing:
                    return
                self._come.clear()

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        loop = asyncio.get_running_loop()
        try:
            outcomes = await loop.run_in_executor(self._threads, self._log.submit_batch, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            fault = error if isinstance(error, SeedproofError) else LedgerFault(f"the ledger failed: {error}")
            for _, future in batch:
                if not future.done():
                    future.set_exception(fault)
            return
        if self._on_batch:
            self._on_batch(len(batch))
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():  # its caller has gone away; the entry is logged all the same
                continue
            if isinstance(outcome, InvalidError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._changed.set()

    async def _publish_all(self) -> None:
        while not self._stopping.is_set():
            await _within(self._changed.wait(), _LOOK_AROUND)
            self._changed.clear()
            if not self._stopping.is_set():
                await _within(self._stopping.wait(), await self._publish())

    async def _publish(self) -> float:
        """Publish once; how long to wait before the next time."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._show(await loop.run_in_executor(self._threads, self._log.publish, self._cosign))
        except Exception as error:  # noqa: BLE001 - publishing goes on as soon as it can
            if self._on_fault:
                self._on_fault(error)
            self._changed.set()
            return _RETRY_PUBLISHING
        return max(0.0, self._publish_every - (loop.time() - started))

    async def _show(self, published: Published) -> None:
        if self._published is not None and published.size < self._published.size:
            return  # another process was faster, and this one's answer is older than what is shown already
        news = self._published is None or published != self._published
        self._published = published
        async with self._shown:
            self._shown.notify_all()
        if news and self._on_published:
            self._on_published(published)


async def _within(waiting: Coroutine[Any, Any, object], seconds: float) -> None:
    """Wait for it, but not longer."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(waiting, seconds)
