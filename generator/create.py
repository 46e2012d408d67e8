"""From a prompt to a claimed, logged and signed picture.

The order: journal -> noise from the commitment -> latent -> quantise -> decode -> claim -> log -> receipt ->
manifest -> signed file -> journal closed. A crash anywhere leaves either nothing, or a journal record from which the
same command goes on.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from generator.journal import Begun, begin, finish, unfinished
from provenance.authoring import Wrapping, make_claim, prove_claim, submit_claim, wrap
from provenance.claim import Claim, Terms, claim_id, format_entry, parse_entry
from provenance.commitment import commit, seed
from provenance.credentials import one_time_credentials
from provenance.derivation import derive_author, derive_prompt_key, derive_work
from provenance.encoding import canonical, decimal_string
from provenance.errors import EnvironmentFault
from provenance.files import check_writable, write_atomic
from provenance.latent import dequantise, quantise, relative_steps
from provenance.noise import gaussian
from provenance.pixels import encode_png, encode_webp
from provenance.recipe import Opening, Prompt, Recipe, open_sealed, opening_commitment, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from decimal import Decimal
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from generator.models import InstalledModel
    from generator.runtime import Runtime
    from provenance.credentials import Credentials
    from provenance.home import Home
    from provenance.master import Master
    from provenance.ports import Ledger

__all__ = ["Created", "Job", "Studio", "begin_all", "create", "numbered", "output_paths", "plan"]

_DEFAULT_FRACTION = 1 / 7.2
"""Quantisation step in channel standard deviations for models without calibrated steps: at most 5 bits a value."""


@dataclass(frozen=True)
class Job:
    """What to make: everything that a user says about one picture, and nothing secret but the prompt."""

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

    def fingerprint(self, model: InstalledModel, author: bytes) -> str:
        """SHA-256 over all that decides the claim; a sealed prompt is in it as this hash alone."""
        told = canonical(
            {
                "model": model.identity.digest.hex(),
                "author": author.hex(),
                "text": self.prompt.text,
                "negative": self.prompt.negative,
                "numbers": [self.width, self.height, self.steps, decimal_string(self.guidance), self.position],
                "choices": [self.dtype, self.seal_prompt, self.anonymous],
                "terms": [self.terms.training, self.terms.derivation, self.terms.notice],
            }
        )
        return hashlib.sha256(told).hexdigest()


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


def create(
    job: Job, studio: Studio, progress: Callable[[int, int], None] | None = None, *, resumed: bool | None = None
) -> Created:
    """Make, claim, log and sign one picture; ``resumed`` is told by :func:`plan` for the jobs that it began.

    Raises:
        OutputError: the file cannot be written; noticed before anything is generated where possible.
        UsageError: a size that the model cannot make; nothing was begun.
        LedgerFault: the log refused or is gone; the journal keeps the work.
        InvalidError, EnvironmentFault: see generator.runtime.
    """
    check_writable(job.output, overwrite=job.overwrite)
    studio.runtime.latent_shape(job.width, job.height)
    work, found = _begin(job, studio)
    secret = derive_work(studio.master, work.nonce)
    Y = commit(secret)
    recipe, integers, rgb = _generate(job, studio, work, seed(Y), progress)
    author_secret = derive_author(studio.master)
    author = commit(author_secret)
    claim = make_claim(
        Y=Y,
        nonce=work.nonce,
        index=0,
        authors=() if job.anonymous else (author,),
        recipe=recipe,
        integers=integers,
        rgb=rgb,
        terms=job.terms,
    )
    entry = prove_claim(claim, secret, () if job.anonymous else (author_secret,))
    logged, receipt = submit_claim(studio.ledger, format_entry(entry))
    # the author's own log names itself, and its tree holds his other works: an anonymous file must carry neither
    hidden = job.anonymous and not studio.shared_ledger
    wrapping = Wrapping(
        entry=parse_entry(logged.entry),
        recipe=recipe,
        integers=integers,
        receipt=None if hidden else receipt,
        sealed=work.sealed,
        environment={} if job.anonymous else studio.runtime.environment(),
        title=job.output.name if not job.anonymous else "picture",
    )
    is_webp = job.output.suffix.lower() == ".webp"
    signed = wrap(
        encode_webp(rgb) if is_webp else encode_png(rgb),
        "image/webp" if is_webp else "image/png",
        wrapping,
        one_time_credentials(studio.now) if job.anonymous else studio.credentials,
        master=studio.master,
        work_secret=secret,
        tsa_url=job.tsa_url,
    )
    write_atomic(job.output, signed, overwrite=job.overwrite)
    finish(studio.home, work)
    return Created(job.output, claim, claim_id(claim), logged.index, found if resumed is None else resumed)


def _begin(job: Job, studio: Studio) -> tuple[Begun, bool]:
    """Take up an unfinished work of the same job and output, or begin one with a fresh nonce."""
    author = commit(derive_author(studio.master))
    found = _unfinished(job, studio.home, studio.model, author)
    if found is not None:
        return found, True
    nonce = os.urandom(32)
    sealed = commitment = None
    if job.seal_prompt:
        opening = Opening(os.urandom(32), job.prompt)
        sealed = seal(opening, derive_prompt_key(studio.master, nonce), 0)
        commitment = opening_commitment(opening)
    work = Begun(nonce, job.fingerprint(studio.model, author), str(job.output.absolute()), sealed, commitment)
    begin(studio.home, work)
    return work, False


def _unfinished(job: Job, home: Home, model: InstalledModel, author: bytes) -> Begun | None:
    return unfinished(home, job.fingerprint(model, author), str(job.output.absolute()))


def _generate(
    job: Job, studio: Studio, work: Begun, work_seed: bytes, progress: Callable[[int, int], None] | None
) -> tuple[Recipe, NDArray[np.int16], NDArray[np.uint8]]:
    runtime = studio.runtime
    shape = runtime.latent_shape(job.width, job.height)
    noise = gaussian(work_seed, shape)
    prompt = job.prompt
    shown: Prompt | bytes = prompt
    if work.sealed is not None and work.commitment is not None:
        # what is sealed is what is generated from, also after a crash
        key = derive_prompt_key(studio.master, work.nonce)
        prompt, shown = open_sealed(work.sealed, key, 0, work.commitment).prompt, work.commitment
    (latent,) = runtime.sample(
        noise[None],
        prompt.text,
        prompt.negative,
        steps=job.steps,
        guidance=float(job.guidance),
        progress=progress,
    )
    steps: Sequence[Decimal] = studio.calibrated_steps(shape) or relative_steps(latent, _DEFAULT_FRACTION)
    try:
        integers = quantise(latent, steps)
    except ValueError as error:
        raise EnvironmentFault(f"the model's latent cannot be stored: {error}; try --dtype float32") from error
    (rgb,) = runtime.decode(dequantise(integers, steps)[None])
    recipe = Recipe(
        model=studio.model.identity,
        scheduler=runtime.scheduler,
        steps=job.steps,
        guidance=job.guidance,
        prompt=shown,
        max_tokens=runtime.max_tokens,
        width=job.width,
        height=job.height,
        dtype=job.dtype,
        seed=work_seed,
        shape=shape,
        latent_steps=tuple(steps),
    )
    return recipe, integers, rgb


def plan(jobs: Sequence[Job], home: Home, model: InstalledModel, author: bytes) -> list[tuple[Job, bool]]:
    """The jobs of one command that are still to be done, and whether each was begun before. Needs no secret.

    Where some were begun, an earlier run of the same command was interrupted: a job without a record whose file is
    there was finished then, and is left alone. ``author`` is the x-only author key.

    Raises:
        OutputError: a file or folder is in the way; nothing was begun or written.
    """
    known = [_unfinished(job, home, model, author) is not None for job in jobs]
    todo = [
        (job, found)
        for job, found in zip(jobs, known, strict=True)
        if found or not (any(known) and job.output.exists())
    ]
    for job, _ in todo:
        check_writable(job.output, overwrite=job.overwrite)
    return todo


def begin_all(jobs: Iterable[Job], studio: Studio) -> None:
    """Write the journal records of all jobs before the first picture is made, so that :func:`plan` knows them again."""
    for job in jobs:
        _begin(job, studio)


def numbered(job: Job, count: int) -> list[Job]:
    """One job for each of ``count`` pictures, with its own file name and so its own journal record."""
    paths = output_paths(job.output, count)
    return [replace(job, output=path, position=position) for position, path in enumerate(paths)]
