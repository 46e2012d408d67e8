"""Whether an operation, its sources and a model fit together, and what a run of it costs. No torch."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from generator.schedulers import kind_of
from provenance.operation import executed_steps

if TYPE_CHECKING:
    from generator.models import InstalledModel
    from provenance.operation import Operation
    from provenance.ports import Material
    from provenance.recipe import Recipe, Scheduler

__all__ = ["evaluations", "why_no_rerun", "why_not_model", "why_not_sources"]


def why_not_model(operation: Operation, model: InstalledModel, scheduler: Scheduler) -> str | None:
    """Why this model, sampled so, cannot run this operation; one line, or None.

    Raises:
        MissingModelError: the scheduler is not supported at all.
    """
    if operation.name == "blend":
        return None
    kind = kind_of(scheduler)
    if not kind.linear:
        better = "flow-euler" if kind.flow else "ddim or euler"
        return f"{scheduler.name} cannot be entered midway, as {operation.name} does; choose --scheduler {better}"
    if operation.name == "flow-edit" and not kind.flow:
        return "FlowEdit needs a flow-matching model; edit with --method plug-and-play"
    if operation.name in ("plug-and-play", "style") and "unet" not in model.index:
        return (
            f"{operation.name} looks into a UNet, and {model.identity.name} is a transformer; "
            "use edit with flow matching, or remix"
        )
    if operation.parameters.get("mode") == "native":
        reads, channels = _input_channels(model)
        if reads != 2 * channels + 1:
            return f"native inpainting needs {2 * channels + 1} input channels, the model has {reads}; use --mode blend"
    return None


def why_not_sources(recipe: Recipe, operation: Operation, sources: tuple[Material, ...]) -> str | None:
    """Why this recipe's operation cannot start from these sources; one line, or None."""
    if len(sources) != len(operation.sources):
        return f"{operation.name} starts from {len(operation.sources)} latents, {len(sources)} were given"
    for source in sources:
        if source.latent.shape != recipe.shape:
            return f"a source's latent has shape {source.latent.shape}, the recipe's is {recipe.shape}"
        made = source.recipe
        if made is not None and made.model.digest != recipe.model.digest:
            return (
                f"a source's latent is one of {made.model.name!r}, not of {recipe.model.name!r}: it means nothing there"
            )
    for source, way in zip(sources, trajectories(operation), strict=False):
        reason = why_no_rerun(recipe, source) if way == "rerun" else None
        if reason is not None:
            return f"the source cannot be run again: {reason}"
    return None


def why_no_rerun(recipe: Recipe, source: Material) -> str | None:
    """Why a source's true trajectory cannot be run beside a picture of this recipe; one line, or None."""
    made = source.recipe
    if made is None:
        return "it is an outside picture, which has no seed"
    if made.operation is not None:
        return "it is a remix itself"
    if source.prompt is None:
        return "its prompt is sealed"
    if made.setup is not None and made.setup.attached:
        return "it was sampled by another program"
    if made.steps != recipe.steps:
        return f"it was made in {made.steps} steps, not {recipe.steps}"
    told = (None if each.setup is None else replace(each.setup, draws=0) for each in (made, recipe))
    if made.model.digest != recipe.model.digest or made.scheduler != recipe.scheduler or len(set(told)) > 1:
        return "it was made by another model, sampler or adapter"
    return None


def trajectories(operation: Operation) -> tuple[str, ...]:
    """How the way of each source is found, for the operations that follow it: "rerun" or "inverted"."""
    names = {"plug-and-play": ("trajectory",), "style": ("content_trajectory", "style_trajectory")}
    return tuple(str(operation.parameters[name]) for name in names.get(operation.name, ()))


def evaluations(operation: Operation, steps: int) -> int:
    """Steps of text-to-image that cost as much as a run of this operation, or a little less."""
    backwards = steps * trajectories(operation).count("inverted")
    strength = operation.strength
    run = steps if strength is None else executed_steps(strength, steps)
    match operation.name:
        case "blend":
            return 0
        case "flow-edit":
            average = operation.parameters["average"]
            plain = executed_steps(operation.sampled or Decimal(0), steps)
            return 2 * (run - plain) * (average if isinstance(average, int) else 1) + plain
        case "plug-and-play":
            shares: list[Decimal] = [
                value for value in operation.parameters.values() if not isinstance(value, int | str)
            ]
            return steps + executed_steps(max(shares), steps) + backwards
        case "style":
            return 2 * steps + run + backwards
    return run


def _input_channels(model: InstalledModel) -> tuple[int, int]:
    """(channels that the denoiser reads, channels that the decoder reads); zeros where a folder does not say."""
    found = []
    for part, name in (("unet", "in_channels"), ("vae", "latent_channels")):
        try:
            found.append(int(json.loads((model.folder / part / "config.json").read_bytes())[name]))
        except (OSError, ValueError, KeyError, TypeError):
            found.append(0)
    return found[0], found[1]
