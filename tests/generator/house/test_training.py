"""Short runs of each training: what is trained moves, what is frozen stays, and everything goes on where it stopped."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
import torch

from generator.house.autoencoder import Autoencoder
from generator.house.latents import Pool, encode_shards, statistics
from generator.house.refine_decoder import refine_decoder
from generator.house.schedule import load_checkpoint, save_checkpoint
from generator.house.train_autoencoder import load_autoencoder, psnr, train_autoencoder
from generator.house.train_denoiser import build_modules, channel_weights, open_tokenizer, train_denoiser
from generator.house.warm_start import take_over
from tests.generator.house.toy import CONFIG, SECOND, make_shards


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    held_out, *shards = make_shards(folder / "data")
    train_autoencoder(shards, held_out, CONFIG["autoencoder"], folder)
    encode_shards([*shards, held_out], CONFIG["autoencoder"], folder)
    return folder, shards, held_out


def denoise(world, folder=None, **more):
    trained, shards, held_out = world
    options = {"minutes": 1.5 * SECOND, **more}
    train_denoiser(lambda: [held_out, *shards], held_out, CONFIG, folder or trained, **options)


def events(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_autoencoder_learns(world):
    folder, shards, _ = world
    pictures = np.load(shards[0] / "pictures.npy")
    learned = load_autoencoder(CONFIG["autoencoder"], folder)
    assert psnr(learned, pictures) > psnr(Autoencoder(4, (16, 16)), pictures) + 5.0


def test_a_finished_autoencoder_is_not_trained_again(world):
    folder, shards, held_out = world
    before = (folder / "autoencoder-final.pt").stat().st_mtime_ns
    train_autoencoder(shards, held_out, CONFIG["autoencoder"], folder)
    assert (folder / "autoencoder-final.pt").stat().st_mtime_ns == before


def test_an_interrupted_autoencoder_goes_on(world, tmp_path):
    _, shards, held_out = world
    train_autoencoder(shards, held_out, CONFIG["autoencoder"], tmp_path)
    (tmp_path / "autoencoder-final.pt").unlink()
    steps = load_checkpoint(tmp_path / "autoencoder.pt")["step"]
    longer = CONFIG["autoencoder"] | {"steps": steps + 5}
    train_autoencoder(shards, held_out, longer, tmp_path)
    assert load_checkpoint(tmp_path / "autoencoder.pt")["step"] == steps + 5


def test_latents_have_the_variance_that_the_sampler_expects_and_come_with_mirror_images(world):
    folder, shards, _ = world
    latents = np.load(shards[0] / "latents.npy").astype(np.float32)
    assert latents.shape == (24, 4, 8, 8)
    assert latents.std((0, 2, 3)) == pytest.approx(np.ones(4), abs=0.15)
    model = load_autoencoder(CONFIG["autoencoder"], folder)
    known = statistics(folder)
    restored = torch.from_numpy(latents) * known["scale"].view(1, -1, 1, 1) + known["centre"].view(1, -1, 1, 1)
    with torch.no_grad():
        pictures = model.decoder.render(restored)
    assert (pictures[:12].flip(3) - pictures[12:]).abs().mean() < (pictures[:12] - pictures[12:]).abs().mean()


def test_the_pool_draws_both_languages_and_takes_in_new_shards(world):
    folder, shards, _ = world
    tokenizer = open_tokenizer(shards, 8, folder)
    pool = Pool(tokenizer, 0.5)
    pool.load(shards[:1])
    assert len(pool) == 12
    pool.load(shards)
    assert len(pool) == 24
    latents, ids = pool.draw(64, torch.Generator().manual_seed(0))
    assert latents.shape == (64, 4, 8, 8)
    found = {tokenizer.decode(row, skip_special_tokens=True) for row in ids}
    assert {"a lake", "night", "夜 の 海"} == found
    only = Pool(tokenizer, 1.0)
    only.load(shards)
    _, ids = only.draw(64, torch.Generator().manual_seed(0))
    assert {tokenizer.decode(row, skip_special_tokens=True) for row in ids} == {"a lake", "night"}


def test_the_denoiser_moves_and_goes_on_from_its_checkpoint(world):
    folder = world[0]
    denoise(world)
    first = load_checkpoint(folder / "denoiser.pt")
    assert first["step"] > 0
    assert all(torch.isfinite(value).all() for value in first["averages"])
    denoise(world)
    second = load_checkpoint(folder / "denoiser.pt")
    assert second["step"] > first["step"]
    assert second["spent"] > first["spent"]
    assert not torch.equal(second["random"], first["random"])
    assert any(not torch.equal(a, b) for a, b in zip(first["averages"], second["averages"], strict=True))
    found = events(folder / "denoiser.jsonl")
    assert [event["event"] for event in found if "event" in event] == ["start", "stop", "start", "stop"]


def test_annealing_leaves_the_long_training_alone(world):
    folder = world[0]
    denoise(world)
    before = (folder / "denoiser.pt").read_bytes()
    denoise(world, minutes=None, anneal=SECOND)
    assert (folder / "denoiser.pt").read_bytes() == before
    annealed = load_checkpoint(folder / "denoiser-annealed.pt")
    assert annealed["step"] > load_checkpoint(folder / "denoiser.pt")["step"]


def test_a_termination_signal_leaves_a_checkpoint(world, tmp_path):
    for name in ("statistics.pt", "autoencoder-final.pt"):
        (tmp_path / name).write_bytes((world[0] / name).read_bytes())

    def terminate_once_it_runs():
        log = tmp_path / "denoiser.jsonl"
        while not (log.exists() and "loss" in log.read_text()):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate_once_it_runs, daemon=True).start()
    denoise(world, tmp_path, minutes=5.0)
    assert load_checkpoint(tmp_path / "denoiser.pt")["step"] > 0
    assert events(tmp_path / "denoiser.jsonl")[-1]["event"] == "stop"


def test_a_warm_start_takes_weights_and_known_words(world, tmp_path):
    trained = world[0]
    denoise(world)
    lines = '[{"en": ["night lighthouse"], "ja": ["海"], "place": ""}]'
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "scenes.json").write_text(lines)
    tokenizer = open_tokenizer([tmp_path / "other"], 8, tmp_path)
    modules = build_modules(CONFIG, tokenizer)
    fresh = modules[1].get_input_embeddings().weight.detach().clone()
    assert take_over(modules, tokenizer, trained) == []
    averages = load_checkpoint(trained / "denoiser.pt")["averages"]
    assert torch.equal(next(modules.parameters()), averages[0])
    rows = modules[1].get_input_embeddings().weight.detach()
    words = tokenizer.get_vocab()
    assert not torch.equal(rows[words["night"]], fresh[words["night"]])
    assert torch.equal(rows[words["lighthouse"]], fresh[words["lighthouse"]])


def test_a_warm_start_turns_additions_into_shifts(world, tmp_path):
    trained, shards, _ = world
    denoise(world)
    tokenizer = open_tokenizer(shards, 8, trained)
    state = load_checkpoint(trained / "denoiser.pt")
    names = list(state["model"])
    at = next(i for i, name in enumerate(names) if name.endswith("time_emb_proj.weight"))
    old = state["averages"][at] = state["averages"][at][: len(state["averages"][at]) // 2] + 1.0
    save_checkpoint(tmp_path / "denoiser.pt", state)
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    modules = build_modules(CONFIG, tokenizer)
    assert take_over(modules, tokenizer, tmp_path) == []
    scale, shift = dict(modules.named_parameters())[names[at]].detach().chunk(2)
    assert not scale.any()
    assert torch.allclose(shift, 0.2 * old)


def test_refining_moves_the_decoder_and_nothing_else(world):
    folder, shards, held_out = world
    before = load_autoencoder(CONFIG["autoencoder"], folder)
    refine_decoder(shards, held_out, CONFIG, folder)
    after = load_autoencoder(CONFIG["autoencoder"], folder)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    refined = load_checkpoint(folder / "decoder.pt")
    assert refined["step"] > 0
    assert not torch.equal(refined["model"]["linear.bias"], before.decoder.linear.bias)


def test_channels_weigh_what_they_do_to_the_pixels():
    weight = channel_weights(torch.tensor([2.0, 1.0]), torch.tensor([3.0, 2.0]))
    assert weight.shape == (1, 2, 1, 1)
    assert weight.flatten().tolist() == pytest.approx([1.5, 0.5])


@pytest.fixture(autouse=True)
def _restore_signals():
    old = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in old.items():
        signal.signal(number, handler)
