"""Looking into a UNet while it runs: its decoder's self-attention and features, by depth, and taken off again.

Layers are named by their depth as a share, so that the same setting fits a UNet of any size: 0 is the decoder's first
layer, next to the bottleneck, 1 would be beyond its last.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.nn import functional

from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from generator.remix.conditioned import Conditioned

__all__ = ["Rows", "Share", "feature_layer", "features_changed", "self_attention", "self_attention_changed"]


class Share(Protocol):
    """What is done to queries, keys and values, (rows, tokens, channels) each."""

    def __call__(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The three of them as they are to be used."""


class Rows:
    """Which rows of a joint forward pass belong to which branch (``generator.remix.conditioned.together``)."""

    def __init__(self, branches: Sequence[Conditioned]) -> None:
        self._roles = [branch.roles for branch in branches]
        starts = [sum(len(roles) for roles in self._roles[:position]) for position in range(len(branches))]
        self._starts = starts

    def of(self, branch: int) -> slice:
        """The rows of a branch."""
        return slice(self._starts[branch], self._starts[branch] + len(self._roles[branch]))

    def seen_by(self, branch: int, looks_at: int) -> list[int]:
        """For each row of a branch the row of another one with the same role, or else its only one."""
        there = self._roles[looks_at]
        return [self._starts[looks_at] + (there.index(role) if role in there else 0) for role in self._roles[branch]]


def self_attention(network: Any, begin: float) -> list[Any]:
    """The decoder's self-attention modules from the share ``begin`` of them on, at least the last one.

    Raises:
        UsageError: no UNet, or one whose decoder has no attention.
    """
    found = [
        block.attn1
        for up in _decoder(network)
        for transformer in (getattr(up, "attentions", None) or ())
        for block in (getattr(transformer, "transformer_blocks", None) or ())
    ]
    if not found:
        raise UsageError("this UNet's decoder has no self-attention, which this operation needs")
    return found[min(int(begin * len(found)), len(found) - 1) :]


def feature_layer(network: Any, depth: float) -> Any:
    """The last convolution of the decoder's residual block at the share ``depth``: what it adds to its input.

    Raises:
        UsageError: no UNet.
    """
    blocks = [block for up in _decoder(network) for block in up.resnets]
    return blocks[min(int(depth * len(blocks)), len(blocks) - 1)].conv2


@contextmanager
def self_attention_changed(modules: Sequence[Any], share: Share) -> Iterator[None]:
    """Let ``share`` change queries, keys and values of these modules for the duration."""
    before = [module.processor for module in modules]
    try:
        for module in modules:
            module.processor = _Processor(share)
        yield
    finally:
        for module, processor in zip(modules, before, strict=True):
            module.processor = processor


@contextmanager
def features_changed(module: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Let ``change`` replace what this module gives, for the duration."""
    handle = module.register_forward_hook(lambda _module, _inputs, output: change(output))
    try:
        yield
    finally:
        handle.remove()


class _Processor:
    """Scaled dot-product self-attention, as diffusers' own processors do it, with a look in between."""

    def __init__(self, share: Share) -> None:
        self._share = share

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,  # noqa: ARG002 - self-attention has none
        attention_mask: torch.Tensor | None = None,  # noqa: ARG002
        *args: object,  # noqa: ARG002
        **kwargs: object,  # noqa: ARG002
    ) -> torch.Tensor:
        q, k, v = self._share(attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states))

        def heads(values: torch.Tensor) -> torch.Tensor:
            return values.view(len(values), -1, attn.heads, values.shape[-1] // attn.heads).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(heads(q), heads(k), heads(v))
        merged = mixed.transpose(1, 2).flatten(2).to(q.dtype)
        return torch.as_tensor(attn.to_out[1](attn.to_out[0](merged)))


def _decoder(network: Any) -> Any:
    """The blocks that lead from the bottleneck to the output."""
    blocks = getattr(network, "up_blocks", None)
    if blocks is None:
        raise UsageError(
            f"{type(network).__name__} is no UNet, and this operation looks into one; use edit with a flow-matching "
            "model, or remix"
        )
    return blocks
