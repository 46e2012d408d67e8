"""Plug-and-Play edits (Tumanyan et al., arXiv 2211.12572): the parent's structure under a new prompt, in any UNet.

The child starts where its parent started. While both are sampled side by side, the parent hands over the queries and
keys of its decoder's self-attention and the features of one residual block. No noise of the child's own is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.remix.attention import Rows, feature_layer, features_changed, self_attention, self_attention_changed
from generator.remix.conditioned import together
from provenance.operation import executed_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    import torch

    from generator.remix.conditioned import Conditioned
    from generator.remix.trajectory import Trajectory

__all__ = ["plug_and_play"]

_ATTENTION_FROM = 1 / 9
"""All but the first of Stable Diffusion's nine self-attention layers in the decoder, as in the paper."""

_FEATURES_AT = 4 / 12
"""The fifth of Stable Diffusion's twelve residual blocks in the decoder."""


@dataclass
class _Gate:
    """What is handed over in the step that is being taken, and between which rows."""

    rows: Rows
    attention: bool = True
    features: bool = True

    def share(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The child's queries and keys become the parent's."""
        if self.attention:
            seen, own = self.rows.seen_by(1, 0), self.rows.of(1)
            q, k = q.clone(), k.clone()
            q[own], k[own] = q[seen], k[seen]
        return q, k, v

    def features_of_parent(self, output: torch.Tensor) -> torch.Tensor:
        """The child's features become the parent's."""
        if not self.features:
            return output
        output = output.clone()
        output[self.rows.of(1)] = output[self.rows.seen_by(1, 0)]
        return output


def plug_and_play(
    target: Conditioned,
    source: Conditioned,
    trajectory: Trajectory,
    *,
    attention: Decimal,
    features: Decimal,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The child's latent (1, C, h, w).

    Args:
        target: the network with the new prompt.
        source: the same network with the parent's prompt, over the same steps.
        trajectory: the parent's samples, from level 0.
        attention: share of the steps, from the first, in which queries and keys are handed over.
        features: the same for the features.
        progress: called with (done, total).

    Raises:
        UsageError: the network is no UNet.
    """
    schedule = target.schedule
    steps = len(schedule.levels) - 1
    last = {"attention": executed_steps(attention, steps), "features": executed_steps(features, steps)}
    gate = _Gate(Rows([source, target]))
    x = trajectory.at(0)
    with (
        self_attention_changed(self_attention(target.network, _ATTENTION_FROM), gate.share),
        features_changed(feature_layer(target.network, _FEATURES_AT), gate.features_of_parent),
    ):
        for i in range(min(max(last.values()), steps)):
            if progress is not None:
                progress(i, steps)
            gate.attention, gate.features = i < last["attention"], i < last["features"]
            theirs, ours = together([source, target], [trajectory.at(i), x], i)
            trajectory.advance(theirs, i)
            x = schedule.step(ours, x, i)
    for i in range(max(last.values()), steps):
        if progress is not None:
            progress(i, steps)
        x = schedule.step(target(x, i), x, i)
    return x
