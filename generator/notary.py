"""A notary: follows a log, makes new claims' pictures again, and logs signed attestations of what it found.

A round::

    has the log revoked this notary's key?            then stop
    send what was signed and not yet logged           the same bytes as before
    for each new claim, in log order:                 attested already? recipe there? for us? latent there?
        assess (generator.notary_assess) -> sign -> write down -> submit
    look again at claims that waited for their recipe or latent

The log is spoken to through the port alone. It is not trusted: entries are checked here, blobs by their digests, and
that nothing is attested twice rests on the notary's own state file first, then on what the log shows, then on the log,
which takes one attestation of a notary for a claim.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from generator.notary_assess import KnownError, NotYetError, assess
from generator.notary_event import Event, summary
from generator.notary_examine import Finding, Undecided
from generator.notary_log import attestation_in, claims_after, key_revoked_at
from generator.notary_queue import next_given_up
from generator.notary_state import MAX_WAITING, Waiting
from provenance import __version__
from provenance.entry import check_any, parse_any
from provenance.errors import (
    ConflictError,
    InvalidError,
    LedgerFault,
    UnsupportedVersionError,
    UsageError,
)
from provenance.followup import format_follow_up, sign_attestation
from provenance.followup_body import Attestation

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from generator.notary_key import NotaryKey
    from generator.notary_log import Library
    from generator.notary_pixels import Decoder
    from generator.notary_state import NotaryState, StateFile
    from provenance.claim import Claim
    from provenance.policy import Policy
    from provenance.ports import Progress

__all__ = ["Notary"]

_MAX_TRIES = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 60, 3 * 86_400
_LONGEST_OUTAGE = 600.0
_SAVE_SECONDS = 5.0


class Notary:
    """One key, one log, one state file.

    Args:
        tell: takes what came of each claim.
        complain: takes a line about what failed and will be tried again.
        clock: seconds since 1970. Set back, it makes claims wait no longer than they would have anyway.
    """

    def __init__(
        self,
        ledger: Library,
        key: NotaryKey,
        state_file: StateFile,
        *,
        policy: Policy,
        regenerator: Decoder,
        tell: Callable[[Event], None],
        complain: Callable[[str], None],
        progress: Progress | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._file = state_file
        self._policy = policy
        self._regenerator = regenerator
        self._tell = tell
        self._complain = complain
        self._progress = progress
        self._clock = clock
        self._state: NotaryState = state_file.load()
        self._saved = time.monotonic()

    def run(self, stop: threading.Event, *, poll: float) -> None:
        """Round after round, ``poll`` seconds apart, until ``stop`` is set; a log that is away is asked again.

        Raises:
            UsageError: the notary's key was revoked. OutputError: the state cannot be written.
        """
        outage = poll
        while not stop.is_set():
            try:
                self.catch_up(stop)
                outage = poll
            except LedgerFault as fault:
                self._complain(f"{fault}; asked again in {outage:.0f} seconds")
                stop.wait(outage)
                outage = min(2 * outage, max(_LONGEST_OUTAGE, poll))
                continue
            stop.wait(poll)

    def catch_up(self, stop: threading.Event | None = None) -> None:
        """One round, as far as the log goes now, or until ``stop`` is set.

        Raises:
            LedgerFault: the log is away; the next round goes on where this one was.
            UsageError, OutputError: see :meth:`run`.
        """
        self._check_key()
        for entry in list(self._state.signed):
            self._submit(entry.encode())
        for logged in claims_after(self._ledger, self._state.after):
            self._look_at(logged.entry, logged.index)
            self._state.after = logged.index
            self._save_now_and_then()
            if stop is not None and stop.is_set():
                break
        for waiting in self._due():
            if stop is not None and stop.is_set():
                break
            found = self._ledger.find(waiting.claim)
            if found is None:
                self._end(Event(waiting.claim, None, "given-up", "the log does not show this claim any more"))
            else:
                self._look_at(found.entry, found.index)
            self._save_now_and_then()
        self._save()

    def _save(self) -> None:
        self._file.save(self._state)
        self._saved = time.monotonic()

    def _save_now_and_then(self) -> None:
        """A crash costs a few seconds of looking again. What was signed is written down at once (:meth:`_attest`)."""
        if time.monotonic() - self._saved >= _SAVE_SECONDS:
            self._save()

    # --- one claim --------------------------------------------------------------------------------------------------

    def _look_at(self, data: bytes, index: int) -> None:
        """Bring one claim to an end, or let it wait."""
        try:
            entry = parse_any(data)
            check_any(entry, second_opinion=False)
        except InvalidError as error:
            raise LedgerFault(f"{self._ledger.location}: entry {index} does not hold: {error}") from error
        except UnsupportedVersionError as error:  # others are waiting, too
            self._complain(f"{self._ledger.location}: entry {index} is passed over: {error}")
            return
        claim = entry.claim
        if claim is None:
            return
        try:
            finding = assess(
                self._ledger, self._key.public, entry, claim, self._policy, self._regenerator, progress=self._progress
            )
        except NotYetError as reason:
            self._wait(entry.id, index, str(reason), claim.authors[0] if claim.authors else b"")
            return
        except Undecided as reason:
            self._end(Event(entry.id, index, "undecided", str(reason)))
            return
        except KnownError as known:
            self._end(Event(entry.id, index, "known", "attested before", known.index))
            return
        self._attest(entry.id, index, claim, finding)

    def _attest(self, claim_id: bytes, index: int, claim: Claim, finding: Finding) -> None:
        body = Attestation(
            claim=claim_id,
            notary=self._key.public,
            recipe=claim.recipe,
            model=finding.model,
            calibration=finding.calibration,
            verdict=finding.verdict,
            figures=finding.figures,
            software=f"seedproof {__version__}",
        )
        entry = format_follow_up(sign_attestation(body, self._key.secret))
        self._state.signed.append(entry.decode())
        self._save()  # before it is sent: after a crash the same bytes are sent, and no others
        self._submit(entry, index)

    def _submit(self, entry: bytes, index: int | None = None) -> None:
        body = attestation_in(parse_any(entry))
        if body is None:
            raise UsageError("the notary's state holds something else than attestations; delete the file")
        try:
            logged = self._ledger.submit(entry)
            event = Event(body.claim, index, body.verdict, summary(body), logged.index)
        except ConflictError as conflict:
            event = Event(body.claim, index, "known", "attested before", conflict.index)
        except InvalidError as error:
            event = Event(body.claim, index, "undecided", f"the log does not take the attestation: {error}")
        self._state.signed.remove(entry.decode())
        self._end(event)
        self._save()

    def _end(self, event: Event) -> None:
        self._state.waiting.pop(event.claim, None)
        self._tell(event)

    def _check_key(self) -> None:
        """Refuse to go on with a key that its holder, or a thief, has revoked in this log."""
        revoked = key_revoked_at(self._ledger, self._key.public)
        if revoked is not None:
            raise UsageError(
                f"this notary's key was revoked in {self._ledger.location} (entry {revoked}); make a new one with "
                "--new-key, and tell those whose policies name the old one"
            )

    # --- claims that wait -------------------------------------------------------------------------------------------

    def _wait(self, claim_id: bytes, index: int, reason: str, author: bytes) -> None:
        before = self._state.waiting.pop(claim_id, None)
        tries = 1 if before is None else before.tries + 1
        if tries > _MAX_TRIES:
            self._end(Event(claim_id, index, "given-up", reason))
            return
        pause = min(_FIRST_PAUSE * 4 ** (tries - 1), _LONGEST_PAUSE)
        self._state.waiting[claim_id] = Waiting(claim_id, tries, int(self._clock()) + pause, author)
        if len(self._state.waiting) > MAX_WAITING:
            away = next_given_up(self._state.waiting)
            self._end(Event(away, None, "given-up", f"more than {MAX_WAITING} claims wait"))
        if before is None:
            self._tell(Event(claim_id, index, "waiting", reason))

    def _due(self) -> list[Waiting]:
        """Those whose time has come; a time further away than any pause was set by a clock that was wrong."""
        now = self._clock()
        return [item for item in self._state.waiting.values() if not now < item.again <= now + _LONGEST_PAUSE]
