"""Pictures of one prompt that are sampled together: a third faster each, and else made, claimed and signed one by one.

In another batch a latent comes out another by some 10^-5, a thousandth of a quantisation step; now and then a value
lies so near to the border of its cell that the integer changes. A repeat is as near as any other (calibrations are made
with batches), but a work that was claimed and then interrupted must not be claimed a second time with another latent.
So every latent goes into the journal before it is claimed, and what lies there is not sampled again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from generator.create import Picture, asked_prompt, cells, claimed, create, describe, write_signed
from generator.journal import Made, finish, keep_latents, kept_latents
from generator.models import check_unchanged
from provenance.authoring import submit_claims
from provenance.claim import format_entry
from provenance.commitment import commit, seed
from provenance.derivation import derive_work
from provenance.files import check_writable
from provenance.latent import dequantise
from provenance.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from generator.create import Created, Job, Studio
    from generator.journal import Begun

__all__ = ["MOST", "Task", "batch_size", "create_together", "next_batch"]

MOST = 4
"""Pictures in a batch, where nothing else is asked for: of more, each gains little."""

_AREA = 4 * 64 * 64
"""Latent places (h w) of a batch: four pictures of 512 pixels, or one of 1024, where memory is what a batch lacks."""


def batch_size(asked: int | None, shape: tuple[int, int, int], dtype: str, *, offload: bool) -> int:
    """How many pictures of a latent shape (C, h, w) are sampled together.

    Unless ``asked`` for: one where memory is spared, or in half precision, of which another batch makes pictures that
    differ by more than rounding.
    """
    if asked is not None:
        return asked
    if offload or dtype != "float32":
        return 1
    return max(1, min(MOST, _AREA // (shape[1] * shape[2])))


@dataclass(frozen=True)
class Task:
    """A job, its record in the journal, and whether it was begun by an earlier run."""

    job: Job
    work: Begun
    resumed: bool


def next_batch(tasks: Sequence[Task], size: int) -> list[Task]:
    """The first of these whose jobs differ in their files alone, ``size`` at most."""

    def told(task: Task) -> Job:
        return replace(task.job, output=tasks[0].job.output, position=0)

    return list(takewhile(lambda task: told(task) == told(tasks[0]), tasks[:size]))


def create_together(
    tasks: Sequence[Task], studio: Studio, progress: Callable[[int, int], None] | None = None
) -> Iterator[Created]:
    """Make, claim, log and sign the pictures of one batch; each comes as soon as it is written.

    ``progress`` is told of the steps of the sampler.

    Raises:
        MemoryFault: nothing of this batch was claimed; try a smaller one. Else as :func:`generator.create.create`.
    """
    kept = kept_latents(studio.home)
    lacking = [task for task in tasks if task.work.nonce not in kept]
    if len(tasks) == len(lacking) == 1:
        (alone,) = tasks
        yield create(alone.job, studio, progress, begun=alone.work, resumed=alone.resumed)
        return
    for task in tasks:
        check_writable(task.job.output, overwrite=task.job.overwrite)
    if lacking:
        fresh = _sample(lacking, studio, progress)
        keep_latents(studio.home, fresh)
        kept |= fresh
    check_unchanged(studio.model)
    pictures = [_picture(task, studio, kept[task.work.nonce]) for task in tasks]
    entries = [claimed(task.job, studio, task.work, each) for task, each in zip(tasks, pictures, strict=True)]
    receipts = submit_claims(studio.ledger, [format_entry(entry) for entry in entries])
    for task, picture, entry, (logged, receipt) in zip(tasks, pictures, entries, receipts, strict=True):
        created = write_signed(task.job, studio, task.work, picture, entry, logged, receipt, resumed=task.resumed)
        finish(studio.home, task.work)
        if task is tasks[-1]:
            kept_latents(studio.home)  # which removes what is not needed any more
        yield created


def _sample(tasks: Sequence[Task], studio: Studio, progress: Callable[[int, int], None] | None) -> dict[bytes, Made]:
    """The latents of these by their nonces."""
    job, runtime = tasks[0].job, studio.runtime
    shape = runtime.latent_shape(job.width, job.height)
    seeds = [_seed(studio, task.work) for task in tasks]
    prompt, _ = asked_prompt(job, studio, tasks[0].work)
    latents = runtime.sample(
        np.stack([gaussian(each, shape) for each in seeds]),
        prompt.text,
        prompt.negative,
        steps=job.steps,
        guidance=float(job.guidance),
        progress=progress,
        seeds=seeds,
    )
    draws = runtime.setup.draws if runtime.setup else 0
    return {
        task.work.nonce: Made(*cells(latent, studio), draws=draws, batch=len(tasks))
        for task, latent in zip(tasks, latents, strict=True)
    }


def _picture(task: Task, studio: Studio, made: Made) -> Picture:
    (rgb,) = studio.runtime.decode(dequantise(made.integers, made.steps)[None])
    shown = asked_prompt(task.job, studio, task.work)[1]
    recipe = describe(task.job, studio, shown, _seed(studio, task.work), made.steps)
    if recipe.setup is not None:
        recipe = replace(recipe, setup=replace(recipe.setup, draws=made.draws))
    return Picture(recipe, made.integers, rgb, {}, batch=made.batch)


def _seed(studio: Studio, work: Begun) -> bytes:
    return seed(commit(derive_work(studio.master, work.nonce)))
