"""What lives as long as one worker: the pool that writes, the threads that have checkpoints stamped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Self

from ledger.cosigning import Cosigner
from ledger.pool import Pool
from ledger.server.journal import JOURNAL
from ledger.stamping import Stamper

if TYPE_CHECKING:
    from types import TracebackType

    from ledger.server.service import Service

__all__ = ["Lifespan"]

_PARENT_SECONDS = 1.0


class Lifespan:
    """``async with Lifespan(service)``: on leaving, what was accepted is logged and published, then the log is closed.

    With ``orphaned`` the process ends itself when its parent is gone: a worker must not go on without its supervisor.
    """

    def __init__(self, service: Service, *, orphaned: bool = False) -> None:
        self.service = service
        self._orphaned = orphaned
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        service, stack = self.service, self._stack
        stack.callback(service.close)
        if self._orphaned:
            self._begin(_follow_parent())
        if not service.settings.read_only:
            await self._begin_cosigning()
            pool = Pool(
                service.log,
                on_published=service.proofs.show,
                on_batch=service.metrics.count_batch,
                on_fault=self._note_fault,
            )
            await stack.enter_async_context(pool)
            service.attach(pool)
            stack.callback(service.attach, None)
            if service.settings.authorities:
                self._begin_stamping()
        JOURNAL.info("started", extra={"fields": {"origin": service.log.origin, "process": os.getpid()}})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        JOURNAL.info("stopped", extra={"fields": {"process": os.getpid()}})

    def _note_fault(self, error: Exception) -> None:
        self.service.metrics.count_fault()
        JOURNAL.warning("publishing", extra={"fields": {"detail": str(error), "error": type(error).__name__}})

    def _begin_stamping(self) -> None:
        service, stop = self.service, threading.Event()

        def tell(line: str) -> None:
            service.metrics.count_warnings(1)
            JOURNAL.warning("stamping", extra={"fields": {"detail": line}})

        settings = service.settings
        stamper = Stamper(
            service.log,
            settings.authorities,
            every=settings.stamp_every,
            anchors=settings.timestamp_roots,
            tell=tell,
        )
        thread = threading.Thread(target=stamper.run, args=(stop,), name="stamper", daemon=True)
        thread.start()
        self._stack.push_async_callback(asyncio.to_thread, thread.join)
        self._stack.callback(stop.set)

    async def _begin_cosigning(self) -> None:
        """Witnesses are asked what they have before anything is signed: a log that was set back does not start."""
        service, stop = self.service, threading.Event()
        if not service.settings.witnesses:
            return

        def tell(line: str) -> None:
            service.metrics.count_warnings(1)
            JOURNAL.warning("cosigning", extra={"fields": {"detail": line}})

        cosigner = Cosigner(service.log, [(at.url, at.key) for at in service.settings.witnesses], tell=tell)
        await asyncio.to_thread(cosigner.ask, required=service.settings.require_witness)
        thread = threading.Thread(target=cosigner.run, args=(stop,), name="cosigner", daemon=True)
        thread.start()
        self._stack.push_async_callback(asyncio.to_thread, thread.join)
        self._stack.callback(stop.set)

    def _begin(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._stack.callback(task.cancel)


async def _follow_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(_PARENT_SECONDS)
    JOURNAL.error("the supervising process is gone; stopping")
    signal.raise_signal(signal.SIGTERM)
