"""Train the house model: ``python -m generator.house.train --out build/house``.

Stages: compose the pictures, train the autoencoder and encode the data set, train text encoder and denoiser, refine
the decoder, export. The same on CPU and GPU (the denoiser uses CUDA where there is one). An interrupted training goes
on from its last checkpoint when started again.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import torch

from generator.house.dataset import load_dataset, make_dataset
from generator.house.train_autoencoder import encode_dataset, load_autoencoder, train_autoencoder

STAGES = ("data", "autoencoder", "denoiser", "decoder", "export")


def main() -> None:
    """Run the stages that are asked for, by default all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("train.toml"))
    parser.add_argument("--out", type=Path, default=Path("build/house"))
    parser.add_argument("--stage", choices=STAGES, action="append", help="may be repeated; by default all in order")
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model"), help="folder to export into")
    chosen = parser.parse_args()
    config = tomllib.loads(chosen.config.read_text())
    stages = chosen.stage or STAGES
    chosen.out.mkdir(parents=True, exist_ok=True)
    if "data" in stages:
        make_dataset(chosen.out, config["data"]["pictures"])
    if "autoencoder" in stages:
        pictures, _ = load_dataset(chosen.out)
        train_autoencoder(pictures, config["autoencoder"], config["data"]["held_out"], chosen.out)
        latents = encode_dataset(load_autoencoder(config["autoencoder"], chosen.out), pictures)
        torch.save(latents, chosen.out / "latents.pt")
    if "denoiser" in stages:
        from generator.house.train_denoiser import train_denoiser

        _, captions = load_dataset(chosen.out)
        latents = torch.load(chosen.out / "latents.pt", weights_only=True)
        train_denoiser(latents, captions, config, chosen.out)
    if "decoder" in stages:
        from generator.house.refine_decoder import refine_decoder

        pictures, _ = load_dataset(chosen.out)
        latents = torch.load(chosen.out / "latents.pt", weights_only=True)
        refine_decoder(pictures, latents, config, chosen.out)
    if "export" in stages:
        from generator.house.export import export

        export(config, chosen.out, chosen.model)


if __name__ == "__main__":
    main()
