"""A small classifier of time of day, scene and object, trained on composed pictures, that judges generated ones.

It sees pictures of 64 pixels, blurred at random in training, so that it looks at what is shown, not at how crisp it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from generator.house.dataset import load_pictures, load_scenes
from generator.house.prompts import SCENES, TIMES
from generator.house.scenes.objects import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["HEADS", "Judge", "held_out_accuracy", "open_judge", "train_judge"]

HEADS: dict[str, tuple[str, ...]] = {"time": tuple(TIMES), "scene": tuple(SCENES), "kind": tuple(sorted(KINDS))}
_NONE = -1
_BATCH = 64


class Judge(nn.Module):
    """Four strided convolutions and one linear layer for each question."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for level in range(4):
            wide = width * 2 ** min(level, 2)
            layers += [nn.Conv2d(channels, wide, 3, 2, 1), nn.BatchNorm2d(wide), nn.ReLU()]
            layers += [nn.Conv2d(wide, wide, 3, 1, 1), nn.BatchNorm2d(wide), nn.ReLU()]
            channels = wide
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2))
        self.heads = nn.ModuleDict({name: nn.Linear(4 * channels, len(labels)) for name, labels in HEADS.items()})

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits of each question for pictures float32 (N, 3, 64, 64) in [-1, 1]."""
        seen = self.body(pictures)
        return {name: head(seen) for name, head in self.heads.items()}

    @torch.no_grad()
    def answers(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
        """Class numbers of each question for pictures uint8 (N, H, W, 3)."""
        parts = [self(_small(pictures[at : at + _BATCH])) for at in range(0, len(pictures), _BATCH)]
        return {name: torch.cat([part[name] for part in parts]).argmax(1).numpy() for name in HEADS}


def _small(pictures: NDArray[np.uint8]) -> torch.Tensor:
    whole = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    return F.interpolate(whole, (64, 64), mode="area")


def _labels(scenes: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Class numbers for each question; -1 where a picture does not answer it."""
    groups = {place: scene for scene, (_, places) in SCENES.items() for place in places}
    rows: dict[str, list[int]] = {name: [] for name in HEADS}
    for scene in scenes:
        alone = not scene["place"]
        rows["time"].append(_NONE if alone else HEADS["time"].index(scene["time"]))
        rows["scene"].append(_NONE if alone else HEADS["scene"].index(groups[scene["place"]]))
        one = len(scene["things"]) == 1
        rows["kind"].append(HEADS["kind"].index(scene["things"][0][0]) if one else _NONE)
    return {name: torch.tensor(values) for name, values in rows.items()}


def train_judge(shards: Sequence[Path], target: Path, steps: int = 2500) -> Judge:
    """Train for that many batches of 64 and write the weights to ``target``."""
    torch.manual_seed(11)
    random = np.random.default_rng(11)
    judge = Judge()
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    pictures = [load_pictures(shard) for shard in shards]
    labels = [_labels(load_scenes(shard)) for shard in shards]
    for _ in range(steps):
        which = int(random.integers(len(shards)))
        chosen = np.sort(random.choice(len(pictures[which]), _BATCH, replace=False))
        batch = _small(pictures[which][chosen])
        if random.random() < 0.5:  # noqa: PLR2004
            batch = batch.flip(3)
        if random.random() < 0.5:  # noqa: PLR2004
            edge = int(random.integers(20, 56))
            batch = F.interpolate(F.interpolate(batch, (edge, edge), mode="area"), (64, 64), mode="bilinear")
        answers = judge(batch)
        wanted = {name: labels[which][name][torch.from_numpy(chosen)] for name in HEADS}
        losses = [F.cross_entropy(answers[name], wanted[name], ignore_index=_NONE) for name in HEADS]
        loss = torch.stack(losses).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    torch.save(judge.state_dict(), target)
    return judge.eval()


def open_judge(file: Path) -> Judge:
    """The trained classifier."""
    judge = Judge()
    judge.load_state_dict(torch.load(file, weights_only=True))
    return judge.eval()


def held_out_accuracy(judge: Judge, shard: Path, count: int = 2048) -> dict[str, float]:
    """Share of right answers on pictures that it was not trained on."""
    answers = judge.answers(load_pictures(shard)[:count])
    labels = _labels(load_scenes(shard)[:count])
    found = {}
    for name, wanted in labels.items():
        asked = (wanted != _NONE).numpy()
        found[name] = float((answers[name] == wanted.numpy())[asked].mean())
    return found
