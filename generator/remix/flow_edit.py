"""FlowEdit (Kulikov et al., arXiv 2412.08629): an edit by a flow-matching model, without inverting the parent.

Two velocities are compared at every level: of the noised parent under its own prompt, and of the same point shifted by
what was edited so far, under the new one. Their difference moves the edit from the parent to the child.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.remix.schedule import begin_at
from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    import torch

    from generator.remix.conditioned import Denoise
    from generator.remix.schedule import Schedule

__all__ = ["flow_edit"]


def flow_edit(
    target: Denoise,
    source: Denoise,
    schedule: Schedule,
    latent: torch.Tensor,
    noise: Callable[[int], torch.Tensor],
    *,
    strength: Decimal,
    average: int,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The child's latent (the paper's algorithm 1, without its last steps of plain sampling).

    Args:
        target: velocity under the new prompt.
        source: velocity under the parent's.
        schedule: of a flow-matching sampler.
        latent: the parent's, float32 (1, C, h, w).
        noise: stream k of the child's noise, standard normal of that shape, in the sampling dtype; draw a of step j is
            stream j * average + a.
        strength: share of the steps that are run, from 0 to 1.
        average: draws of noise in each step.
        progress: called with (done, total).

    Raises:
        UsageError: the sampler is not one of flow matching.
    """
    if not schedule.flow:
        raise UsageError("FlowEdit needs a flow-matching model; edit this one with --method plug-and-play")
    steps = len(schedule.levels) - 1
    begin = begin_at(steps, strength)
    z = latent
    for i in range(begin, steps):
        if progress is not None:
            progress(i - begin, steps - begin)
        a, s = schedule.levels[i]
        moved = z.new_zeros(z.shape)
        for draw in range(average):
            fresh = noise((i - begin) * average + draw)
            there = a * latent + s * fresh.float()
            here = z + there - latent
            kind = fresh.dtype
            moved = moved + (target(here.to(kind), i).float() - source(there.to(kind), i).float()) / average
        z = schedule.step(moved, z, i)
    return z
