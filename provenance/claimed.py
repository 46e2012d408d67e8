"""The claim in a signed picture, for programs that go on with it: only out of a file that is what it claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.assertion import Assertion, parse_assertion
from provenance.claim import Claim, parse_claim
from provenance.errors import InvalidError, UnprovedError
from provenance.manifest import read_container
from provenance.pixels import media_type_of
from provenance.policy import Policy
from provenance.report import Verdict
from provenance.verify import Depth, Request, verify

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["read_claimed"]


def read_claimed(data: bytes, name: str, now: datetime) -> tuple[Assertion, Claim]:
    """Assertion and claim of a picture file, after the quick verification that trusts nobody. ``name`` is for messages.

    What is said about a forged picture's claim, or sold with it, would be said about nothing.

    Raises:
        InvalidError: the file is not what it claims. UnprovedError: there is no claim of ours in it.
    """
    report = verify(data, Request(policy=Policy(), now=now, depth=Depth.QUICK))
    if report.verdict is Verdict.INVALID:
        raise InvalidError(f"{name} is invalid: {report.reason}")
    container = read_container(data, media_type_of(data) or "", anchors_pem=None)
    if container is None or container.assertion is None:
        raise UnprovedError(f"{name}: no authorship claim of ours in this file")
    assertion = parse_assertion(container.assertion)
    return assertion, parse_claim(assertion.claim)
