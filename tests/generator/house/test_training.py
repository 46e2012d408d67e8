"""One short step of each training: what is trained moves, what is frozen stays."""

import copy

import numpy as np
import pytest
import torch

from generator.house.autoencoder import Autoencoder
from generator.house.refine_decoder import refine_decoder
from generator.house.schedule import load_checkpoint
from generator.house.train_autoencoder import encode_dataset, load_autoencoder, psnr, train_autoencoder
from generator.house.train_denoiser import channel_weights, train_denoiser

SECOND = 1.0 / 60.0
CONFIG = {
    "data": {"held_out": 4},
    "autoencoder": {
        "latent_channels": 4,
        "widths": [16, 16],
        "minutes": SECOND,
        "batch": 2,
        "learning_rate": 1e-3,
        "kl_weight": 1e-4,
        "ema": 0.9,
    },
    "denoiser": {
        "widths": [32, 32, 32],
        "heads": [1, 1, 1],
        "layers_per_block": 1,
        "text_width": 32,
        "text_layers": 1,
        "max_tokens": 8,
        "minutes": 0.5 * SECOND,
        "batch": 2,
        "learning_rate": 1e-3,
        "caption_dropout": 0.1,
        "time_shift": 1.0,
        "ema": 0.9,
    },
    "decoder": {"minutes": 0.5 * SECOND, "batch": 2, "learning_rate": 1e-3, "noise": 0.3, "ema": 0.9},
}


@pytest.fixture(scope="module")
def pictures():
    coarse = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((1, 16, 16, 1), np.uint8))


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train_autoencoder(pictures, CONFIG["autoencoder"], 4, folder)
    return folder


def test_the_autoencoder_learns_and_goes_on_from_its_checkpoint(pictures, trained):
    model = load_autoencoder(CONFIG["autoencoder"], trained)
    blank = Autoencoder(4, (16, 16))
    assert psnr(model, pictures) > psnr(blank, pictures) + 5.0
    steps = load_checkpoint(trained / "autoencoder.pt")["step"]
    assert steps > 0
    longer = copy.deepcopy(CONFIG["autoencoder"]) | {"minutes": 1.5 * SECOND}
    train_autoencoder(pictures, longer, 4, trained)
    assert load_checkpoint(trained / "autoencoder.pt")["step"] > steps


def test_the_denoiser_and_its_text_encoder_move(pictures, trained):
    latents = encode_dataset(load_autoencoder(CONFIG["autoencoder"], trained), pictures)
    train_denoiser(latents, ["a lake", "night"] * 6, CONFIG, trained)
    state = load_checkpoint(trained / "denoiser.pt")
    assert state["step"] > 0
    assert all(torch.isfinite(value).all() for value in state["averages"])
    assert (trained / "tokenizer" / "tokenizer.json").exists()


def test_refining_moves_the_decoder_and_nothing_else(pictures, trained):
    latents = encode_dataset(load_autoencoder(CONFIG["autoencoder"], trained), pictures)
    before = load_autoencoder(CONFIG["autoencoder"], trained)
    refine_decoder(pictures, latents, CONFIG, trained)
    after = load_autoencoder(CONFIG["autoencoder"], trained)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    refined = load_checkpoint(trained / "decoder.pt")
    assert refined["step"] > 0
    assert not torch.equal(refined["model"]["linear.bias"], before.decoder.linear.bias)


def test_channels_weigh_what_they_do_to_the_pixels():
    weight = channel_weights(torch.tensor([2.0, 1.0]), torch.tensor([3.0, 2.0]))
    assert weight.shape == (1, 2, 1, 1)
    assert weight.flatten().tolist() == pytest.approx([1.5, 0.5])
