"""A loaded model behind a small interface of numpy arrays: noise in, latents and pixels out.

torch is imported here and nowhere above. Whatever is claimed is made deterministically: noise only from outside,
batch 1, deterministic algorithms, no TF32.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # read by cuBLAS when it starts; needed for determinism

import torch

from generator.models import scheduler_of
from generator.pipeline import load
from provenance.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from generator.models import InstalledModel
    from generator.pipeline import Pipeline
    from provenance.recipe import Scheduler

__all__ = ["DTYPES", "Runtime", "load_runtime"]

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Sampling dtypes by the name that stands in the recipe."""


class Runtime:
    """One model on one device, sampling in one dtype. All arrays are float32 with a leading batch axis."""

    def __init__(self, pipeline: Pipeline, scheduler: Scheduler, device: torch.device, dtype: str) -> None:
        self._pipeline = pipeline
        self._device = device
        self.scheduler = scheduler
        self.dtype = dtype

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
    ) -> NDArray[np.float32]:
        """Latents (B, C, h, w) from initial noise of the same shape.

        Raises:
            EnvironmentFault: the model produced NaN or infinity, or memory ran out.
        """
        with _explain_memory():
            latent = self._pipeline.sample(
                self._tensor(noise), text, negative, steps=steps, guidance=guidance, progress=progress
            )
        return self._array(latent)

    def invert(
        self, latent: NDArray[np.float32], text: str, negative: str, *, steps: int, guidance: float
    ) -> NDArray[np.float32]:
        """The noise (B, C, h, w) that the sampler's ODE leads back to."""
        with _explain_memory():
            noise = self._pipeline.invert(self._tensor(latent), text, negative, steps=steps, guidance=guidance)
        return self._array(noise)

    def decode(self, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixels uint8 (B, H, W, 3), decoded in float32 whatever the sampling dtype is."""
        with _explain_memory():
            return self._pipeline.decode(torch.from_numpy(latent).to(self._device))

    def decode_float(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (B, H, W, 3) in [0, 1] before they are rounded to bytes, for measurements."""
        return self._pipeline.decode_float(torch.from_numpy(latent).to(self._device))

    def environment(self) -> dict[str, str]:
        """What explains a difference between machines; stands beside the recipe, unhashed."""
        device = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else platform.machine()
        return {
            "device": f"{self._device.type} {device}",
            "dtype": self.dtype,
            "threads": str(torch.get_num_threads()),
            "python": platform.python_version(),
            **_versions(),
        }

    def _tensor(self, values: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(values.copy()).to(self._device, DTYPES[self.dtype])

    def _array(self, values: torch.Tensor) -> NDArray[np.float32]:
        result = values.float().cpu()
        if not bool(torch.isfinite(result).all()):
            raise EnvironmentFault("the model produced NaN or infinity; try --dtype float32 or a lower --guidance")
        array: NDArray[np.float32] = result.numpy()
        return array


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "diffusers", "transformers", "numpy")}


def load_runtime(model: InstalledModel, *, device: str = "auto", dtype: str = "float32") -> Runtime:
    """Load a model's weights; ``device`` is auto, cpu or cuda.

    Raises:
        UsageError: unknown device or dtype. EnvironmentFault: no CUDA here, or weights that cannot be loaded.
    """
    if device not in ("auto", "cpu", "cuda") or dtype not in DTYPES:
        raise UsageError(f"device {device!r} or dtype {dtype!r} is not known")
    if device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault("no CUDA device on this machine; use --device cpu")
    chosen = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    pipeline = load(model.folder, device=chosen, dtype=DTYPES[dtype])
    return Runtime(pipeline, scheduler_of(model), chosen, dtype)


class _explain_memory:  # noqa: N801 - reads as a verb at its use
    """Turns an out-of-memory error into advice."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        told = str(error) if isinstance(error, RuntimeError) else ""
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in told:
            raise EnvironmentFault("out of memory; try a smaller --size, --dtype float16, or --device cpu") from error
