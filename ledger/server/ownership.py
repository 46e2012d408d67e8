"""Who owns a logged claim now, from what the log has about it (provenance.ownership has the rules)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.entry import parse_any
from provenance.errors import InvalidError
from provenance.history import MAX_CHAINED
from provenance.ownership import Indexed, keys_involved, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.log import Log

__all__ = ["owners_of"]

_CHAINED = ("transfer", "revocation")


def owners_of(log: Log, claim: Indexed) -> tuple[bytes, ...]:
    """The keys that own the work together, as verifiers see it; none when it is revoked, or when one of these keys is.

    What a revoked key signs from now on counts for nothing, whatever it signed before. Revocations for another log,
    which anybody can bring here, have no effect.

    Raises:
        InvalidError: there is more about the work than can be judged here.
    """
    follow_ups = [item for item in _about(log, claim.entry.id) if item.entry.kind in _CHAINED]
    keys = keys_involved(claim.entry, follow_ups)
    revocations = [item for key in keys for item in _about(log, key) if item.entry.kind == "key-revocation"]
    found = replay(claim, follow_ups, revocations, log=log.origin, second_opinion=False)
    return () if set(found.owners) & set(found.revoked_keys) else found.owners


def _about(log: Log, subject: bytes) -> Iterator[Indexed]:
    after, seen = -1, 0
    while found := log.follow_ups(subject, kind="chained", after=after):
        seen += len(found)
        if seen > MAX_CHAINED:
            raise InvalidError(f"too much is logged about {subject.hex()} to tell who owns it")
        for item in found:
            yield Indexed(item.index, parse_any(item.entry))
        after = found[-1].index
