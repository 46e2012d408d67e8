"""Judge an exported model: do the pictures show what was asked for, do seeds matter, is anything copied?

``python -m generator.house.evaluate --model build/house2/export --out build/house2 --json evaluation.json``

The classifier is trained on first use on the composed pictures in --out and kept there (judge.pt). Figures:
accuracy of time of day and scene (66 prompts, 2 seeds), of single large objects (16 kinds, 8 pictures); the mean
distance between latents of one prompt as a share of that between training pictures; and how near the nearest training
picture is, for generated and for held-out pictures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generator.house.dataset import HELD_OUT, shards
from generator.house.judge import HEADS, held_out_accuracy, open_judge, train_judge
from generator.house.prompts import KIND_PROMPTS, SHEET, scene_prompts
from generator.house.scenes.objects import KINDS
from generator.pipeline import FlowPipeline, load
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from generator.house.judge import Judge

__all__ = ["accuracy", "copies", "diversity", "evaluate", "noise"]

STEPS, GUIDANCE = HOUSE_STEPS, float(HOUSE_GUIDANCE)
_EDGE = 128
_COPY_SHARDS = 6


def noise(pipeline: FlowPipeline, seeds: list[int]) -> torch.Tensor:
    """Standard normal noise float32 (N, C, h, w), one numbered generator for each seed."""
    shape = pipeline.latent_shape(_EDGE, _EDGE)
    return torch.from_numpy(np.stack([np.random.default_rng(seed).standard_normal(shape) for seed in seeds])).float()


def _sample(pipeline: FlowPipeline, prompt: str, seeds: list[int], guidance: float) -> torch.Tensor:
    return pipeline.sample(noise(pipeline, seeds), prompt, "", steps=STEPS, guidance=guidance)


def accuracy(pipeline: FlowPipeline, judge: Judge, guidance: float) -> tuple[dict[str, Any], list[NDArray[np.float32]]]:
    """Shares of pictures in which the classifier sees what was asked for, and the latents by prompt."""
    hits: dict[str, list[bool]] = {name: [] for name in HEADS}
    by_class: dict[str, list[bool]] = {}
    latents: list[NDArray[np.float32]] = []

    def ask(prompt: str, seeds: list[int], wanted: dict[str, str]) -> None:
        latent = _sample(pipeline, prompt, seeds, guidance)
        latents.append(latent.numpy())
        answers = judge.answers(pipeline.decode(latent))
        for name, label in wanted.items():
            right = (answers[name] == HEADS[name].index(label)).tolist()
            hits[name] += right
            by_class.setdefault(f"{name} {label}", []).extend(right)

    for at, (time, scene, prompt) in enumerate(scene_prompts()):
        ask(prompt, [2 * at, 2 * at + 1], {"time": time, "scene": scene})
    for kind in sorted(KINDS):
        for at, template in enumerate(KIND_PROMPTS):
            noun = KINDS[kind].english[0]
            prompt = template.format(noun).replace("a apple", "an apple").replace("a owl", "an owl")
            ask(prompt, [1000 + 2 * at, 1001 + 2 * at], {"kind": kind})
    shares = {name: float(np.mean(right)) for name, right in hits.items()}
    return {**shares, "by_class": {name: float(np.mean(right)) for name, right in by_class.items()}}, latents


def diversity(pipeline: FlowPipeline, real: NDArray[np.float32], guidance: float, seeds: int = 8) -> dict[str, float]:
    """Root mean square distance between seeds of one prompt, as a share of that between real latents (N, C, h, w)."""
    within, alike = [], []
    for prompt, _ in SHEET:
        latent = _sample(pipeline, prompt, list(range(seeds)), guidance).flatten(1)
        within.append(float(torch.pdist(latent).mean()))
        cosine = torch.nn.functional.normalize(latent) @ torch.nn.functional.normalize(latent).T
        alike.append(float((cosine - 2.0 * torch.eye(len(latent))).max()))
    between = float(torch.pdist(torch.from_numpy(real).flatten(1)[:512]).mean())
    return {
        "distance_within_prompts": float(np.mean(within)) / between,
        "least": float(np.min(within)) / between,
        "largest_cosine": float(np.max(alike)),
        "mean_largest_cosine": float(np.mean(alike)),
    }


def copies(made: NDArray[np.float32], real: NDArray[np.float32], training: list[Path]) -> dict[str, dict[str, float]]:
    """Cosine with the nearest training latent (mirror images included), for generated and for held-out latents."""
    centre = real.reshape(len(real), -1).mean(0)
    both = {"generated": made, "held_out": real[: len(made)]}
    units = {name: _unit(values.reshape(len(values), -1) - centre) for name, values in both.items()}
    best = {name: np.full(len(values), -1.0, np.float32) for name, values in units.items()}
    for shard in training:
        stored = np.load(shard / "latents.npy", mmap_mode="r")
        for start in range(0, len(stored), 2048):
            part = stored[start : start + 2048].astype(np.float32)
            part = _unit(part.reshape(len(part), -1) - centre)
            for name, values in units.items():
                best[name] = np.maximum(best[name], (values @ part.T).max(1))
    return {
        name: {"mean": float(b.mean()), "p95": float(np.quantile(b, 0.95)), "largest": float(b.max())}
        for name, b in best.items()
    }


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit


def evaluate(model: Path, out: Path, guidance: float = GUIDANCE) -> dict[str, Any]:
    """All figures of one exported model folder against the training folder ``out``."""
    found = shards(out / "data")
    held_out = out / "data" / f"shard-{HELD_OUT:05}"
    training = [shard for shard in found if shard != held_out and (shard / "latents.npy").exists()]
    file = out / "judge.pt"
    judge = open_judge(file) if file.exists() else train_judge([s for s in found if s != held_out], file)
    pipeline = load(model, device=torch.device("cpu"), dtype=torch.float32)
    right, latents = accuracy(pipeline, judge, guidance)
    made = np.concatenate(latents)
    real = np.load(held_out / "latents.npy", mmap_mode="r")[:1024].astype(np.float32)
    return {
        "guidance": guidance,
        "steps": STEPS,
        "judge_held_out": held_out_accuracy(judge, held_out),
        "accuracy": right,
        "diversity": diversity(pipeline, real, guidance),
        "nearest_training": copies(made, real, training[:_COPY_SHARDS]),
        "pictures": len(made),
    }


def main() -> None:
    """Print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("build/house2/export"))
    parser.add_argument("--out", type=Path, default=Path("build/house2"))
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    text = json.dumps(evaluate(chosen.model, chosen.out, chosen.guidance), indent=1)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
