"""Second stage: text encoder and denoiser together, by flow matching on encoded pictures.

x_t = (1 - t) x + t z with standard normal z; the network predicts z - x (Lipman et al., arXiv 2210.02747; Liu et al.,
arXiv 2209.03003). Times are logit-normal (Esser et al., arXiv 2403.03206), shifted towards noise. A tenth of the
captions is dropped for classifier-free guidance (Ho and Salimans, arXiv 2207.12598), and single words become unknown,
so that unknown words at least do no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn

from generator.house.schedule import Averages, Budget, Log, load_checkpoint, save_checkpoint
from generator.house.text import build_text_encoder, build_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

__all__ = ["build_denoiser", "train_denoiser"]

_REPORT = 100
_SAVE = 500
_UNKNOWN_WORDS = 0.03


def build_denoiser(config: dict[str, Any], channels: int) -> UNet2DConditionModel:
    """An untrained UNet for 16x16 latents; in diffusers' UNet ``attention_head_dim`` counts heads."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=tuple(config["widths"]),
        layers_per_block=config["layers_per_block"],
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=config["text_width"],
        attention_head_dim=tuple(config["heads"]),
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        norm_num_groups=32,
    )


def train_denoiser(
    latents: dict[str, torch.Tensor], captions: Sequence[str], config: dict[str, Any], folder: Path
) -> None:
    """Train until the configured minutes are used up; resumes from ``folder``/denoiser.pt."""
    torch.manual_seed(2)
    settings, log = config["denoiser"], Log(folder / "denoiser.log")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    count = len(captions) - config["data"]["held_out"]
    tokenizer = build_tokenizer(captions[:count], settings["max_tokens"])
    tokenizer.save_pretrained(folder / "tokenizer")
    ids, empty = tokenise(tokenizer, captions[:count]).to(device), tokenise(tokenizer, [""])[0].to(device)
    text = build_text_encoder(tokenizer, settings).to(device)
    denoiser = build_denoiser(settings, latents["mean"].shape[1]).to(device)
    denoiser.set_attn_processor(AttnProcessor())  # plain products: an eighth faster than fused attention at this size
    modules = nn.ModuleList([denoiser, text])
    optimiser = torch.optim.AdamW(
        modules.parameters(), settings["learning_rate"], betas=(0.9, 0.99), weight_decay=1e-2, fused=True
    )
    averages = Averages(modules.parameters(), settings["ema"])
    step, budget = 0, Budget(settings["minutes"])
    found = load_checkpoint(folder / "denoiser.pt")
    if found is not None:
        modules.load_state_dict(found["model"])
        optimiser.load_state_dict(found["optimiser"])
        averages.values = found["averages"]
        step, budget = found["step"], Budget(settings["minutes"], found["spent"])
    mean, deviation = latents["mean"][:count].to(device), latents["deviation"][:count].to(device)
    weight = channel_weights(latents["scale"], latents["gain"]).to(device)
    random = torch.Generator(device).manual_seed(1000 + step)
    recent: list[float] = []
    while not budget.over:
        for group in optimiser.param_groups:
            group["lr"] = budget.learning_rate(settings["learning_rate"], step, 150)
        chosen = torch.randint(0, count, (settings["batch"],), generator=random, device=device)
        clean = mean[chosen].float()
        clean = clean + deviation[chosen].float() * _normal(clean.shape, random)
        words = _dropped(ids[chosen], empty, tokenizer, settings["caption_dropout"], random)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = _loss(denoiser, text, clean, words, weight, settings["time_shift"], random)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimiser.step()
        averages.update(step)
        recent.append(loss.item())
        step += 1
        if step % _REPORT == 0:
            log(f"step {step} seconds {budget.spent:.0f} loss {np.mean(recent[-_REPORT:]):.4f}")
        if step % _SAVE == 0:
            _save(folder, modules, optimiser, averages, step, budget)
    _save(folder, modules, optimiser, averages, step, budget)
    log(f"end: step {step}, {step * settings['batch']} pictures seen")


def channel_weights(scale: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Weight of each channel's error, (1, C, 1, 1) with mean 1: what one deviation of the channel does to the pixels.

    All latent channels have variance 1 for the sampler, but the first principal components make most of the picture.
    In proportion to the amplitude, not to the energy, so that the fine channels are learned as well.
    """
    amplitude = scale * gain
    return (amplitude / amplitude.mean()).view(1, -1, 1, 1)


def tokenise(tokenizer: PreTrainedTokenizerFast, captions: Sequence[str]) -> torch.Tensor:
    """Token ids int64 (N, max_tokens): cut after max_tokens, padded to it."""
    length = tokenizer.model_max_length
    found = tokenizer(list(captions), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    ids: torch.Tensor = found.input_ids
    return ids


def _dropped(
    ids: torch.Tensor, empty: torch.Tensor, tokenizer: PreTrainedTokenizerFast, share: float, random: torch.Generator
) -> torch.Tensor:
    special = max(tokenizer.all_special_ids)
    lost = torch.rand(ids.shape, generator=random, device=ids.device) < _UNKNOWN_WORDS
    ids = torch.where(lost & (ids > special), torch.full_like(ids, tokenizer.unk_token_id), ids)
    gone = torch.rand(len(ids), generator=random, device=ids.device) < share
    return torch.where(gone[:, None], empty[None], ids)


def _loss(
    denoiser: UNet2DConditionModel,
    text: nn.Module,
    clean: torch.Tensor,
    words: torch.Tensor,
    weight: torch.Tensor,
    shift: float,
    random: torch.Generator,
) -> torch.Tensor:
    noise = _normal(clean.shape, random)
    time = torch.sigmoid(_normal((len(clean),), random))
    time = shift * time / (1.0 + (shift - 1.0) * time)
    mixed = torch.lerp(clean, noise, time[:, None, None, None])
    state = text(words).last_hidden_state
    velocity = denoiser(mixed, time * 1000.0, state).sample
    loss: torch.Tensor = (weight * (velocity.float() - (noise - clean)).pow(2)).mean()
    return loss


def _normal(shape: Sequence[int], random: torch.Generator) -> torch.Tensor:
    return torch.randn(tuple(shape), generator=random, device=random.device)


def _save(
    folder: Path,
    modules: nn.ModuleList,
    optimiser: torch.optim.Optimizer,
    averages: Averages,
    step: int,
    budget: Budget,
) -> None:
    save_checkpoint(
        folder / "denoiser.pt",
        {
            "model": modules.state_dict(),
            "optimiser": optimiser.state_dict(),
            "averages": averages.values,
            "step": step,
            "spent": budget.spent,
        },
    )
