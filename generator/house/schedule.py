"""What the trainings share: time and learning rate, stopping cleanly, averaged weights, a log, checkpoints."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import FrameType

__all__ = ["Averages", "Budget", "Log", "PowerAverages", "Stopper", "cosine_rate", "load_checkpoint", "save_checkpoint"]


class Budget:
    """Training time in seconds of this process's own work, counted across interruptions.

    A step that took longer than ``longest`` seconds was paused from outside and counts as that much.
    """

    longest = 20.0

    def __init__(self, minutes: float, spent: float = 0.0) -> None:
        self._total = minutes * 60.0
        self._spent, self._last = spent, time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds trained so far."""
        now = time.monotonic()
        self._spent += min(self.longest, now - self._last)
        self._last = now
        return self._spent

    def skip(self) -> None:
        """Do not count the time since the last look (evaluation, saving)."""
        self._last = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return self.spent >= self._total


def cosine_rate(peak: float, step: int, steps: int, warm_up: int) -> float:
    """Learning rate at a step: linear warm-up, then a cosine down to 2 % at the last of ``steps``."""
    share = min(1.0, step / steps)
    return peak * min(1.0, (step + 1) / warm_up) * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * share)))


class Stopper:
    """Turns SIGTERM and SIGINT into a wish that a training loop looks at after each step."""

    def __init__(self) -> None:
        self.wanted = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.wanted = True


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


class PowerAverages(Averages):
    """Average whose memory grows with the training: about the last seventh of all steps for a power of 5."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], power: float) -> None:
        super().__init__(parameters, 0.0)
        self._power = power

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the current parameters; ``step`` counts from 0."""
        share = 1.0 - (1.0 - 1.0 / (step + 1)) ** (self._power + 1.0)
        torch._foreach_lerp_(self.values, [p.detach() for p in self._parameters], share)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Put the averages into the model for a while."""
        own = [p.detach().clone() for p in self._parameters]
        self.install()
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in zip(self._parameters, own, strict=True):
                    parameter.copy_(value)


class Log:
    """A training log of JSON lines, to the screen and to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, **values: object) -> None:
        """Append one line."""
        line = json.dumps(values)
        print(line, flush=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write atomically and durably: an interruption leaves the checkpoint before."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The last checkpoint, or None."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state
