"""What to make and what to make it with; which pictures of one command are still to be done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from generator.journal import records
from provenance.encoding import Json, canonical, decimal_string
from provenance.files import check_writable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from pathlib import Path

    from generator.journal import Begun
    from generator.models import InstalledModel
    from generator.runtime import Runtime
    from provenance.claim import Claim, Terms
    from provenance.credentials import Credentials
    from provenance.home import Home
    from provenance.master import Master
    from provenance.ports import Ledger
    from provenance.recipe import Prompt

__all__ = ["Created", "Job", "Studio", "begun_among", "find_begun", "numbered", "output_paths", "plan"]


@dataclass(frozen=True)
class Job:
    """What to make: everything that a user says about one picture, and nothing secret but the prompt.

    ``sampling`` names what changes the sampling beyond the model: another scheduler, adapters by their digests.
    """

    prompt: Prompt
    output: Path
    width: int
    height: int
    steps: int
    guidance: Decimal
    dtype: str
    seal_prompt: bool
    anonymous: bool
    terms: Terms
    position: int = 0
    tsa_url: str | None = None
    overwrite: bool = False
    sampling: tuple[str, ...] = ()

    def fingerprint(self, model: InstalledModel, author: bytes) -> str:
        """SHA-256 over all that decides the claim; a sealed prompt is in it as this hash alone."""
        told: dict[str, Json] = {
            "model": model.identity.digest.hex(),
            "author": author.hex(),
            "text": self.prompt.text,
            "negative": self.prompt.negative,
            "numbers": [self.width, self.height, self.steps, decimal_string(self.guidance), self.position],
            "choices": [self.dtype, self.seal_prompt, self.anonymous],
            "terms": [self.terms.training, self.terms.derivation, self.terms.notice],
        }
        if self.sampling:
            told["sampling"] = list(self.sampling)
        return hashlib.sha256(canonical(told)).hexdigest()


@dataclass(frozen=True)
class Studio:
    """What to make it with: secrets, model, log, certificate.

    ``calibrated_steps`` come with the model if measured. ``shared_ledger``: the user named the log himself, so that its
    receipt may stand even in an anonymous file.
    """

    home: Home
    master: Master
    credentials: Credentials
    model: InstalledModel
    runtime: Runtime
    ledger: Ledger
    calibrated_steps: Callable[[tuple[int, int, int]], tuple[Decimal, ...] | None]
    now: datetime
    shared_ledger: bool = False


@dataclass(frozen=True)
class Created:
    """One finished picture: where it lies, its claim, where the claim stands in the log."""

    path: Path
    claim: Claim
    claim_id: bytes
    index: int
    resumed: bool


def output_paths(output: Path, count: int) -> list[Path]:
    """``hills.png`` for one picture, ``hills-1.png`` ... ``hills-N.png`` for more."""
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, count + 1)]


def numbered(job: Job, count: int, prompts: Sequence[Prompt] = ()) -> list[Job]:
    """One job for each of ``count`` pictures of each prompt, with its own file name and so its own journal record.

    Without ``prompts`` the job's own is the only one.
    """
    wanted = [prompt for prompt in (prompts or (job.prompt,)) for _ in range(count)]
    paths = output_paths(job.output, len(wanted))
    return [
        replace(job, prompt=prompt, output=path, position=position)
        for position, (prompt, path) in enumerate(zip(wanted, paths, strict=True))
    ]


def plan(jobs: Sequence[Job], home: Home, model: InstalledModel, author: bytes) -> list[tuple[Job, bool]]:
    """The jobs of one command that are still to be done, and whether each was begun before. Needs no secret.

    Where some were begun, an earlier run of the same command was interrupted: a job without a record whose file is
    there was finished then, and is left alone. ``author`` is the x-only author key.

    Raises:
        OutputError: a file or folder is in the way; nothing was begun or written.
    """
    begun = records(home)
    known = [begun_among(begun, job, model, author) is not None for job in jobs]
    todo = [
        (job, found)
        for job, found in zip(jobs, known, strict=True)
        if found or not (any(known) and job.output.exists())
    ]
    for job, _ in todo:
        check_writable(job.output, overwrite=job.overwrite)
    return todo


def find_begun(job: Job, home: Home, model: InstalledModel, author: bytes) -> Begun | None:
    """The journal record of this job, if it was begun and not finished."""
    return begun_among(records(home), job, model, author)


def begun_among(known: Mapping[tuple[str, str], Begun], job: Job, model: InstalledModel, author: bytes) -> Begun | None:
    """The same among the journal's records, where they were read already."""
    return known.get((job.fingerprint(model, author), str(job.output.absolute())))
