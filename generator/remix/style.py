"""Style transfer (StyleID, Chung et al., arXiv 2312.09008): what one work shows, painted as another one is.

Both works' trajectories run beside the child. It begins with the content's sample in the style's statistics (AdaIN,
Huang and Belongie, arXiv 1703.06868), and in the upper layers of the decoder it looks with mostly the content's queries
at the style's keys and values, more sharply than usual. No noise of the child's own is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.remix.attention import Rows, self_attention, self_attention_changed
from generator.remix.conditioned import together
from generator.remix.schedule import begin_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    import torch

    from generator.remix.conditioned import Conditioned
    from generator.remix.trajectory import Trajectory

__all__ = ["adain", "style"]

_ATTENTION_FROM = 3 / 9
"""The upper six of Stable Diffusion's nine self-attention layers in the decoder, as in the paper."""

_TINY = 1e-6


def adain(content: torch.Tensor, statistics: torch.Tensor) -> torch.Tensor:
    """``content`` with each channel's mean and deviation those of ``statistics``; both (1, C, h, w)."""
    mean, deviation = content.mean((2, 3), keepdim=True), content.std((2, 3), keepdim=True)
    wanted_mean, wanted = statistics.mean((2, 3), keepdim=True), statistics.std((2, 3), keepdim=True)
    return (content - mean) / (deviation + _TINY) * wanted + wanted_mean


def style(
    target: Conditioned,
    sources: tuple[Conditioned, Conditioned],
    trajectories: tuple[Trajectory, Trajectory],
    *,
    gamma: Decimal,
    temperature: Decimal,
    strength: Decimal,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The child's latent (1, C, h, w).

    Args:
        target: the network with the child's prompt.
        sources: the same network with the prompts of content and style, over the same steps.
        trajectories: samples of content and style, from level 0.
        gamma: share of the content's queries in the child's (0.75 in the paper).
        temperature: factor on the attention's logits (1.5 in the paper).
        strength: share of the steps that the child runs; before them, content and style run alone.
        progress: called with (done, total).

    Raises:
        UsageError: the network is no UNet.
    """
    schedule = target.schedule
    steps = len(schedule.levels) - 1
    begin = begin_at(steps, strength)
    rows = Rows([*sources, target])
    own, content, painted = rows.of(2), rows.seen_by(2, 0), rows.seen_by(2, 1)
    kept, sharper = float(gamma), float(temperature)

    def share(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        q, k, v = q.clone(), k.clone(), v.clone()
        q[own] = sharper * (kept * q[content] + (1 - kept) * q[own])
        k[own], v[own] = k[painted], v[painted]
        return q, k, v

    modules = self_attention(target.network, _ATTENTION_FROM)
    moving = [each for each in zip(sources, trajectories, strict=True) if not each[1].known]
    for i in range(begin if moving else 0):
        if progress is not None:
            progress(i, steps)
        outputs = together([source for source, _ in moving], [way.at(i) for _, way in moving], i)
        _advance([way for _, way in moving], outputs, i)
    x = adain(*(way.at(begin) for way in trajectories))
    with self_attention_changed(modules, share):
        for i in range(begin, steps):
            if progress is not None:
                progress(i, steps)
            *theirs, ours = together([*sources, target], [*(way.at(i) for way in trajectories), x], i)
            _advance(trajectories, theirs, i)
            x = schedule.step(ours, x, i)
    return x


def _advance(trajectories: Sequence[Trajectory], outputs: list[torch.Tensor], i: int) -> None:
    for way, output in zip(trajectories, outputs, strict=True):
        way.advance(output, i)
