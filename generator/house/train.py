"""Train the house model: ``python -m generator.house.train --out build/house2``.

Stages: compose the pictures, train the autoencoder, encode the pictures, refine the decoder, train text encoder and
denoiser, export. The same on CPU and GPU (CUDA is used where there is one). Every stage goes on where it was
interrupted; SIGTERM and Ctrl-C stop cleanly after a checkpoint.

The denoiser trains until it is stopped or until ``--minutes`` have passed. More pictures may be composed and encoded
beside it (``--stage data --stage encode``); it takes them in. ``--stage export`` writes a model folder from the last
checkpoint at any time, also while a training runs; ``--stage anneal`` first lowers the learning rate on a copy.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

import torch

from generator.house.dataset import HELD_OUT, compose_shards, shards

STAGES = ("data", "autoencoder", "encode", "decoder", "denoiser", "anneal", "export")
_USUAL = ("data", "autoencoder", "encode", "decoder", "denoiser", "export")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("train.toml"))
    parser.add_argument("--out", type=Path, default=Path("build/house2"))
    parser.add_argument("--stage", choices=STAGES, action="append", help="may be repeated; by default all but anneal")
    parser.add_argument("--model", type=Path, help="folder to export into (default: export in --out)")
    parser.add_argument("--minutes", type=float, help="of denoiser training in this run (default: until stopped)")
    parser.add_argument("--anneal-minutes", type=float, default=15.0, help="of the stage anneal")
    parser.add_argument("--annealed", action="store_true", help="export the annealed weights")
    parser.add_argument("--shards", type=int, help="how many to compose (default: from the configuration)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--warm", type=Path, help="folder of an earlier training to take weights from at the start")
    return parser.parse_args()


def main() -> None:
    """Run the stages that are asked for, by default all."""
    chosen = _options()
    config: dict[str, Any] = tomllib.loads(chosen.config.read_text(encoding="utf-8"))
    stages, out, data = chosen.stage or _USUAL, chosen.out, chosen.out / "data"
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    torch.set_flush_denormal(True)
    out.mkdir(parents=True, exist_ok=True)
    if "data" in stages:
        compose_shards(data, range((chosen.shards or config["data"]["shards"]) + 1))
    held_out = data / f"shard-{HELD_OUT:05}"
    if "autoencoder" in stages:
        from generator.house.train_autoencoder import train_autoencoder

        warm = chosen.warm / "autoencoder-final.pt" if chosen.warm else None
        train_autoencoder(_training(data), held_out, config["autoencoder"], out, warm)
    if "encode" in stages:
        from generator.house.latents import encode_shards

        encode_shards([*_training(data), held_out], config["autoencoder"], out)
    if "decoder" in stages:
        from generator.house.refine_decoder import refine_decoder

        refine_decoder(_training(data), held_out, config, out)
    if "denoiser" in stages or "anneal" in stages:
        from generator.house.train_denoiser import train_denoiser

        anneal = chosen.anneal_minutes if "anneal" in stages else None
        train_denoiser(
            lambda: shards(data), held_out, config, out, minutes=chosen.minutes, anneal=anneal, warm=chosen.warm
        )
    if "export" in stages:
        from generator.house.export import export

        export(config, out, chosen.model or out / "export", annealed=chosen.annealed)


def _training(data: Path) -> list[Path]:
    return [shard for shard in shards(data) if shard.name != f"shard-{HELD_OUT:05}"]


if __name__ == "__main__":
    main()
