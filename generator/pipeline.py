"""A text-to-image pipeline of the house model's class: CLIP text encoder, conditional UNet, flow matching, decoder.

The folder is diffusers' layout. Noise is always handed in; nothing here draws any.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError

from generator.remix.conditioned import Conditioned
from generator.remix.schedule import FlowSchedule
from generator.sampler import invert_flow_euler, sample_flow_euler
from provenance.errors import InvalidError, MissingModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["FlowPipeline", "Pipeline", "load"]

MIN_SIDE, MAX_SIDE = 64, 512
"""Pictures that a model trained on 128 pixels is asked for; beyond that it repeats itself."""

_SUPPORTED = {"FlowMatchEulerDiscreteScheduler"}


class Pipeline(Protocol):
    """What the runtime needs of any class of model."""

    @property
    def max_tokens(self) -> int:
        """Tokens of the prompt that are read."""

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(C, h, w) for a picture size; UsageError for one that cannot be made."""

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
        """Latents of the noise's shape. ``seeds``: one for each picture, for samplers that draw further noise."""

    @property
    def decoder(self) -> Any:
        """The autoencoder, with or without its encoder."""

    @property
    def last_draws(self) -> int:
        """How many streams of further noise the last run took from each seed."""

    def invert(
        self, latent: torch.Tensor, text: str, negative: str, *, steps: int, guidance: float
    ) -> torch.Tensor | None:
        """Noise that the sampler leads back to; None for a sampler that has no way back."""

    def conditioned(
        self, shape: tuple[int, int, int], text: str, negative: str, *, steps: int, guidance: float
    ) -> Conditioned:
        """The model with this prompt for latents (1, *shape), to be asked for any sample at any level.

        Raises:
            UsageError: the sampler cannot be entered midway.
        """

    def decode(self, latent: torch.Tensor) -> NDArray[np.uint8]:
        """Pixels (B, H, W, 3)."""

    def decode_float(self, latent: torch.Tensor) -> NDArray[np.float32]:
        """Pictures (B, H, W, 3) in [0, 1] before rounding."""


@dataclass(frozen=True)
class FlowPipeline:
    """See the module. ``shift`` bends the noise levels as the scheduler's configuration says."""

    tokenizer: Any
    text_encoder: Any
    unet: Any
    decoder: Any
    shift: float

    @property
    def last_draws(self) -> int:
        """None: noise of stream 0 is all that this sampler uses."""
        return 0

    @property
    def max_tokens(self) -> int:
        """Tokens that the text encoder reads, begin and end markers included."""
        return int(self.tokenizer.model_max_length)

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(C, height / 8, width / 8).

        Raises:
            UsageError: a side beyond the bounds or not divisible.
        """
        factor = int(self.decoder.config.downscale_factor)
        step = factor * 2 ** (len(self.unet.config.block_out_channels) - 1)
        for side in (width, height):
            if side % step or not MIN_SIDE <= side <= MAX_SIDE:
                raise UsageError(f"--size: sides must be multiples of {step} from {MIN_SIDE} to {MAX_SIDE}, not {side}")
        return int(self.unet.config.in_channels), height // factor, width // factor

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
        seeds: Sequence[bytes] = (),  # noqa: ARG002 - this sampler draws nothing
    ) -> torch.Tensor:
        """Latents (B, C, h, w): Euler steps of the guided field from the given noise."""
        field = self._field(len(noise), text, negative, guidance)
        return sample_flow_euler(field, noise, self._sigmas(steps), progress)

    @torch.inference_mode()
    def invert(self, latent: torch.Tensor, text: str, negative: str, *, steps: int, guidance: float) -> torch.Tensor:
        """Noise (B, C, h, w): the same steps backwards through the same guided field."""
        field = self._field(len(latent), text, negative, guidance)
        return invert_flow_euler(field, latent, self._sigmas(steps))

    @torch.inference_mode()
    def conditioned(
        self,
        shape: tuple[int, int, int],  # noqa: ARG002 - nothing depends on the size
        text: str,
        negative: str,
        *,
        steps: int,
        guidance: float,
    ) -> Conditioned:
        """The same field as in :meth:`sample`, one step at a time."""
        prompts = [text] if guidance == 1.0 else [text, negative]
        states = torch.cat([self._embed(prompt) for prompt in prompts])
        sigmas = self._sigmas(steps)

        def clock(i: int) -> torch.Tensor:
            return torch.full((len(prompts),), sigmas[i] * 1000.0, device=states.device, dtype=states.dtype)

        return Conditioned(
            network=self.unet,
            schedule=FlowSchedule(sigmas),
            arguments={"encoder_hidden_states": states},
            sample="sample",
            time="timestep",
            clock=clock,
            roles=("towards", "away")[: len(prompts)],
            guidance=guidance,
        )

    @torch.inference_mode()
    def decode(self, latent: torch.Tensor) -> NDArray[np.uint8]:
        """Pixels (B, H, W, 3) of normalised latents: floor(clamp(127.5 x + 127.5, 0, 255) + 0.5) in float32."""
        levels = self._levels(latent)
        pixels: NDArray[np.uint8] = torch.floor(levels + 0.5).to(torch.uint8).cpu().numpy()
        return pixels

    @torch.inference_mode()
    def decode_float(self, latent: torch.Tensor) -> NDArray[np.float32]:
        """Pictures (B, H, W, 3) in [0, 1] before rounding."""
        values: NDArray[np.float32] = (self._levels(latent) / 255.0).cpu().numpy()
        return values

    def _levels(self, latent: torch.Tensor) -> torch.Tensor:
        """clamp(127.5 x + 127.5, 0, 255), (B, H, W, 3) float32."""
        pictures: torch.Tensor = self.decoder.decode(latent.float()).float()
        return (pictures * 127.5 + 127.5).clamp(0.0, 255.0).permute(0, 2, 3, 1).contiguous()

    def _sigmas(self, steps: int) -> Sequence[float]:
        even = np.linspace(1.0, 0.0, steps + 1)
        shifted: list[float] = (self.shift * even / (1.0 + (self.shift - 1.0) * even)).tolist()
        return shifted

    def _field(
        self, batch: int, text: str, negative: str, guidance: float
    ) -> Callable[[torch.Tensor, float], torch.Tensor]:
        """The velocity with classifier-free guidance (Ho and Salimans, arXiv 2207.12598)."""
        wanted = self._embed(text).expand(batch, -1, -1)
        both = torch.cat([wanted, self._embed(negative).expand(batch, -1, -1)])

        def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
            if guidance == 1.0:
                return self._predict(x, sigma, wanted)
            towards, away = self._predict(torch.cat([x, x]), sigma, both).chunk(2)
            return away + guidance * (towards - away)

        return velocity

    def _predict(self, x: torch.Tensor, sigma: float, state: torch.Tensor) -> torch.Tensor:
        time = torch.full((len(x),), sigma * 1000.0, device=x.device, dtype=x.dtype)
        predicted: torch.Tensor = self.unet(x, time, state).sample
        return predicted

    def _embed(self, text: str) -> torch.Tensor:
        length = self.max_tokens
        found = self.tokenizer([text], padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        state: torch.Tensor = self.text_encoder(found.input_ids.to(self.unet.device)).last_hidden_state
        return state


def load(folder: Path, *, device: torch.device, dtype: torch.dtype) -> FlowPipeline:
    """Load a folder in diffusers' layout; weights from safetensors only, the decoder always in float32.

    Raises:
        MissingModelError: a part is missing, damaged, or of a class that is not supported.
    """
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, PreTrainedTokenizerFast
    from transformers import logging as transformers_logging

    from generator.house.decoder_only import DecoderOnly

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    _check_classes(folder)
    try:
        scheduler = json.loads((folder / "scheduler" / "scheduler_config.json").read_bytes())
        keep = {"local_files_only": True}  # and plain loading: the other way wants a package of its own
        plain = {**keep, "low_cpu_mem_usage": False}
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=dtype, use_safetensors=True, **plain)
        text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype, use_safetensors=True, **keep)
        decoder = DecoderOnly.from_pretrained(folder / "vae", torch_dtype=torch.float32, use_safetensors=True, **plain)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer", **keep)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MissingModelError(f"the model in {folder} cannot be loaded: {reason}") from error
    for part in (text, unet, decoder):
        part.to(device).eval().requires_grad_(requires_grad=False)
    for parameter in unet.parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise InvalidError(f"the model in {folder} holds NaN or infinite weights")
    return FlowPipeline(tokenizer, text, unet, decoder, shift=float(scheduler.get("shift", 1.0)))


def _check_classes(folder: Path) -> None:
    try:
        index = json.loads((folder / "model_index.json").read_bytes())
    except (OSError, ValueError) as error:
        raise MissingModelError(f"{folder}: model_index.json cannot be read") from error
    found = {part: value[1] for part, value in index.items() if isinstance(value, list) and len(value) > 1}
    wanted = {"unet": "UNet2DConditionModel", "text_encoder": "CLIPTextModel", "vae": "DecoderOnly"}
    for part, name in wanted.items():
        if found.get(part) != name:
            raise MissingModelError(
                f"{folder}: {part} is a {found.get(part)}; this version runs models of the house class ({name})"
            )
    if found.get("scheduler") not in _SUPPORTED:
        raise MissingModelError(f"{folder}: scheduler {found.get('scheduler')} is not supported; use {_SUPPORTED}")
