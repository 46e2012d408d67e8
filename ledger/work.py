"""A signed picture taken apart by its author: what is in it, and the secret behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.assertion import parse_assertion
from provenance.claim import Entry, format_entry, parse_claim
from provenance.commitment import commit
from provenance.derivation import derive_author, derive_work
from provenance.encoding import parse_json
from provenance.errors import EncodingError, InvalidError, UnprovedError, UsageError
from provenance.manifest import read_container
from provenance.pixels import media_type_of
from provenance.policy import Policy
from provenance.report import Verdict
from provenance.verify import Depth, Request, verify

if TYPE_CHECKING:
    from datetime import datetime

    from provenance.assertion import Assertion
    from provenance.claim import Claim
    from provenance.container import Container
    from provenance.master import Master

__all__ = ["Work", "own_secret", "read_environment", "read_work"]


@dataclass(frozen=True)
class Work:
    """What is taken out of a signed file; ``latent`` is in its stored form."""

    assertion: Assertion
    claim: Claim
    latent: bytes
    title: str

    @property
    def entry(self) -> bytes:
        """The log entry that the file's own proofs make."""
        return format_entry(Entry(self.claim, self.assertion.possession, self.assertion.authors))


def read_work(data: bytes, now: datetime) -> Work:
    """The parts of a signed file, after the quick verification: trusting nobody, so that only what is false fails.

    Raises:
        UnprovedError: there is no claim of ours in it. InvalidError: it is not what it claims.
    """
    report = verify(data, Request(policy=Policy(), now=now, depth=Depth.QUICK))
    if report.verdict is Verdict.UNPROVED:
        raise UnprovedError(f"no authorship claim to publish: {report.reason}")
    if report.verdict is Verdict.INVALID:
        raise InvalidError(f"not published, the picture is invalid: {report.reason}")
    container = read_container(data, media_type_of(data) or "", anchors_pem=None)
    if container is None or container.assertion is None or container.latent is None:
        raise UnprovedError("no authorship claim to publish: its latent is not in the file")
    assertion = parse_assertion(container.assertion)
    return Work(assertion, parse_claim(assertion.claim), container.latent, _title(container))


def own_secret(claim: Claim, master: Master) -> bytes:
    """The work's secret, if the claim is all the caller's own.

    Raises:
        UsageError: it is not.
    """
    if claim.nonce is None:
        raise UsageError("this claim's key was not derived from a master secret; publish it with the key's own tool")
    secret = derive_work(master, claim.nonce)
    if commit(secret) != claim.Y:
        raise UsageError("this picture was made with another master secret; only its author can publish it")
    if claim.authors and commit(derive_author(master)) != claim.authors[0]:
        raise UsageError("the first author of this picture is somebody else; he must publish it")
    return secret


def read_environment(text: str) -> dict[str, str]:
    """The environment that an assertion names, as strings."""
    value = parse_json(text.encode(), "environment")
    if not isinstance(value, dict):
        raise EncodingError("environment: must be an object")
    return {key: item if isinstance(item, str) else str(item) for key, item in value.items()}


def _title(container: Container) -> str:
    manifest = container.store["manifests"][container.store["active_manifest"]]
    title = manifest.get("title")
    return title if isinstance(title, str) and title else "picture"
