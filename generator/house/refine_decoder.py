"""Last stage: the decoder alone, taught to read the latents that the denoiser makes.

Sampled latents are not quite those of pictures: neighbouring values disagree a little, which a decoder that has only
seen encoded pictures shows as blocks of 8 x 8 pixels. Here it sees encoded pictures with added noise of random strength
and learns to paint the picture without it. The encoder and the latents stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from generator.house.schedule import Averages, Budget, Log, load_checkpoint, save_checkpoint
from generator.house.train_autoencoder import load_autoencoder, to_tensor

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["refine_decoder"]

_REPORT = 100
_WARM_UP = 30


def refine_decoder(
    pictures: NDArray[np.uint8], latents: dict[str, torch.Tensor], config: dict[str, Any], folder: Path
) -> None:
    """Train for the configured minutes; the result is ``folder``/decoder.pt, from which an interrupted run goes on."""
    torch.manual_seed(3)
    settings, log = config["decoder"], Log(folder / "decoder.log")
    decoder = load_autoencoder(config["autoencoder"], folder).decoder.train()
    optimiser = torch.optim.AdamW(
        decoder.parameters(), settings["learning_rate"], betas=(0.9, 0.99), weight_decay=1e-4, fused=True
    )
    averages = Averages(decoder.parameters(), settings["ema"])
    step, budget = 0, Budget(settings["minutes"])
    found = load_checkpoint(folder / "decoder.pt")
    if found is not None:
        decoder.load_state_dict(found["model"])
        optimiser.load_state_dict(found["optimiser"])
        averages.values = found["averages"]
        step, budget = found["step"], Budget(settings["minutes"], found["spent"])
    count = len(pictures) - config["data"]["held_out"]
    centre, scale = (latents[name].view(1, -1, 1, 1) for name in ("centre", "scale"))
    random = np.random.default_rng(step)
    recent: list[float] = []
    while not budget.over:
        for group in optimiser.param_groups:
            group["lr"] = budget.learning_rate(settings["learning_rate"], step, _WARM_UP)
        chosen = np.sort(random.choice(count, settings["batch"], replace=False))
        target = to_tensor(pictures[chosen])
        clean = latents["mean"][torch.from_numpy(chosen)].float()
        noisy = clean + settings["noise"] * torch.rand(len(clean), 1, 1, 1) * torch.randn_like(clean)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = decoder.render(noisy * scale + centre)
        error = made.float() - target
        edges = (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        loss = error.abs().mean() + F.mse_loss(made.float(), target) + 0.5 * edges
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimiser.step()
        averages.update(step)
        recent.append(float(error.detach().abs().mean()))
        step += 1
        if step % _REPORT == 0:
            log(f"step {step} seconds {budget.spent:.0f} l1 {np.mean(recent[-_REPORT:]):.4f}")
    save_checkpoint(
        folder / "decoder.pt",
        {
            "model": decoder.state_dict(),
            "optimiser": optimiser.state_dict(),
            "averages": averages.values,
            "step": step,
            "spent": budget.spent,
        },
    )
    log(f"end: step {step}")
