"""Between the two: the decoder alone, taught to read the latents that the denoiser will make.

Sampled latents are not quite those of pictures: neighbouring values disagree a little, which a decoder that has only
seen encoded pictures shows as blocks of 8 x 8 pixels. Here it sees encoded pictures with added noise of random strength
and learns to paint the picture without it. The encoder and the latents stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generator.house.dataset import load_pictures
from generator.house.latents import statistics
from generator.house.schedule import Averages, Budget, Log, Stopper, cosine_rate, load_checkpoint, save_checkpoint
from generator.house.train_autoencoder import Pictures, load_autoencoder, picture_loss, psnr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["refine_decoder"]

_REPORT, _SAVE = 50, 200
_WARM_UP = 30
_PROBE = 256
_NO_END = 1e9


def refine_decoder(shards: Sequence[Path], held_out: Path, config: dict[str, Any], folder: Path) -> None:
    """Train for the configured number of steps into ``folder``/decoder.pt, from which an interrupted run goes on."""
    torch.manual_seed(3)
    settings, log, stop = config["decoder"], Log(folder / "decoder.jsonl"), Stopper()
    found = load_checkpoint(folder / "decoder.pt")
    if found is not None and found["step"] >= settings["steps"]:
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    whole = load_autoencoder(config["autoencoder"], folder).to(device)
    decoder = load_autoencoder(config["autoencoder"], folder).decoder.train().to(device)
    optimiser = torch.optim.AdamW(
        decoder.parameters(), settings["learning_rate"], betas=(0.9, 0.99), weight_decay=1e-4, fused=True
    )
    averages = Averages(decoder.parameters(), settings["ema"])
    step, budget = 0, Budget(_NO_END)
    if found is not None:
        decoder.load_state_dict(found["model"])
        optimiser.load_state_dict(found["optimiser"])
        averages.values = [value.to(device) for value in found["averages"]]
        step, budget = found["step"], Budget(_NO_END, found["spent"])
    scale = statistics(folder)["scale"].view(1, -1, 1, 1).to(device)
    source, recent = Pictures(shards, 100_000 + step), []

    def save() -> None:
        state = {"model": decoder.state_dict(), "optimiser": optimiser.state_dict(), "averages": averages.values}
        save_checkpoint(folder / "decoder.pt", {**state, "step": step, "spent": budget.spent})

    while step < settings["steps"] and not stop.wanted:
        for group in optimiser.param_groups:
            group["lr"] = cosine_rate(settings["learning_rate"], step, settings["steps"], _WARM_UP)
        target = source.batch(settings["batch"]).to(device)
        strength = settings["noise"] * torch.rand(len(target), 1, 1, 1, device=device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            with torch.no_grad():
                clean = whole.encode(target)[0].float()
            made = decoder.render(clean + strength * scale * torch.randn_like(clean))
        loss, l1 = picture_loss(made, target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimiser.step()
        averages.update(step)
        recent.append(l1.item())
        step += 1
        seconds = round(budget.spent)
        if step % _REPORT == 0:
            log(step=step, seconds=seconds, l1=round(float(np.mean(recent[-_REPORT:])), 5))
        if step % _SAVE == 0:
            save()
    save()
    averages.install()
    probe = load_pictures(held_out)[:_PROBE]
    log(step=step, seconds=round(budget.spent), psnr=round(psnr(whole, probe, decoder), 3))
