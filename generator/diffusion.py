"""Any family of ``generator.families`` behind the interface of ``generator.pipeline.Pipeline``.

diffusers' own pipeline runs the denoising loop, from noise that is handed in to the final latent. Decoding is ours, in
float32 and from whatever latent is given, so that the picture follows from the stored integers.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from generator.families import PACKED
from generator.guard import Streams, numbered_draws
from generator.inversion import Backwards
from generator.loading import downscale_factor, scale_to_decoder
from generator.remix.capture import capture
from generator.sizes import LARGEST
from provenance.errors import EnvironmentFault, MissingModelError, SeedproofError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from generator.families import Family
    from generator.remix.conditioned import Conditioned

__all__ = ["DiffusersPipeline"]

_UNSET = 100_000
"""Tokenizers whose length was never set say 10^30."""


@dataclass
class DiffusersPipeline:
    """See the module. ``pipe`` is diffusers' pipeline without a decoder; ``linear``: its sampler can be undone."""

    pipe: Any
    decoder: Any
    family: Family
    linear: bool
    last_draws: int = 0

    @property
    def max_tokens(self) -> int:
        """Tokens of the prompt that the longest text encoder reads, markers included."""
        own = int(self.pipe.tokenizer.model_max_length)
        longest = self.family.tokens
        if longest is not None and self._long_encoder_absent():
            longest = None
        if longest is None and own > _UNSET:
            raise MissingModelError("the model's tokenizer does not say how many tokens it reads (model_max_length)")
        return longest or own

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(C, height / f, width / f).

        Raises:
            UsageError: a side beyond the bounds or not divisible.
        """
        factor = downscale_factor(self.decoder)
        config = self._denoiser.config
        patch = PACKED if self.family.packed else int(getattr(config, "patch_size", None) or 1)
        step = factor * patch
        for side in (width, height):
            if side % step or not step <= side <= LARGEST:
                raise UsageError(f"--size: sides must be multiples of {step} from {step} to {LARGEST}, not {side}")
        return self.family.channels(int(config.in_channels)), height // factor, width // factor

    @torch.inference_mode()
    def sample(
        self,
        noise: torch.Tensor,
        text: str,
        negative: str,
        *,
        steps: int,
        guidance: float,
        progress: Callable[[int, int], None] | None = None,
        seeds: Sequence[bytes] = (),
    ) -> torch.Tensor:
        """Latents of the noise's shape. ``seeds`` feed stochastic samplers, one for each picture."""
        streams = Streams(seeds)
        with numbered_draws(self.pipe.scheduler, streams):
            latent = self._run(noise, text, negative, steps, guidance, progress)
        self.last_draws = streams.count
        return latent

    @torch.inference_mode()
    def invert(
        self, latent: torch.Tensor, text: str, negative: str, *, steps: int, guidance: float
    ) -> torch.Tensor | None:
        """Noise that the sampler leads back to; None for a sampler that has no such way back."""
        if not self.linear:
            return None
        forward = self.pipe.scheduler
        backwards = Backwards(forward)
        try:
            self.pipe.scheduler = backwards
            return torch.as_tensor(self._run(latent, text, negative, steps, guidance, None) / backwards.scale)
        finally:
            self.pipe.scheduler = forward

    @torch.inference_mode()
    def conditioned(
        self, shape: tuple[int, int, int], text: str, negative: str, *, steps: int, guidance: float
    ) -> Conditioned:
        """What this pipeline tells its denoiser, and the steps that it takes.

        Raises:
            UsageError: a sampler that remembers, draws or clips cannot be entered midway.
        """
        if not self.linear:
            name = type(self.pipe.scheduler).__name__
            flow = hasattr(self.pipe.scheduler, "scale_noise")
            raise UsageError(
                f"{name} cannot be entered midway, as a remix does; choose --scheduler "
                + ("flow-euler" if flow else "ddim or euler")
            )
        dtype = next(self._denoiser.parameters()).dtype
        empty = torch.zeros((1, *shape), dtype=dtype, device=self.pipe._execution_device)  # noqa: SLF001
        height, width = (side * downscale_factor(self.decoder) for side in shape[1:])

        def unpack(packed: torch.Tensor) -> torch.Tensor:
            found = self.pipe._unpack_latents(packed, height, width, downscale_factor(self.decoder))  # noqa: SLF001
            return torch.as_tensor(found)

        return capture(
            lambda: self._run(empty, text, negative, steps, guidance, None),
            self._denoiser,
            self.pipe.scheduler,
            guidance=guidance,
            pack=self._pack if self.family.packed else None,
            unpack=unpack if self.family.packed else None,
        )

    @torch.inference_mode()
    def decode(self, latent: torch.Tensor) -> NDArray[np.uint8]:
        """Pixels (B, H, W, 3): floor(clamp(127.5 x + 127.5, 0, 255) + 0.5) in float32."""
        pixels: NDArray[np.uint8] = torch.floor(self._levels(latent) + 0.5).to(torch.uint8).cpu().numpy()
        return pixels

    @torch.inference_mode()
    def decode_float(self, latent: torch.Tensor) -> NDArray[np.float32]:
        """Pictures (B, H, W, 3) in [0, 1] before rounding."""
        values: NDArray[np.float32] = (self._levels(latent) / 255.0).cpu().numpy()
        return values

    @property
    def _denoiser(self) -> Any:
        return getattr(self.pipe, self.family.denoiser)

    def _long_encoder_absent(self) -> bool:
        # Stable Diffusion 3 can be run without its third encoder, which is the one that reads long prompts.
        return "text_encoder_3" in self.family.parts and getattr(self.pipe, "text_encoder_3", None) is None

    def _levels(self, latent: torch.Tensor) -> torch.Tensor:
        device = next(self.decoder.parameters()).device
        decoded = self.decoder.decode(scale_to_decoder(self.decoder, latent.to(device, torch.float32)))
        pictures = (decoded.sample if hasattr(decoded, "sample") else decoded).float()
        return torch.as_tensor((pictures * 127.5 + 127.5).clamp(0.0, 255.0).permute(0, 2, 3, 1).contiguous())

    def _run(
        self,
        start: torch.Tensor,
        text: str,
        negative: str,
        steps: int,
        guidance: float,
        progress: Callable[[int, int], None] | None,
    ) -> torch.Tensor:
        if negative and not self.family.negative:
            raise UsageError("--negative: this model is not told what to avoid")
        batch, channels, height, width = start.shape
        factor = downscale_factor(self.decoder)
        call: dict[str, Any] = {
            "prompt": [text] * batch,
            "height": height * factor,
            "width": width * factor,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "latents": self._pack(start),
            "output_type": "latent",
            "return_dict": False,
            **self.family.arguments,
            **self._told(progress),
        }
        if self.family.negative:
            call["negative_prompt"] = [negative] * batch if negative else self.family.no_negative
        try:
            latent = self.pipe(**call)[0]
        except (SeedproofError, torch.OutOfMemoryError):
            raise
        except (ValueError, TypeError, RuntimeError, IndexError, AttributeError, KeyError) as error:
            if "not enough memory" in str(error):
                raise
            reason = " ".join(str(error).split())[:300]
            raise EnvironmentFault(f"{self.family.pipeline} failed: {reason}") from error
        if self.family.packed:
            latent = self.pipe._unpack_latents(latent, height * factor, width * factor, factor)  # noqa: SLF001
        if latent.shape != (batch, channels, height, width):
            raise EnvironmentFault(f"{self.family.pipeline} gave a latent of shape {tuple(latent.shape)}")
        return torch.as_tensor(latent)

    def _pack(self, start: torch.Tensor) -> torch.Tensor:
        packed: torch.Tensor = self.pipe._pack_latents(start, *start.shape) if self.family.packed else start  # noqa: SLF001
        return packed

    def _told(self, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
        """The callback under the name that the pipeline knows."""
        if progress is None:
            return {}

        def total() -> int:
            return max(len(self.pipe.scheduler.timesteps), 1)

        if self.family.old_callback:
            return {"callback": lambda step, *_: progress(step + 1, total()), "callback_steps": 1}

        def each(_pipe: Any, step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            progress(step + 1, total())
            return values

        return {"callback_on_step_end": each} if self._takes("callback_on_step_end") else {}

    def _takes(self, name: str) -> bool:
        return name in inspect.signature(type(self.pipe).__call__).parameters
