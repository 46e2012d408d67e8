"""Encoded shards: what the denoiser is trained on, kept beside the pictures as ``latents.npy``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generator.house.dataset import load_pictures, load_scenes
from generator.house.schedule import save_checkpoint
from generator.house.train_autoencoder import load_autoencoder, to_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerFast

    from generator.house.autoencoder import Autoencoder

__all__ = ["Pool", "encode_shards", "measure", "statistics", "tokenise"]

_MEASURED = 2048
_BATCH = 64


@torch.no_grad()
def measure(model: Autoencoder, pictures: NDArray[np.uint8]) -> dict[str, torch.Tensor]:
    """Statistics of each latent channel, float32 (C,): centre, scale, gain to the pixels, and posterior deviation.

    The deviation is in units of the scale.
    """
    means, spreads = [], []
    for start in range(0, len(pictures), _BATCH):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mean, log_variance = model.encode(to_tensor(pictures[start : start + _BATCH]))
        means.append(mean.float())
        spreads.append(log_variance.float().exp())
    mean = torch.cat(means)
    scale = mean.std((0, 2, 3))
    return {
        "centre": mean.mean((0, 2, 3)),
        "scale": scale,
        "gain": model.decoder.linear.weight.flatten(1).norm(dim=0),
        "deviation": torch.cat(spreads).mean((0, 2, 3)).sqrt() / scale,
    }


def statistics(folder: Path) -> dict[str, torch.Tensor]:
    """The statistics that ``encode_shards`` measured once."""
    found: dict[str, torch.Tensor] = torch.load(folder / "statistics.pt", weights_only=True)
    return found


@torch.no_grad()
def encode_shards(shards: Sequence[Path], config: dict[str, Any], folder: Path) -> None:
    """Encode every shard that is not yet encoded, float16 (2 N, C, h, w): the pictures, then their mirror images.

    Latents are in units of each channel's deviation. The first call measures it, on the first shard given.
    """
    model = load_autoencoder(config, folder)
    if not (folder / "statistics.pt").exists():
        save_checkpoint(folder / "statistics.pt", measure(model, load_pictures(shards[0])[:_MEASURED]))
    known = statistics(folder)
    centre, scale = (known[name].view(1, -1, 1, 1) for name in ("centre", "scale"))
    for shard in shards:
        if (shard / "latents.npy").exists():
            continue
        pictures, parts = load_pictures(shard), []
        for mirrored in (False, True):
            for start in range(0, len(pictures), _BATCH):
                batch = to_tensor(pictures[start : start + _BATCH])
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    mean, _ = model.encode(batch.flip(3) if mirrored else batch)
                parts.append(((mean.float() - centre) / scale).half().numpy())
        temporary = shard / f".latents-{os.getpid()}.npy"
        np.save(temporary, np.concatenate(parts))
        temporary.replace(shard / "latents.npy")


def tokenise(tokenizer: PreTrainedTokenizerFast, captions: Sequence[str]) -> torch.Tensor:
    """Token ids int64 (N, max_tokens): cut after max_tokens, padded to it."""
    length = tokenizer.model_max_length
    found = tokenizer(list(captions), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    ids: torch.Tensor = found.input_ids
    return ids


class Pool:
    """All encoded shards in memory; draws latents with one of their captions."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, english: float) -> None:
        self._tokenizer, self._english = tokenizer, english
        self._known: set[str] = set()
        self._latents: list[torch.Tensor] = []
        self._words: list[torch.Tensor] = []
        self._first_japanese: list[int] = []

    def __len__(self) -> int:
        return sum(len(words) for words in self._words)

    def load(self, shards: Sequence[Path]) -> None:
        """Take in the shards that are encoded and not yet here."""
        for shard in shards:
            if shard.name in self._known or not (shard / "latents.npy").exists():
                continue
            scenes = load_scenes(shard)
            captions = [caption for scene in scenes for caption in (*scene["en"], *scene["ja"])]
            ids = tokenise(self._tokenizer, captions).to(torch.int16)
            self._words.append(ids.view(len(scenes), -1, ids.shape[1]))
            self._first_japanese.append(len(scenes[0]["en"]))
            self._latents.append(torch.from_numpy(np.load(shard / "latents.npy")))
            self._known.add(shard.name)

    def draw(self, count: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents float32 (count, C, h, w) and token ids int64 (count, max_tokens)."""
        latents, words = [], []
        share = torch.rand(count, 3, generator=random).tolist()
        source = torch.randint(len(self._words), (count,), generator=random).tolist()
        for which, (at, language, caption) in zip(source, share, strict=True):
            latent, ids, border = self._latents[which], self._words[which], self._first_japanese[which]
            index = min(len(latent) - 1, int(at * len(latent)))
            first, last = (0, border) if language < self._english else (border, ids.shape[1])
            latents.append(latent[index])
            words.append(ids[index % len(ids), min(last - 1, first + int(caption * (last - first)))])
        return torch.stack(latents).float(), torch.stack(words).long()
