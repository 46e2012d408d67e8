"""A training of toy size: shards of a few coloured patches, a tiny configuration, and a folder trained for moments."""

import json

import numpy as np

SECOND = 1.0 / 60.0
CONFIG = {
    "name": "toy",
    "data": {"shards": 2},
    "autoencoder": {
        "latent_channels": 4,
        "widths": [16, 16],
        "steps": 40,
        "batch": 2,
        "learning_rate": 1e-3,
        "kl_weight": 1e-4,
        "ema": 0.9,
    },
    "decoder": {"steps": 10, "batch": 2, "learning_rate": 1e-3, "noise": 0.3, "ema": 0.9},
    "denoiser": {
        "widths": [32, 32, 32],
        "heads": [1, 1, 1],
        "layers_per_block": 1,
        "norm_groups": 8,
        "text_width": 32,
        "text_layers": 1,
        "max_tokens": 8,
        "batch": 2,
        "learning_rate": 1e-3,
        "warm_up": 2,
        "caption_dropout": 0.1,
        "english": 0.5,
        "time_shift": 1.0,
        "ema_power": 5.0,
    },
}


def make_shards(folder, count=3, size=12, edge=64):
    """Shards like those of ``compose_shards`` with coarse random pictures; shard 0 is the held-out one."""
    random = np.random.default_rng(0)
    for number in range(count):
        shard = folder / f"shard-{number:05}"
        shard.mkdir(parents=True)
        coarse = random.integers(0, 256, (size, edge // 16, edge // 16, 3), dtype=np.uint8)
        np.save(shard / "pictures.npy", np.kron(coarse, np.ones((1, 16, 16, 1), np.uint8)))
        scenes = [{"en": ["a lake", "night"], "ja": ["夜の海"], "place": "lake"} for _ in range(size)]
        (shard / "scenes.json").write_text(json.dumps(scenes))
    return sorted(folder.iterdir())
