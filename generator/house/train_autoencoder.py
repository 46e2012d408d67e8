"""First stage: the autoencoder, from a principal component analysis (or earlier weights) to learned corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from generator.house.autoencoder import Autoencoder
from generator.house.dataset import load_pictures
from generator.house.schedule import Averages, Budget, Log, Stopper, cosine_rate, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from generator.house.decoder_only import DecoderOnly

__all__ = ["Pictures", "load_autoencoder", "picture_loss", "psnr", "to_tensor", "train_autoencoder"]

_PCA_PICTURES = 800
_REPORT = 50
_SAVE = 200
_PROBE = 256
_MIRRORED = 0.5
_WARM_UP = 50
_NO_END = 1e9


class Pictures:
    """Random batches from shards that lie on disk."""

    def __init__(self, shards: Sequence[Path], seed: int) -> None:
        self._arrays = [load_pictures(shard) for shard in shards]
        self._random = np.random.default_rng([5, seed])

    def batch(self, size: int) -> torch.Tensor:
        """Pictures float32 (size, 3, H, W) in [-1, 1], the whole batch mirrored or not."""
        random = self._random
        source = random.integers(len(self._arrays), size=size)
        picked = [self._arrays[s][random.integers(len(self._arrays[s]))] for s in source]
        batch = to_tensor(np.stack(picked))
        return batch.flip(3) if random.random() < _MIRRORED else batch


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def train_autoencoder(
    shards: Sequence[Path], held_out: Path, config: dict[str, Any], folder: Path, warm: Path | None = None
) -> None:
    """Train on the shards for the configured number of steps; resumes from ``folder``/autoencoder.pt.

    ``warm`` is an autoencoder-final.pt of the same shape to start from instead of a principal component analysis.
    """
    if (folder / "autoencoder-final.pt").exists():
        return
    torch.manual_seed(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    log, stop = Log(folder / "autoencoder.jsonl"), Stopper()
    probe = load_pictures(held_out)[:_PROBE]
    model = Autoencoder(config["latent_channels"], tuple(config["widths"]))
    if warm is None:
        model.start_from_pca(to_tensor(load_pictures(shards[0])[:_PCA_PICTURES]))
    else:
        model.load_state_dict(torch.load(warm, weights_only=True))
    model.to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(), config["learning_rate"], betas=(0.9, 0.99), weight_decay=1e-4, fused=True
    )
    averages = Averages(model.parameters(), config["ema"])
    step, budget = 0, Budget(_NO_END)
    found = load_checkpoint(folder / "autoencoder.pt")
    if found is not None:
        model.load_state_dict(found["model"])
        optimiser.load_state_dict(found["optimiser"])
        averages.values = [value.to(device) for value in found["averages"]]
        step, budget = found["step"], Budget(_NO_END, found["spent"])
    else:
        log(step=0, psnr=round(psnr(model, probe), 3))
        budget.skip()
    source, recent = Pictures(shards, step), []
    while step < config["steps"] and not stop.wanted:
        for group in optimiser.param_groups:
            group["lr"] = cosine_rate(config["learning_rate"], step, config["steps"], _WARM_UP)
        loss, error = _loss(model, source.batch(config["batch"]).to(device), config["kl_weight"])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        averages.update(step)
        recent.append(error)
        step += 1
        seconds = round(budget.spent)
        if step % _REPORT == 0:
            log(step=step, seconds=seconds, l1=round(float(np.mean(recent[-_REPORT:])), 5))
        if step % _SAVE == 0:
            _save(folder, model, optimiser, averages, step, budget)
    _save(folder, model, optimiser, averages, step, budget)
    if step >= config["steps"]:
        averages.install()
        log(step=step, seconds=round(budget.spent), psnr=round(psnr(model, probe), 3))
        save_checkpoint(folder / "autoencoder-final.pt", model.cpu().state_dict())


def load_autoencoder(config: dict[str, Any], folder: Path) -> Autoencoder:
    """The trained autoencoder with averaged weights."""
    model = Autoencoder(config["latent_channels"], tuple(config["widths"]))
    model.load_state_dict(torch.load(folder / "autoencoder-final.pt", weights_only=True))
    return model.eval()


@torch.no_grad()
def psnr(model: Autoencoder, pictures: NDArray[np.uint8], decoder: DecoderOnly | None = None) -> float:
    """Mean PSNR in dB of pictures after encoding and decoding (by another decoder if one is given)."""
    found = []
    device = model.linear.weight.device
    for start in range(0, len(pictures), 32):
        target = to_tensor(pictures[start : start + 32]).to(device)
        render = model.decoder.render if decoder is None else decoder.render
        made = render(model.encode(target)[0]).clamp(-1.0, 1.0)
        found.append(-10.0 * ((target - made) / 2.0).pow(2).mean((1, 2, 3)).log10())
    return float(torch.cat(found).mean())


def picture_loss(made: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """L1 + L2 + differences of neighbours of pictures (N, 3, H, W), and the L1 part alone."""
    error = made.float() - target
    edges = (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    l1 = error.abs().mean()
    return l1 + F.mse_loss(made.float(), target) + 0.5 * edges, l1.detach()


def _loss(model: Autoencoder, batch: torch.Tensor, kl_weight: float) -> tuple[torch.Tensor, float]:
    with torch.autocast(batch.device.type, dtype=torch.bfloat16):
        mean, log_variance = model.encode(batch)
    latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    with torch.autocast(batch.device.type, dtype=torch.bfloat16):
        made = model.decoder.render(latent)
    loss, l1 = picture_loss(made, batch)
    kl = 0.5 * (mean.pow(2) + log_variance.exp() - 1.0 - log_variance).mean()
    return loss + kl_weight * kl, l1.item()


def _save(
    folder: Path, model: Autoencoder, optimiser: torch.optim.Optimizer, averages: Averages, step: int, budget: Budget
) -> None:
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "averages": averages.values,
        "step": step,
        "spent": budget.spent,
    }
    save_checkpoint(folder / "autoencoder.pt", state)
    budget.skip()
