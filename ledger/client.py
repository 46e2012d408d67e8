"""A log over HTTP, behind the port ``provenance.ports.Ledger``.

Nothing that the service answers is believed: its checkpoints must be signed by the keys that are known for its address
(:mod:`ledger.pins`) and continue what was seen before (:mod:`ledger.shown`), what it says about an entry must be proved
by the tiles below such a checkpoint, receipts are checked whole. A service can still be silent about an entry, or show
to one who never saw a newer one an older state; monitors and witnesses find that.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ledger import wire
from ledger.pins import keys_at
from ledger.refusal import raise_for
from ledger.remoteblobs import RemoteBlobs
from ledger.shown import Shown
from ledger.tiled import TiledLog
from ledger.transport import Transport
from provenance.entry import ATTESTATION, parse_any
from provenance.errors import ForgedError, InvalidError, LedgerFault
from provenance.ports import LoggedEntry
from provenance.receipt import MAX_RECEIPT_BYTES, check_receipt, parse_receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provenance.checkpoint import Checkpoint
    from provenance.entry import AnyEntry
    from provenance.note import VerifierKey
    from provenance.ports import About, Vouched
    from provenance.receipt import Receipt

__all__ = ["MAX_RESULTS", "RemoteLedger", "open_ledger"]

MAX_RESULTS = 1_000
"""Most entries that one search returns, as with every ledger."""

_PUBLISHED_SECONDS = 30.0
_POLL = 0.05
_KEPT_ENTRIES = 1_024
_NOT_FOUND = (404, 410)


def open_ledger(location: str, *, create: bool = False) -> RemoteLedger:  # noqa: ARG001 - nobody makes a service by naming it
    """The log of the service at an address ``http://...`` or ``https://...``.

    Raises:
        UsageError: no address of a service. LedgerFault: it cannot be reached, or is not the log that it was.
    """
    transport = Transport(location)
    try:
        return RemoteLedger(transport, keys_at(transport))
    except BaseException:
        transport.close()
        raise


class RemoteLedger(RemoteBlobs):
    """A service's log, whose checkpoints must be signed by one of ``keys``; see ``provenance.ports.Ledger``."""

    def __init__(self, transport: Transport, keys: Sequence[VerifierKey]) -> None:
        super().__init__(transport)
        self._tiled = TiledLog(transport, keys, lambda: keys_at(transport))
        self._shown = Shown(self._tiled)
        self._entries: OrderedDict[int, bytes] = OrderedDict()

    @property
    def verifier_key(self) -> str:
        """That of the known keys which signs its checkpoints at present."""
        with self._answers():
            return self._shown.newest().signed_by[0].format()

    @property
    def verifier_keys(self) -> tuple[str, ...]:
        """The keys that are known for this address."""
        return tuple(key.format() for key in self._tiled.keys)

    @property
    def tiled(self) -> TiledLog:
        """The log as its tiles show it."""
        return self._tiled

    def head(self) -> Checkpoint:
        """The newest checkpoint, asked for now."""
        with self._answers():
            return self._shown.refresh()

    @property
    def size(self) -> int:
        """Leaves of the tree in which its answers were looked up."""
        with self._answers():
            return self._shown.newest().size

    def vouched(self) -> Sequence[Vouched]:
        """Checkpoints that others have signed lately, each proved to be continued by what is shown."""
        with self._answers():
            return self._shown.vouched()

    def submit(self, entry: bytes) -> LoggedEntry:
        """Log an entry, or find the one with its id that was logged first. It is durable when this returns."""
        parsed = parse_any(entry)
        path = "/v1/claims" if parsed.kind == "claim" else "/v1/follow-ups"
        answer = self._transport.request(
            "POST",
            path,
            limit=wire.MAX_ANSWER_BYTES,
            body=entry,
            headers={"Content-Type": "application/json", **self.authorization()},
        )
        raise_for(answer, self.location, "submission", sent=True)
        with self._answers():
            made = wire.read_submission(answer.body)
            if made.id != parsed.id:
                raise ForgedError("answered about another entry than was submitted")
        if not made.duplicate:
            self._keep(made.index, entry)
            return LoggedEntry(made.index, entry)
        logged = self.find(parsed.id)
        if logged is None or logged.index != made.index:
            raise LedgerFault(f"ledger {self.location}: says that the entry was logged before, and does not show it")
        return logged

    def receipt(self, index: int) -> bytes:
        """A receipt for the leaf at ``index``, checked; waits until it is in a published checkpoint."""
        if index in self._entries:  # it is there, and about to be published
            with self._answers():
                self._covering(index)
        answer = self._transport.request("GET", f"/v1/receipts/{index}", limit=MAX_RECEIPT_BYTES)
        raise_for(answer, self.location, f"receipt {index}")
        with self._answers():
            receipt = parse_receipt(answer.body)
            entry = self._entries.get(index)
            if entry is None:
                entry = self._tiled.entry(index, self._covering(index))
            if receipt.index != index or not self._is_own(receipt, entry):
                raise ForgedError(f"the receipt for entry {index} is about another entry, or another log's")
        return answer.body

    def find(self, entry_id: bytes) -> LoggedEntry | None:
        """The entry of any kind with this id, proved to be in the log; None says only that the service shows none."""
        answer = self._transport.request("GET", f"/v1/entries/{entry_id.hex()}", limit=wire.MAX_ENTRY_ANSWER_BYTES)
        if answer.status in _NOT_FOUND:
            return None
        raise_for(answer, self.location, "entry")
        with self._answers():
            logged, parsed = wire.read_entry(answer.body)
            if parsed.id != entry_id:
                raise ForgedError("answered with another entry than was asked for")
            return self._proved(logged)

    def search(
        self,
        *,
        commitment: bytes | None = None,
        pixels: bytes | None = None,
        latent: bytes | None = None,
        author: bytes | None = None,
        after: int = -1,
    ) -> Sequence[LoggedEntry]:
        """Claims that match every given criterion, each proved to be in the log."""
        wanted = {"commitment": commitment, "pixels": pixels, "latent": latent, "author": author}
        given = {name: value for name, value in wanted.items() if value is not None}
        asked = {name: value.hex() for name, value in given.items()}
        return self._pages("/v1/claims", asked, after, lambda entry: _matches(entry, given))

    def follow_ups(
        self, subject: bytes, *, kind: About | None = None, notary: bytes | None = None, after: int = -1
    ) -> Sequence[LoggedEntry]:
        """Entries about a claim or a key, each proved to be in the log."""
        asked = {"subject": subject.hex()}
        if kind is not None:
            asked["kind"] = kind
        if notary is not None:
            asked["notary"] = notary.hex()
        return self._pages("/v1/follow-ups", asked, after, lambda entry: _is_about(entry, subject, kind, notary))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    # --- what every answer goes through -----------------------------------------------------------------------------

    def _is_own(self, receipt: Receipt, entry: bytes) -> bool:
        try:
            return check_receipt(receipt, entry, self._tiled.keys).known
        except ForgedError:  # the log may have changed its keys since they were learned
            if not self._tiled.learn():
                raise
            return check_receipt(receipt, entry, self._tiled.keys).known

    def _pages(
        self, path: str, query: dict[str, str], after: int, matches: Callable[[AnyEntry], bool]
    ) -> list[LoggedEntry]:
        found: list[LoggedEntry] = []
        while len(found) < MAX_RESULTS:
            asked = urlencode({**query, "after": after, "limit": wire.PAGE})
            answer = self._transport.request("GET", f"{path}?{asked}", limit=wire.MAX_PAGE_BYTES)
            raise_for(answer, self.location, "search")
            with self._answers():
                page = wire.read_page(answer.body, after)
                if not all(parsed is None or matches(parsed) for _, parsed in page):
                    raise ForgedError("answered a search with an entry that does not match")
                found += [self._proved(logged) for logged, _ in page]
            if not page:
                break
            after = page[-1][0].index
        return found[:MAX_RESULTS]

    def _proved(self, logged: LoggedEntry) -> LoggedEntry:
        if self._entries.get(logged.index) != logged.entry:
            self._tiled.prove(logged.entry, logged.index, self._covering(logged.index))
            self._keep(logged.index, logged.entry)
        return logged

    def _keep(self, index: int, entry: bytes) -> None:
        self._entries[index] = entry
        if len(self._entries) > _KEPT_ENTRIES:
            self._entries.popitem(last=False)

    def _covering(self, index: int) -> Checkpoint:
        """A checkpoint that has the leaf ``index``; waits a little for one that is about to be published."""
        end = time.monotonic() + _PUBLISHED_SECONDS
        checkpoint = self._shown.newest()
        while checkpoint.size <= index:
            if time.monotonic() > end:
                raise ForgedError(f"speaks of entry {index}, and its checkpoint has {checkpoint.size} entries")
            time.sleep(_POLL)
            checkpoint = self._shown.refresh(beyond=index)
        return checkpoint

    @contextlib.contextmanager
    def _answers(self) -> Iterator[None]:
        """What a service answers must hold: where it does not, the service is at fault, and not a caller's file."""
        try:
            yield
        except InvalidError as error:
            raise LedgerFault(
                f"ledger {self.location}: {error}; do not rely on this log until that is explained"
            ) from error


def _is_about(entry: AnyEntry, subject: bytes, kind: About | None, notary: bytes | None) -> bool:
    attestation = entry.kind == ATTESTATION
    part = kind is None or attestation == (kind == ATTESTATION)
    by = notary is None or (attestation and notary in entry.keys)
    return entry.kind != "claim" and entry.subject == subject and part and by


def _matches(entry: AnyEntry, given: dict[str, bytes]) -> bool:
    claim = entry.claim
    if claim is None:
        return False
    has = {
        "commitment": (claim.Y,),
        "pixels": (claim.pixels,),
        "latent": (claim.latent.digest,),
        "author": claim.authors,
    }
    return all(value in has[name] for name, value in given.items())
