"""What both trainings share: a budget in minutes that survives interruptions, averaged weights, a log."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Averages", "Budget", "Log", "load_checkpoint", "save_checkpoint"]


class Budget:
    """Training time in seconds, counted across interruptions; drives the cosine learning rate."""

    def __init__(self, minutes: float, spent: float = 0.0) -> None:
        self._total = minutes * 60.0
        self._start = time.monotonic() - spent

    @property
    def spent(self) -> float:
        """Seconds trained so far."""
        return time.monotonic() - self._start

    def pause(self, seconds: float) -> None:
        """Do not count this time (evaluation)."""
        self._start += seconds

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return self.spent >= self._total

    def learning_rate(self, peak: float, step: int, warm_up: int) -> float:
        """Linear warm-up, then a cosine down to 2 % at the end of the budget."""
        share = min(1.0, self.spent / self._total)
        return peak * min(1.0, (step + 1) / warm_up) * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * share)))


class Averages:
    """Exponential moving average of parameters: what is exported."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], decay: float) -> None:
        self._parameters = list(parameters)
        self._decay = decay
        self.values = [p.detach().clone() for p in self._parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the current parameters; faster in the first steps."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach() for p in self._parameters], 1.0 - decay)

    @torch.no_grad()
    def install(self) -> None:
        """Put the averages into the model."""
        for parameter, value in zip(self._parameters, self.values, strict=True):
            parameter.copy_(value)


class Log:
    """Lines of a training log, to the screen and to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, line: str) -> None:
        """Append one line."""
        print(line, flush=True)
        with self._path.open("a") as file:
            file.write(line + "\n")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write atomically: an interruption leaves the checkpoint before."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)  # noqa: PTH105


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The last checkpoint, or None."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state
