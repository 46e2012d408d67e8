"""A loaded model behind a small interface of numpy arrays: noise in, latents and pixels out.

torch is imported here and nowhere above. Whatever is claimed is made deterministically: noise only from outside,
batch 1, deterministic algorithms, no TF32.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # read by cuBLAS when it starts; needed for determinism

import torch

from generator.assembly import Assembled, assemble
from generator.environment import describe_environment, explain_memory
from generator.families import HOUSE_PIPELINE
from generator.guard import no_other_randomness
from generator.models import check_unchanged
from generator.remix.encode import encode
from generator.remix.perform import Performance
from provenance.errors import EnvironmentFault, NotFiniteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from generator.adapters import AdapterFile
    from generator.models import InstalledModel
    from provenance.calibration import Whitening
    from provenance.operation import Operation
    from provenance.ports import Material
    from provenance.recipe import Prompt, Scheduler
    from provenance.setup import Setup

__all__ = ["DTYPES", "Runtime", "load_runtime"]

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Sampling dtypes by the name that stands in the recipe."""


class Runtime:
    """One model on one device, sampling in one dtype. All arrays are float32 with a leading batch axis."""

    def __init__(self, assembled: Assembled, device: torch.device, dtype: str, *, offload: bool = False) -> None:
        self._pipeline = assembled.pipeline
        self._device = device
        self._setup = assembled.setup
        self._offload = offload
        self.scheduler = assembled.scheduler
        self.dtype = dtype

    @property
    def setup(self) -> Setup | None:
        """What the recipe says of the last run beyond model, scheduler and prompt; None for the house model."""
        return None if self._setup is None else replace(self._setup, draws=self._pipeline.last_draws)

    @property
    def max_tokens(self) -> int:
        """Tokens of the prompt that the model reads, markers included."""
        return self._pipeline.max_tokens

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(C, h, w) for a picture of this size in pixels.

        Raises:
            UsageError: a size that the model cannot make.
        """
        return self._pipeline.latent_shape(width, height)

    def sample(
        self,
        noise: NDArray[np.float32],
        text: str,
        negative: str,
        *,
        steps: int,
        guidance: float,
        progress: Callable[[int, int], None] | None = None,
        seeds: Sequence[bytes] = (),
    ) -> NDArray[np.float32]:
        """Latents (B, C, h, w) from initial noise of the same shape.

        ``seeds``, one for each picture, give stochastic samplers the streams that they draw from.

        Raises:
            EnvironmentFault: the model produced NaN or infinity, or memory ran out.
            UsageError: something drew random numbers that no seed determines.
        """
        with explain_memory(), no_other_randomness():
            latent = self._pipeline.sample(
                self._tensor(noise), text, negative, steps=steps, guidance=guidance, progress=progress, seeds=seeds
            )
        return self._array(latent)

    def invert(
        self, latent: NDArray[np.float32], text: str, negative: str, *, steps: int, guidance: float
    ) -> NDArray[np.float32] | None:
        """The noise (B, C, h, w) that the sampler's ODE leads back to; None for samplers that have no way back."""
        with explain_memory(), no_other_randomness():
            noise = self._pipeline.invert(self._tensor(latent), text, negative, steps=steps, guidance=guidance)
        return None if noise is None else self._array(noise)

    def remix(
        self,
        operation: Operation,
        sources: Sequence[Material],
        prompt: Prompt,
        *,
        steps: int,
        guidance: float,
        seed: bytes,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """The latent (C, h, w) that an operation makes of its sources, with the noise of ``seed`` where it uses noise.

        Raises:
            EnvironmentFault: as :meth:`sample`. UsageError: this model cannot run the operation.
        """
        performance = self._performance(operation, sources, prompt, steps, guidance)
        with explain_memory(), no_other_randomness(), torch.inference_mode():
            latent = performance.run(seed, progress)
        found: NDArray[np.float32] = self._array(latent)[0]
        return found

    def invert_remix(
        self,
        operation: Operation,
        sources: Sequence[Material],
        prompt: Prompt,
        latent: NDArray[np.float32],
        *,
        steps: int,
        guidance: float,
        seed: bytes,
    ) -> NDArray[np.float32] | None:
        """The noise (C, h, w) of stream 0 that entered a remix, found from its latent; None where there is no way.

        Of an inpainting only the values under the mask are found; outside, the noise of ``seed`` is taken for true.
        """
        performance = self._performance(operation, sources, prompt, steps, guidance)
        with explain_memory(), no_other_randomness(), torch.inference_mode():
            noise = performance.invert(torch.from_numpy(latent[None].copy()).to(self._device), seed)
        if noise is None:
            return None
        found: NDArray[np.float32] = self._array(noise)[0]
        return found

    def encode(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The latent (C, h, w) of an outside picture, uint8 (H, W, 3).

        Raises:
            UsageError: a size that the model cannot make, or a model without its encoder.
        """
        self.latent_shape(rgb.shape[1], rgb.shape[0])
        with explain_memory(), no_other_randomness(), torch.inference_mode():
            latent: NDArray[np.float32] = self._array(encode(self._pipeline.decoder, rgb))[0]
        return latent

    def decode(self, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixels uint8 (B, H, W, 3), decoded in float32 whatever the sampling dtype is."""
        with explain_memory():
            return self._pipeline.decode(torch.from_numpy(latent).to(self._device))

    def decode_float(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (B, H, W, 3) in [0, 1] before they are rounded to bytes, for measurements."""
        return self._pipeline.decode_float(torch.from_numpy(latent).to(self._device))

    def estimate(
        self,
        shape: tuple[int, int, int],
        picture: NDArray[np.float32],
        seen: NDArray[np.bool_],
        whitening: Whitening | None,
        *,
        scale: float,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """The latent that a picture was probably decoded from; see generator.estimate."""
        from generator.estimate import estimate_latent

        with explain_memory():
            found = estimate_latent(
                self._pipeline.decoder, shape, picture, seen, whitening, scale=scale, progress=progress
            )
        return self._array(torch.from_numpy(found))

    def environment(self) -> dict[str, str]:
        """What explains a difference between machines; stands beside the recipe, unhashed."""
        return describe_environment(self._device, self.dtype, offload=self._offload)

    def _performance(
        self, operation: Operation, sources: Sequence[Material], prompt: Prompt, steps: int, guidance: float
    ) -> Performance:
        return Performance(
            self._pipeline, operation, sources, prompt, steps, guidance, self._device, DTYPES[self.dtype]
        )

    def _tensor(self, values: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(values.copy()).to(self._device, DTYPES[self.dtype])

    def _array(self, values: torch.Tensor) -> NDArray[np.float32]:
        result = values.float().cpu()
        if not bool(torch.isfinite(result).all()):
            raise NotFiniteError("the model produced NaN or infinity; try --dtype float32 or a lower --guidance")
        array: NDArray[np.float32] = result.numpy()
        return array


def load_runtime(
    model: InstalledModel,
    *,
    device: str = "auto",
    dtype: str = "float32",
    scheduler: Scheduler | None = None,
    adapters: Sequence[AdapterFile] = (),
    offload: bool = False,
) -> Runtime:
    """Load a model's weights.

    Args:
        model: an open model folder.
        device: auto, cpu or cuda.
        dtype: one of DTYPES, or auto: float32, but bfloat16 or float16 for large models on CUDA.
        scheduler: replaces the model's own.
        adapters: laid over the model, in this order.
        offload: spare memory at the cost of time.

    Raises:
        UsageError: unknown device or dtype. EnvironmentFault: no CUDA here, or weights that cannot be loaded.
        MissingModelError: also where the folder changed after its digest was made.
    """
    if device not in ("auto", "cpu", "cuda") or dtype not in (*DTYPES, "auto"):
        raise UsageError(f"device {device!r} or dtype {dtype!r} is not known")
    if device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault("no CUDA device on this machine; use --device cpu")
    chosen = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    exact = dtype if dtype != "auto" else _usual_dtype(model, chosen)
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    with explain_memory():
        assembled = assemble(
            model, device=chosen, dtype=DTYPES[exact], scheduler=scheduler, adapters=adapters, offload=offload
        )
    check_unchanged(model)
    return Runtime(assembled, chosen, exact, offload=offload)


def _usual_dtype(model: InstalledModel, device: torch.device) -> str:
    if device.type == "cpu" or model.pipeline_class == HOUSE_PIPELINE:
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
