"""The loaded house model: deterministic, bounded, and plain about what it cannot do."""

import shutil

import numpy as np
import pytest
import torch

from generator.models import house_model, open_model
from generator.regenerate import open_regenerator
from generator.runtime import load_runtime
from provenance.errors import EnvironmentFault, InvalidError, MissingModelError, UsageError
from provenance.noise import gaussian
from tests.generator.studio import runtime
from tests.support.forge import made


def noise(number=0, batch=1):
    return np.stack([gaussian(bytes([number + i]) * 32, (8, 16, 16)) for i in range(batch)])


def sample(z, text="a calm lake at dawn", **more):
    return runtime().sample(z, text, "", steps=4, guidance=2.0, **more)


def test_the_same_noise_gives_the_same_latent_bit_for_bit():
    torch.manual_seed(1)
    first = sample(noise())
    torch.manual_seed(2)
    assert np.array_equal(first, sample(noise()))


def test_other_noise_prompt_or_guidance_gives_another_latent():
    base = sample(noise())
    assert not np.allclose(base, sample(noise(1)), atol=0.1)
    assert not np.allclose(base, sample(noise(), "a city at night"), atol=0.1)
    assert not np.allclose(base, runtime().sample(noise(), "a calm lake at dawn", "", steps=4, guidance=4.0), atol=0.1)
    assert not np.allclose(
        base, runtime().sample(noise(), "a calm lake at dawn", "a city", steps=4, guidance=2.0), atol=0.05
    )


def test_global_random_state_is_not_touched():
    state = torch.random.get_rng_state()
    sample(noise())
    assert torch.equal(state, torch.random.get_rng_state())


def test_inversion_leads_back_to_the_noise():
    z = noise(5)
    latent = sample(z)
    back = runtime().invert(latent, "a calm lake at dawn", "", steps=4, guidance=2.0)
    other = noise(6)
    right = float((back * z).sum() / np.linalg.norm(back) / np.linalg.norm(z))
    wrong = float((back * other).sum() / np.linalg.norm(back) / np.linalg.norm(other))
    assert right > 0.5
    assert abs(wrong) < 0.2


def test_decoding_gives_bytes_of_the_right_shape():
    pixels = runtime().decode(sample(noise(batch=2)))
    assert pixels.shape == (2, 128, 128, 3)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 5


def test_progress_is_reported():
    seen = []
    sample(noise(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("text", ["", "日本語の山", "🏔️ at sunset", "word " * 2000, "a\nb\tc"])
def test_any_prompt_is_accepted(text):
    assert np.isfinite(sample(noise(), text)).all()


def test_truncation_keeps_the_first_tokens():
    long = "mountains " * 29 + "sunset"  # the last of 30 words fits between the two markers
    assert np.array_equal(sample(noise(), long), sample(noise(), long + " city night"))
    assert not np.array_equal(sample(noise(), long), sample(noise(), "mountains " * 30))


@pytest.mark.parametrize("size", [(100, 128), (128, 32), (1024, 128), (0, 0)])
def test_sizes_that_the_model_cannot_make(size):
    with pytest.raises(UsageError, match="--size"):
        runtime().latent_shape(*size)


def test_other_sizes():
    assert runtime().latent_shape(192, 96) == (8, 12, 24)


def test_nan_is_an_error_and_no_picture():
    with pytest.raises(EnvironmentFault, match="NaN"):
        sample(np.full((1, 8, 16, 16), np.nan, np.float32))


def test_unknown_device_or_dtype():
    with pytest.raises(UsageError):
        load_runtime(house_model(), device="tpu")
    with pytest.raises(UsageError):
        load_runtime(house_model(), dtype="int8")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_no_cuda_here():
    with pytest.raises(EnvironmentFault, match="no CUDA"):
        load_runtime(house_model(), device="cuda")


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "model"
    shutil.copytree(house_model().folder, target)
    return target


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_corrupt_weights(folder, damage):
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000] if damage is None else damage)
    with pytest.raises(MissingModelError, match="cannot be loaded"):
        load_runtime(open_model(str(folder)))


def test_nan_weights(folder):
    from safetensors.torch import load_file, save_file

    weights = next((folder / "unet").glob("*.safetensors"))
    tensors = load_file(weights)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(InvalidError, match="NaN"):
        load_runtime(open_model(str(folder)))


def test_model_of_another_class(folder):
    index = (folder / "model_index.json").read_text().replace("UNet2DConditionModel", "FluxTransformer2DModel")
    (folder / "model_index.json").write_text(index)
    with pytest.raises(MissingModelError, match="house class"):
        load_runtime(open_model(str(folder)))


def test_why_not_names_what_differs():
    from dataclasses import replace
    from decimal import Decimal

    from provenance.recipe import Scheduler

    recipe, here = made().recipe, open_regenerator()
    assert here.why_not(recipe) is None
    other = replace(recipe, model=replace(recipe.model, digest=bytes(32)))
    assert "changed since the claim" in here.why_not(other)
    strange = replace(recipe, model=replace(recipe.model, digest=bytes(32), name="another"))
    assert "no model" in here.why_not(strange)
    parts = replace(recipe, model=replace(recipe.model, components=recipe.model.components[:1]))
    assert "components" in here.why_not(parts)
    assert "scheduler" in here.why_not(replace(recipe, scheduler=Scheduler("DDIMScheduler", "{}")))
    assert "stranger" in here.why_not(replace(recipe, width=8192, height=8192))
    assert "guidance" in here.why_not(replace(recipe, guidance=Decimal(1000)))
    assert "guidance" in here.why_not(replace(recipe, guidance=Decimal(-1)))


def test_recipes_that_lie_about_shape_or_truncation_are_refused():
    from dataclasses import replace

    recipe, here = made().recipe, open_regenerator()
    for lie in (replace(recipe, shape=(8, 16, 32)), replace(recipe, max_tokens=77)):
        with pytest.raises(InvalidError):
            here.decode(lie, np.zeros((8, 16, 16), np.float32))
