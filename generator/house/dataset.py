"""The training set on disk: pictures composed once, kept as one array, and their captions."""

from __future__ import annotations

import json
import multiprocessing
import os
from typing import TYPE_CHECKING

import numpy as np

from generator.house.scenes import PICTURE, compose

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["load_dataset", "make_dataset"]

_SEED = 1
_CHUNK = 64
_REPORT = 4000


def _one(index: int) -> tuple[NDArray[np.uint8], str]:
    return compose(_SEED, index)


def make_dataset(folder: Path, count: int) -> None:
    """Compose ``count`` pictures, uint8 (N, 128, 128, 3), into ``folder``; does nothing when they are there."""
    if (folder / "captions.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, PICTURE, PICTURE, 3)
    pictures = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, shape)
    captions = []
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for index, (picture, caption) in enumerate(pool.imap(_one, range(count), chunksize=_CHUNK)):
            pictures[index] = picture
            captions.append(caption)
            if index % 4000 == 0:
                print(f"composed {index} of {count}", flush=True)
    pictures.flush()
    (folder / "captions.json").write_text(json.dumps(captions))


def load_dataset(folder: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """Pictures (memory-mapped) and captions."""
    return np.load(folder / "pictures.npy", mmap_mode="r"), json.loads((folder / "captions.json").read_text())
