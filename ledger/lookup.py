"""Finding entries: by index, by id, by what they name. What an index finds by a prefix is compared with the entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from ledger.database import stored_data
from ledger.models import Key, Leaf, prefix
from provenance.entry import ATTESTATION, attestation_slot, parse_any
from provenance.errors import LedgerFault
from provenance.merkle import leaf_hash
from provenance.ports import LoggedEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Row, Select
    from sqlalchemy.orm import InstrumentedAttribute

    from provenance.entry import AnyEntry
    from provenance.ports import About

__all__ = [
    "MAX_RESULTS",
    "FoundEntry",
    "count_chained",
    "entries_between",
    "entry_at",
    "find_entry",
    "follow_ups_of",
    "search_claims",
]

MAX_RESULTS = 1_000
"""Most entries that one search returns."""

_PAGE = 200
_NO_ATTESTATION = text("kind <> 'attestation'")  # word for word that of ix_leaves_chained, or no planner uses it


@dataclass(frozen=True, eq=False)
class FoundEntry(LoggedEntry):
    """An entry with the ``kind`` and id that the database has for it: they need not be worked out again."""

    kind: str
    entry_id: bytes

    def __eq__(self, other: object) -> bool:
        """Equal to every LoggedEntry of this index and these bytes."""
        if not isinstance(other, LoggedEntry):
            return NotImplemented
        return (self.index, self.entry) == (other.index, other.entry)

    def __hash__(self) -> int:
        """By index and bytes."""
        return hash((self.index, self.entry))


def entry_at(connection: Connection, index: int) -> bytes:
    """The bytes of one leaf.

    Raises:
        LedgerFault: it is not there, or not what was logged.
    """
    row = connection.execute(_rows().where(Leaf.leaf_index == index)).one_or_none()
    if row is None:
        raise LedgerFault(f"ledger: entry {index} is missing; the database is damaged")
    return _checked(row).entry


def entries_between(connection: Connection, start: int, end: int) -> list[bytes]:
    """The bytes of the leaves from ``start`` up to, not including, ``end``.

    Raises:
        LedgerFault: one is not there, or not what was logged.
    """
    statement = _rows().where(Leaf.leaf_index >= start, Leaf.leaf_index < end).order_by(Leaf.leaf_index)
    found = [_checked(row) for row in connection.execute(statement)]
    if [item.index for item in found] != list(range(start, end)):
        raise LedgerFault(f"ledger: entries between {start} and {end} are missing; the database is damaged")
    return [item.entry for item in found]


def find_entry(connection: Connection, entry_id: bytes) -> FoundEntry | None:
    """The entry of any kind with this id."""
    row = connection.execute(_rows().where(Leaf.entry_id == entry_id)).one_or_none()
    return None if row is None else _checked(row)


def search_claims(
    connection: Connection,
    *,
    commitment: bytes | None,
    pixels: bytes | None,
    latent: bytes | None,
    author: bytes | None,
    after: int,
    limit: int,
) -> list[FoundEntry]:
    """Claims that match every given criterion, in log order, from beyond ``after``; at most ``limit``."""
    statement = _rows().where(Leaf.kind == "claim")
    for column, wanted in ((Leaf.commitment, commitment), (Leaf.pixels, pixels), (Leaf.latent, latent)):
        if wanted is not None:
            statement = statement.where(column == prefix(wanted))
    place = Leaf.leaf_index
    if author is not None:  # in the order of the keys' own index, so that a page costs the same for every author
        statement = statement.join(Key, Key.leaf_index == Leaf.leaf_index).where(Key.key == prefix(author))
        place = Key.leaf_index

    def matches(entry: AnyEntry) -> bool:
        claim = entry.claim
        return claim is not None and all(
            (
                commitment in (None, claim.Y),
                pixels in (None, claim.pixels),
                latent in (None, claim.latent.digest),
                author is None or author in claim.authors,
            )
        )

    exact = any(wanted is not None for wanted in (commitment, pixels, latent, author))
    return _collect(connection, statement, matches if exact else None, after, limit, place)


def follow_ups_of(
    connection: Connection,
    subject: bytes,
    *,
    kind: About | None = None,
    notary: bytes | None = None,
    after: int,
    limit: int,
) -> list[FoundEntry]:
    """Entries about a claim, without itself, or revocations of a key, in log order; at most ``limit``.

    With ``kind`` that part of them; with ``notary`` the attestation by this key, which its slot finds at once.
    """
    statement = _rows().where(Leaf.subject == prefix(subject))
    if notary is not None:
        statement = _rows().where(Leaf.slot == attestation_slot(subject, notary))
    elif kind == "chained":
        statement = statement.where(_NO_ATTESTATION)
    elif kind == ATTESTATION:
        statement = statement.where(Leaf.kind == ATTESTATION)
    return _collect(connection, statement, lambda entry: entry.subject == subject, after, limit)


def count_chained(connection: Connection, subject: bytes, *, most: int) -> int:
    """How many entries there are about a claim or key without attestations, counted up to ``most``."""
    found = select(Leaf.leaf_index).where(Leaf.subject == prefix(subject)).where(_NO_ATTESTATION).limit(most)
    return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def _rows() -> Select[int, bytes, bytes, str, bytes]:
    return select(Leaf.leaf_index, Leaf.entry, Leaf.leaf_hash, Leaf.kind, Leaf.entry_id)


def _checked(row: Row[int, bytes, bytes, str, bytes]) -> FoundEntry:
    if leaf_hash(row.entry) != row.leaf_hash:
        raise LedgerFault(f"ledger: entry {row.leaf_index} is not what was logged; the database is damaged")
    return FoundEntry(row.leaf_index, row.entry, row.kind, row.entry_id)


def _collect(
    connection: Connection,
    statement: Select[int, bytes, bytes, str, bytes],
    matches: Callable[[AnyEntry], bool] | None,
    after: int,
    limit: int,
    place: InstrumentedAttribute[int] = Leaf.leaf_index,
) -> list[FoundEntry]:
    found: list[FoundEntry] = []
    for item in _pages(connection, statement, place, after, min(limit, MAX_RESULTS)):
        with stored_data():
            if matches is None or matches(parse_any(item.entry)):
                found.append(item)
        if len(found) >= min(limit, MAX_RESULTS):
            break
    return found


def _pages(
    connection: Connection,
    statement: Select[int, bytes, bytes, str, bytes],
    place: InstrumentedAttribute[int],
    after: int,
    limit: int,
) -> Iterator[FoundEntry]:
    """What a statement finds, in log order, a page at a time: an entry may have 64 KB."""
    page = min(_PAGE, limit)
    while page > 0:
        rows = connection.execute(statement.where(place > after).order_by(place).limit(page)).all()
        yield from map(_checked, rows)
        if len(rows) < page:
            return
        after = rows[-1].leaf_index
