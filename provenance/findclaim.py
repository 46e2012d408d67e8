"""Finding the claim that a picture without a manifest may be a copy of: in a claim file, or in a log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provenance.claim import claim_id, parse_entry
from provenance.claimcheck import work_of_claim_file
from provenance.claimfile import parse_claim_file
from provenance.encoding import parse_hex
from provenance.errors import InvalidError, UnprovedError, UnsupportedVersionError, UsageError
from provenance.pixels import pixel_digest
from provenance.work import work_of_ledger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.ports import Ledger, LoggedEntry
    from provenance.recipe import Opening
    from provenance.verify import Request
    from provenance.work import Work

__all__ = ["MAX_CANDIDATES", "Candidates", "find_claims"]

MAX_CANDIDATES = 64
"""Works of one author that are fetched and compared; each costs a decoding and an alignment."""


@dataclass(frozen=True)
class Candidates:
    """Works to compare with, and what to say about where they come from. ``opening`` came with a claim file."""

    works: tuple[Work, ...]
    where: str
    opening: Opening | None = None


def find_claims(
    picture: NDArray[np.uint8],
    request: Request,
    *,
    claim_source: tuple[bytes | None, bytes | None] | None = None,
    author: str | None = None,
) -> Candidates:
    """What ``picture``, uint8 (H, W, 3), is to be compared with.

    Args:
        picture: the given one; its exact pixels are looked for where nothing else is named.
        request: its ledger is asked.
        claim_source: a claim id, or the bytes of a claim file; one of the two is None.
        author: hex of an author key, whose works in the ledger are candidates.

    Raises:
        UsageError: a ledger is needed and none is named.
        InvalidError, UnsupportedVersionError: a claim file that is none.
        UnprovedError: the log has no such claim, or does not keep its recipe and latent. LedgerFault: it is away.
    """
    identifier, data = claim_source or (None, None)
    if data is not None:
        file = parse_claim_file(data)
        return Candidates((work_of_claim_file(file),), "claim file", file.opening)
    ledger = request.ledger
    if ledger is None:
        raise UsageError("name the log that has the claim with --ledger, or give a claim file with --claim")
    if identifier is not None:
        return Candidates((_fetch(identifier, ledger),), ledger.location)
    if author is not None:
        return _by_author(author, ledger)
    found = [_identifier(each) for each in ledger.search(pixels=pixel_digest(picture))]
    known = [each for each in found if each is not None]
    if not known:
        raise UnprovedError(
            f"{ledger.location} has no claim over exactly these pixels; for a copy that was changed name --claim "
            "or --author"
        )
    return Candidates((_fetch(known[0], ledger),), ledger.location)


def _by_author(author: str, ledger: Ledger) -> Candidates:
    try:
        key = parse_hex(author.lower(), "--author", size=32)
    except InvalidError as error:
        raise UsageError(f"--author: {error}") from error
    logged = list(ledger.search(author=key))
    works = []
    for each in logged[-MAX_CANDIDATES:]:
        identifier = _identifier(each)
        found = None if identifier is None else work_of_ledger(identifier, ledger)
        if found is not None and not found[0].faults:
            works.append(found[0])
    if not works:
        raise UnprovedError(
            f"{ledger.location} has {len(logged)} claims of this author, and keeps recipe and latent of none of them"
        )
    left = f", the newest {MAX_CANDIDATES} of {len(logged)}" if len(logged) > MAX_CANDIDATES else ""
    return Candidates(tuple(works), f"{ledger.location}: {len(works)} works of the author{left}")


def _fetch(identifier: bytes, ledger: Ledger) -> Work:
    found, logged = work_of_ledger(identifier, ledger), ledger.find(identifier)
    if found is not None and logged is not None:
        return replace(found[0], receipt=ledger.receipt(logged.index))
    if logged is None:
        raise UnprovedError(f"{ledger.location} has no claim {identifier.hex()}")
    raise UnprovedError(
        f"{ledger.location} has the claim {identifier.hex()[:16]}... and does not keep its recipe and latent; ask its "
        "author for a claim file (seedproof claim export)"
    )


def _identifier(logged: LoggedEntry) -> bytes | None:
    try:
        return claim_id(parse_entry(logged.entry).claim)
    except (InvalidError, UnsupportedVersionError):
        return None
