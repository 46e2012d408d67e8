"""Loading the parts of a model: classes from a list, weights from safetensors, every weight there and finite.

diffusers and transformers fill weights that a file lacks with random numbers and a warning; here that is an error. The
one thing that may be missing is the encoder of an autoencoder: models can be published with their decoder alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from safetensors import SafetensorError
from torch import nn

from generator.families import DECODERS, PARTS
from provenance.errors import InvalidError, MissingModelError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_finite", "downscale_factor", "hush", "load_decoder", "load_part", "scale_to_decoder"]

_TROUBLE = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError, SafetensorError)
_ENCODER_ONLY = ("encoder.", "quant_conv.")


class _Withheld(nn.Module):
    """Where an encoder would be."""

    def forward(self, *_: object, **__: object) -> NoReturn:
        raise UsageError("this model was published without its encoder")


def hush() -> None:
    """Warnings and progress bars of the libraries say nothing that our own errors do not say."""
    from diffusers.utils import logging as diffusers_logging
    from transformers import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def load_part(folder: Path, name: str, library: str, class_name: str, dtype: torch.dtype) -> Any:
    """One component of a model folder: a network in ``dtype``, or a tokenizer.

    Raises:
        MissingModelError: a class that is not on the list, or weights missing, damaged or of another shape.
        InvalidError: weights that are NaN or infinite.
    """
    if class_name not in PARTS.get(library, ()):
        raise MissingModelError(f"{folder}: {name} is a {library}.{class_name}, which is not supported")
    if class_name == "Transformer2DModel":  # what PixArt's transformer was called at first
        class_name = "PixArtTransformer2DModel"
    module: Any = __import__(library)
    kind = getattr(module, class_name)
    try:
        if "Tokenizer" in class_name:  # TokenizersBackend among them
            return kind.from_pretrained(folder / name, local_files_only=True, trust_remote_code=False)
        more: dict[str, Any] = {"low_cpu_mem_usage": False} if library == "diffusers" else {}
        more["torch_dtype" if library == "diffusers" else "dtype"] = dtype
        part, told = kind.from_pretrained(
            folder / name, use_safetensors=True, local_files_only=True, output_loading_info=True, **more
        )
    except _TROUBLE as error:
        raise MissingModelError(f"{folder / name} cannot be loaded: {_line(error)}") from error
    missing = sorted(told.get("missing_keys", ()))
    if missing or told.get("mismatched_keys"):
        first = missing[0] if missing else told["mismatched_keys"][0][0]
        raise MissingModelError(f"{folder / name}: weights are missing or of another shape: {first}")
    return _ready(part, folder / name)


def load_decoder(folder: Path, library: str, class_name: str) -> Any:
    """What turns latents into pictures, in float32; an autoencoder with or without its encoder.

    Raises:
        MissingModelError, InvalidError: as :func:`load_part`.
    """
    if (library, class_name) not in DECODERS:
        raise MissingModelError(f"{folder}: vae is a {library}.{class_name}, which is not supported")
    path = folder / "vae"
    kind: Any
    if class_name == "DecoderOnly":
        from generator.house.decoder_only import DecoderOnly

        kind = DecoderOnly
    else:
        from diffusers import AutoencoderKL

        kind = AutoencoderKL
    try:
        from safetensors.torch import load_file

        config = json.loads((path / "config.json").read_bytes())
        with torch.random.fork_rng():  # a fresh network draws its first weights, which the file replaces
            part = kind.from_config(config)
        weights: dict[str, torch.Tensor] = {}
        for file in sorted(path.glob("*.safetensors")):
            weights |= load_file(file)
        told = part.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    except _TROUBLE as error:
        raise MissingModelError(f"{path} cannot be loaded: {_line(error)}") from error
    withheld = class_name != "DecoderOnly" and not any(name.startswith("encoder.") for name in weights)
    lost = [name for name in told.missing_keys if not (withheld and name.startswith(_ENCODER_ONLY))]
    if lost or told.unexpected_keys:
        raise MissingModelError(f"{path}: weights do not fit the configuration: {(lost or told.unexpected_keys)[0]}")
    if withheld:
        part.encoder, part.quant_conv = _Withheld(), None
    return _ready(part, path)


def downscale_factor(decoder: Any) -> int:
    """Pixels per side and latent value."""
    factor = getattr(decoder.config, "downscale_factor", None)
    return int(factor or 2 ** (len(decoder.config.block_out_channels) - 1))


def scale_to_decoder(decoder: Any, latent: torch.Tensor) -> torch.Tensor:
    """Latents (B, C, h, w) as the denoiser gives them, in the units that the decoder reads.

    z / scaling_factor + shift_factor; or, where the configuration holds statistics, z * std / scaling_factor + mean.
    """
    config = decoder.config
    scaling = getattr(config, "scaling_factor", None)
    if scaling is None:  # a decoder that reads normalised latents
        return latent
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is not None and std is not None:
        shape = (1, -1, 1, 1)
        mean, std = (torch.tensor(values, device=latent.device).view(shape) for values in (mean, std))
        return torch.as_tensor(latent * std / scaling + mean)
    return torch.as_tensor(latent / scaling + (getattr(config, "shift_factor", None) or 0.0))


def check_finite(part: Any, path: Path) -> None:
    """Refuse NaN and infinite weights.

    Raises:
        InvalidError: there are some.
    """
    for name, parameter in part.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise InvalidError(f"{path} holds NaN or infinite weights ({name})")


def _ready(part: Any, path: Path) -> Any:
    check_finite(part, path)
    return part.eval().requires_grad_(requires_grad=False)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
