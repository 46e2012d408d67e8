"""What the recipe says about how a model is run, from its folder alone; no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.families import HOUSE_PIPELINE, Family, family_of
from provenance.encoding import canonical
from provenance.setup import Adapter, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.models import InstalledModel

__all__ = ["family_for", "options_of", "setup_of", "usual"]

HOUSE_STEPS, HOUSE_GUIDANCE = 12, "2.5"


def setup_of(model: InstalledModel, adapters: Sequence[Adapter], *, replaced: bool) -> Setup | None:
    """The setup of a picture by this model, draws not yet counted; None for the house model, which needs none.

    Raises:
        MissingModelError: a pipeline that is not supported.
    """
    if model.pipeline_class == HOUSE_PIPELINE:
        return None
    family = family_for(model)
    return Setup(
        pipeline=model.pipeline_class,
        arguments=canonical({**family.arguments, **options_of(model, family)}).decode(),
        replaced_scheduler=replaced,
        adapters=tuple(adapters),
        code=model.code,
    )


def usual(model: InstalledModel) -> tuple[int, str]:
    """(steps, guidance) that suit the model where the user says nothing.

    Raises:
        MissingModelError: a pipeline that is not supported.
    """
    if model.pipeline_class == HOUSE_PIPELINE:
        return HOUSE_STEPS, HOUSE_GUIDANCE
    family = family_for(model)
    return family.steps, family.guidance


def family_for(model: InstalledModel) -> Family:
    """The model's row of the table; for a model with code of its own one that promises little."""
    if model.code is None:
        return family_of(model.pipeline_class)
    return Family(model.pipeline_class, "transformer" if "transformer" in model.index else "unet", ())


def options_of(model: InstalledModel, family: Family) -> dict[str, bool]:
    """The switches of model_index.json that shape pictures."""
    return {name: model.index[name] for name in family.options if isinstance(model.index.get(name), bool)}
