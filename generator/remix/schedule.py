"""A sampler's noise levels and steps, so that a picture can be entered between noise and data.

There are n steps between the levels 0, 1, ..., n. At level i the sample is x_i = a_i z + s_i noise for data z; level n
is the data. A step is y = A x + B f with f the model's output. Where a scheduler of diffusers makes the steps, its own
functions give these numbers, probed with the vectors (1, 0) and (0, 1): no formula of any scheduler is repeated here.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Protocol

import torch

from provenance.errors import UsageError
from provenance.operation import executed_steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

__all__ = ["FlowSchedule", "SamplerSchedule", "Schedule", "begin_at", "noised"]


class Schedule(Protocol):
    """n steps from noise to data, and the n + 1 levels between which they lead."""

    @property
    def levels(self) -> Sequence[tuple[float, float]]:
        """(a_i, s_i) for i = 0, ..., n."""

    @property
    def flow(self) -> bool:
        """Whether the model's output is the velocity noise - data of flow matching."""

    def start(self, noise: torch.Tensor) -> torch.Tensor:
        """What the sampler begins with at level 0."""

    def unstart(self, x: torch.Tensor) -> torch.Tensor:
        """The noise whose :meth:`start` is ``x``."""

    def shown(self, x: torch.Tensor, i: int) -> torch.Tensor:
        """What the model is shown of a sample at level i."""

    def step(self, output: torch.Tensor, x: torch.Tensor, i: int) -> torch.Tensor:
        """From level i to level i + 1, exactly as the sampler does it."""

    def undo(self, output: torch.Tensor, y: torch.Tensor, i: int) -> torch.Tensor:
        """The sample at level i from which :meth:`step` with this output leads to ``y``; float32."""


class FlowSchedule:
    """Euler steps of flow matching from sigma = 1 to 0, as ``generator.sampler`` takes them."""

    flow = True

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.sigmas = tuple(sigmas)
        self.levels = tuple((1.0 - sigma, sigma) for sigma in sigmas)

    def start(self, noise: torch.Tensor) -> torch.Tensor:
        """The noise itself."""
        return noise

    def unstart(self, x: torch.Tensor) -> torch.Tensor:
        """The sample itself."""
        return x

    def shown(self, x: torch.Tensor, i: int) -> torch.Tensor:  # noqa: ARG002 - some samplers scale
        """The sample itself."""
        return x

    def step(self, output: torch.Tensor, x: torch.Tensor, i: int) -> torch.Tensor:
        """One Euler step: x + (sigma' - sigma) f."""
        return x + (self.sigmas[i + 1] - self.sigmas[i]) * output

    def undo(self, output: torch.Tensor, y: torch.Tensor, i: int) -> torch.Tensor:
        """One Euler step back: y - (sigma' - sigma) f."""
        return y.float() - (self.sigmas[i + 1] - self.sigmas[i]) * output.float()


class SamplerSchedule:
    """A scheduler of diffusers whose time steps were laid out by its pipeline. It must be a linear one."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = copy.deepcopy(scheduler)
        self.timesteps: torch.Tensor = self._scheduler.timesteps
        self.flow = hasattr(scheduler, "scale_noise")
        self.levels = (*(self._level(i) for i in range(len(self.timesteps))), (1.0, 0.0))
        if any(not _finite(*level) for level in self.levels):
            raise UsageError(f"{type(scheduler).__name__}: its noise levels are not finite")

    def start(self, noise: torch.Tensor) -> torch.Tensor:
        """The noise at the scheduler's own scale."""
        return noise * self._scale if self._scale != 1.0 else noise

    def unstart(self, x: torch.Tensor) -> torch.Tensor:
        """The sample divided by that scale."""
        return x / self._scale

    def shown(self, x: torch.Tensor, i: int) -> torch.Tensor:
        """As the scheduler scales it."""
        scheduler = self._at(i)
        if not hasattr(scheduler, "scale_model_input"):
            return x
        return torch.as_tensor(scheduler.scale_model_input(x, self.timesteps[i]))

    def step(self, output: torch.Tensor, x: torch.Tensor, i: int) -> torch.Tensor:
        """The scheduler's own step."""
        return torch.as_tensor(self._at(i).step(output, self.timesteps[i], x, return_dict=False)[0])

    def undo(self, output: torch.Tensor, y: torch.Tensor, i: int) -> torch.Tensor:
        """(y - B f) / A with the numbers of this step.

        Raises:
            UsageError: this step cannot be undone.
        """
        a, b = self.step(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]), i).tolist()
        if not _finite(a, b) or a == 0:
            raise UsageError("this sampler's steps cannot be undone")
        return torch.as_tensor((y.float() - b * output.float()) / a)

    @property
    def _scale(self) -> float:
        return float(getattr(self._scheduler, "init_noise_sigma", 1.0))

    def _level(self, i: int) -> tuple[float, float]:
        scheduler = self._at(i)
        data, noise = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        time = self.timesteps[i : i + 1]
        mixed = scheduler.scale_noise(data, time, noise) if self.flow else scheduler.add_noise(data, noise, time)
        a, s = mixed[0].tolist()
        return a, s

    def _at(self, i: int) -> Any:
        """The scheduler about to take step i; those that count their steps are told."""
        if hasattr(self._scheduler, "_step_index"):
            self._scheduler._begin_index = 0  # noqa: SLF001 - there is no public way to go back
            self._scheduler._step_index = i  # noqa: SLF001
        return self._scheduler


def begin_at(steps: int, strength: Decimal) -> int:
    """The level k at which a picture is entered: the steps before it are left out."""
    return steps - executed_steps(strength, steps)


def noised(schedule: Schedule, latent: torch.Tensor, noise: torch.Tensor, i: int) -> torch.Tensor:
    """a_i z + s_i noise in the noise's dtype; at level n the latent itself, at level 0 what the sampler starts from."""
    if i == len(schedule.levels) - 1:
        return latent
    if i == 0:
        return schedule.start(noise)
    a, s = schedule.levels[i]
    return (a * latent.float() + s * noise.float()).to(noise.dtype)


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)
