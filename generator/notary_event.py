"""What a notary tells of each claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance.followup_body import Attestation

__all__ = ["Event", "summary"]


@dataclass(frozen=True)
class Event:
    """What came of one claim.

    ``outcome``: regenerated, differs (both attested, as entry ``attestation``), undecided, waiting, given-up, or known
    (attested before).
    """

    claim: bytes
    index: int | None
    outcome: str
    detail: str
    attestation: int | None = None


def summary(body: Attestation) -> str:
    """The figures of an attestation in a line."""
    figures = body.figures
    distance = "infinite" if figures.distance is None else str(figures.distance)
    return f"distance {distance} steps, accepted up to {figures.accept}"
