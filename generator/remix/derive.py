"""From opened works and an operation to a claimed, logged and signed remix: the same way as ``generator.create``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from generator.create import Picture, begin_all, describe, sign_and_write
from generator.jobs import find_begun
from generator.journal import finish
from generator.models import check_unchanged
from generator.remix.bounds import why_too_large
from generator.remix.sources import why_not_model, why_not_sources
from provenance.commitment import commit, seed
from provenance.derivation import derive_author, derive_prompt_key, derive_work
from provenance.encoding import canonical
from provenance.errors import EncodingError, EnvironmentFault, LimitError, UsageError
from provenance.files import check_writable
from provenance.latent import dequantise, quantise
from provenance.manifest_parents import Remix
from provenance.operation import check_operation, operation_to_json
from provenance.recipe import format_recipe, open_sealed
from provenance.thumbnail import thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generator.jobs import Created, Job, Studio
    from generator.journal import Begun
    from generator.remix.opened import Opened
    from provenance.manifest_parents import Parent
    from provenance.operation import Operation
    from provenance.recipe import Prompt, Recipe

__all__ = ["Derivation", "check_derivation", "derive", "draft"]


@dataclass(frozen=True)
class Derivation:
    """What to make of what: ``job`` says the child's prompt, steps, guidance and file."""

    job: Job
    operation: Operation
    opened: tuple[Opened, ...]

    @property
    def told(self) -> Job:
        """The job with the operation in its fingerprint, so that a crash is taken up by the same remix alone."""
        described = canonical(operation_to_json(self.operation)).decode()
        return replace(self.job, sampling=(*self.job.sampling, described))


def draft(job: Job, studio: Studio, opened: Sequence[Opened], operation: Operation | None) -> Recipe:
    """The child's recipe before it has a seed: 32 zero bytes stand for it.

    Raises:
        UsageError: the sources have another shape than the model makes at their size.
    """
    first = opened[0].source.latent
    shape = studio.runtime.latent_shape(job.width, job.height)
    if first.shape != shape:
        raise UsageError(
            f"{opened[0].carried.title}: its latent has shape {first.shape}, the model's is {shape} at "
            f"{job.width}x{job.height}"
        )
    recipe = describe(job, studio, job.prompt, bytes(32), first.steps)
    return replace(
        recipe,
        parents=() if operation is None else operation.parents,
        setup=None if recipe.setup is None else replace(recipe.setup, draws=0),
        operation=operation,
    )


def check_derivation(work: Derivation, studio: Studio) -> None:
    """Find out before anything is begun that the operation cannot be run, or could not be recorded.

    Raises:
        UsageError: one line on why.
    """
    recipe = draft(work.job, studio, work.opened, work.operation)
    materials = tuple(each.material for each in work.opened)
    reason = why_not_model(work.operation, studio.model, recipe.scheduler)
    reason = reason or why_not_sources(recipe, work.operation, materials) or why_too_large(work.opened)
    if reason is not None:
        raise UsageError(reason)
    try:
        check_operation(work.operation, shape=recipe.shape, steps=recipe.steps, parents=recipe.parents)
        format_recipe(recipe)
    except (EncodingError, LimitError) as error:
        raise UsageError(f"this remix cannot be recorded: {error}") from error


def derive(
    work: Derivation, studio: Studio, progress: Callable[[int, int], None] | None = None, *, resumed: bool = False
) -> Created:
    """Make, claim, log and sign one remix.

    Raises:
        UsageError: as :func:`check_derivation`; nothing was begun.
        OutputError, LedgerFault, InvalidError, EnvironmentFault: as ``create``.
    """
    check_derivation(work, studio)
    job = work.told
    check_writable(job.output, overwrite=job.overwrite)
    author = commit(derive_author(studio.master))
    found = find_begun(job, studio.home, studio.model, author)
    if found is None:
        begin_all([job], studio)
    begun = found or find_begun(job, studio.home, studio.model, author)
    if begun is None:
        raise EnvironmentFault("the journal does not keep what was written to it")
    made = sign_and_write(
        job, studio, begun, _picture(work, studio, begun, progress), resumed=resumed or found is not None
    )
    finish(studio.home, begun)
    return made


def _picture(work: Derivation, studio: Studio, begun: Begun, progress: Callable[[int, int], None] | None) -> Picture:
    prompt = work.job.prompt
    shown: Prompt | bytes = prompt
    if begun.sealed is not None and begun.commitment is not None:
        key = derive_prompt_key(studio.master, begun.nonce)
        prompt, shown = open_sealed(begun.sealed, key, 0, begun.commitment).prompt, begun.commitment
    own_seed = seed(commit(derive_work(studio.master, begun.nonce)))
    recipe = replace(draft(work.job, studio, work.opened, work.operation), seed=own_seed, prompt=shown)
    latent = studio.runtime.remix(
        work.operation,
        [each.material for each in work.opened],
        prompt,
        steps=recipe.steps,
        guidance=float(recipe.guidance),
        seed=own_seed,
        progress=progress,
    )
    check_unchanged(studio.model)
    try:
        integers = quantise(latent, recipe.latent_steps)
    except ValueError as error:
        raise EnvironmentFault(f"the remix cannot be stored: {error}; try a lower --guidance") from error
    (rgb,) = studio.runtime.decode(dequantise(integers, recipe.latent_steps)[None])
    return Picture(recipe, integers, rgb, {}, _carried(work, studio))


def _carried(work: Derivation, studio: Studio) -> Remix:
    """What the child's manifest carries of each source, once; a work that came without a file is decoded for it."""
    seen: dict[tuple[bytes | None, bytes], Opened] = {}
    for each in work.opened:
        seen.setdefault((each.source.claim, each.source.latent.digest), each)
    outside = tuple(dict.fromkeys(each.outside for each in seen.values() if each.outside is not None))
    return Remix(_described(work.operation), tuple(_shown(each, studio) for each in seen.values()), outside)


def _shown(opened: Opened, studio: Studio) -> Parent:
    if opened.carried.thumbnail is not None:
        return opened.carried
    (rgb,) = studio.runtime.decode(opened.material.latent[None])
    return replace(opened.carried, thumbnail=thumbnail(rgb))


def _described(operation: Operation) -> str:
    """The operation in words, for viewers."""
    return ", ".join([operation.name, *(f"{name} {value}" for name, value in operation.parameters.items())])
