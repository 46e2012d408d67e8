"""A recipe's operation, run on a model: the functions beside this file with what the recipe says, and backwards."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generator.remix.blend import blend
from generator.remix.flow_edit import flow_edit, flow_edit_noise
from generator.remix.image_to_image import image_to_image
from generator.remix.inpaint import inpaint, with_mask
from generator.remix.plug_and_play import plug_and_play
from generator.remix.schedule import begin_at, noised
from generator.remix.style import style
from generator.remix.trajectory import Rerun, entered_noise, invert_to, inverted
from provenance.errors import UsageError
from provenance.noise import gaussian
from provenance.recipe import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generator.pipeline import Pipeline
    from generator.remix.conditioned import Conditioned
    from generator.remix.schedule import Schedule
    from generator.remix.trajectory import Trajectory
    from provenance.operation import Operation
    from provenance.ports import Material

__all__ = ["Performance"]

_UNGUIDED = 1.0
"""An inverted trajectory follows the prompt alone: guidance makes the way back less exact and costs twice as much."""


@dataclass(frozen=True)
class Performance:
    """One operation on one model.

    Attributes:
        pipeline: the model.
        operation: name, parameters and mask.
        sources: one for each source of the operation.
        prompt, steps, guidance: the child's.
        device, dtype: where and in what its pipeline samples.
    """

    pipeline: Pipeline
    operation: Operation
    sources: Sequence[Material]
    prompt: Prompt
    steps: int
    guidance: float
    device: torch.device
    dtype: torch.dtype

    def run(self, seed: bytes, progress: Callable[[int, int], None] | None = None) -> torch.Tensor:
        """The child's latent (1, C, h, w) from the noise of its seed.

        Raises:
            UsageError: the model cannot run this operation, or a source's latent holds NaN or infinity.
        """
        latents = [self._latent(source) for source in self.sources]
        number = self.operation.parameters
        match self.operation.name:
            case "blend":
                return blend(latents, self._weights(), spherical=number["mode"] == "spherical")
            case "plug-and-play":
                target, source = self._child(), self._parent(self.sources[0], "trajectory")
                way = self._trajectory(self.sources[0], source, "trajectory")
                shares = {name: _decimal(number[name]) for name in ("attention", "features")}
                return plug_and_play(target, source, way, **shares, progress=progress)
            case "style":
                return self._style(progress)
            case "flow-edit":
                own = partial(self._noise, seed)
                return flow_edit(*self._edited(), latents[0], own, **self._edit_shares(), progress=progress)
        child, noise = self._child(latents[0]), self._noise(seed)
        strength = _decimal(number["strength"])
        if self.operation.mask is None:
            return image_to_image(child, child.schedule, latents[0], noise, strength=strength, progress=progress)
        return inpaint(child, child.schedule, latents[0], noise, self._mask(), strength=strength, progress=progress)

    def invert(self, latent: torch.Tensor, seed: bytes) -> torch.Tensor | None:
        """The noise of stream 0 (1, C, h, w) that the sampler leads back to; None where there is no such way.

        Outside of a mask it is the noise of ``seed`` that is followed, so only the values inside are a finding. What a
        FlowEdit edited before it sampled is made again from the other streams of ``seed``.
        """
        if not self.operation.invertible:
            return None
        source = self._latent(self.sources[0])
        if self.operation.name == "flow-edit":
            noise_of = partial(self._noise, seed)
            return flow_edit_noise(*self._edited(), source, noise_of, latent.to(self.dtype), **self._edit_shares())
        child = self._child(source)
        schedule = child.schedule
        begin = begin_at(self.steps, _decimal(self.operation.parameters["strength"]))

        def around(x: torch.Tensor, i: int) -> torch.Tensor:
            return torch.where(mask, x, noised(schedule, source, noise, i).float())

        surroundings = None
        if self.operation.mask is not None:
            mask, noise = self._mask(), self._noise(seed)
            surroundings = around
        x = invert_to(child, schedule, latent.to(self.dtype), begin, surroundings=surroundings)
        return entered_noise(schedule, x, source, begin)

    def _edited(self) -> tuple[Conditioned, Conditioned, Schedule]:
        """Of a FlowEdit the model with the child's prompt, with the parent's, and the steps."""
        child = self._child()
        parent = self._conditioned(self._words(self.sources[0]), self.operation.parameters["source_guidance"])
        return child, parent, child.schedule

    def _edit_shares(self) -> dict[str, Any]:
        number = self.operation.parameters
        return {
            "strength": _decimal(number["strength"]),
            "average": int(number["average"]),
            "sampled": self.operation.sampled or Decimal(0),
        }

    def _style(self, progress: Callable[[int, int], None] | None) -> torch.Tensor:
        number = self.operation.parameters
        names = ("content_trajectory", "style_trajectory")
        parents = [self._parent(source, name) for source, name in zip(self.sources, names, strict=True)]
        ways = [self._trajectory(*each) for each in zip(self.sources, parents, names, strict=True)]
        return style(
            self._child(),
            (parents[0], parents[1]),
            (ways[0], ways[1]),
            gamma=_decimal(number["gamma"]),
            temperature=_decimal(number["temperature"]),
            strength=_decimal(number["strength"]),
            progress=progress,
        )

    def _weights(self) -> list[float]:
        number = self.operation.parameters
        if "weight" in number:
            return [float(1 - _decimal(number["weight"])), float(number["weight"])]
        return [float(number[f"w{position}"]) for position in range(len(self.sources))]

    def _child(self, latent: torch.Tensor | None = None) -> Conditioned:
        """The model with the child's prompt; shown the mask and ``latent`` where the operation says so."""
        child = self._conditioned(self.prompt, self.guidance)
        if self.operation.parameters.get("mode") == "native" and latent is not None:
            return with_mask(child, latent, self._mask())
        return child

    def _parent(self, source: Material, parameter: str) -> Conditioned:
        """The model with a source's prompt, for the trajectory that this parameter names."""
        if self.operation.parameters[parameter] == "rerun" and source.recipe is not None:
            return self._conditioned(self._words(source), float(source.recipe.guidance))
        return self._conditioned(self._words(source), _UNGUIDED)

    def _trajectory(self, source: Material, parent: Conditioned, parameter: str) -> Trajectory:
        if self.operation.parameters[parameter] == "rerun" and source.recipe is not None:
            return Rerun(parent.schedule, self._noise(source.recipe.seed))
        return inverted(parent, parent.schedule, self._latent(source), self.dtype)

    def _conditioned(self, prompt: Prompt, guidance: object) -> Conditioned:
        return self.pipeline.conditioned(
            self.sources[0].latent.shape,
            prompt.text,
            prompt.negative,
            steps=self.steps,
            guidance=float(str(guidance)),
        )

    @staticmethod
    def _words(source: Material) -> Prompt:
        """A source's own prompt, or none where it is sealed or the picture came from outside."""
        return source.prompt or Prompt("")

    def _latent(self, source: Material) -> torch.Tensor:
        if not np.isfinite(source.latent).all():
            raise UsageError("the latent to start from holds NaN or infinity")
        return torch.from_numpy(source.latent[None].astype(np.float32)).to(self.device)

    def _noise(self, seed: bytes, stream: int = 0) -> torch.Tensor:
        values = gaussian(seed, self.sources[0].latent.shape, stream=stream)[None]
        return torch.from_numpy(values.copy()).to(self.device, self.dtype)

    def _mask(self) -> torch.Tensor:
        """Bool (1, 1, h, w)."""
        height, width = self.sources[0].latent.shape[1:]
        bits = np.unpackbits(np.frombuffer(self.operation.mask or b"", np.uint8), count=height * width)
        return torch.from_numpy(bits.astype(bool).reshape(1, 1, height, width)).to(self.device)


def _decimal(value: object) -> Decimal:
    return Decimal(str(value))
