"""Finding entries: by index, by id, by what they name. What an index finds by a prefix is compared with the entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from ledger.database import stored_data
from ledger.keyindex import leaves_with
from ledger.models import Leaf, key_of, prefix
from provenance.entry import ATTESTATION, attestation_slot, parse_any
from provenance.errors import LedgerFault
from provenance.merkle import leaf_hash
from provenance.ports import LoggedEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Row, Select

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

    named = {"commitment": commitment, "pixels": pixels, "latent": latent}
    wanted = {what: digest for what, digest in named.items() if digest is not None}
    keys = [key_of(what, digest) for what, digest in wanted.items()]
    keys += [] if author is None else [prefix(author)]
    statement = _rows().where(Leaf.kind == "claim")
    for what, digest in wanted.items():
        statement = statement.where(getattr(Leaf, what) == prefix(digest))
    page = _Page(connection, statement, keys[0] if keys else None)
    return _collect(page, matches if keys else None, after, limit)


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
    return _collect(_Page(connection, statement), lambda entry: entry.subject == subject, after, limit)


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


class _Page:
    """What a statement finds, in log order; with ``key`` among the leaves that have it."""

    def __init__(
        self, connection: Connection, statement: Select[int, bytes, bytes, str, bytes], key: int | None = None
    ) -> None:
        self._connection = connection
        self._statement = statement
        self._key = key

    def read(self, after: int, count: int) -> tuple[list[FoundEntry], int | None]:
        """The next entries beyond ``after``, up to ``count``, and the index to go on from; None at the end."""
        statement = self._statement.order_by(Leaf.leaf_index).limit(count)
        last: int | None = None
        if self._key is None:
            statement = statement.where(Leaf.leaf_index > after)
        else:
            places = leaves_with(self._connection, self._key, after=after, most=_PAGE)
            if not places:
                return [], None
            last = places[-1] if len(places) == _PAGE else None
            statement = statement.where(Leaf.leaf_index.in_(places))
        rows = self._connection.execute(statement).all()
        last = rows[-1].leaf_index if len(rows) == count else last
        return [_checked(row) for row in rows], last


def _collect(
    page: _Page, matches: Callable[[AnyEntry], bool] | None, after: int | None, limit: int
) -> list[FoundEntry]:
    """Entries that match, a page at a time: an entry may have 64 KB."""
    found: list[FoundEntry] = []
    most = min(limit, MAX_RESULTS)
    while after is not None and len(found) < most:
        items, after = page.read(after, min(_PAGE, most))
        with stored_data():
            found += [item for item in items if matches is None or matches(parse_any(item.entry))]
    return found[:most]
