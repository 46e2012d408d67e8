"""What a notary remembers over restarts: how far it has read, what it waits for, what it has signed and not yet logged.

One JSON file for each key and log, written whole and atomically; a lock beside it keeps a second process out::

    {"kind":"notary-state","v":1,"key":hex32,"log":str,"next":int,
     "waiting":[{"claim":hex32,"author":hex32 or "","tries":int,"again":int},...],"signed":[<canonical entry>,...]}

``signed`` is what makes "never twice" hold over a crash: an attestation stands here before it is sent, and what is sent
again is the same bytes. Losing the file loses time, and no more: the log takes one attestation of a notary for a claim.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from provenance.encoding import Fields, Json, canonical, parse_hex, parse_json
from provenance.errors import EnvironmentFault, InvalidError, UsageError
from provenance.files import read_bounded, write_atomic

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["MAX_WAITING", "NotaryState", "StateFile", "Waiting"]

MAX_WAITING = 10_000
"""Claims whose recipe or latent was not there yet; of more, some are given up (``generator.notary_queue``)."""

_MAX_SIGNED = 64
_MAX_ENTRY = 65_535
_LIMIT = 2**23


@dataclass(frozen=True)
class Waiting:
    """A claim to look at again at ``again`` (seconds since 1970), after ``tries`` attempts; ``author`` is its first."""

    claim: bytes
    tries: int
    again: int
    author: bytes = b""


@dataclass
class NotaryState:
    """``after``: index of the newest claim that was looked at, -1 at first; ``waiting`` by claim id, in order."""

    after: int = -1
    waiting: dict[bytes, Waiting] = field(default_factory=dict)
    signed: list[str] = field(default_factory=list)


class StateFile:
    """The state of one notary for one log, locked while it is open; use as ``with StateFile(...) as file``."""

    def __init__(self, path: Path, *, key: bytes, log: str) -> None:
        self._path = path
        self._key = key
        self._log = log
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Lock it.

        Raises:
            UsageError: another process has it. EnvironmentFault: the folder cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._path.with_name(self._path.name + ".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._close()
            raise UsageError(f"another notary runs with {self._path}; one is enough for a key and a log") from error
        except OSError as error:
            self._close()
            raise EnvironmentFault(f"{self._path}: cannot be locked: {error.strerror or error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def load(self) -> NotaryState:
        """What was saved last; a fresh state when there is none.

        Raises:
            UsageError: the file is damaged, or belongs to another key or log.
        """
        if not self._path.exists():
            return NotaryState()
        try:
            return self._parse(read_bounded(self._path, "notary state", limit=_LIMIT))
        except InvalidError as error:
            raise UsageError(f"{error}; delete {self._path} to read the log again from its beginning") from error

    def save(self, state: NotaryState) -> None:
        """Replace what was saved.

        Raises:
            OutputError: it cannot be written; then nothing should be submitted.
        """
        waiting: list[Json] = [
            {"claim": item.claim.hex(), "author": item.author.hex(), "tries": item.tries, "again": item.again}
            for item in state.waiting.values()
        ]
        value: dict[str, Json] = {
            "kind": "notary-state",
            "v": 1,
            "key": self._key.hex(),
            "log": self._log,
            "next": state.after + 1,
            "waiting": waiting,
            "signed": [*state.signed],
        }
        write_atomic(self._path, canonical(value), mode=0o600)

    def _parse(self, data: bytes) -> NotaryState:
        with Fields(parse_json(data, "notary state", limit=_LIMIT), "notary state") as fields:
            fields.version("notary-state")
            key, log = fields.binary("key", size=32), fields.text("log", limit=1_000)
            if (key, log) != (self._key, self._log):
                raise UsageError(f"{self._path} is the state of another key or log; name another file with --state")
            after = fields.integer("next") - 1
            waiting = fields.array("waiting", _read_waiting, limit=MAX_WAITING)
            signed = fields.array("signed", _read_signed, limit=_MAX_SIGNED)
            return NotaryState(after, {item.claim: item for item in waiting}, list(signed))

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _read_waiting(value: object, where: str) -> Waiting:
    if isinstance(value, dict):  # earlier programs wrote no author
        value = {"author": "", **value}
    with Fields(value, where) as fields:
        return Waiting(
            fields.binary("claim", size=32),
            fields.integer("tries", high=1_000),
            fields.integer("again"),
            parse_hex(fields.take("author"), f"{where}: author", limit=32),
        )


def _read_signed(value: object, where: str) -> str:
    if not isinstance(value, str) or len(value) > _MAX_ENTRY:
        raise InvalidError(f"{where}: no entry")
    return value
