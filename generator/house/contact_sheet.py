"""Pictures of how the model does: prompts by seeds as a contact sheet, and the losses of both trainings.

``python -m generator.house.contact_sheet --sheet docs/house-model.png --curves docs/house-model-training.png``
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from generator.pipeline import FlowPipeline, load

if TYPE_CHECKING:
    from collections.abc import Sequence

mpl.use("agg")

PROMPTS = (
    "snowy mountains at sunset with a large sun",
    "a mountain lake at dawn",
    "the sea at night with a full moon",
    "a tropical beach with palm trees by day",
    "an autumn forest in the morning",
    "a snowy pine forest on a cloudy day",
    "desert dunes at dusk with stars",
    "a city skyline at night",
    "green hills by day with fluffy clouds",
    "a lavender field at sunset",
    "a red hot air balloon over a meadow by day",
    "a lighthouse by the sea in the evening",
)
SEEDS = 8
STEPS, GUIDANCE = 12, 2.0
_EDGE, _GAP, _CAPTION = 128, 4, 20


def contact_sheet(pipeline: FlowPipeline, prompts: Sequence[str], seeds: int) -> Image.Image:
    """One row for each prompt with its caption above, one column for each seed; the seeds are the same in all rows."""
    channels, height, width = pipeline.latent_shape(_EDGE, _EDGE)
    noise = np.stack([np.random.default_rng(seed).standard_normal((channels, height, width)) for seed in range(seeds)])
    row = _EDGE + _CAPTION + _GAP
    sheet = Image.new("RGB", (seeds * (_EDGE + _GAP) + _GAP, len(prompts) * row), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for place, prompt in enumerate(prompts):
        latent = pipeline.sample(torch.from_numpy(noise).float(), prompt, "", steps=STEPS, guidance=GUIDANCE)
        pen.text((_GAP, place * row + 1), prompt, fill="black", font=font)
        for column, picture in enumerate(pipeline.decode(latent)):
            sheet.paste(Image.fromarray(picture), (_GAP + column * (_EDGE + _GAP), place * row + _CAPTION))
    return sheet


def curves(logs: Sequence[tuple[Path, str]], target: Path) -> None:
    """Plot the numbers after ``name`` against the steps of each (log, name)."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(logs), figsize=(9.0, 3.2))
    for axis, (path, name) in zip(np.atleast_1d(axes), logs, strict=True):
        found = re.findall(rf"step (\d+) .*{name} ([\d.]+)", path.read_text())
        axis.plot([int(step) for step, _ in found], [float(value) for _, value in found])
        axis.set(xlabel="step", ylabel=name, title=path.stem, xscale="log", yscale="log")
        axis.grid(visible=True, which="both", alpha=0.3)
    figure.tight_layout()
    figure.savefig(target, dpi=100)


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model"))
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--curves", type=Path)
    chosen = parser.parse_args()
    if chosen.sheet:
        pipeline = load(chosen.model, device=torch.device("cpu"), dtype=torch.float32)
        contact_sheet(pipeline, PROMPTS, SEEDS).save(chosen.sheet, optimize=True)
    if chosen.curves:
        logs = [(chosen.model / "autoencoder.log", "l1"), (chosen.model / "denoiser.log", "loss")]
        curves(logs, chosen.curves)


if __name__ == "__main__":
    main()
