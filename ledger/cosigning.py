"""Having a log's published checkpoints cosigned by witnesses: the log's side of C2SP tlog-witness.

A :class:`Cosigner` runs in a thread beside the server. At each round it shows the newest published checkpoint to every
witness that has not cosigned it, with a proof that it continues the one that the witness has; lines that come back are
checked and kept in the log, from where the published checkpoint and receipts take them. A witness that is down costs a
line of journal and its own cosignature, and is asked less and less often. Where the log does not grow, each is asked
every hour to state again that it has seen nothing newer: that is what shows a reader that the state is fresh.

A witness that has a larger tree than this log shows that the log was set back to an older state. :meth:`Cosigner.ask`
finds that out before anything is signed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ledger.transport import Transport
from ledger.witness import format_request
from provenance.checkpoint import open_checkpoint
from provenance.cosignature import take_cosignatures
from provenance.errors import InvalidError, LedgerFault, SeedproofError, UsageError
from provenance.notation import parse_size
from provenance.note import MAX_NOTE_BYTES, VerifierKey
from provenance.notekey import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Cosigned", "Cosigner", "Published", "check_witness"]

_LONGEST_PAUSE = 600.0
_SHORTEST_ROUND = 0.2
_RENEWED_SECONDS = 3_600.0
_OK, _NOT_FOUND, _CONFLICT = 200, 404, 409
_TRIES = 3


class Published(Protocol):
    """A checkpoint that everybody can see."""

    @property
    def size(self) -> int:
        """Number of leaves."""

    @property
    def note(self) -> bytes:
        """The whole signed note."""


class Cosigned(Protocol):
    """What a Cosigner asks of a log (``ledger.opened``)."""

    @property
    def origin(self) -> str:
        """The log's name."""

    @property
    def verifier_keys(self) -> tuple[str, ...]:
        """A line ``name+keyid+base64`` for each of its keys."""

    def published(self) -> Published:
        """The newest tree that everybody can see."""

    def consistency(self, old: int, size: int) -> list[bytes]:
        """The RFC 6962 consistency path between two of its sizes."""

    def cosigned(self) -> dict[str, int]:
        """Name of each witness -> the largest size that it has cosigned here."""

    def add_cosignature(self, size: int, line: bytes) -> bool:
        """Keep one signature line over the checkpoint of this size."""

    def check_seen(self, note: bytes, who: str) -> None:
        """Raise LedgerFault if ``note`` is a checkpoint of this log that its database does not have."""


@dataclass
class _Witness:
    """How it goes with one witness: ``size`` is what it is believed to have."""

    url: str
    keys: tuple[VerifierKey, ...]
    transport: Transport
    size: int = 0
    failures: int = 0
    again: float = 0.0
    renewal: float = 0.0


class Cosigner:
    """Shows a log's newest checkpoint to witnesses every ``every`` seconds, where it has grown.

    Args:
        witnesses: pairs of a submission prefix (http:// or https://) and a verifier key of type 04 or 06; a witness
            with several keys is named once for each.
        timeout: seconds that a witness has for one answer.
        tell: takes one line about what went wrong.

    Raises:
        UsageError: something that is no address, or no witness's key.
    """

    def __init__(
        self,
        log: Cosigned,
        witnesses: Sequence[tuple[str, str]],
        *,
        every: float = 1.0,
        timeout: float = 5.0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._log = log
        self._every = max(every, _SHORTEST_ROUND)
        self._tell = tell
        keys: dict[str, list[VerifierKey]] = {}
        for url, text in witnesses:
            keys.setdefault(url.rstrip("/"), []).append(_parse_key(url, text))
        self._witnesses = [
            _Witness(url, tuple(own), Transport(url, timeout=timeout, patience=0.0)) for url, own in keys.items()
        ]

    def ask(self, *, required: bool = False) -> None:
        """Ask every witness for the newest checkpoint that it has of this log; one that does not answer is told.

        Raises:
            LedgerFault: one has a checkpoint that this log has signed and does not know any more; or, where all are
                ``required``, one does not answer.
        """
        path = f"/{hashlib.sha256(self._log.origin.encode()).hexdigest()}/checkpoint"
        for witness in self._witnesses:
            try:
                answer = witness.transport.request("GET", path, limit=MAX_NOTE_BYTES)
            except LedgerFault as fault:
                if required:
                    raise LedgerFault(f"--require-witness: {fault}") from fault
                self._tell(
                    f"witness {witness.url}: does not answer, so it does not keep this log from going on from an older "
                    f"state than it has shown: {fault}"
                )
                continue
            if answer.status == _OK and self._is_own(answer.body):
                self._log.check_seen(answer.body, f"the witness {witness.url}")
            elif answer.status != _NOT_FOUND:
                text = f"witness {witness.url}: shows no checkpoint of this log (status {answer.status})"
                if required:
                    raise LedgerFault(f"--require-witness: {text}")
                self._tell(text)

    def run(self, stop: threading.Event) -> None:
        """Have checkpoints cosigned until ``stop`` is set. For a thread of its own."""
        while not stop.is_set():
            try:
                self.cosign()
            except LedgerFault as fault:  # the database is away; it may come back
                self._tell(f"cosigning: {fault}")
            stop.wait(self._every)

    def cosign(self) -> int:
        """One round; returns how many new cosignatures the log has.

        Raises:
            LedgerFault: the log cannot be read or written. Witnesses that fail raise nothing.
        """
        published = self._log.published()
        known = self._log.cosigned()
        due = [w for w in self._witnesses if self._is_due(w, known, published.size)]
        kept: list[int] = []
        faults: list[LedgerFault] = []
        threads = [threading.Thread(target=self._show, args=(w, published, kept, faults), daemon=True) for w in due]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # a request ends by its deadline
        if faults:
            raise faults[0]
        return sum(kept)

    def _is_own(self, note: bytes) -> bool:
        """Whether this log has signed it: what a witness makes up must not stop the log."""
        try:
            open_checkpoint(note, [VerifierKey.parse(text) for text in self._log.verifier_keys])
        except InvalidError:
            return False
        return True

    def _is_due(self, witness: _Witness, known: dict[str, int], size: int) -> bool:
        witness.size = max(witness.size, *(known.get(key.name, 0) for key in witness.keys))
        now = time.monotonic()
        due = size != known.get(witness.keys[0].name, 0) or now >= witness.renewal
        return size > 0 and due and now >= witness.again

    def _show(self, witness: _Witness, published: Published, kept: list[int], faults: list[LedgerFault]) -> None:
        try:
            lines = self._request(witness, published)
        except SeedproofError as error:
            witness.failures += 1
            pause = min(_LONGEST_PAUSE, self._every * 2 ** min(witness.failures, 20))
            witness.again = time.monotonic() + pause
            self._tell(f"witness {witness.url}: {error}; it is asked again in {pause:.0f} seconds")
            return
        witness.failures, witness.size = 0, published.size
        witness.renewal = time.monotonic() + _RENEWED_SECONDS
        try:
            kept.append(sum(self._log.add_cosignature(published.size, line) for line in lines))
        except LedgerFault as fault:
            faults.append(fault)

    def _request(self, witness: _Witness, published: Published) -> list[bytes]:
        """The witness's lines over this checkpoint.

        Raises:
            LedgerFault: no answer, or a refusal. InvalidError: lines that do not hold, or no line of its key.
        """
        for _ in range(_TRIES):
            old = witness.size if witness.size <= published.size else 0
            path = self._log.consistency(old, published.size) if 0 < old < published.size else []
            body = format_request(old, path, published.note)
            answer = witness.transport.request("POST", "/add-checkpoint", limit=MAX_NOTE_BYTES, body=body)
            if answer.status == _OK:
                return take_cosignatures(published.note, answer.body, witness.keys)
            if answer.status != _CONFLICT:
                raise LedgerFault(f"refused the checkpoint of {published.size} entries with status {answer.status}")
            witness.size = parse_size(answer.body.decode("ascii", "replace").removesuffix("\n"), "its size")
            if witness.size > published.size:
                raise LedgerFault(
                    f"has seen {witness.size} entries of this log, of which {published.size} are published here; if "
                    "that stays so, an older state of the log was put back"
                )
        raise LedgerFault("does not say which checkpoint it has")


def check_witness(url: str, key: str) -> None:
    """Refuse early what a Cosigner could not use.

    Raises:
        UsageError: no address, or no witness's key.
    """
    _parse_key(url, key)
    Transport(url)


def _parse_key(url: str, text: str) -> VerifierKey:
    try:
        key = VerifierKey.parse(text)
    except InvalidError as error:
        raise UsageError(f"the key of the witness {url}: {error}") from error
    if key.kind is KeyType.ED25519:
        raise UsageError(f"the key of the witness {url} is a log's (type 01); a witness's is of type 04 or 06")
    return key
