"""A sampler's ODE run backwards, through any pipeline: a scheduler that undoes the steps of another one.

A step of a linear sampler is y = A x + B f(x, t) with numbers A and B of its own. They are found by letting the real
scheduler step once on the vectors (1, 0) and (0, 1), so no formula of any scheduler is repeated here. The pipeline then
calls :class:`Backwards` in the scheduler's place, with its own conditioning and guidance, and each step solves
x = (y - B f(x, t)) / A by fixed-point iteration (Pan et al., arXiv 2309.04907), beginning with x = y.
"""

from __future__ import annotations

from typing import Any

import torch

from provenance.errors import UsageError

__all__ = ["Backwards"]

ITERATIONS = 3
"""Evaluations of the model for each step; one is the approximation of DDIM inversion, and is enough for the house model
(:func:`generator.sampler.invert_flow_euler`). Whether it is for models of full size was not measured."""


class Backwards:
    """Stands in for ``forward``, a linear scheduler of diffusers, while a pipeline is handed a final latent."""

    order = 1
    init_noise_sigma = 1.0

    def __init__(self, forward: Any) -> None:
        self._forward = forward
        self.config = forward.config
        self.timesteps = torch.zeros(0)
        self._steps: list[tuple[float, float, float]] = []
        self._done = 0
        self._goal: torch.Tensor | None = None

    @property
    def scale(self) -> float:
        """By how much the initial noise is multiplied before the first step; known after a run."""
        return float(getattr(self._forward, "init_noise_sigma", 1.0))

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        timesteps: Any = None,
        sigmas: Any = None,
        mu: Any = None,
    ) -> None:
        """Lay out the forward steps, then turn them around."""
        given = {"timesteps": timesteps, "sigmas": sigmas, "mu": mu}
        if sigmas is None and timesteps is None:
            given["num_inference_steps"] = num_inference_steps
        self._forward.set_timesteps(
            device=device, **{name: value for name, value in given.items() if value is not None}
        )
        self._steps = [self._probe(t) for t in self._forward.timesteps]
        if not all(torch.isfinite(torch.tensor(step)).all() and step[0] for step in self._steps):
            raise UsageError("this sampler's steps cannot be undone")
        self.timesteps = self._forward.timesteps.flip(0).repeat_interleave(ITERATIONS)
        self._done, self._goal = 0, None

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Pipelines announce that they begin at the beginning."""

    def scale_model_input(self, sample: torch.Tensor, timestep: Any = None) -> torch.Tensor:  # noqa: ARG002
        """What the forward scheduler would show the model at this noise level."""
        scaled: torch.Tensor = sample * self._step()[2]
        return scaled

    def step(
        self,
        model_output: torch.Tensor,
        timestep: Any,  # noqa: ARG002 - the order of calls says where we are
        sample: torch.Tensor,
        return_dict: bool = True,  # noqa: ARG002 - pipelines ask for tuples
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One round of the fixed-point iteration; after ITERATIONS rounds, on to the step before."""
        if self._goal is None:
            self._goal = sample.float()
        a, b, _ = self._step()
        found = (self._goal - b * model_output.float()) / a
        self._done += 1
        if self._done % ITERATIONS == 0:
            self._goal = found
        result = found.to(sample.dtype)
        return result, result

    def _step(self) -> tuple[float, float, float]:
        return self._steps[len(self._steps) - 1 - self._done // ITERATIONS]

    def _probe(self, timestep: Any) -> tuple[float, float, float]:
        """(A, B, input scale) of the forward step at ``timestep``; the steps must be asked in their order."""
        forward = self._forward
        shown = torch.ones(1, dtype=torch.float32)
        scale = float(forward.scale_model_input(shown, timestep)) if hasattr(forward, "scale_model_input") else 1.0
        x, f = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
        a, b = forward.step(f, timestep, x, return_dict=False)[0].tolist()
        return a, b, scale
