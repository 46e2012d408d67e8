"""Pictures of how the model does: prompts by seeds as a contact sheet, and the losses of the trainings.

``python -m generator.house.contact_sheet --model build/house2/export --sheet sheet.png --curves curves.png``
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from generator.house.prompts import SHEET
from generator.pipeline import FlowPipeline, load
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PROMPTS", "SEEDS", "contact_sheet", "curves"]

mpl.use("agg")

PROMPTS = tuple(prompt for prompt, _ in SHEET)
SEEDS = 8
STEPS, GUIDANCE = HOUSE_STEPS, float(HOUSE_GUIDANCE)
_EDGE, _GAP, _CAPTION = 128, 4, 20


def contact_sheet(
    pipeline: FlowPipeline, prompts: Sequence[tuple[str, str]], seeds: int, guidance: float = GUIDANCE
) -> Image.Image:
    """One row for each prompt with its caption above, one column for each seed; the seeds are the same in all rows."""
    channels, height, width = pipeline.latent_shape(_EDGE, _EDGE)
    noise = np.stack([np.random.default_rng(seed).standard_normal((channels, height, width)) for seed in range(seeds)])
    row = _EDGE + _CAPTION + _GAP
    sheet = Image.new("RGB", (seeds * (_EDGE + _GAP) + _GAP, len(prompts) * row), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for place, (prompt, title) in enumerate(prompts):
        latent = pipeline.sample(torch.from_numpy(noise).float(), prompt, "", steps=STEPS, guidance=guidance)
        pen.text((_GAP, place * row + 1), title or prompt, fill="black", font=font)
        for column, picture in enumerate(pipeline.decode(latent)):
            sheet.paste(Image.fromarray(picture), (_GAP + column * (_EDGE + _GAP), place * row + _CAPTION))
    return sheet


def curves(logs: Sequence[tuple[Path, tuple[str, ...]]], target: Path) -> None:
    """Plot the named numbers of each log of JSON lines, and of its annealing's, against the step."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(logs), figsize=(4.5 * len(logs), 3.2))
    for axis, (path, names) in zip(np.atleast_1d(axes), logs, strict=True):
        annealed = path.with_name(f"{path.stem}-annealed.jsonl")
        files = [path, annealed] if annealed.exists() else [path]
        lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        for name in names:
            found = [(line["step"], line[name]) for line in lines if name in line and line["step"] > 0]
            axis.plot([step for step, _ in found], [value for _, value in found], label=name)
        axis.set(xlabel="step", title=path.stem, xscale="log", yscale="log")
        axis.grid(visible=True, which="both", alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(target, dpi=100)


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model"))
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--threads", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    if chosen.sheet:
        pipeline = load(chosen.model, device=torch.device("cpu"), dtype=torch.float32)
        contact_sheet(pipeline, SHEET, chosen.seeds, chosen.guidance).save(chosen.sheet, optimize=True)
    if chosen.curves:
        logs: list[tuple[Path, tuple[str, ...]]] = [(chosen.model / "autoencoder.jsonl", ("l1",))]
        logs.append((chosen.model / "denoiser.jsonl", ("loss", "held_out")))
        curves(logs, chosen.curves)


if __name__ == "__main__":
    main()
