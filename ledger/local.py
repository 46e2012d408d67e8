"""The embedded log: a log without a tile store, behind the port ``provenance.ports.Ledger``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.keys import remember_own_log
from ledger.log import MAX_RESULTS, open_log, prepare
from ledger.timestamping import fetch_token
from provenance.errors import InvalidError, LedgerFault
from provenance.note import VerifierKey
from provenance.ports import LoggedEntry
from provenance.timeevidence import stamped_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from ledger.log import Log
    from ledger.sequencer import TreeHead
    from provenance.ports import About

__all__ = ["MAX_RESULTS", "LocalLedger", "open_ledger"]


def open_ledger(location: str, *, create: bool) -> LocalLedger:
    """The log in the SQLite file at ``location``; with ``create`` it is made when it is missing.

    A log that is opened with ``create`` is the user's own: its key is added to ``own-logs.txt``.

    Raises:
        LedgerFault: it is missing, something else, from a newer program, without its key, or it does not verify.
    """
    if "://" in location:
        raise LedgerFault(f"ledger {location[:200]}: only a file can be opened, not an address")
    log = open_log(location, create=create)
    if create:
        remember_own_log(VerifierKey.parse(log.verifier_keys[0]))
    return LocalLedger(log)


class LocalLedger:
    """An open log; see ``provenance.ports.Ledger`` for what each method promises. May be shared between threads."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @property
    def location(self) -> str:
        """The path of the database file."""
        return self._log.location

    @property
    def verifier_key(self) -> str:
        """The log's primary key as ``name+keyid+base64``."""
        return self._log.verifier_keys[0]

    @property
    def verifier_keys(self) -> tuple[str, ...]:
        """The keys that sign, and those that signed before."""
        return self._log.verifier_keys

    @property
    def size(self) -> int:
        """Entries that it has."""
        return self._log.head().size

    def vouched(self) -> None:
        """Nobody stands between: this is the log."""

    @property
    def log(self) -> Log:
        """The log itself, for its operator."""
        return self._log

    @property
    def engine(self) -> Engine:
        """The database, for the audit."""
        return self._log.engine

    def submit(self, entry: bytes) -> LoggedEntry:
        """Append an entry durably, or return the one that was logged first with its id."""
        return self.submit_batch([entry])[0]

    def submit_batch(self, entries: Sequence[bytes]) -> list[LoggedEntry]:
        """Append entries in one transaction. A malformed one refuses them all; one that the log refuses does not keep
        the others out, and is raised once they are in.
        """
        outcomes = self._log.submit_batch([prepare(entry) for entry in entries])
        logged: list[LoggedEntry] = []
        for outcome in outcomes:
            if isinstance(outcome, InvalidError):
                raise outcome
            logged.append(LoggedEntry(outcome.index, outcome.entry))
        return logged

    def head(self) -> TreeHead:
        """The newest tree, checked."""
        return self._log.head()

    def receipt(self, index: int) -> bytes:
        """A receipt in the first timestamped checkpoint that has this leaf, else in the newest one.

        It has been checked: a damaged log hands out none.
        """
        return self._log.receipt(index)

    def find(self, entry_id: bytes) -> LoggedEntry | None:
        """The entry of any kind with this id."""
        return self._log.find(entry_id)

    def search(
        self,
        *,
        commitment: bytes | None = None,
        pixels: bytes | None = None,
        latent: bytes | None = None,
        author: bytes | None = None,
        after: int = -1,
    ) -> Sequence[LoggedEntry]:
        """Claims that match every given criterion, in log order, from beyond ``after``; at most MAX_RESULTS."""
        return self._log.search(commitment=commitment, pixels=pixels, latent=latent, author=author, after=after)

    def follow_ups(
        self, subject: bytes, *, kind: About | None = None, notary: bytes | None = None, after: int = -1
    ) -> Sequence[LoggedEntry]:
        """Entries about a claim, or revocations of a key, in log order, beyond ``after``; at most MAX_RESULTS."""
        return self._log.follow_ups(subject, kind=kind, notary=notary, after=after)

    def get_blob(self, digest: bytes, *, limit: int) -> bytes | None:
        """The recipe or latent of this digest that a service over this database was given; None where there is none.

        Raises:
            LedgerFault: it has more than ``limit`` bytes.
        """
        data = self._log.get_blob(digest)
        if data is not None and len(data) > limit:
            raise LedgerFault(f"{self.location}: the blob {digest.hex()} has more than {limit} bytes")
        return data

    def stamp(self, authorities: Sequence[str], *, timeout: float = 10.0) -> list[str]:
        """Have the newest checkpoint timestamped by each of these URLs, so that later receipts carry the tokens.

        Returns one line of warning for each authority that did not deliver: a log must not stop because one is down.
        """
        head, warnings = self._log.published(), []
        for url in authorities:
            try:
                if head.size == 0:
                    raise LedgerFault(f"timestamp authority {url}: not asked, the log is empty")
                token = fetch_token(url, stamped_text(head.note), timeout=timeout)
                self._log.add_stamp(head.size, head.note, url, token)
            except LedgerFault as fault:
                warnings.append(str(fault))
        return warnings

    def close(self) -> None:
        """Release the file."""
        self._log.close()
