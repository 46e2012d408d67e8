"""Every family of models runs create -> verify -> regenerate through the real code, with tiny random weights."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from generator.create import create
from generator.models import native_size, open_model
from generator.regenerate import open_regenerator
from generator.runtime import load_runtime
from provenance.errors import EnvironmentFault, InvalidError, MissingModelError, UsageError
from provenance.latent import dequantise
from provenance.noise import gaussian
from provenance.recipe import Prompt, format_recipe, parse_recipe
from provenance.report import Status, Verdict
from tests.generator import tiny
from tests.generator.tinystudio import job, judge, studio
from tests.support.forge import parts_of, step


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_create_verify_regenerate(tmp_path, family):
    room = studio(tmp_path, family)
    made = create(job(tmp_path / "a.png", family), room)
    data = made.path.read_bytes()
    report = judge(data, tiny.model(family))
    assert [check.step for check in report.checks if check.status is Status.FAIL] == []
    assert step(report, 8).figures["max_difference"] == 0
    assert step(report, 9).status is Status.PASS
    assert step(report, 9).figures["distance"] == 0
    assert step(report, 9).figures["nearest_wrong_distance"] > 0.5
    assert (step(report, 9).figures["inversion_cosine"] is None) == (family == "decoder-only")  # PNDM remembers
    if family != "decoder-only":
        assert step(report, 9).figures["inversion_cosine"] > 0.9
    assert report.verdict is Verdict.CONSISTENT
    assert "no calibration" in report.reason
    _, recipe, assertion, integers, rgb = parts_of(data)
    assert format_recipe(parse_recipe(format_recipe(recipe))) == format_recipe(recipe)
    assert recipe.setup.pipeline == json.loads((tiny.model(family) / "model_index.json").read_text())["_class_name"]
    environment = json.loads(assertion.environment)
    assert {"device", "dtype", "threads", "attention", "flags", "torch", "diffusers"} <= environment.keys()
    again = room.runtime.decode(dequantise(integers, recipe.latent_steps)[None])[0]
    assert np.array_equal(again, rgb)


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux", "pixart"])
def test_the_picture_is_what_the_bare_pipeline_makes(family):
    """Our latent, decoded by diffusers itself: scaling, shift, packing and statistics are those of the family."""
    from diffusers import AutoencoderKL, DiffusionPipeline

    runtime = load_runtime(open_model(str(tiny.model(family))), device="cpu")
    shape = runtime.latent_shape(32, 32)
    noise = gaussian(bytes(32), shape)
    latent = runtime.sample(noise[None], "a cat", "", steps=3, guidance=3.0)
    ours = runtime.decode_float(latent)[0]
    inner = runtime._pipeline
    pipe: DiffusionPipeline = inner.pipe
    pipe.vae = AutoencoderKL.from_pretrained(tiny.model(family) / "vae", low_cpu_mem_usage=False)
    start = inner._pack(torch.from_numpy(noise[None]))
    with torch.inference_mode():
        theirs = pipe(
            "a cat",
            latents=start,
            num_inference_steps=3,
            guidance_scale=3.0,
            height=32,
            width=32,
            output_type="np",
            **inner.family.arguments,
        ).images[0]
    assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("family", ["sd1", "flux"])
def test_batches_and_single_pictures_agree(family):
    runtime = load_runtime(open_model(str(tiny.model(family))), device="cpu")
    shape = runtime.latent_shape(32, 32)
    noises = np.stack([gaussian(bytes([i]) * 32, shape) for i in range(3)])
    together = runtime.sample(noises, "a cat", "", steps=3, guidance=3.0)
    alone = runtime.sample(noises[1:2], "a cat", "", steps=3, guidance=3.0)[0]
    assert np.abs(together[1] - alone).max() < 1e-4
    assert np.abs(together[0] - alone).max() > 0.1


def test_a_model_without_its_encoder_still_makes_pictures(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tiny.copy("sd1", tmp_path / "model")
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    kept = {k: v for k, v in load_file(weights).items() if not k.startswith(("encoder.", "quant_conv."))}
    save_file(kept, weights, metadata={"format": "pt"})
    room = studio(tmp_path, model=folder)
    made = create(job(tmp_path / "a.png"), room)
    assert judge(made.path.read_bytes(), folder).verdict is Verdict.CONSISTENT
    with pytest.raises(UsageError, match="without its encoder"):
        room.runtime._pipeline.decoder.encode(torch.zeros(1, 3, 32, 32))


def test_sd3_without_its_long_encoder_reads_what_clip_reads(tmp_path):
    folder = tiny.copy("sd3", tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    index["text_encoder_3"] = index["tokenizer_3"] = [None, None]
    (folder / "model_index.json").write_text(json.dumps(index))
    runtime = load_runtime(open_model(str(folder)), device="cpu")
    assert runtime.max_tokens == tiny.WORDS
    shape = runtime.latent_shape(32, 32)
    assert np.isfinite(runtime.sample(gaussian(bytes(32), shape)[None], "a cat", "", steps=2, guidance=3.0)).all()


# --- prompts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux", "pixart"])
@pytest.mark.parametrize("text", ["", "日本語の山と海", "🏔️🌊", "x" * 10_000, "a\nb\tc"])
def test_any_prompt_is_read_up_to_the_recorded_length(family, text):
    runtime = load_runtime_once(family)
    shape = runtime.latent_shape(32, 32)
    noise = gaussian(bytes(32), shape)[None]
    one = runtime.sample(noise, text, "", steps=2, guidance=3.0)
    assert np.isfinite(one).all()
    assert np.array_equal(one, runtime.sample(noise, text, "", steps=2, guidance=3.0))


@pytest.mark.parametrize(("family", "tokens"), [("sd1", tiny.WORDS), ("sdxl", tiny.WORDS), ("sd3", 256), ("flux", 256)])
def test_truncation_keeps_the_first_tokens_and_is_recorded(family, tokens):
    runtime = load_runtime_once(family)
    assert runtime.max_tokens == tokens
    shape = runtime.latent_shape(32, 32)
    noise = gaussian(bytes(32), shape)[None]
    read = tokens - 2  # begin and end markers; every byte is a token of these tiny tokenizers

    def run(text):
        return runtime.sample(noise, text, "", steps=2, guidance=3.0)

    assert np.array_equal(run("x" * read), run("x" * read + " and what follows"))
    assert not np.array_equal(run("x" * read), run("x" * (read - 1) + "y"))


def test_an_empty_prompt_and_10_000_characters_are_recorded_whole(tmp_path):
    room = studio(tmp_path)
    for number, text in enumerate(("", "山" * 10_000, "🦊 日本")):
        made = create(job(tmp_path / f"{number}.png", prompt=text), room)
        _, recipe, *_ = parts_of(made.path.read_bytes())
        assert recipe.prompt == Prompt(text)
        assert recipe.max_tokens == tiny.WORDS
        assert judge(made.path.read_bytes(), tiny.model("sd1")).verdict is Verdict.CONSISTENT


_loaded = {}


def load_runtime_once(family):
    if family not in _loaded:
        _loaded[family] = load_runtime(open_model(str(tiny.model(family))), device="cpu")
    return _loaded[family]


# --- what cannot be run ---------------------------------------------------------------------------------------------


def test_a_negative_prompt_for_a_model_that_takes_none():
    runtime = load_runtime_once("flux")
    noise = gaussian(bytes(32), runtime.latent_shape(32, 32))[None]
    with pytest.raises(UsageError, match="--negative"):
        runtime.sample(noise, "a", "b", steps=2, guidance=3.0)


def test_negative_prompts_matter_where_they_are_taken():
    runtime = load_runtime_once("sd1")
    noise = gaussian(bytes(32), runtime.latent_shape(32, 32))[None]
    plain = runtime.sample(noise, "a cat", "", steps=3, guidance=7.0)
    assert not np.array_equal(plain, runtime.sample(noise, "a cat", "a dog", steps=3, guidance=7.0))


@pytest.mark.parametrize("family", ["sd1", "sd3", "flux"])
@pytest.mark.parametrize("size", [(33, 32), (32, 0), (8192, 32)])
def test_sizes_that_the_model_cannot_make(family, size):
    with pytest.raises(UsageError, match="--size"):
        load_runtime_once(family).latent_shape(*size)


@pytest.mark.parametrize(("family", "side"), [("sd1", 32), ("sdxl", 32), ("sd3", 32), ("pixart", 32), ("flux", 256)])
def test_native_size(family, side):
    assert native_size(tiny.model(family)) == side


def test_wrong_channel_count(tmp_path):
    folder = tiny.copy("sd1", tmp_path / "model")
    tiny.autoencoder(8).save_pretrained(folder / "vae")
    with pytest.raises(MissingModelError, match=r"4 channels.*decoder reads 8"):
        load_runtime(open_model(str(folder)))


@pytest.mark.parametrize("unet", [{"in_channels": 4}, {"in_channels": 8}, {"in_channels": 11}])
def test_an_inpainting_model_has_a_channel_for_the_mask(tmp_path, unet):
    folder = tiny.copy("inpainting", tmp_path / "model")
    tiny.unet(4, **unet).save_pretrained(folder / "unet")
    with pytest.raises(MissingModelError, match=f"reads {unet['in_channels']} channels"):
        load_runtime(open_model(str(folder)))


def test_mask_channels_make_no_text_to_image_model(tmp_path):
    folder = tiny.copy("sd1", tmp_path / "model")
    tiny.unet(9, out_channels=4).save_pretrained(folder / "unet")
    with pytest.raises(MissingModelError, match=r"reads 9 channels, .* and gives 4"):
        load_runtime(open_model(str(folder)))


@pytest.mark.parametrize(
    "pipeline", ["StableDiffusionUpscalePipeline", "StableDiffusionControlNetPipeline", "os.system"]
)
def test_other_pipelines_are_refused(tmp_path, pipeline):
    folder = tiny.copy("sd1", tmp_path / "model")
    index = (folder / "model_index.json").read_text().replace("StableDiffusionPipeline", pipeline)
    (folder / "model_index.json").write_text(index)
    with pytest.raises(MissingModelError, match="not supported"):
        load_runtime(open_model(str(folder)))


def test_classes_that_are_not_on_the_list_are_refused(tmp_path):
    folder = tiny.copy("sd1", tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    index["text_encoder"] = ["transformers", "AutoModelForCausalLM"]
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(MissingModelError, match="AutoModelForCausalLM"):
        load_runtime(open_model(str(folder)))


def test_missing_weights_are_not_filled_with_random_ones(tmp_path):
    from safetensors.torch import load_file, save_file

    for part, name in (
        ("unet", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
        ("vae", "diffusion_pytorch_model"),
    ):
        folder = tiny.copy("sd1", tmp_path / part)
        weights = folder / part / f"{name}.safetensors"
        kept = load_file(weights)
        kept.pop(min(kept))
        save_file(kept, weights, metadata={"format": "pt"})
        with pytest.raises(MissingModelError, match=rf"{part}.*weights"):
            load_runtime(open_model(str(folder)))


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_corrupt_weights(tmp_path, damage):
    for part in ("unet", "text_encoder", "vae"):
        folder = tiny.copy("sd1", tmp_path / part)
        weights = next((folder / part).glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:1000] if damage is None else damage)
        with pytest.raises(MissingModelError, match="cannot be loaded"):
            load_runtime(open_model(str(folder)))


@pytest.mark.parametrize("part", ["unet", "text_encoder", "vae"])
def test_nan_weights(tmp_path, part):
    from safetensors.torch import load_file, save_file

    folder = tiny.copy("sd1", tmp_path / "model")
    weights = next((folder / part).glob("*.safetensors"))
    tensors = load_file(weights)
    tensors[max(tensors)].view(-1)[0] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(InvalidError, match="NaN"):
        load_runtime(open_model(str(folder)))


def test_nan_latents(tmp_path, monkeypatch):
    room = studio(tmp_path)
    monkeypatch.setattr(
        type(room.runtime._pipeline), "_run", lambda self, start, *_: torch.full_like(start, float("nan"))
    )
    with pytest.raises(EnvironmentFault, match="NaN"):
        create(job(tmp_path / "a.png"), room)
    assert not (tmp_path / "a.png").exists()
    assert room.ledger.search() == []


def test_what_a_pipeline_cannot_do_is_one_line(tmp_path):
    folder = tiny.copy("sd1", tmp_path / "model")
    tiny.clip(width=64).save_pretrained(folder / "text_encoder")  # the denoiser wants another width
    runtime = load_runtime(open_model(str(folder)))
    noise = gaussian(bytes(32), runtime.latent_shape(32, 32))[None]
    with pytest.raises(EnvironmentFault, match="StableDiffusionPipeline failed") as told:
        runtime.sample(noise, "a", "", steps=2, guidance=3.0)
    assert "\n" not in str(told.value)


# --- what the recipe says -------------------------------------------------------------------------------------------


def test_why_not_names_what_differs(tmp_path):
    made = create(job(tmp_path / "a.png", "sdxl"), studio(tmp_path, "sdxl"))
    _, recipe, *_ = parts_of(made.path.read_bytes())
    here = open_regenerator([str(tiny.model("sdxl"))])
    assert here.why_not(recipe) is None
    other = replace(recipe, setup=replace(recipe.setup, arguments='{"force_zeros_for_empty_prompt":false}'))
    assert "in another way" in here.why_not(other)
    assert "in another way" in here.why_not(replace(recipe, setup=None))
    assert "in another way" in here.why_not(replace(recipe, setup=replace(recipe.setup, pipeline="FluxPipeline")))
    assert "stranger" in here.why_not(replace(recipe, width=8192, height=8192))


def test_a_switch_of_the_pipeline_is_part_of_the_recipe(tmp_path):
    """force_zeros_for_empty_prompt stands in model_index.json, which the digest does not cover: so the recipe says it."""
    folder = tiny.copy("sdxl", tmp_path / "model")
    made = create(job(tmp_path / "a.png", "sdxl"), studio(tmp_path, model=folder))
    index = (folder / "model_index.json").read_text().replace("true", "false")
    (folder / "model_index.json").write_text(index)
    report = judge(made.path.read_bytes(), folder)
    assert report.verdict is not Verdict.CONSISTENT or step(report, 9).status is Status.SKIP
    assert "in another way" in step(report, 9).detail
