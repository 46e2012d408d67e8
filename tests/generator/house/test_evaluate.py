"""The figures measure what they say: shown with pictures and latents whose answers are known."""

import json
import re

import numpy as np
import pytest
import torch

pytest.importorskip("skia")

from generator.house.autoencoder import Autoencoder
from generator.house.card import card
from generator.house.contact_sheet import contact_sheet, curves
from generator.house.dataset import compose_shards, load_pictures, load_scenes, shards
from generator.house.evaluate import accuracy, copies, diversity, evaluate
from generator.house.export import export
from generator.house.judge import HEADS, held_out_accuracy, open_judge, train_judge
from generator.house.latents import encode_shards
from generator.house.prompts import SHEET, scene_prompts
from generator.house.scenes.japanese import words
from generator.house.schedule import save_checkpoint
from generator.house.text import build_tokenizer
from generator.house.train_denoiser import build_modules
from generator.pipeline import load
from tests.generator.house.toy import CONFIG


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with two small shards, a classifier of moments, and an exported model that knows nothing."""
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("out")
    compose_shards(out / "data", range(2), size=96)
    model = Autoencoder(4, (16, 16))
    model.start_from_pca(torch.randn(4, 3, 64, 64))
    torch.save(model.state_dict(), out / "autoencoder-final.pt")
    encode_shards(shards(out / "data"), CONFIG["autoencoder"], out)
    tokenizer = build_tokenizer(["a lake"], 8)
    tokenizer.save_pretrained(out / "tokenizer")
    modules = build_modules(CONFIG, tokenizer)
    save_checkpoint(out / "denoiser.pt", {"averages": [p.detach() for p in modules.parameters()]})
    log = [{"step": 0, "event": "start", "pictures": 192}, {"step": 50, "seconds": 4000, "loss": 0.5, "held_out": 0.4}]
    (out / "denoiser.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    (out / "autoencoder.jsonl").write_text('{"step": 9, "seconds": 60, "l1": 0.03, "psnr": 31.0}\n')
    export(CONFIG, out, out / "export")
    train_judge(shards(out / "data"), out / "judge.pt", steps=40)
    return out


@pytest.fixture(scope="module")
def pipeline(world):
    return load(world / "export", device=torch.device("cpu"), dtype=torch.float32)


def test_shards_are_written_once_and_agree_with_their_descriptions(world):
    shard = world / "data" / "shard-00001"
    scenes = load_scenes(shard)
    assert load_pictures(shard).shape == (96, 128, 128, 3)
    assert len(scenes) == 96
    assert all(len(scene["en"]) == 3 and len(scene["ja"]) == 2 for scene in scenes)
    before = (shard / "pictures.npy").stat().st_mtime_ns
    compose_shards(world / "data", [1], size=96)
    assert (shard / "pictures.npy").stat().st_mtime_ns == before
    assert not list((world / "data").glob(".*"))


def test_every_japanese_caption_is_read_without_an_unknown_word(world):
    captions = [caption for shard in shards(world / "data") for scene in load_scenes(shard) for caption in scene["ja"]]
    tokenizer = build_tokenizer(["a"], 32, words())
    assert all(tokenizer.unk_token_id not in ids for ids in tokenizer(captions).input_ids)


def test_the_judge_learns_times_of_day_and_is_kept(world):
    found = held_out_accuracy(open_judge(world / "judge.pt"), world / "data" / "shard-00001")
    assert set(found) == set(HEADS)
    assert found["time"] > 0.4


def test_a_model_that_paints_grey_is_right_by_chance_only(world):
    class Grey:
        def latent_shape(self, *_):
            return 4, 16, 16

        def sample(self, noise, *_, **__):
            return noise

        def decode(self, latent):
            return np.full((len(latent), 128, 128, 3), 128, np.uint8)

    right, latents = accuracy(Grey(), open_judge(world / "judge.pt"), 1.0)
    assert right["time"] < 0.4
    assert right["scene"] < 0.4
    assert right["kind"] < 0.4
    assert len(np.concatenate(latents)) == 2 * len(scene_prompts()) + 8 * len(HEADS["kind"])


def test_equal_latents_have_no_diversity_and_independent_ones_all_of_it():
    class Same:
        def latent_shape(self, *_):
            return 4, 16, 16

        def sample(self, noise, *_, **__):
            return noise.mean(0, keepdim=True).expand_as(noise).clone()

    class Free(Same):
        def sample(self, noise, *_, **__):
            return noise

    real = np.random.default_rng(0).standard_normal((64, 4, 16, 16)).astype(np.float32)
    assert diversity(Same(), real, 2.0)["distance_within_prompts"] == pytest.approx(0.0, abs=1e-3)
    assert diversity(Same(), real, 2.0)["largest_cosine"] == pytest.approx(1.0, abs=1e-3)
    assert diversity(Free(), real, 2.0)["distance_within_prompts"] == pytest.approx(1.0, abs=0.02)


def test_a_copied_training_picture_shows(world):
    training = [world / "data" / "shard-00001"]
    stored = np.load(training[0] / "latents.npy").astype(np.float32)
    real = np.load(world / "data" / "shard-00000" / "latents.npy").astype(np.float32)
    found = copies(np.concatenate([real[20:30], stored[150:151]]), real[:20], training)
    assert found["generated"]["largest"] == pytest.approx(1.0, abs=1e-3)
    assert found["held_out"]["largest"] < 0.999


@pytest.mark.slow
def test_the_whole_evaluation_runs_on_an_exported_folder_and_fills_the_card(world):
    found = evaluate(world / "export", world)
    assert json.loads(json.dumps(found)) == found
    text = card(world / "export", found)
    assert not re.search(r"\{[a-z]+\}", text)
    for word in ("MIT", "Apache-2.0", "hurdle", "31.00 dB", "1.1 h", "0.5000"):
        assert word in text
    assert "Not measured yet" in card(world / "export", None)


def test_the_contact_sheet_has_a_row_for_each_prompt_and_a_column_for_each_seed(pipeline):
    sheet = contact_sheet(pipeline, SHEET[:2], 3)
    assert sheet.size == (3 * 132 + 4, 2 * 152)
    assert len(SHEET) == 12


def test_the_curves_are_drawn_from_the_logs(world, tmp_path):
    curves([(world / "denoiser.jsonl", ("loss", "held_out"))], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000
