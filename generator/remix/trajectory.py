"""A source's way through the sampler: run again from its noise beside the child, or walked backwards beforehand.

A claimed parent's seed is public, so its true trajectory can be run again. A bare latent is inverted step by step, with
one evaluation for each (DDIM inversion, Song et al., arXiv 2010.02502).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from generator.remix.conditioned import Denoise
    from generator.remix.schedule import Schedule

__all__ = ["Rerun", "Stored", "Trajectory", "entered_noise", "invert_to", "inverted"]


class Trajectory(Protocol):
    """The samples x_0, ..., x_n of one source; asked for level by level."""

    @property
    def known(self) -> bool:
        """Whether it goes on without the model's outputs."""

    def at(self, i: int) -> torch.Tensor:
        """The sample at level i."""

    def advance(self, output: torch.Tensor, i: int) -> None:
        """Take note of the model's output at level i."""


class Rerun:
    """From noise, one step for each output."""

    known = False

    def __init__(self, schedule: Schedule, noise: torch.Tensor) -> None:
        self._schedule = schedule
        self._x = schedule.start(noise)

    def at(self, i: int) -> torch.Tensor:  # noqa: ARG002 - it stands where it was led
        """Where it stands."""
        return self._x

    def advance(self, output: torch.Tensor, i: int) -> None:
        """The sampler's step."""
        self._x = self._schedule.step(output, self._x, i)


class Stored:
    """Samples that are known already."""

    known = True

    def __init__(self, samples: list[torch.Tensor]) -> None:
        self._samples = samples

    def at(self, i: int) -> torch.Tensor:
        """The one that was stored."""
        return self._samples[i]

    def advance(self, output: torch.Tensor, i: int) -> None:
        """Nothing: it is known where it goes."""


def inverted(denoise: Denoise, schedule: Schedule, latent: torch.Tensor, dtype: torch.dtype) -> Stored:
    """The trajectory that leads to a latent (1, C, h, w), float32: n evaluations."""
    steps = len(schedule.levels) - 1
    samples = [latent]
    for i in reversed(range(steps)):
        x = samples[-1].to(dtype)
        samples.append(schedule.undo(denoise(x, i), samples[-1], i))
    return Stored([sample.to(dtype) for sample in reversed(samples)])


def invert_to(
    denoise: Denoise,
    schedule: Schedule,
    latent: torch.Tensor,
    begin: int,
    *,
    iterations: int = 1,
    surroundings: Callable[[torch.Tensor, int], torch.Tensor] | None = None,
) -> torch.Tensor:
    """The sample at level ``begin`` from which the sampler leads to ``latent``, float32 (1, C, h, w).

    One evaluation for each step is DDIM inversion; more are a fixed-point iteration (Pan et al., arXiv 2309.04907).
    That is for exact latents: it amplifies what rounding to stored integers changed. Of remixes by the house model one
    evaluation finds the noise with 1.2 to 1.8 times the bits that three find.

    Args:
        denoise: guided output, in whatever dtype it samples.
        schedule: levels and steps.
        latent: final latent in the sampling dtype.
        begin: level to walk back to.
        iterations: evaluations for each step.
        surroundings: puts what is known into a sample at a level, such as what lies outside of a mask.
    """
    y = latent.float()
    for i in reversed(range(begin, len(schedule.levels) - 1)):
        x = y
        for _ in range(iterations):
            if surroundings is not None:
                x = surroundings(x, i)
            x = schedule.undo(denoise(x.to(latent.dtype), i), y, i)
        y = x
    return y


def entered_noise(schedule: Schedule, x: torch.Tensor, latent: torch.Tensor, begin: int) -> torch.Tensor:
    """The noise with which ``latent`` was noised to the sample x at level ``begin``: inverse of ``noised``."""
    if begin == 0:
        return schedule.unstart(x)
    a, s = schedule.levels[begin]
    return (x - a * latent) / s
