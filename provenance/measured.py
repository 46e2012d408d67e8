"""Whether a recipe keeps to what the policy's calibrations of its model were measured for (``provenance.region``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance.policy import ModelTrust
    from provenance.recipe import Prompt
    from provenance.region import Parameters

__all__ = ["UNBOUNDED", "why_unmeasured"]

UNBOUNDED = "the policy's calibration does not say for which recipes it holds; make it again with seedproof calibrate"
"""Of a calibration without a region."""


def why_unmeasured(
    recipe: Parameters, shape: tuple[int, int, int], prompt: Prompt | None, model: ModelTrust | None
) -> str | None:
    """Why nobody measured that pictures (latents (C, H, W)) of this recipe depend on their seeds, or None.

    Asked of models that the policy knows with calibrations: a recipe of another size must keep to the parameters of one
    of them, and have no side shorter than theirs, or it would be the way around them.
    """
    if model is None or not model.calibrations:
        return None
    side, least = min(shape[1:]), min(min(known[1:]) for known in model.calibrations)
    if side < least:
        return f"a side of {side} latent values is shorter than any for which this model was measured ({least})"
    own = model.calibration(shape)
    regions = [each.region for each in (model.calibrations.values() if own is None else [own])]
    reasons = [None if region is None else region.why_outside(recipe, prompt) for region in regions]
    return reasons[0] if all(reasons) else None
