"""What verification found: numbered checks, one verdict, and the exit code that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COPY_STATEMENT",
    "DERIVED_STATEMENTS",
    "REPORT_VERSION",
    "STATEMENTS",
    "STEPS",
    "Check",
    "Report",
    "Status",
    "Verdict",
]

REPORT_VERSION = 1
"""Version of the JSON form; grows when a field changes its meaning or leaves."""

STEPS = {
    1: "container and C2PA signature",
    2: "authorship assertion",
    3: "digests of recipe, latent and pixels",
    4: "proof of possession",
    5: "author signatures",
    6: "seed = H(Y, index)",
    7: "latent-noise correlation",
    8: "picture is the decoded latent",
    9: "regeneration and inversion",
    10: "log receipt",
    11: "rivals, transfers, revocations",
    12: "lineage",
    13: "registration to the claimed picture",
    14: "likeness against chance",
    15: "noise of the seed in the picture",
    16: "where it differs",
}
"""The numbered steps; the same numbers stand at the code in provenance.verify, .link, .standing and .descent."""

_NAMED = 2
"""Parents that the verdict's own line names."""


class Status(StrEnum):
    """Outcome of one step. ``warn`` lowers nothing by itself; ``skip`` says why a step was not run."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"


class Verdict(StrEnum):
    """The strongest statement that holds; see STATEMENTS."""

    AUTHENTIC = "authentic"
    CONSISTENT = "consistent"
    CLAIMED = "claimed"
    DISPUTED = "disputed"
    INVALID = "invalid"
    UNPROVED = "unproved"


STATEMENTS = {
    Verdict.AUTHENTIC: "The author knows the secret behind the seed, and the picture was made again from that seed.",
    Verdict.CONSISTENT: (
        "The author knows the secret behind the seed, and seed and stored latent are linked, but no calibrated "
        "regeneration confirmed it here. Good against copying; NOT against somebody who repaints a picture around his "
        "own noise."
    ),
    Verdict.CLAIMED: (
        "The author knows the secret behind a seed, but nothing shown here links that seed to this picture."
    ),
    Verdict.DISPUTED: (
        "The log speaks against the claim: it was revoked, a key that signed it is said to be stolen, or an older "
        "authentic claim stands against it."
    ),
    Verdict.INVALID: "Something that should hold does not: the file was changed, or the claim is false.",
    Verdict.UNPROVED: (
        "No active authorship assertion in this file. One may have been stripped: this proves nothing either way."
    ),
}

_EXIT = {
    Verdict.AUTHENTIC: 0,
    Verdict.INVALID: 1,
    Verdict.CONSISTENT: 3,
    Verdict.CLAIMED: 3,
    Verdict.UNPROVED: 3,
    Verdict.DISPUTED: 5,
}

DERIVED_STATEMENTS = {
    Verdict.AUTHENTIC: (
        "The author knows the secret behind the seed, and the picture was made again from that seed and from the works "
        "it names, each of which was made again or attested."
    ),
    Verdict.CONSISTENT: (
        "The author knows the secret behind the seed, and noise of that seed is in the picture; but not everything "
        "that it was made from was shown to be what it claims."
    ),
    Verdict.CLAIMED: (
        "The author knows the secret behind a seed and says that this picture was made from the works it names; "
        "nothing shown here proves that it is his work."
    ),
}
"""What the same verdicts say of a work that was made from others."""

COPY_STATEMENT = (
    "A transformed copy of a claimed picture: noise of the claimed seed, behind which the author knows the secret, is "
    "in these very pixels. What was changed on the way is not his claim; NOT good against somebody who repaints a copy "
    "around his own noise."
)
"""What *consistent* says of a picture that was compared with a claim."""

_NOISE_IN_COPY = 15

Figure = str | int | float | bool | None


@dataclass(frozen=True)
class Check:
    """One numbered step: what was found, in a sentence, with the figures that decided it."""

    step: int
    status: Status
    detail: str
    figures: dict[str, Figure] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The step's name."""
        return STEPS[self.step]


@dataclass(frozen=True)
class Report:
    """Everything that verification says about one file.

    Attributes:
        verdict: the strongest statement that holds.
        reason: why it is not a stronger one, or "".
        claim_id: 32 bytes, or None where no claim could be read.
        authors: x-only keys of the claim's authors; empty for an anonymous or unreadable claim.
        checks: in the order of their numbers.
        derived: whether one of our operations made it from something else.
        derived_from: claim ids of the parents, in order.
        lineage: every ancestor as docs/report.md describes it, where there are any.
    """

    verdict: Verdict
    reason: str
    claim_id: bytes | None
    authors: tuple[bytes, ...]
    checks: tuple[Check, ...]
    derived_from: tuple[bytes, ...] = ()
    derived: bool = False
    lineage: Mapping[str, object] | None = None

    @property
    def statement(self) -> str:
        """What the verdict says."""
        copied = any(check.step == _NOISE_IN_COPY and check.status is Status.PASS for check in self.checks)
        if copied and self.verdict is Verdict.CONSISTENT:
            return COPY_STATEMENT
        found = DERIVED_STATEMENTS.get(self.verdict) if self.derived else None
        return found or STATEMENTS[self.verdict]

    @property
    def qualified(self) -> str:
        """The verdict as it is shown: of a derived work with what it was made from."""
        if not self.derived or self.verdict in (Verdict.INVALID, Verdict.UNPROVED):
            return str(self.verdict)
        named = [f"{parent.hex()[:16]}..." for parent in self.derived_from[:_NAMED]] or ["an outside picture"]
        more = f" and {len(self.derived_from) - _NAMED} more" if len(self.derived_from) > _NAMED else ""
        return f"{self.verdict} (derived from {', '.join(named)}{more})"

    def exit_code(self, *, accept_consistent: bool = False) -> int:
        """Exit code of ``verify``; ``accept_consistent`` lowers the bar on purpose."""
        if accept_consistent and self.verdict is Verdict.CONSISTENT:
            return 0
        return _EXIT[self.verdict]

    def to_json(self) -> dict[str, object]:
        """The documented JSON form (docs/report.md). Figures may have fractions: a report is not hashed.

        JSON has no infinity and no NaN: such a figure is null.
        """
        return {
            "version": REPORT_VERSION,
            "verdict": str(self.verdict),
            "qualified": self.qualified,
            "statement": self.statement,
            "reason": self.reason,
            "claim_id": None if self.claim_id is None else self.claim_id.hex(),
            "author": self.authors[0].hex() if self.authors else None,
            "authors": [key.hex() for key in self.authors],
            "derived_from": [parent.hex() for parent in self.derived_from],
            "lineage": None if self.lineage is None else dict(self.lineage),
            "checks": [
                {
                    "step": check.step,
                    "name": check.name,
                    "status": str(check.status),
                    "detail": check.detail,
                    "figures": {name: _finite(figure) for name, figure in check.figures.items()},
                }
                for check in self.checks
            ],
        }


def _finite(figure: Figure) -> Figure:
    return None if isinstance(figure, float) and not math.isfinite(figure) else figure
