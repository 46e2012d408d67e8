"""Second stage: text encoder and denoiser together, by flow matching on encoded pictures.

x_t = (1 - t) x + t z with standard normal z; the network predicts z - x (Lipman et al., arXiv 2210.02747; Liu et al.,
arXiv 2209.03003). Times are logit-normal (Esser et al., arXiv 2403.03206). A tenth of the captions is dropped for
classifier-free guidance (Ho and Salimans, arXiv 2207.12598), and single words become unknown, so that unknown words at
least do no harm.

The learning rate is constant after a warm-up and the exported weights are power-function averages (Karras et al., arXiv
2312.02696), so that there is a good model at any time and no end has to be known.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn
from transformers import PreTrainedTokenizerFast

from generator.house.dataset import load_scenes
from generator.house.latents import Pool, statistics, tokenise
from generator.house.scenes.japanese import words as japanese_words
from generator.house.schedule import Budget, Log, PowerAverages, Stopper, load_checkpoint, save_checkpoint
from generator.house.text import build_text_encoder, build_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["build_denoiser", "build_modules", "channel_weights", "open_tokenizer", "train_denoiser"]

_REPORT = 50
_EVERY = 100.0
_LOOK = 500
_PROBE = 256
_UNKNOWN_WORDS = 0.03
_VOCABULARY_SHARDS = 6


def build_denoiser(config: dict[str, Any], channels: int) -> UNet2DConditionModel:
    """An untrained UNet for 16x16 latents; in diffusers' UNet ``attention_head_dim`` counts heads.

    Time and text scale and shift after each normalisation (adaptive group normalisation; Dhariwal and Nichol, arXiv
    2105.05233): what is merely added before it is half taken away again by groups of two or three channels.
    """
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
        norm_num_groups=config["norm_groups"],
        resnet_time_scale_shift="scale_shift",
    )


def build_modules(config: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> nn.ModuleList:
    """Denoiser and text encoder, untrained, in the order of the checkpoints."""
    denoiser = build_denoiser(config["denoiser"], config["autoencoder"]["latent_channels"])
    text = build_text_encoder(tokenizer, config["denoiser"])
    denoiser.set_attn_processor(AttnProcessor())  # plain products: an eighth faster than fused attention at this size
    text.set_attn_implementation("eager")
    return nn.ModuleList([denoiser, text])


def open_tokenizer(shards: Sequence[Path], max_tokens: int, folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in ``folder``, made from the captions of the first shards where there is none yet."""
    if not (folder / "tokenizer" / "tokenizer.json").exists():
        scenes = [scene for shard in shards[:_VOCABULARY_SHARDS] for scene in load_scenes(shard)]
        captions = [caption for scene in scenes for caption in scene["en"]]
        build_tokenizer(captions, max_tokens, japanese_words()).save_pretrained(folder / "tokenizer")
    return PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer", local_files_only=True)


def train_denoiser(
    find_shards: Callable[[], list[Path]],
    held_out: Path,
    config: dict[str, Any],
    folder: Path,
    *,
    minutes: float | None = None,
    anneal: float | None = None,
    warm: Path | None = None,
) -> None:
    """Train until ``minutes`` have passed in this run (None: until SIGTERM); resumes from ``folder``/denoiser.pt.

    ``anneal``: instead, lower the learning rate to nothing in that many minutes, starting from the last checkpoint,
    and write ``folder``/denoiser-annealed.pt; the checkpoint itself stays, so that the long training can go on.
    ``warm``: folder of an earlier training whose weights are taken over where names and shapes agree.
    """
    settings, stop = config["denoiser"], Stopper()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(2)
    tokenizer = open_tokenizer(find_shards(), settings["max_tokens"], folder)
    modules = build_modules(config, tokenizer)
    state = load_checkpoint(folder / "denoiser.pt")
    if state is None and warm is not None:
        from generator.house.warm_start import take_over

        take_over(modules, tokenizer, warm)
    modules.to(device)
    optimiser = torch.optim.AdamW(
        modules.parameters(), settings["learning_rate"], betas=(0.9, 0.99), weight_decay=1e-2, fused=True
    )
    averages = PowerAverages(modules.parameters(), settings["ema_power"])
    random = torch.Generator().manual_seed(1000)
    step, spent = 0, 0.0
    if state is not None:
        modules.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        averages.values = [value.to(device) for value in state["averages"]]
        random.set_state(state["random"])
        step, spent = state["step"], state["spent"]
    log = Log(folder / ("denoiser.jsonl" if anneal is None else "denoiser-annealed.jsonl"))
    target = folder / ("denoiser.pt" if anneal is None else "denoiser-annealed.pt")
    pool = Pool(tokenizer, settings["english"])
    pool.load([shard for shard in find_shards() if shard != held_out])
    probe = _Probe(held_out, tokenizer, device)
    known = statistics(folder)
    weight, deviation = channel_weights(known["scale"], known["gain"]).to(device), known["deviation"].to(device)
    empty = tokenise(tokenizer, [""])[0].to(device)
    budget, first, recent, saved = Budget(minutes or anneal or 1e9), step, [], time.monotonic()
    log(step=step, seconds=round(spent), event="start", pictures=len(pool), device=str(device))
    while not budget.over and not stop.wanted:
        rate = settings["learning_rate"] * min(1.0, (step + 1) / settings["warm_up"])
        if anneal is not None:
            rate *= max(0.0, 1.0 - budget.spent / (60.0 * anneal))
        for group in optimiser.param_groups:
            group["lr"] = rate
        clean, ids = pool.draw(settings["batch"], random)
        clean = clean.to(device) + deviation.view(1, -1, 1, 1) * torch.randn(clean.shape, device=device)
        ids = _dropped(ids.to(device), empty, tokenizer, settings["caption_dropout"])
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = _loss(modules, clean, ids, weight, settings["time_shift"])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimiser.step()
        averages.update(step if anneal is None else step - first)
        recent.append(loss.item())
        step += 1
        if step % _REPORT == 0:
            log(step=step, seconds=round(spent + budget.spent), loss=round(float(np.mean(recent[-_REPORT:])), 5))
            recent = recent[-_REPORT:]
        if step % _LOOK == 0:
            with averages.swapped():
                log(step=step, seconds=round(spent + budget.spent), held_out=round(probe(modules, weight), 5))
            pool.load([shard for shard in find_shards() if shard != held_out])
            budget.skip()
        if anneal is None and time.monotonic() - saved > _EVERY:
            save_checkpoint(target, _state(modules, optimiser, averages, random, step, spent + budget.spent))
            saved = time.monotonic()
            budget.skip()
    save_checkpoint(target, _state(modules, optimiser, averages, random, step, spent + budget.spent))
    log(step=step, seconds=round(spent + budget.spent), event="stop")


def channel_weights(scale: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Weight of each channel's error, (1, C, 1, 1) with mean 1: what one deviation of the channel does to the pixels.

    All latent channels have variance 1 for the sampler, but the first principal components make most of the picture.
    In proportion to the amplitude, not to the energy, so that the fine channels are learned as well.
    """
    amplitude = scale * gain
    return (amplitude / amplitude.mean()).view(1, -1, 1, 1)


class _Probe:
    """The loss on held-out pictures with fixed noise and times: comparable at any step."""

    def __init__(self, shard: Path, tokenizer: PreTrainedTokenizerFast, device: torch.device) -> None:
        if not (shard / "latents.npy").exists():
            raise FileNotFoundError(f"{shard} is not encoded; run the stage encode first")
        self._clean = torch.from_numpy(np.load(shard / "latents.npy", mmap_mode="r")[:_PROBE].copy()).float().to(device)
        captions = [scene["en"][0] for scene in load_scenes(shard)[: len(self._clean)]]
        self._ids = tokenise(tokenizer, captions).to(device)
        random = torch.Generator().manual_seed(77)
        self._noise = torch.randn(self._clean.shape, generator=random).to(device)
        even = (torch.arange(len(self._clean)) + 0.5) / len(self._clean)
        self._time = torch.sigmoid(torch.special.ndtri(even))[torch.randperm(len(even), generator=random)].to(device)

    @torch.no_grad()
    def __call__(self, modules: nn.ModuleList, weight: torch.Tensor) -> float:
        total = 0.0
        for start in range(0, len(self._clean), 64):
            part = slice(start, start + 64)
            clean, noise, time_ = self._clean[part], self._noise[part], self._time[part]
            mixed = torch.lerp(clean, noise, time_[:, None, None, None])
            with torch.autocast(clean.device.type, dtype=torch.bfloat16):
                velocity = modules[0](mixed, time_ * 1000.0, modules[1](self._ids[part]).last_hidden_state).sample
            total += float((weight * (velocity.float() - (noise - clean)).pow(2)).mean()) * len(clean)
        return total / len(self._clean)


def _dropped(ids: torch.Tensor, empty: torch.Tensor, tokenizer: PreTrainedTokenizerFast, share: float) -> torch.Tensor:
    special = max(tokenizer.all_special_ids)
    lost = torch.rand(ids.shape, device=ids.device) < _UNKNOWN_WORDS
    ids = torch.where(lost & (ids > special), torch.full_like(ids, tokenizer.unk_token_id), ids)
    gone = torch.rand(len(ids), device=ids.device) < share
    return torch.where(gone[:, None], empty[None], ids)


def _loss(
    modules: nn.ModuleList, clean: torch.Tensor, words: torch.Tensor, weight: torch.Tensor, shift: float
) -> torch.Tensor:
    noise = torch.randn_like(clean)
    time_ = torch.sigmoid(torch.randn(len(clean), device=clean.device))
    time_ = shift * time_ / (1.0 + (shift - 1.0) * time_)
    mixed = torch.lerp(clean, noise, time_[:, None, None, None])
    state = modules[1](words).last_hidden_state
    velocity = modules[0](mixed, time_ * 1000.0, state).sample
    loss: torch.Tensor = (weight * (velocity.float() - (noise - clean)).pow(2)).mean()
    return loss


def _state(
    modules: nn.ModuleList,
    optimiser: torch.optim.Optimizer,
    averages: PowerAverages,
    random: torch.Generator,
    step: int,
    spent: float,
) -> dict[str, Any]:
    return {
        "model": modules.state_dict(),
        "optimiser": optimiser.state_dict(),
        "averages": averages.values,
        "random": random.get_state(),
        "step": step,
        "spent": spent,
    }
