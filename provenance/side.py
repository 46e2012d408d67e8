"""One side of a dispute: a signed picture or a claim file, with everything that can be known about it alone."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provenance.claimcheck import CheckedClaim, check_claim, decode_reference, work_of_claim_file
from provenance.claimfile import looks_like_claim_file, parse_claim_file
from provenance.copyreport import open_prompt
from provenance.errors import InvalidError, UnprovedError
from provenance.lineagesearch import work_of_file
from provenance.link import Subject
from provenance.pixels import read_picture
from provenance.recipe import opening_commitment
from provenance.report import Check, Report, Status, Verdict
from provenance.verify import verify_lineage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.recipe import Opening, Prompt
    from provenance.verify import Request

__all__ = ["Side", "read_side"]

_PLAIN = {
    3: "its recipe, latent or pixels are not the ones that were claimed",
    4: "nobody proved to know the secret behind it",
    5: "its author did not sign it",
    6: "its seed does not follow from its key",
    8: "its picture is not what its stored latent decodes to",
    9: "its seed makes another picture than the one it claims",
}

_SOUND = (Verdict.AUTHENTIC, Verdict.CONSISTENT)


@dataclass(frozen=True, eq=False)
class Side:
    """A claim in dispute.

    Attributes:
        letter: A or B.
        name: of its file, for people.
        sha256: of the file's bytes, hex.
        kind: ``signed picture`` or ``claim file``.
        claimed: the claim with its steps and verdict.
        pixels: the picture, uint8 (H, W, 3): the file's, or what the claimed latent decodes to; None without either.
        prompt: where it is open to this reader.
    """

    letter: str
    name: str
    sha256: str
    kind: str
    claimed: CheckedClaim
    pixels: NDArray[np.uint8] | None
    prompt: Prompt | None

    @property
    def sound(self) -> bool:
        """Whether the claim holds for its own picture with an exact error rate, short of a regeneration or not."""
        return self.claimed.verdict in _SOUND

    @property
    def regenerated(self) -> bool:
        """Whether the picture was made again from its seed, here or by trusted notaries."""
        return self.claimed.verdict is Verdict.AUTHENTIC

    @property
    def repeated(self) -> bool:
        """Whether its seed makes its picture on this machine (step 9), whatever else the verdict rests on."""
        return self._step(9).status is Status.PASS

    @property
    def broken(self) -> bool:
        """Whether something that should hold of it does not."""
        return self.claimed.verdict is Verdict.INVALID

    @property
    def anchor(self) -> dt.datetime | None:
        """By this time its log entry existed, as independent authorities of the policy vouch."""
        text = self._step(10).figures.get("existed_before")
        return dt.datetime.fromisoformat(text) if isinstance(text, str) else None

    @property
    def place(self) -> tuple[str, int] | None:
        """(log, index) that its receipt proves, where the policy knows the log."""
        figures = self._step(10).figures
        log, index = figures.get("log"), figures.get("index")
        known = figures.get("known_log") is True
        return (log, index) if known and isinstance(log, str) and isinstance(index, int) else None

    @property
    def fault(self) -> str:
        """What does not hold, in a few plain words; "" where nothing is broken."""
        failed = next((check for check in self.claimed.checks if check.status is Status.FAIL), None)
        if failed is None:
            return self.claimed.reason if self.broken else ""
        return _PLAIN.get(failed.step, f"step {failed.step}, {failed.name}, fails")

    def report(self) -> Report:
        """As ``verify`` would say it."""
        claim = self.claimed.work.claim
        return Report(
            self.claimed.verdict, self.claimed.reason, self.claimed.work.identifier, claim.authors, self.claimed.checks
        )

    def _step(self, number: int) -> Check:
        skipped = Check(number, Status.SKIP, "not run")
        return next((check for check in self.claimed.checks if check.step == number), skipped)


def read_side(letter: str, name: str, data: bytes, request: Request, openings: tuple[Opening, ...] = ()) -> Side:
    """One side from the bytes of a claim file or of a signed picture; of ``openings`` the one that fits is used.

    Raises:
        UnprovedError: the picture claims nothing of ours. InvalidError: it cannot be read at all.
        UnsupportedVersionError: it is newer. EnvironmentFault: see :func:`provenance.verify.verify`.
    """
    digest = hashlib.sha256(data).hexdigest()
    try:
        if looks_like_claim_file(data):
            file = parse_claim_file(data)
            work = work_of_claim_file(file)
            opening = file.opening or _fitting(work.recipe.prompt, openings)
            claimed = check_claim(work, replace(request, opening=opening, sidecar=None))
            prompt = open_prompt(work.recipe, opening)
            return Side(letter, name, digest, "claim file", claimed, claimed.reference, prompt)
        work = work_of_file(data, name, request.policy)
    except UnprovedError as error:
        advice = f"to compare it with one claim: seedproof verify {name} --claim CLAIM"
        raise UnprovedError(f"{name}: {error}; {advice}") from error
    except InvalidError as error:
        raise InvalidError(f"{name}: {error}") from error
    opening = _fitting(work.recipe.prompt, openings)
    asked = replace(request, opening=opening)
    report, lineage = verify_lineage(data, asked)
    pixels = _pixels(data)
    subject = None
    if work.integers is not None:
        model = request.policy.models.get(work.recipe.model.digest)
        sources = () if lineage is None else lineage.materials(work.recipe)[0]
        subject = Subject(work.claim, work.recipe, work.integers, pixels, model, sources)
    reference = decode_reference(work, asked)
    exact = report.verdict is not Verdict.INVALID
    claimed = CheckedClaim(work, report.checks, report.verdict, report.reason, exact, subject, reference)
    return Side(letter, name, digest, "signed picture", claimed, pixels, open_prompt(work.recipe, opening))


def _pixels(data: bytes) -> NDArray[np.uint8] | None:
    try:
        return read_picture(data).rgb
    except InvalidError:
        return None


def _fitting(prompt: Prompt | bytes, openings: tuple[Opening, ...]) -> Opening | None:
    return next((each for each in openings if opening_commitment(each) == prompt), None)
