"""How new is what a log shows? A service can show an old state for ever; only others can say what they have seen since.

A *cosignature* says that its witness had seen nothing newer of this log at its time, so a log that hides what came
later cannot get one. A *timestamp* says only that a tree existed by its time: it excludes an old copy that somebody
serves on, and not a log that has an old tree stamped anew. So where a policy asks for witnesses, timestamps do not
stand in for them; where it asks for none, either will do, and the sentence says which it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from provenance.cosignature import open_cosignatures
from provenance.errors import EnvironmentFault, InvalidError, LedgerFault
from provenance.timeevidence import check_timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.policy import Policy
    from provenance.ports import Ledger, Vouched

__all__ = ["MAX_AGE", "Freshness", "check_freshness"]

MAX_AGE = timedelta(hours=24)
"""How old the newest word of others may be when nothing else is said: logs ask their witnesses every hour."""

_SKEW = timedelta(minutes=2)
"""How far a witness's clock may be ahead of the verifier's."""

_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that a datetime holds


@dataclass(frozen=True)
class Freshness:
    """That what the log shows must be vouched for, at ``now`` (aware UTC time), by a word younger than ``max_age``."""

    now: datetime
    max_age: timedelta = MAX_AGE


@dataclass(frozen=True)
class _Word:
    time: datetime
    who: str


def check_freshness(ledger: Ledger, policy: Policy, wish: Freshness) -> str:
    """Who vouches for how new a state the log shows, as a sentence.

    Raises:
        EnvironmentFault: nobody whom the policy knows does, or nobody since ``max_age``.
        LedgerFault: what the log shows about that does not hold.
    """
    vouched = ledger.vouched()
    if vouched is None:
        return f"read from {ledger.location} itself"
    where = f"--require-fresh: how new the state is that {ledger.location} shows"
    if not policy.witnesses and not policy.timestamp_authorities:
        raise EnvironmentFault(
            f"{where} cannot be told: the policy names no witness and no timestamp authority. Put the keys of this "
            "log's witnesses into it, or go without --require-fresh"
        )
    cosigned = _cosigned(vouched, policy, wish, ledger.location)
    needed = max(1, policy.witnesses_required)
    word = cosigned[needed - 1] if len(cosigned) >= needed else None
    means = "had seen nothing newer"
    if policy.witnesses_required == 0:
        stamped = _stamped(vouched, policy, wish)
        if stamped is not None and (word is None or word.time < wish.now - wish.max_age):
            word, means = stamped, "stamped it, which does not exclude that the log hides what came later"
    if word is None:
        raise EnvironmentFault(
            f"{where} cannot be told: it shows {len(cosigned)} cosignatures of the policy's witnesses"
            + (f", and {needed} are needed" if needed > 1 else ", and no timestamp of its authorities that counts")
        )
    if word.time < wish.now - wish.max_age:
        raise EnvironmentFault(
            f"{where} is too long ago: {word.who} vouched for it last at {word.time:%Y-%m-%dT%H:%M:%SZ}, more than "
            f"{_hours(wish.max_age)} hours ago (--max-age). It may hide what came later, or have lost its witnesses"
        )
    return f"at {word.time:%Y-%m-%dT%H:%M:%SZ} {word.who} {means}"


def _cosigned(vouched: Sequence[Vouched], policy: Policy, wish: Freshness, location: str) -> list[_Word]:
    """The newest word of each witness of the policy, by name and by key, newest first."""
    newest: dict[str, _Word] = {}
    for item in vouched:
        try:
            found = open_cosignatures(item.note, policy.witnesses)
        except InvalidError as error:
            raise LedgerFault(f"ledger {location}: what it shows of its witnesses does not hold: {error}") from error
        for cosignature in found:
            word = _Word(
                datetime.fromtimestamp(min(cosignature.time, _LAST_SECOND), UTC), f"the witness {cosignature.key.name}"
            )
            known = newest.get(cosignature.key.name)
            if word.time <= wish.now + _SKEW and (known is None or word.time > known.time):
                newest[cosignature.key.name] = word
    return sorted(newest.values(), key=lambda word: word.time, reverse=True)


def _stamped(vouched: Sequence[Vouched], policy: Policy, wish: Freshness) -> _Word | None:
    words = [
        _Word(stamp.time, stamp.authority)
        for item in vouched
        for stamp in check_timestamps(item.timestamps, item.note, policy.timestamp_authorities, wish.now).stamps
    ]
    return max(words, key=lambda word: word.time, default=None)


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3_600:g}"
