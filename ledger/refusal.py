"""What a service's refusal means to the caller: whom it blames, as an exception of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger import wire
from provenance.errors import (
    ConflictError,
    EncodingError,
    ForgedError,
    InvalidError,
    LedgerFault,
    LimitError,
    SeedproofError,
    UnsupportedVersionError,
)

if TYPE_CHECKING:
    from ledger.transport import Answer

__all__ = ["raise_for"]

_DONE = (200, 201, 204)
_CONFLICT = 409
_REFUSED = (400, 413, 415, 422)
_BLAME: dict[str, type[SeedproofError]] = {
    "malformed": EncodingError,
    "limit": LimitError,
    "too-large": LimitError,
    "forged": ForgedError,
    "unsupported": UnsupportedVersionError,
}
"""Name of a problem -> what it is here; every other refusal of what was sent is an InvalidError."""


def raise_for(answer: Answer, location: str, what: str, *, sent: bool = False) -> None:
    """Do nothing after a success, else raise. ``sent``: the refusal may be about what the caller sent.

    Raises:
        ConflictError: another entry came first. InvalidError: what was sent is refused (only with ``sent``).
        UnsupportedVersionError: the service is older than what was sent. LedgerFault: everything else.
    """
    if answer.status in _DONE:
        return
    says = wire.read_problem(answer.body) or "no reason given"
    text = f"ledger {location}: {what} refused with status {answer.status}: {says}"
    if answer.status == _CONFLICT and sent:
        try:
            index = wire.problem_index(answer.body)
        except InvalidError as error:
            raise LedgerFault(f"{text}; {error}") from error
        raise ConflictError(text, index)
    if answer.status in _REFUSED and sent:
        raise _BLAME.get(wire.problem_name(answer.body), InvalidError)(text)
    raise LedgerFault(text)
