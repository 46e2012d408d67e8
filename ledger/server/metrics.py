"""Figures for Prometheus; several workers share them through memory-mapped files (prometheus_client multiprocess).

No label holds anything that a client chose: routes are templates, kinds are those that the protocol knows.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.log import Log

__all__ = ["MEDIA_TYPE", "SHARED_FOLDER", "Metrics"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable by which prometheus_client finds the folder that the workers share; set before it loads."""

_ENTRIES_A_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one worker; :meth:`text` has those of all."""

    def __init__(self, log: Log, waiting: Callable[[], int]) -> None:
        self._log = log
        self._entries_waiting = waiting
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "seedproof_http_requests", "Requests answered", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "seedproof_http_seconds", "Seconds from header to answer", ["route"], buckets=_SECONDS, registry=registry
        )
        self._entries = Counter(
            "seedproof_entries", "Entries accepted, new or duplicate", ["kind", "outcome"], registry=registry
        )
        self._problems = Counter("seedproof_problems", "Problem documents sent", ["problem"], registry=registry)
        self._warnings = Counter(
            "seedproof_outside_warnings", "Lines about timestamps and cosignatures that failed", registry=registry
        )
        self._waiting = Gauge(
            "seedproof_entries_waiting", "Entries not yet logged", registry=registry, multiprocess_mode="livesum"
        )
        self._size = Gauge("seedproof_log_size", "Entries logged", registry=registry, multiprocess_mode="livemax")
        self._published = Gauge(
            "seedproof_published_size", "Entries published", registry=registry, multiprocess_mode="livemax"
        )
        self._batches = Histogram(
            "seedproof_batch_entries", "Entries of a batch", buckets=_ENTRIES_A_BATCH, registry=registry
        )
        self._faults = Counter("seedproof_publishing_faults", "Checkpoints not published in time", registry=registry)
        self._children: dict[tuple[str, str, int], Counter] = {}

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (route, method, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._requests.labels(route, method, str(status))
        child.inc()
        self._seconds.labels(route).observe(seconds)

    def count_entry(self, kind: str, *, duplicate: bool) -> None:
        """Count one accepted entry."""
        self._entries.labels(kind, "duplicate" if duplicate else "new").inc()

    def count_batch(self, entries: int) -> None:
        """Count one batch that was committed."""
        self._batches.observe(entries)

    def count_fault(self) -> None:
        """Count one failure to publish."""
        self._faults.inc()

    def count_problem(self, name: str) -> None:
        """Count one problem document."""
        self._problems.labels(name).inc()

    def count_warnings(self, number: int) -> None:
        """Count timestamps and cosignatures that were asked for and did not come."""
        self._warnings.inc(number)

    def text(self) -> bytes:
        """All figures in Prometheus' text format. Asks the database for the sizes.

        Raises:
            LedgerFault: it does not answer.
        """
        self._waiting.set(self._entries_waiting())
        self._published.set(self._log.published().size)
        self._size.set(self._log.head().size)
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)
