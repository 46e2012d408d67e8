"""The training set on disk: shards of composed pictures with their descriptions and captions.

Shard n holds the scenes n * 4096 and following. Shard 0 is never trained on: it judges autoencoder and copying.
A shard appears whole or not at all, so that a training may read while others are still being composed.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.house.scenes import PICTURE, Scene, compose, describe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["HELD_OUT", "SHARD", "compose_shards", "load_pictures", "load_scenes", "shards"]

SHARD = 4096
"""Scenes in a shard."""

HELD_OUT = 0
"""Number of the shard that nothing is trained on."""

_SEED = 2


def compose_shards(folder: Path, numbers: Iterable[int], size: int = SHARD) -> None:
    """Compose the shards with these numbers into ``folder``; those that are there stay as they are."""
    for number in numbers:
        target = folder / f"shard-{number:05}"
        if target.exists():
            continue
        temporary = folder / f".shard-{number:05}-{os.getpid()}"
        temporary.mkdir(parents=True)
        pictures = np.empty((size, PICTURE, PICTURE, 3), np.uint8)
        records = []
        for at in range(size):
            scene = compose(_SEED, number * SHARD + at)
            pictures[at] = scene.picture
            records.append(_record(number * SHARD + at, scene))
        np.save(temporary / "pictures.npy", pictures)
        (temporary / "scenes.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
        try:
            temporary.rename(target)
        except OSError:  # somebody else was faster
            shutil.rmtree(temporary)


def _record(index: int, scene: Scene) -> dict[str, Any]:
    english, japanese = describe(_SEED, index, scene.what)
    things = [[thing.kind.name, thing.colour, round(thing.share, 3)] for thing in scene.what.things]
    return {"en": english, "ja": japanese, "place": scene.place, **asdict(scene.what), "things": things}


def shards(folder: Path) -> list[Path]:
    """The finished shards in order, the held-out one first if it is there."""
    return sorted(folder.glob("shard-[0-9]*"))


def load_pictures(shard: Path) -> NDArray[np.uint8]:
    """Pictures of a shard (N, 128, 128, 3), memory-mapped."""
    pictures: NDArray[np.uint8] = np.load(shard / "pictures.npy", mmap_mode="r")
    return pictures


def load_scenes(shard: Path) -> list[dict[str, Any]]:
    """Descriptions of a shard's pictures: ``en`` and ``ja`` captions and what was painted."""
    scenes: list[dict[str, Any]] = json.loads((shard / "scenes.json").read_text(encoding="utf-8"))
    return scenes
