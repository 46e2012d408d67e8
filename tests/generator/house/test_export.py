"""A model of toy size: exported from checkpoints, loaded by the pipeline, sampled, inverted, decoded."""

import json
import shutil

import numpy as np
import pytest
import torch

from generator.house.autoencoder import Autoencoder
from generator.house.export import export
from generator.house.latents import encode_shards, statistics
from generator.house.schedule import save_checkpoint
from generator.house.text import build_tokenizer
from generator.house.train_autoencoder import load_autoencoder
from generator.house.train_denoiser import build_modules
from generator.pipeline import load
from provenance.errors import MissingModelError, UsageError
from tests.generator.house.toy import CONFIG, make_shards


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    trained, target = tmp_path_factory.mktemp("trained"), tmp_path_factory.mktemp("model")
    autoencoder = Autoencoder(4, (16, 16))
    autoencoder.start_from_pca(torch.randn(4, 3, 64, 64))
    torch.save(autoencoder.state_dict(), trained / "autoencoder-final.pt")
    encode_shards(make_shards(trained / "data"), CONFIG["autoencoder"], trained)
    tokenizer = build_tokenizer(["a lake at night"], 8)
    tokenizer.save_pretrained(trained / "tokenizer")
    averages = [p.detach() * 0.5 for p in build_modules(CONFIG, tokenizer).parameters()]
    save_checkpoint(trained / "denoiser.pt", {"averages": averages})
    (trained / "denoiser.jsonl").write_text('{"step": 100, "seconds": 1, "loss": 1.0}\n')
    export(CONFIG, trained, target)
    return trained, target


@pytest.fixture(scope="module")
def pipeline(exported):
    return load(exported[1], device=torch.device("cpu"), dtype=torch.float32)


def noise(batch=1, side=8, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((batch, 4, side, side)).astype(np.float32))


def test_the_folder_is_diffusers_layout_in_half_precision_without_an_encoder(exported):
    _, target = exported
    index = json.loads((target / "model_index.json").read_text())
    assert {name for name, value in index.items() if isinstance(value, list)} == {
        entry.name for entry in target.iterdir() if entry.is_dir()
    }
    weights = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.safetensors"))
    assert weights == [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    config = json.loads((target / "vae" / "config.json").read_text())
    assert len(config["latents_mean"]) == len(config["latents_std"]) == 4
    assert not list(target.rglob("*.pt"))


def test_the_averaged_weights_are_exported(exported, pipeline):
    averages = torch.load(exported[0] / "denoiser.pt", weights_only=True)["averages"]
    assert torch.equal(next(pipeline.unet.parameters()), averages[0].half().float())


def test_a_refined_decoder_is_exported_instead_of_the_first(exported, pipeline, tmp_path):
    trained = tmp_path / "trained"
    shutil.copytree(exported[0], trained)
    refined = [p.detach() + 1.0 for p in load_autoencoder(CONFIG["autoencoder"], trained).decoder.parameters()]
    save_checkpoint(trained / "decoder.pt", {"averages": refined})
    export(CONFIG, trained, tmp_path / "model")
    loaded = load(tmp_path / "model", device=torch.device("cpu"), dtype=torch.float32)
    assert torch.equal(next(loaded.decoder.parameters()), refined[0].half().float())
    assert not torch.equal(next(loaded.decoder.parameters()), next(pipeline.decoder.parameters()))


def test_the_decoder_normalises_as_the_training_did(exported, pipeline):
    known = statistics(exported[0])
    assert torch.allclose(pipeline.decoder.mean.flatten(), known["centre"])
    assert torch.allclose(pipeline.decoder.std.flatten(), known["scale"])


def test_the_log_travels_with_the_model_and_annealed_weights_are_exported_on_request(exported, tmp_path):
    assert (exported[1] / "denoiser.jsonl").exists()
    trained = tmp_path / "trained"
    shutil.copytree(exported[0], trained)
    averages = torch.load(trained / "denoiser.pt", weights_only=True)["averages"]
    save_checkpoint(trained / "denoiser-annealed.pt", {"averages": [value + 1.0 for value in averages]})
    export(CONFIG, trained, tmp_path / "model", annealed=True)
    loaded = load(tmp_path / "model", device=torch.device("cpu"), dtype=torch.float32)
    assert torch.equal(next(loaded.unet.parameters()), (averages[0] + 1.0).half().float())


def test_the_same_noise_gives_the_same_picture_and_other_noise_another(pipeline):
    run = [pipeline.sample(noise(seed=s), "a lake", "", steps=3, guidance=2.0) for s in (0, 0, 1)]
    assert torch.equal(run[0], run[1])
    assert not torch.allclose(run[0], run[2])


def test_the_prompt_and_the_guidance_matter(pipeline):
    plain = pipeline.sample(noise(), "a lake", "", steps=3, guidance=1.0)
    assert not torch.equal(plain, pipeline.sample(noise(), "night", "", steps=3, guidance=1.0))
    assert not torch.equal(plain, pipeline.sample(noise(), "a lake", "", steps=3, guidance=4.0))
    assert not torch.equal(plain, pipeline.sample(noise(), "a lake", "night", steps=3, guidance=4.0))


def test_no_global_random_state_is_read_or_changed(pipeline):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = pipeline.sample(noise(), "a lake", "", steps=2, guidance=2.0)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(first, pipeline.sample(noise(), "a lake", "", steps=2, guidance=2.0))


def test_inversion_finds_the_noise_again(pipeline):
    start = noise(seed=3)
    latent = pipeline.sample(start, "a lake", "", steps=6, guidance=2.0)
    found = pipeline.invert(latent, "a lake", "", steps=6, guidance=2.0)
    alike = torch.cosine_similarity(found.flatten(), start.flatten(), dim=0)
    assert alike > 0.99
    other = torch.cosine_similarity(found.flatten(), noise(seed=4).flatten(), dim=0)
    assert abs(other) < 0.3


def test_pixels_are_bytes_in_height_width_channel_order(pipeline):
    latent = torch.zeros(2, 4, 8, 12)
    pixels = pipeline.decode(latent)
    assert pixels.shape == (2, 64, 96, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("size", [(60, 64), (64, 1024), (0, 64), (64, 90)])
def test_a_size_that_cannot_be_made_is_the_callers_mistake(pipeline, size):
    with pytest.raises(UsageError, match="multiples of"):
        pipeline.latent_shape(*size)


def test_a_size_that_can_be_made(pipeline):
    assert pipeline.latent_shape(128, 64) == (4, 8, 16)


def test_progress_counts_every_step(pipeline):
    seen = []
    pipeline.sample(noise(), "a", "", steps=2, guidance=1.0, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_a_folder_of_another_class_is_refused(tmp_path):
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DModel"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(MissingModelError, match="UNet2DConditionModel"):
        load(tmp_path, device=torch.device("cpu"), dtype=torch.float32)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(MissingModelError, match="model_index"):
        load(tmp_path, device=torch.device("cpu"), dtype=torch.float32)
