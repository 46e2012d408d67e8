"""Threads for what may wait for disk or database, so that the event loop does not."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Threads"]

P = ParamSpec("P")
T = TypeVar("T")

_READERS = 4
"""Python runs one at a time; more would only queue for the database instead of here."""


_SEARCHERS = 2
"""Searches have threads of their own: anybody can ask for many slow ones, and receipts and tiles must not wait."""


class Threads:
    """A few threads that read, and fewer that search."""

    def __init__(self) -> None:
        self._readers = ThreadPoolExecutor(_READERS, "reader")
        self._searchers = ThreadPoolExecutor(_SEARCHERS, "searcher")

    async def run(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """What the function returns, called in one of the threads that read."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: function(*args, **options))

    async def search(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """The same in one of the threads that search."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._searchers, lambda: function(*args, **options))

    def close(self) -> None:
        """Let them end."""
        for pool in (self._readers, self._searchers):
            pool.shutdown(wait=True, cancel_futures=True)
