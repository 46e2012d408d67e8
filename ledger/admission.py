"""Which entries a log takes: those whose proofs hold, on their own and beside what the log has.

What an entry says is never judged. Rival claims are all logged; of follow-ups that exclude each other the first one is
(``provenance.entry``, slot).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.models import key_of, prefix
from provenance.entry import check_any, check_beside, check_place, needs_owner, parse_any
from provenance.errors import ConflictError, LimitError
from provenance.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.entry import AnyEntry

__all__ = ["LEAF_COLUMNS", "MAX_CHAINED", "Prepared", "check_in_log", "entry_keys", "leaf_row", "prepare"]

LEAF_COLUMNS = (
    "leaf_index",
    "kind",
    "entry_id",
    "leaf_hash",
    "commitment",
    "pixels",
    "latent",
    "subject",
    "slot",
    "entry",
)
"""Columns of ``leaves`` in the order of :func:`leaf_row`."""


MAX_CHAINED = 1_000
"""Entries about one work, attestations apart, after which a log takes no further transfer of it: all of them must be
replayed whenever somebody asks who owns it. It can still be revoked."""


@dataclass(frozen=True)
class Prepared:
    """An entry of any kind whose own signatures hold; ``leaf_hash`` is that of its canonical bytes."""

    entry: AnyEntry
    leaf_hash: bytes


def prepare(data: bytes) -> Prepared:
    """Parse an entry of any kind strictly and check every signature that needs no other entry; needs no database.

    Raises:
        InvalidError: not canonical, too long, or a proof does not hold. UnsupportedVersionError: a kind or version that
            this program does not know.
    """
    entry = parse_any(data)
    check_any(entry, second_opinion=False)
    return Prepared(entry, leaf_hash(data))


def check_in_log(
    entry: AnyEntry,
    find: Callable[[bytes], AnyEntry | None],
    holder: Callable[[bytes], int | None],
    chained: Callable[[bytes], int],
    *,
    origin: str,
    index: int,
) -> None:
    """Check an entry beside what the log of this ``origin`` has; ``index`` is the place that it would get.

    ``find`` tells the entry with an id, ``holder`` the index of the entry that has a slot, ``chained`` how many entries
    about a claim there are, attestations not counted, and no more than MAX_CHAINED.

    Raises:
        ConflictError: another entry has its slot. LimitError: the work has changed hands too often.
        InvalidError: its claim is not there, an owner did not sign, or it is a key-revocation for another log or for
            later than its own place.
    """
    check_place(entry, log=origin, index=index)
    if needs_owner(entry):
        check_beside(entry, find(entry.subject), find(entry.prev) if entry.prev else None, second_opinion=False)
    taken = None if entry.slot is None else holder(entry.slot)
    if taken is not None:
        raise ConflictError(_refusal(entry, taken), taken)
    if entry.kind == "transfer" and chained(entry.subject) >= MAX_CHAINED:
        raise LimitError(f"transfer: {MAX_CHAINED} entries about this work are logged; it can be revoked, and not sold")


def leaf_row(index: int, prepared: Prepared) -> tuple[object, ...]:
    """The row of an entry in ``leaves``."""
    entry, claim = prepared.entry, prepared.entry.claim
    looked_up: tuple[int | None, ...] = (None, None, None, prefix(entry.subject))
    if claim is not None:
        looked_up = (prefix(claim.Y), prefix(claim.pixels), prefix(claim.latent.digest), None)
    return (index, entry.kind, entry.id, prepared.leaf_hash, *looked_up, entry.slot, entry.data)


def entry_keys(entry: AnyEntry) -> list[int]:
    """What an entry is looked up by in ``keys``: its keys, and what a claim names; two of one value are one row."""
    found, claim = {prefix(key) for key in entry.keys}, entry.claim
    if claim is not None:
        named = (("commitment", claim.Y), ("pixels", claim.pixels), ("latent", claim.latent.digest))
        found.update(key_of(what, digest) for what, digest in named)
    return sorted(found)


def _refusal(entry: AnyEntry, taken: int) -> str:
    what = {
        "transfer": "the work was transferred or revoked before",
        "revocation": "the work was transferred or revoked before",
        "attribution": "the claim was attributed before",
        "key-revocation": "the key was revoked before",
        "attestation": "this notary attested the claim before",
    }.get(entry.kind, "another entry has its place")
    return f"{entry.kind}: {what}, by entry {taken} of this log"
