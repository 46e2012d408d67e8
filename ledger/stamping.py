"""Having a log's published checkpoints stamped, again and again, by authorities that are not its operator's.

A :class:`Stamper` runs in a thread beside the server. At each round it takes the newest published checkpoint and asks
every authority that has not stamped it, all at the same time; what comes back is checked (``ledger.timestamping``) and
kept in the log, from where receipts take it. An authority that is down, slow or lying costs a line and its own stamp,
nothing else: it is asked again later, less and less often, and then for up to 16 checkpoints that others have stamped
meanwhile. Rounds are counted by a clock that cannot be set back; times in tokens are compared with the one that can.

Several processes may run a Stamper each over one log: a checkpoint and an authority are one row there, and whoever
finds the row does not ask.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

from ledger.timestamping import check_authority_url, fetch_token
from provenance.errors import LedgerFault
from provenance.timeevidence import stamped_text
from provenance.timestamp import says_development

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.log import Published, StampRow

__all__ = ["AuthorityState", "Stamped", "Stamper"]

_LONGEST_PAUSE = 600.0
"""Seconds after which an authority that keeps failing is asked again at the latest."""

_MISSED = 16
_SHORTEST_ROUND = 0.2


class Stamped(Protocol):
    """What a Stamper asks of a log (``ledger.log.Log``)."""

    def published(self) -> Published:
        """The newest tree that everybody can see."""

    def stamps(self, size: int) -> list[StampRow]:
        """The tokens over the checkpoint of this size."""

    def last_stamped(self, authority: str) -> int:
        """The largest size that this authority has stamped, 0 if none."""

    def add_stamp(self, size: int, note: bytes, authority: str, token: bytes) -> bool:
        """Keep a token; False when this authority's is there already."""


@dataclass
class AuthorityState:
    """How it goes with one authority: ``size`` is the newest checkpoint that it has stamped here, 0 if none yet."""

    url: str
    size: int = 0
    failures: int = 0
    error: str = ""
    again: float = 0.0
    missed: deque[int] = field(default_factory=lambda: deque(maxlen=_MISSED))
    told_development: bool = False


@dataclass(frozen=True)
class _Answer:
    state: AuthorityState
    size: int
    note: bytes
    token: bytes
    error: str


class Stamper:
    """Stamps a log's newest checkpoint every ``every`` seconds, where it has grown.

    Args:
        authorities: addresses, http:// or https://.
        anchors: roots (PEM) to one of which every token must chain; without any, a token needs only hold in itself.
        timeout: seconds that an authority has for one answer.
        tell: takes one line about what went wrong or came back; no personal data in it.
        clock: this machine's time, to compare with the authorities'.

    Raises:
        LedgerFault: something that is no address.
    """

    def __init__(
        self,
        log: Stamped,
        authorities: Sequence[str],
        *,
        every: float = 60.0,
        timeout: float = 10.0,
        anchors: Sequence[bytes] = (),
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        for url in authorities:
            check_authority_url(url)
        self._log = log
        self._every = max(every, _SHORTEST_ROUND)
        self._timeout = timeout
        self._anchors = tuple(anchors)
        self._tell = tell
        self._clock = clock
        self._states = [AuthorityState(url) for url in dict.fromkeys(authorities)]

    @property
    def authorities(self) -> tuple[AuthorityState, ...]:
        """The state of each authority, for a status page; not to be changed."""
        return tuple(self._states)

    def run(self, stop: threading.Event) -> None:
        """Stamp until ``stop`` is set; returns soon after, whatever the authorities do. For a thread of its own."""
        while not stop.is_set():
            try:
                self.stamp(stop)
            except LedgerFault as fault:  # the database is away; it may come back
                self._tell(f"stamping: {fault}")
            except Exception as fault:  # noqa: BLE001 - one bad round must not be the last one
                self._tell(f"stamping: {type(fault).__name__}: {fault}"[:500])
            stop.wait(self._every)

    def stamp(self, stop: threading.Event | None = None) -> int:
        """One round; returns how many new tokens the log has.

        Raises:
            LedgerFault: the log cannot be read or written. Authorities that fail raise nothing.
        """
        published = self._log.published()
        due = self._due(published)
        answers: SimpleQueue[_Answer] = SimpleQueue()
        for state, size, note in due:
            threading.Thread(target=self._ask, args=(state, size, note, answers), daemon=True).start()
        kept = 0
        for _ in due:
            answer = _next(answers, stop)
            if answer is None:
                break
            kept += self._take(answer)
        self._note_missed(published)
        return kept

    def _due(self, published: Published) -> list[tuple[AuthorityState, int, bytes]]:
        """Whom to ask for which checkpoint. All of one size are asked about the same text."""
        now, due = time.monotonic(), []
        for state in self._states:
            if not published.size or now < state.again:
                continue
            state.size = max(state.size, self._log.last_stamped(state.url))
            if state.size < published.size:
                due.append((state, published.size, published.note))
            elif state.missed:
                rows = self._log.stamps(state.missed[0])
                if rows and all(row.authority != state.url for row in rows):
                    due.append((state, state.missed[0], rows[0].note))
                else:
                    state.missed.popleft()
        return due

    def _ask(self, state: AuthorityState, size: int, note: bytes, answers: SimpleQueue[_Answer]) -> None:
        """In a thread of its own, which touches nothing but the queue."""
        token, error = b"", ""
        try:
            token = fetch_token(
                state.url, stamped_text(note), timeout=self._timeout, anchors=self._anchors, clock=self._clock
            )
        except LedgerFault as fault:
            error = str(fault)
        except BaseException as fault:  # noqa: BLE001 - a round must not wait for an answer that never comes
            error = f"timestamp authority {state.url}: {type(fault).__name__}: {fault}"[:500]
        answers.put(_Answer(state, size, note, token, error))

    def _take(self, answer: _Answer) -> bool:
        state = answer.state
        if answer.error:
            state.failures += 1
            state.error = answer.error
            pause = min(self._every * 2 ** min(state.failures - 1, 16), max(_LONGEST_PAUSE, self._every))
            state.again = time.monotonic() + pause
            self._tell(f"{answer.error}; asked again in {pause:.0f} seconds")
            return False
        if state.failures:
            self._tell(f"timestamp authority {state.url}: back after {state.failures} failures")
        state.failures, state.error, state.again = 0, "", 0.0
        if says_development(answer.token) and not state.told_development:
            state.told_development = True
            self._tell(f"timestamp authority {state.url}: for development, its tokens prove no time")
        state.size = max(state.size, answer.size)
        if answer.size in state.missed:
            state.missed.remove(answer.size)
        return self._log.add_stamp(answer.size, answer.note, state.url, answer.token)

    def _note_missed(self, published: Published) -> None:
        """What others have stamped and one could not: it catches up when it is back."""
        size = published.size
        if any(state.size >= size for state in self._states):
            for state in self._states:
                if state.failures and state.size < size and size not in state.missed:
                    state.missed.append(size)


def _next(answers: SimpleQueue[_Answer], stop: threading.Event | None) -> _Answer | None:
    """The next answer, or None once ``stop`` is set. Every thread answers, since its own time is bounded."""
    while True:
        try:
            return answers.get(timeout=0.1)
        except Empty:
            if stop is not None and stop.is_set():
                return None
