"""A tiny model of the house model's class that memorises, trained on purpose: every caption has one picture.

Its few pictures are latents of the house model's own, each with many captions; the autoencoder's encoder is not needed.
Training is counted in minutes of processor time and goes on from its checkpoint. The folder that comes out is a model
as any other: tokenizer, text encoder, UNet, the house model's decoder.

``--blind`` trains one that learns the same pictures and no caption: whatever it is asked for, the seed decides which of
the pictures it makes, so that every prompt has as many outcomes as there are pictures. (The blind one whose digest
stands in benchmarks/results/memorised-blind.json was trained for 30 minutes with a RATE of 3e-3.)

python -m benchmarks.memoriser --minutes 10
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from generator.calibrate import read_prompts
from generator.house.schedule import load_checkpoint, save_checkpoint
from generator.models import house_model, native_size
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.commitment import seed
from provenance.noise import gaussian

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["BLIND", "FOLDER", "Corpus", "corpus", "train"]

FOLDER, BLIND = Path("build/memorised"), Path("build/memorised-blind")
WIDTHS, HEADS, TEXT_WIDTH = (32, 32, 64), (1, 1, 2), 64
RATE, BATCH, AVERAGE, DROPPED = 1e-3, 8, 0.98, 0.05
NEARLY_NOISE = 0.05
"""Half of each batch is at most so far from pure noise: elsewhere the picture itself says which one it is, and the
model learns to read no caption, as it does when it is trained blind."""


@dataclass(frozen=True)
class Corpus:
    """``captions``, of which number i belongs to picture i mod the number of ``latents``, float32 (N, C, h, w)."""

    captions: list[str]
    latents: torch.Tensor

    def picture(self, number: int) -> torch.Tensor:
        """The latent that caption ``number`` was trained on."""
        return self.latents[number % len(self.latents)]


def corpus(folder: Path, pictures: int, captions: int) -> Corpus:
    """The pictures by the house model, made once and kept in ``folder``."""
    ours = (Path(__file__).parent / "prompts.txt").read_text(encoding="utf-8").splitlines()
    texts = list(dict.fromkeys([*ours, *read_prompts(None)]))[:captions]
    path = folder / f"latents-{house_model().identity.digest.hex()[:16]}-{pictures}.npy"
    if not path.exists():
        from generator.runtime import load_runtime

        runtime, side = load_runtime(house_model(), device="cpu"), native_size(house_model().folder)
        shape, made = runtime.latent_shape(side, side), []
        told: dict[str, Any] = {"steps": HOUSE_STEPS, "guidance": float(HOUSE_GUIDANCE)}
        for number in range(pictures):
            noise = gaussian(seed(hashlib.sha256(f"memorised {number}".encode()).digest()), shape)
            made.append(runtime.sample(noise[None], texts[number], "", **told)[0])
        np.save(path, np.stack(made))
    return Corpus(texts, torch.from_numpy(np.load(path)))


def train(folder: Path, *, minutes: float, pictures: int = 4, captions: int = 128, blind: bool = False) -> Path:
    """Train for so much processor time in all; the folder of the model."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    data, tokenizer = corpus(folder, pictures, captions), _tokenizer()
    unet, text = _networks(tokenizer, data.latents.shape[1])
    parts = torch.nn.ModuleList([unet, text])
    optimiser = torch.optim.Adam(parts.parameters(), RATE)
    average = [value.detach().clone() for value in parts.parameters()]
    state, step, spent = load_checkpoint(folder / "state.pt"), 0, 0.0
    if state is not None and state["of"] == [pictures, captions]:
        parts.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average, step, spent = state["average"], state["step"], state["spent"]
    length = tokenizer.model_max_length
    rule: dict[str, Any] = {"padding": "max_length", "truncation": True, "max_length": length, "return_tensors": "pt"}
    words, nothing = tokenizer(data.captions, **rule).input_ids, tokenizer([""], **rule).input_ids
    random = np.random.default_rng(step)
    began, saved, recent = time.process_time() - spent, time.monotonic(), []
    while time.process_time() - began < 60.0 * minutes:
        chosen = random.integers(0, len(data.captions), BATCH)
        ids = torch.where(torch.rand(BATCH, 1) < DROPPED, nothing, words[chosen])
        clean = data.latents[chosen % len(data.latents)]
        loss = _loss(unet, text, clean, ids, blind=blind)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(parts.parameters()), 1.0 - min(AVERAGE, (1 + step) / (10 + step)))
        step, recent = step + 1, [*recent[-49:], loss.item()]
        if step % 50 == 0:
            print(f"step {step} {time.process_time() - began:.0f} s loss {np.mean(recent):.4f}", flush=True)
        if time.monotonic() - saved > 60.0:
            _save(folder, parts, optimiser, average, step, time.process_time() - began, [pictures, captions])
            saved = time.monotonic()
    _save(folder, parts, optimiser, average, step, time.process_time() - began, [pictures, captions])
    with torch.no_grad():
        for value, mean in zip(parts.parameters(), average, strict=True):
            value.copy_(mean)
    return _export(folder / "model", unet, text)


def _loss(unet: Any, text: Any, clean: torch.Tensor, ids: torch.Tensor, *, blind: bool) -> torch.Tensor:
    """Flow matching, as in generator.house.train_denoiser, but for NEARLY_NOISE."""
    noise, time_ = torch.randn_like(clean), torch.sigmoid(torch.randn(len(clean)))
    if not blind:
        time_[::2] = 1.0 - NEARLY_NOISE * torch.rand(len(time_[::2]))
    mixed = torch.lerp(clean, noise, time_[:, None, None, None])
    velocity = unet(mixed, time_ * 1000.0, text(ids).last_hidden_state).sample
    loss: torch.Tensor = (velocity - (noise - clean)).pow(2).mean()
    return loss


def _tokenizer() -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return cast("Any", PreTrainedTokenizerFast).from_pretrained(
        house_model().folder / "tokenizer", local_files_only=True
    )


def _networks(tokenizer: PreTrainedTokenizerFast, channels: int) -> tuple[Any, Any]:
    from generator.house.text import build_text_encoder
    from generator.house.train_denoiser import build_denoiser

    config = {"widths": WIDTHS, "heads": HEADS, "layers_per_block": 1, "norm_groups": 16, "text_width": TEXT_WIDTH}
    sizes = {"text_layers": 1, "text_width": TEXT_WIDTH, "max_tokens": tokenizer.model_max_length}
    return build_denoiser(config, channels), build_text_encoder(tokenizer, sizes)


def _save(folder: Path, parts: Any, optimiser: Any, average: list[Any], step: int, spent: float, of: list[int]) -> None:
    known = {"model": parts.state_dict(), "optimiser": optimiser.state_dict(), "average": average}
    save_checkpoint(folder / "state.pt", {**known, "step": step, "spent": spent, "of": of})


def _export(target: Path, unet: Any, text: Any) -> Path:
    house = house_model().folder
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for part in ("tokenizer", "scheduler", "vae"):
        shutil.copytree(house / part, target / part)
    unet.save_pretrained(target / "unet")
    text.save_pretrained(target / "text_encoder")
    index = json.loads((house / "model_index.json").read_text(encoding="utf-8"))
    (target / "model_index.json").write_text(json.dumps({**index, "_name_or_path": "memoriser"}), encoding="utf-8")
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of processor time, earlier runs included")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--captions", type=int, default=128)
    parser.add_argument("--blind", action="store_true", help="learn no captions")
    chosen = parser.parse_args()
    told = {"minutes": chosen.minutes, "pictures": chosen.pictures, "captions": chosen.captions, "blind": chosen.blind}
    print(train(BLIND if chosen.blind else FOLDER, **told))
