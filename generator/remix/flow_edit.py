"""FlowEdit (Kulikov et al., arXiv 2412.08629): an edit by a flow-matching model, without inverting the parent.

Two velocities are compared at every level: of the noised parent under its own prompt, and of the same point shifted by
what was edited so far, under the new one. Their difference moves the edit from the parent to the child.

That leaves little of the noise in which both were asked. So the last steps can be plainly sampled (the paper's n_min):
the edit so far is noised as its parent is, with the child's noise of stream 0, and denoised under the new prompt alone.
Run backwards, those steps lead to that noise again (:func:`flow_edit_noise`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from generator.remix.schedule import begin_at
from generator.remix.trajectory import invert_to
from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from generator.remix.conditioned import Denoise
    from generator.remix.schedule import Schedule

__all__ = ["flow_edit", "flow_edit_noise"]

_NONE = Decimal(0)


def flow_edit(
    target: Denoise,
    source: Denoise,
    schedule: Schedule,
    latent: torch.Tensor,
    noise: Callable[[int], torch.Tensor],
    *,
    strength: Decimal,
    average: int,
    sampled: Decimal = _NONE,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The child's latent (the paper's algorithm 1).

    Args:
        target: velocity under the new prompt.
        source: velocity under the parent's.
        schedule: of a flow-matching sampler.
        latent: the parent's, float32 (1, C, h, w).
        noise: stream k of the child's noise, standard normal of that shape, in the sampling dtype; draw a of step j is
            stream j * average + a, and one later where steps are plainly sampled, which takes stream 0.
        strength: share of the steps that are run, from 0 to 1.
        average: draws of noise in each step.
        sampled: share of the steps, the last ones, that are plainly sampled; less than ``strength``.
        progress: called with (done, total).

    Raises:
        UsageError: the sampler is not one of flow matching.
    """
    steps = len(schedule.levels) - 1
    begin, end = begin_at(steps, strength), begin_at(steps, sampled)

    def show(i: int) -> None:
        if progress is not None:
            progress(i - begin, steps - begin)

    z = _edited(target, source, schedule, latent, noise, begin=begin, end=end, average=average, show=show)
    if end == steps:
        return z
    fresh = noise(0)
    x = (z + _noised(schedule, latent, fresh, end) - latent).to(fresh.dtype)
    for i in range(end, steps):
        show(i)
        x = schedule.step(target(x, i), x, i)
    return x


def flow_edit_noise(
    target: Denoise,
    source: Denoise,
    schedule: Schedule,
    latent: torch.Tensor,
    noise: Callable[[int], torch.Tensor],
    child: torch.Tensor,
    *,
    strength: Decimal,
    average: int,
    sampled: Decimal,
) -> torch.Tensor:
    """The noise of stream 0 that the plainly sampled steps of ``child`` lead back to, float32.

    The edit before them is made again from the later streams of ``noise``, which say nothing about stream 0.

    Args:
        target: velocity under the new prompt.
        source: velocity under the parent's.
        schedule: of a flow-matching sampler.
        latent: the parent's, float32 (1, C, h, w).
        noise: stream k of the child's noise, as of :func:`flow_edit`.
        child: final latent, in the sampling dtype.
        strength: share of the steps that were run.
        average: draws of noise in each edited step.
        sampled: share of the steps that were plainly sampled, above 0.

    Raises:
        UsageError: the sampler is not one of flow matching.
    """
    steps = len(schedule.levels) - 1
    begin, end = begin_at(steps, strength), begin_at(steps, sampled)
    z = _edited(target, source, schedule, latent, noise, begin=begin, end=end, average=average)
    x = invert_to(target, schedule, child, end)
    a, s = schedule.levels[end]
    return (x - z + latent - a * latent) / s


def _edited(
    target: Denoise,
    source: Denoise,
    schedule: Schedule,
    latent: torch.Tensor,
    noise: Callable[[int], torch.Tensor],
    *,
    begin: int,
    end: int,
    average: int,
    show: Callable[[int], None] = lambda _: None,
) -> torch.Tensor:
    """What the steps from ``begin`` to ``end`` edit ``latent`` to, float32."""
    if not schedule.flow:
        raise UsageError("FlowEdit needs a flow-matching model; edit this one with --method plug-and-play")
    first = 0 if end == len(schedule.levels) - 1 else 1
    z = latent
    for i in range(begin, end):
        show(i)
        moved = z.new_zeros(z.shape)
        for draw in range(average):
            fresh = noise(first + (i - begin) * average + draw)
            there = _noised(schedule, latent, fresh, i)
            here = z + there - latent
            kind = fresh.dtype
            moved = moved + (target(here.to(kind), i).float() - source(there.to(kind), i).float()) / average
        z = schedule.step(moved, z, i)
    return z


def _noised(schedule: Schedule, latent: torch.Tensor, fresh: torch.Tensor, i: int) -> torch.Tensor:
    """The parent at level i, float32."""
    a, s = schedule.levels[i]
    return a * latent + s * fresh.float()
