"""Who owns a logged claim now, from what the log has about it (provenance.ownership has the rules)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.entry import parse_any
from provenance.ownership import Indexed, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.log import Log

__all__ = ["owners_of"]

_CHAINED = ("transfer", "revocation")


def owners_of(log: Log, claim: Indexed) -> tuple[bytes, ...]:
    """The keys that own the work together; none when it is revoked, or when one of these keys is.

    What a revoked key signs from now on counts for nothing, whatever it signed before.
    """
    follow_ups = [item for item in _about(log, claim.entry.id) if item.entry.kind in _CHAINED]
    owners = replay(claim, follow_ups, log=log.origin, second_opinion=False).owners
    return () if any(_is_revoked(log, key) for key in owners) else owners


def _is_revoked(log: Log, key: bytes) -> bool:
    """The log has taken no key-revocation that names another log, so every one that it has counts."""
    return any(item.entry.kind == "key-revocation" for item in _about(log, key))


def _about(log: Log, subject: bytes) -> Iterator[Indexed]:
    after = -1
    while found := log.follow_ups(subject, after=after):
        for item in found:
            yield Indexed(item.index, parse_any(item.entry))
        after = found[-1].index
