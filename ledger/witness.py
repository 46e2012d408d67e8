r"""A witness: it cosigns checkpoints that it has found to continue the last one that it cosigned (C2SP tlog-witness).

It keeps the last checkpoint of each log that it knows, in a SQLite file, and never cosigns two trees of one log that
contradict each other. A log asks with ``POST /add-checkpoint``::

    "old " size "\n"          of the checkpoint that the witness has of this log, 0 at first
    (base64 hash "\n") ...     at most 63: RFC 6962 consistency path from there
    "\n" checkpoint

=====  =============================================================================================================
200    the cosignature lines
400    malformed, or the old size is beyond the checkpoint's
403    not signed by a key that is known for this log
404    a log that the witness does not know
409    the old size is not the one that the witness has, which is the answer (``text/x.tlog.size``)
422    no tree of this size can have this root, or the proof does not hold
=====  =============================================================================================================

The new checkpoint is durable before a cosignature leaves the witness, and between the look at the old one and the write
of the new one nobody else writes. Times never go back, whatever the clock does.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance import merkle
from provenance.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, parse_size
from provenance.cosignature import add_cosignatures, cosign
from provenance.errors import ForgedError, InvalidError, LedgerFault, LimitError
from provenance.note import MAX_NOTE_BYTES, format_base64, format_note, parse_base64, split_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from provenance.note import NoteSigner, VerifierKey

__all__ = ["MAX_REQUEST_BYTES", "Reply", "Seen", "Witness", "check_growth", "format_request", "parse_request"]

MAX_PATH = 63
"""Longest consistency path; a tree has fewer than 2^63 leaves."""

MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 64 * 46
"""A checkpoint, 63 hashes, and the first line."""

_BUSY_SECONDS = 30
_APPLICATION_ID = 0x53455749  # "SEWI"
_TEXT, _SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


@dataclass(frozen=True)
class Reply:
    """What the witness answers."""

    status: int
    body: bytes
    media_type: str = _TEXT


@dataclass(frozen=True)
class Seen:
    """The last checkpoint of a log that was cosigned, with the cosignature; ``time`` is the newest that was stated."""

    size: int
    root: bytes
    note: bytes
    time: int


def format_request(old: int, path: Sequence[bytes], note: bytes) -> bytes:
    """The body of an add-checkpoint request."""
    lines = [f"old {old}", *map(format_base64, path)]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + note


def parse_request(body: bytes) -> tuple[int, list[bytes], bytes]:
    """Old size, consistency path and checkpoint of an add-checkpoint request; nothing is checked but the form.

    Raises:
        EncodingError, LimitError: it is none.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise LimitError(f"request: more than {MAX_REQUEST_BYTES} bytes")
    head, _, note = body.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if not lines[0].startswith("old ") or len(lines) - 1 > MAX_PATH:
        raise InvalidError(f"request: must begin with the old size and at most {MAX_PATH} hashes")
    old = parse_size(lines[0].removeprefix("old "), "request: old size")
    path = [parse_base64(line, "request: consistency path", size=merkle.HASH_SIZE) for line in lines[1:]]
    parse_checkpoint(note)
    return old, path, note


class Witness:
    """A witness with its memory at ``path``, made when it is missing. May be shared between threads and processes.

    Args:
        signers: its keys, of type 04 or 06; each adds its line.
        logs: origin -> the keys that this log may sign with. Others are refused.

    Raises:
        LedgerFault: the file is something else, damaged, or cannot be written. So may every method.
    """

    def __init__(
        self,
        path: Path,
        signers: Sequence[NoteSigner],
        logs: Mapping[str, Sequence[VerifierKey]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._signers = tuple(signers)
        self._logs = {origin: tuple(keys) for origin, keys in logs.items()}
        self._clock = clock
        self._lock = threading.Lock()
        with self._faults():
            self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                self._begin()

    @property
    def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """The public side of its keys."""
        return tuple(signer.verifier_key for signer in self._signers)

    def add_checkpoint(self, body: bytes) -> Reply:
        """Answer one add-checkpoint request."""
        try:
            old, path, note = parse_request(body)
            origin = parse_checkpoint(note).origin
        except InvalidError as error:
            return _refusal(400, error)
        keys = self._logs.get(origin)
        if keys is None:
            return _refusal(404, "this witness does not know that log")
        try:
            checkpoint = open_checkpoint(note, keys)
        except InvalidError as error:
            return _refusal(403, error)
        if old > checkpoint.size:
            return _refusal(400, "the old size is beyond the checkpoint")
        with self._lock, self._faults(), self._transaction():
            seen = self._seen(origin)
            if old != (0 if seen is None else seen.size):
                return Reply(409, f"{0 if seen is None else seen.size}\n".encode(), _SIZE)
            try:
                check_growth(seen, checkpoint, path)
            except InvalidError as error:
                return _refusal(422, error)
            lines = self._cosign(seen, checkpoint)
        return Reply(200, lines)

    def accept(self, checkpoint: Checkpoint, path: Sequence[bytes], seen: Seen | None) -> bytes:
        """Cosign a checkpoint that :func:`open_checkpoint` has opened, if it continues ``seen``, the last one.

        Raises:
            ForgedError: the path does not prove that. LedgerFault: somebody else has moved on from ``seen`` meanwhile.
        """
        with self._lock, self._faults(), self._transaction():
            if self._seen(checkpoint.origin) != seen:
                raise LedgerFault(f"{self.path}: another witness process was faster; try again")
            check_growth(seen, checkpoint, path)
            return self._cosign(seen, checkpoint)

    def seen(self, origin: str) -> Seen | None:
        """The last checkpoint of this log that was cosigned, if there is one."""
        with self._lock, self._faults():
            return self._seen(origin)

    def checkpoint_of(self, origin_hash: str) -> bytes | None:
        """The last cosigned checkpoint of the log whose origin has this SHA-256 in hex."""
        for origin in self._logs:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                seen = self.seen(origin)
                return None if seen is None else seen.note
        return None

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._database.close()

    def _cosign(self, seen: Seen | None, checkpoint: Checkpoint) -> bytes:
        stated = max(int(self._clock()), 1, 0 if seen is None else seen.time)
        lines = cosign(checkpoint.note, self._signers, stated)
        note = add_cosignatures(_signed_by(checkpoint), [line + b"\n" for line in lines[:-1].split(b"\n")])
        values = (checkpoint.origin, checkpoint.size, checkpoint.root, note, stated)
        self._database.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", values)
        return lines

    def _seen(self, origin: str) -> Seen | None:
        row = self._database.execute("SELECT size, root, note, time FROM seen WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else Seen(*row)

    def _begin(self) -> None:
        application = self._database.execute("PRAGMA application_id").fetchone()[0]
        if application == _APPLICATION_ID:
            return
        if application or self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise LedgerFault(f"{self.path}: is not a witness's memory; nothing was changed in it")
        self._database.execute(
            "CREATE TABLE seen (origin TEXT PRIMARY KEY, size INTEGER, root BLOB, note BLOB, time INTEGER)"
        )
        self._database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter for an error about text that is none
            raise LedgerFault(f"{self.path}: the witness's memory cannot be used: {error}") from error


def check_growth(seen: Seen | None, checkpoint: Checkpoint, path: Sequence[bytes]) -> None:
    """Check that a checkpoint continues the last one; from nothing every tree grows.

    Raises:
        ForgedError: it does not, or an empty tree has another root than RFC 6962 gives it.
    """
    if checkpoint.size == 0 and checkpoint.root != merkle.EMPTY_ROOT:
        raise ForgedError("an empty tree has another root")
    if seen is None or seen.size == 0:
        if path:
            raise ForgedError("every tree continues the empty one; that needs no proof")
        return
    merkle.check_consistency(seen.size, checkpoint.size, seen.root, checkpoint.root, path)


def _signed_by(checkpoint: Checkpoint) -> bytes:
    """The checkpoint with those lines alone that the witness has checked."""
    text, signatures = split_note(checkpoint.note)
    known = [(key.name, key.key_id) for key in checkpoint.signed_by]
    return format_note(text, [line for line in signatures if (line.name, line.key_id) in known])


def _refusal(status: int, reason: object) -> Reply:
    return Reply(status, f"{reason}\n".encode())
