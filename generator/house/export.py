"""Last stage: write the trained model in diffusers' folder layout, fp16 on disk, decoder without encoder."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, cast

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from transformers import PreTrainedTokenizerFast

from generator.house.decoder_only import DecoderOnly
from generator.house.latents import statistics
from generator.house.schedule import load_checkpoint
from generator.house.train_autoencoder import load_autoencoder
from generator.house.train_denoiser import build_modules

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["export"]

_INDEX = {
    "_class_name": "HousePipeline",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["generator.house.decoder_only", "DecoderOnly"],
}
_PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")


def export(config: dict[str, Any], trained: Path, target: Path, *, annealed: bool = False) -> None:
    """Write the averaged weights of the last checkpoint in ``trained`` as a model folder ``target``."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(trained / "tokenizer", local_files_only=True)
    modules = build_modules(config, tokenizer)
    name = "denoiser-annealed.pt" if annealed else "denoiser.pt"
    state = torch.load(trained / name, weights_only=True, map_location="cpu")
    with torch.no_grad():
        for parameter, value in zip(modules.parameters(), state["averages"], strict=True):
            parameter.copy_(value)
    for part in _PARTS:
        shutil.rmtree(target / part, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    unet, text = cast("Any", modules[0]), cast("Any", modules[1])
    unet.half().save_pretrained(target / "unet")
    text.half().save_pretrained(target / "text_encoder")
    tokenizer.save_pretrained(target / "tokenizer")
    _decoder(config, trained).half().save_pretrained(target / "vae")
    FlowMatchEulerDiscreteScheduler(shift=1.0).save_pretrained(target / "scheduler")
    index = {"_name_or_path": config["name"], **_INDEX}
    (target / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    for log in trained.glob("*.jsonl"):
        shutil.copyfile(log, target / log.name)


def _decoder(config: dict[str, Any], trained: Path) -> DecoderOnly:
    """The decoder alone, refined if that was done, with the latents' statistics folded into its configuration."""
    known = statistics(trained)
    source = load_autoencoder(config["autoencoder"], trained).decoder
    decoder: DecoderOnly = DecoderOnly(
        config["autoencoder"]["latent_channels"],
        tuple(config["autoencoder"]["widths"]),
        latents_mean=tuple(known["centre"].tolist()),
        latents_std=tuple(known["scale"].tolist()),
    )
    decoder.load_state_dict(source.state_dict())
    refined = load_checkpoint(trained / "decoder.pt")
    if refined is not None:
        with torch.no_grad():
            for parameter, value in zip(decoder.parameters(), refined["averages"], strict=True):
                parameter.copy_(value)
    return decoder
