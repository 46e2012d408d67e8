"""First stage: the autoencoder, from a principal component analysis to learned corrections."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from generator.house.autoencoder import Autoencoder
from generator.house.schedule import Averages, Budget, Log, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["encode_dataset", "load_autoencoder", "train_autoencoder"]

_PCA_PICTURES = 800
_REPORT = 100
_PROBE = 96
_MIRRORED = 0.5


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def train_autoencoder(pictures: NDArray[np.uint8], config: dict[str, Any], held_out: int, folder: Path) -> None:
    """Train until the configured minutes are used up; resumes from ``folder``/autoencoder.pt."""
    torch.manual_seed(1)
    log = Log(folder / "autoencoder.log")
    count = len(pictures) - held_out
    model = Autoencoder(config["latent_channels"], tuple(config["widths"]))
    model.start_from_pca(to_tensor(pictures[:_PCA_PICTURES]))
    optimiser = torch.optim.AdamW(
        model.parameters(), config["learning_rate"], betas=(0.9, 0.99), weight_decay=1e-4, fused=True
    )
    averages = Averages(model.parameters(), config["ema"])
    step, budget = 0, Budget(config["minutes"])
    found = load_checkpoint(folder / "autoencoder.pt")
    if found is not None:
        model.load_state_dict(found["model"])
        optimiser.load_state_dict(found["optimiser"])
        averages.values = found["averages"]
        step, budget = found["step"], Budget(config["minutes"], found["spent"])
    else:
        log(f"start: held-out PSNR {psnr(model, pictures[count:][:_PROBE]):.2f} dB (PCA alone)")
    random = np.random.default_rng(step)
    recent: list[float] = []
    while not budget.over:
        for group in optimiser.param_groups:
            group["lr"] = budget.learning_rate(config["learning_rate"], step, 50)
        batch = to_tensor(pictures[np.sort(random.choice(count, config["batch"], replace=False))])
        if random.random() < _MIRRORED:
            batch = batch.flip(3)
        loss, error = _loss(model, batch, config["kl_weight"])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        averages.update(step)
        recent.append(error)
        step += 1
        if step % _REPORT == 0:
            log(f"step {step} seconds {budget.spent:.0f} l1 {np.mean(recent[-_REPORT:]):.4f}")
        if step % (5 * _REPORT) == 0:
            began = time.monotonic()
            _save(folder, model, optimiser, averages, step, budget)
            budget.pause(time.monotonic() - began)
    _save(folder, model, optimiser, averages, step, budget)
    averages.install()
    torch.save(model.state_dict(), folder / "autoencoder-final.pt")
    log(f"end: step {step}, held-out PSNR {psnr(model, pictures[count:][:_PROBE]):.2f} dB")


def load_autoencoder(config: dict[str, Any], folder: Path) -> Autoencoder:
    """The trained autoencoder with averaged weights."""
    model = Autoencoder(config["latent_channels"], tuple(config["widths"]))
    model.load_state_dict(torch.load(folder / "autoencoder-final.pt", weights_only=True))
    return model.eval()


@torch.no_grad()
def psnr(model: Autoencoder, pictures: NDArray[np.uint8]) -> float:
    """Mean PSNR in dB of held-out pictures after encoding and decoding."""
    target = to_tensor(pictures)
    made = model.decoder.render(model.encode(target)[0]).clamp(-1.0, 1.0)
    return float((-10.0 * ((target - made) / 2.0).pow(2).mean((1, 2, 3)).log10()).mean())


@torch.no_grad()
def encode_dataset(model: Autoencoder, pictures: NDArray[np.uint8]) -> dict[str, torch.Tensor]:
    """Posterior means and deviations, float16 (N, C, h, w), in units of each channel's standard deviation.

    Beside them the statistics of each channel: centre and scale, and the gain from a latent to its patch of pixels.
    """
    means, deviations = [], []
    for start in range(0, len(pictures), 64):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mean, log_variance = model.encode(to_tensor(pictures[start : start + 64]))
        means.append(mean)
        deviations.append((0.5 * log_variance).exp())
    mean, deviation = torch.cat(means), torch.cat(deviations)
    centre, scale = mean.mean((0, 2, 3)), mean.std((0, 2, 3))
    view = (1, -1, 1, 1)
    return {
        "mean": ((mean - centre.view(view)) / scale.view(view)).half(),
        "deviation": (deviation / scale.view(view)).half(),
        "centre": centre,
        "scale": scale,
        "gain": model.decoder.linear.weight.flatten(1).norm(dim=0),
    }


def _loss(model: Autoencoder, batch: torch.Tensor, kl_weight: float) -> tuple[torch.Tensor, float]:
    """L1 + L2 + differences of neighbours + KL; the L1 part is reported."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mean, log_variance = model.encode(batch)
    latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = model.decoder.render(latent)
    error = made.float() - batch
    l1 = error.abs().mean()
    edges = (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    kl = 0.5 * (mean.pow(2) + log_variance.exp() - 1.0 - log_variance).mean()
    return l1 + F.mse_loss(made.float(), batch) + 0.5 * edges + kl_weight * kl, l1.item()


def _save(
    folder: Path, model: Autoencoder, optimiser: torch.optim.Optimizer, averages: Averages, step: int, budget: Budget
) -> None:
    save_checkpoint(
        folder / "autoencoder.pt",
        {
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "averages": averages.values,
            "step": step,
            "spent": budget.spent,
        },
    )
