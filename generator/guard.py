"""Nothing but the seed makes a picture: further noise is taken from its streams, any other randomness is refused.

diffusers' samplers draw through one function, ``randn_tensor``, which each of their modules imports by name. During a
run it is replaced there: by our streams where the sampler is a stochastic one, by a refusal where it should not draw at
all. Whatever else draws (a layer, a custom step) moves the state of a global generator, and that is compared.
"""

from __future__ import annotations

import random
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from provenance.errors import UsageError
from provenance.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Streams", "no_other_randomness", "numbered_draws"]

_one_run = threading.Lock()
"""The replaced function belongs to a module, so to the whole process: one run at a time."""


class Streams:
    """Noise for one run: stream 0 was the initial latent, each further draw takes the next stream of every seed.

    Args:
        seeds: one of 32 bytes for each picture of the batch; none for a sampler that must not draw.
    """

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._seeds = tuple(seeds)
        self.count = 0

    def draw(
        self,
        shape: Sequence[int],
        generator: object = None,  # noqa: ARG002 - the signature of diffusers' randn_tensor
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        layout: object = None,  # noqa: ARG002
    ) -> torch.Tensor:
        """Standard normal values of ``shape``, whose first axis is the batch.

        Raises:
            UsageError: a sampler draws that should not, or for another batch than there are seeds.
        """
        if len(self._seeds) != shape[0]:
            raise UsageError("the sampler draws noise that no seed determines; choose another --scheduler")
        self.count += 1
        values = np.stack([gaussian(seed, tuple(shape[1:]), stream=self.count) for seed in self._seeds])
        return torch.from_numpy(values).to(device, dtype)


@contextmanager
def numbered_draws(scheduler: Any, streams: Streams) -> Iterator[None]:
    """Let the sampler's draws come from ``streams`` for the duration of a run."""
    module: Any = sys.modules[type(scheduler).__module__]
    with _one_run:
        original = getattr(module, "randn_tensor", None)
        if original is not None:
            module.randn_tensor = streams.draw
        try:
            yield
        finally:
            if original is not None:
                module.randn_tensor = original


@contextmanager
def no_other_randomness() -> Iterator[None]:
    """Refuse a run that moves the global generators of torch (CPU and CUDA), numpy or Python.

    Raises:
        UsageError: it did; its result must not be claimed.
    """
    before = _states()
    yield
    moved = sorted(name for name, state in _states().items() if state != before.get(name))
    if moved:
        raise UsageError(
            f"this model or sampler draws random numbers of its own ({', '.join(moved)}): its pictures do not follow "
            "from their seeds, so nothing was claimed"
        )


def _states() -> dict[str, object]:
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002 - the one to be watched
    found: dict[str, object] = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (kind, np.asarray(keys).tobytes(), position, has_gauss, cached),
        "python": random.getstate(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        found["torch on CUDA"] = tuple(state.numpy().tobytes() for state in torch.cuda.get_rng_state_all())
    return found
