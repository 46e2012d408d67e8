"""A model with one prompt and one guidance: what an operation calls ``denoise``.

Several of them can be asked in one forward pass of the network, so that one branch can look at another one's attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from generator.remix.schedule import Schedule

__all__ = ["Conditioned", "Denoise", "together"]


class Denoise(Protocol):
    """What most operations need of a model."""

    def __call__(self, x: torch.Tensor, i: int) -> torch.Tensor:
        """The guided output for a sample (1, C, h, w) at level i."""


@dataclass(frozen=True)
class Conditioned:
    """``conditioned(x, i)`` is the guided output for a sample (1, C, h, w) at level i of ``schedule``.

    Attributes:
        network: the denoiser.
        schedule: levels and steps.
        arguments: what the network is called with for this prompt; tensors have one row for each evaluation.
        sample: name of the argument that takes the sample.
        time: name of the argument that takes the time.
        clock: the time argument at level i, one value for each row or a single one.
        roles: what the rows stand for, in order: "towards" the prompt, "away" from the negative one.
        guidance: weight of their difference (Ho and Salimans, arXiv 2207.12598); unused with one row.
        pack, unpack: between (1, C, h, w) and the form in which the network takes samples.
        beside: more channels (1, D, h, w) that are shown next to the sample, or None.
    """

    network: Any
    schedule: Schedule
    arguments: Mapping[str, Any]
    sample: str
    time: str
    clock: Callable[[int], torch.Tensor]
    roles: tuple[str, ...]
    guidance: float
    pack: Callable[[torch.Tensor], torch.Tensor] | None = None
    unpack: Callable[[torch.Tensor], torch.Tensor] | None = None
    beside: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, i: int) -> torch.Tensor:
        """The guided output, of the sample's shape."""
        return self.guided(self._forward(self.inputs(x, i)), x.shape[1])

    def inputs(self, x: torch.Tensor, i: int) -> dict[str, Any]:
        """All arguments of the network for this sample."""
        rows = self.schedule.shown(torch.cat([x] * len(self.roles)) if len(self.roles) > 1 else x, i)
        if self.beside is not None:
            rows = torch.cat([rows, self.beside.to(rows.dtype).expand(len(rows), -1, -1, -1)], dim=1)
        if self.pack is not None:
            rows = self.pack(rows)
        return {**self.arguments, self.sample: rows, self.time: self.clock(i)}

    def guided(self, output: torch.Tensor, channels: int) -> torch.Tensor:
        """One output from those of all rows; what some networks say about the variance is dropped."""
        if self.unpack is not None:
            output = self.unpack(output)
        if len(self.roles) > 1:
            found = dict(zip(self.roles, output.chunk(2), strict=True))
            output = found["away"] + self.guidance * (found["towards"] - found["away"])
        return output[:, :channels]

    def _forward(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        return torch.as_tensor(self.network(**inputs, return_dict=False)[0])


def together(branches: Sequence[Conditioned], samples: Sequence[torch.Tensor], i: int) -> list[torch.Tensor]:
    """The guided output of each branch for its own sample, in one forward pass of the network that they share.

    Rows lie in the order of the branches. All samples have one shape.
    """
    if len(branches) == 1:
        return [branches[0](samples[0], i)]
    rows = [branch.inputs(x, i) for branch, x in zip(branches, samples, strict=True)]
    sizes = [len(branch.roles) for branch in branches]
    output = branches[0]._forward(_joined(rows, sizes))  # noqa: SLF001 - of this class
    pieces = torch.split(output, sizes)
    return [branch.guided(piece, samples[0].shape[1]) for branch, piece in zip(branches, pieces, strict=True)]


def _joined(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Arguments of all branches with their rows one below the other; what has no rows is the same for all."""
    first = values[0]
    if isinstance(first, dict):
        return {name: _joined([value[name] for value in values], sizes) for name in first}
    by_rows = isinstance(first, torch.Tensor) and first.ndim > 0
    if by_rows and all(len(value) == size for value, size in zip(values, sizes, strict=True)):
        return torch.cat(list(values))
    return first
