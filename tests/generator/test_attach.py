"""seed and attach: noise that other programs start from, their latents claimed here, and what can go wrong between."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from generator.attach import attach, reserve
from generator.latentfile import read_latent, read_workflow, write_latent
from generator.models import open_model, scheduler_of
from generator.noisefile import from_program, noise_file
from generator.reservation import format_reservation, parse_reservation
from generator.runtime import load_runtime
from provenance.cli import main
from provenance.errors import EncodingError, InvalidError, UsageError
from provenance.noise import gaussian
from provenance.report import Status, Verdict
from tests.generator import tiny
from tests.generator.tinystudio import job, judge, studio
from tests.support.forge import parts_of, person, step


def set_aside(family, program, **changes):
    model = open_model(str(tiny.model(family)))
    shape = load_runtime(model).latent_shape(32, 32)
    found = reserve(person("ann")[0], program, model, job(None, family, **changes), shape)
    return model, found


def sampled_by_diffusers(path, model, found):
    """What a user of diffusers does: load the file, hand it to his pipeline, save its latent."""
    pipe = load_runtime(model)._pipeline.pipe
    start = load_file(path)["latent_tensor"]
    more = {"use_resolution_binning": False} if "PixArt" in model.pipeline_class else {}
    with torch.inference_mode():
        return pipe(
            found.prompt.text,
            latents=start,
            num_inference_steps=found.steps,
            guidance_scale=float(found.guidance),
            height=32,
            width=32,
            output_type="latent",
            **more,
        ).images


def sampled_by_comfyui(path, model, found):
    """What ComfyUI does without adding noise: x = latent * scale at the highest level, Euler down, latent = x / scale."""
    pipe = load_runtime(model)._pipeline.pipe
    scale = json.loads((model.folder / "vae" / "config.json").read_text())["scaling_factor"]
    levels = np.array(pipe.scheduler.alphas_cumprod)
    steps = np.linspace(999, 0, found.steps).round().astype(int)
    sigmas = [*(((1 - levels[steps]) / levels[steps]) ** 0.5), 0.0]
    tokens = pipe.tokenizer(
        [found.prompt.text], padding="max_length", truncation=True, max_length=tiny.WORDS, return_tensors="pt"
    )
    with torch.inference_mode():
        state = pipe.text_encoder(tokens.input_ids).last_hidden_state
        x = load_file(path)["latent_tensor"] * scale
        for t, sigma, following in zip(steps, sigmas[:-1], sigmas[1:], strict=True):
            eps = pipe.unet(x / (sigma**2 + 1) ** 0.5, int(t), state).sample
            x = x + (following - sigma) * eps
    return x / scale


@pytest.mark.parametrize("family", ["sd1", "sd2-v", "sdxl", "sd3", "flux", "pixart", "eight-channels"])
def test_from_diffusers_to_a_consistent_picture(tmp_path, family):
    model, found = set_aside(family, "diffusers")
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(noise_file(found, model, scheduler_of(model)))
    z = sampled_by_diffusers(noise, model, found)
    final = tmp_path / "final.safetensors"
    save_file({"latent_tensor": z.contiguous()}, final)
    room = studio(tmp_path, family)
    made, linked = attach(found, read_latent(final, "diffusers"), job(tmp_path / "a.png", family), room, {})
    assert linked
    report = judge(made.path.read_bytes(), tiny.model(family))
    assert report.verdict is Verdict.CONSISTENT
    assert step(report, 8).figures["max_difference"] == 0
    assert step(report, 9).status is Status.WARN
    assert "another program" in step(report, 9).detail
    _, recipe, *_ = parts_of(made.path.read_bytes())
    assert recipe.setup.attached


def test_from_comfyui_to_a_consistent_picture(tmp_path):
    model, found = set_aside("sd1", "comfyui", steps=20)
    noise = tmp_path / "noise.latent"
    noise.write_bytes(noise_file(found, model, scheduler_of(model)))
    start = load_file(noise)
    assert start["latent_format_version_0"].numel() == 0
    x = start["latent_tensor"] * 0.18215
    assert x.std() == pytest.approx(14.65, rel=0.05)  # sqrt(1 + sigma_max^2) of these noise levels
    values = sampled_by_comfyui(noise, model, found)
    final = tmp_path / "final.latent"
    flow = {"prompt": '{"3": {"class_type": "KSampler"}}', "workflow": "{}"}
    save_file({"latent_tensor": values.contiguous(), "latent_format_version_0": torch.tensor([])}, final, metadata=flow)
    room = studio(tmp_path)
    made, linked = attach(found, read_latent(final, "comfyui"), job(tmp_path / "a.png"), room, read_workflow(final))
    assert linked
    data = made.path.read_bytes()
    assert judge(data, tiny.model("sd1")).verdict is Verdict.CONSISTENT
    assert b"KSampler" in data


def test_comfyui_and_flow_matching_do_not_go_together():
    model, found = set_aside("sd3", "comfyui")
    with pytest.raises(UsageError, match="multiplies the latent input by zero"):
        noise_file(found, model, scheduler_of(model))


def test_the_units_of_comfyui_and_back():
    for family in ("sd1", "sdxl", "sd3"):
        model, found = set_aside(family, "comfyui")
        decoder = load_runtime(model)._pipeline.decoder
        from generator.loading import scale_to_decoder

        z = gaussian(bytes(32), found.shape)
        raw = scale_to_decoder(decoder, torch.from_numpy(z[None]))[0].numpy()
        assert np.abs(from_program(raw, found, model) - z).max() < 1e-5


def test_packed_noise_is_packed_as_flux_packs():
    from diffusers import FluxPipeline

    model, found = set_aside("flux", "diffusers")
    rows = load_file_bytes(noise_file(found, model, scheduler_of(model)))["latent_tensor"]
    z = torch.from_numpy(gaussian(found.seed, found.shape)[None])
    assert torch.equal(rows, FluxPipeline._pack_latents(z, 1, *found.shape))
    assert np.array_equal(from_program(rows[0].numpy(), found, model), z[0].numpy())


def load_file_bytes(data):
    from safetensors.torch import load

    return load(data)


def test_old_files_of_comfyui(tmp_path):
    values = torch.ones(1, 4, 16, 16)
    save_file({"latent_tensor": values}, tmp_path / "old.latent")
    assert read_latent(tmp_path / "old.latent", "comfyui") == pytest.approx(1 / 0.18215)
    assert read_latent(tmp_path / "old.latent", "diffusers") == pytest.approx(1)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_a_stranger_cannot_claim_with_somebodys_reservation(tmp_path):
    """The reservation holds no secret: whoever steals it and the latent has another keystore."""
    _, found = set_aside("sd1", "diffusers")
    thief, _ = person("mallory")
    room = replace(studio(tmp_path), master=thief)
    with pytest.raises(UsageError, match="another keystore"):
        attach(found, gaussian(bytes(32), found.shape), job(tmp_path / "a.png"), room, {})
    assert room.ledger.search() == []


def test_a_latent_from_other_noise_is_claimed_at_most(tmp_path):
    """Attack: sample from any noise, attach it to a seed of one's own."""
    model, found = set_aside("sd1", "diffusers")
    other = load_runtime(model).sample(
        gaussian(bytes([5]) * 32, found.shape)[None], found.prompt.text, "", steps=found.steps, guidance=3.0
    )[0]
    made, linked = attach(found, other, job(tmp_path / "a.png"), studio(tmp_path), {})
    assert not linked
    assert judge(made.path.read_bytes(), tiny.model("sd1")).verdict is Verdict.CLAIMED


def test_noise_painted_over_stays_below_authentic(tmp_path):
    """Attack: add one's own noise to a foreign latent. The correlation passes, and the verdict stays consistent."""
    from generator.calibrate import Plan, measure
    from provenance.policy import ModelTrust, Policy

    model, found = set_aside("sd1", "diffusers")
    foreign = load_runtime(model).sample(
        gaussian(bytes([5]) * 32, found.shape)[None], found.prompt.text, "", steps=found.steps, guidance=3.0
    )[0]
    mixed = (foreign + 0.7 * foreign.std() * gaussian(found.seed, found.shape)).astype(np.float32)
    from decimal import Decimal

    calibration = measure(model, Plan(["a cat"], 32, 4, 32, 32, 4, Decimal(3), "cpu"), lambda *_: None)
    trust = Policy({model.identity.digest: ModelTrust("tiny", model.identity.digest, {(4, 16, 16): calibration})})
    room = replace(studio(tmp_path), calibrated_steps=lambda _shape: calibration.steps)
    made, linked = attach(found, mixed, job(tmp_path / "a.png"), room, {})
    assert linked
    report = judge(made.path.read_bytes(), tiny.model("sd1"), trust=trust)
    assert report.verdict is Verdict.CONSISTENT


def test_another_model_or_shape(tmp_path):
    _, found = set_aside("sd1", "diffusers")
    z = gaussian(bytes(32), found.shape)
    with pytest.raises(UsageError, match="set aside for a model"):
        attach(found, z, job(tmp_path / "a.png"), studio(tmp_path / "x", "sdxl"), {})
    with pytest.raises(UsageError, match="was reserved"):
        attach(found, z[:, :8], job(tmp_path / "a.png"), studio(tmp_path / "y"), {})


@pytest.mark.parametrize(
    ("tensors", "kind", "words"),
    [
        ({"latent_tensor": torch.full((1, 4, 16, 16), float("nan"))}, InvalidError, "NaN"),
        ({"latent_tensor": torch.zeros(2, 4, 16, 16)}, UsageError, "one latent"),
        ({"something": torch.zeros(1, 4, 16, 16)}, UsageError, "no latent"),
        ({"latent_tensor": torch.zeros(4)}, UsageError, "one latent"),
    ],
)
def test_latents_that_are_none(tmp_path, tensors, kind, words):
    save_file(tensors, tmp_path / "a.latent")
    with pytest.raises(kind, match=words):
        read_latent(tmp_path / "a.latent", "diffusers")


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 64])
def test_files_that_are_no_latents(tmp_path, content):
    (tmp_path / "a.latent").write_bytes(content)
    with pytest.raises(EncodingError, match="safetensors"):
        read_latent(tmp_path / "a.latent", "comfyui")


def test_a_reservation_is_read_back_and_nothing_else_is():
    _, found = set_aside("sd1", "diffusers")
    assert parse_reservation(format_reservation(found)) == found
    value = json.loads(format_reservation(found))
    for name in value:
        with pytest.raises(InvalidError):
            parse_reservation(json.dumps({k: v for k, v in value.items() if k != name}).encode())
    with pytest.raises(InvalidError):
        parse_reservation(json.dumps({**value, "more": 1}).encode())


def test_a_latent_file_is_read_back(tmp_path):
    values = gaussian(bytes(32), (4, 16, 16))
    (tmp_path / "a.latent").write_bytes(write_latent(values, {"a": "b"}))
    assert np.array_equal(read_latent(tmp_path / "a.latent", "comfyui"), values)


# --- the commands ---------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    assert call("keys", "new", "--no-passphrase", "--name", "Ann") == 0
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    return end.value.code


def test_the_commands_from_seed_to_verify(home, capsys):
    folder = tiny.model("sd1")
    noise, recipe, final, picture = (home / name for name in ("n.safetensors", "recipe.json", "f.safetensors", "p.png"))
    size = ("--size", "32", "--steps", "4", "--guidance", "3")
    assert call("seed", "--for", "diffusers", "--model", folder, "--prompt", "a fox", "-o", noise, *size) == 0
    told = capsys.readouterr().err
    assert "32 bits cannot carry a proof" in told
    found = parse_reservation(recipe.read_bytes())
    z = sampled_by_diffusers(noise, open_model(str(folder)), found)
    save_file({"latent_tensor": z.contiguous()}, final)
    theirs = home / "theirs.png"
    from PIL import Image, PngImagePlugin

    notes = PngImagePlugin.PngInfo()
    notes.add_text("parameters", "a fox\nSteps: 4, Sampler: DDIM, Seed: 1234")
    notes.add_text("Comment", "not one of theirs")
    Image.new("RGB", (8, 8)).save(theirs, pnginfo=notes)
    common = ("attach", "--latent", final, "--recipe", recipe, "--model", folder)
    assert call(*common, "-o", picture, "--keep", theirs) == 0
    capsys.readouterr()
    assert call("verify", picture, "--model", folder, "--accept", "consistent") == 0
    assert "CONSISTENT" in capsys.readouterr().out
    with Image.open(picture) as image:
        assert image.text["parameters"].endswith("Seed: 1234")
        assert "Comment" not in image.text
    assert call(*common, "-o", home / "q.png", "--keep", theirs, "--seal-prompt") == 2
    assert call(*common, "-o", home / "q.webp", "--keep", theirs) == 2
    assert call(*common, "-o", home / "sealed.png", "--seal-prompt") == 0
    assert b"a fox" not in (home / "sealed.png").read_bytes()


def test_a1111_is_told_why_not(home, capsys):
    assert call("seed", "--for", "a1111") == 0
    told = capsys.readouterr().err
    assert "32 bits" in told
    assert "no initial noise from a file" in told
    assert call("seed", "--for", "a1111", "-o", home / "n.safetensors", "--model", tiny.model("sd1")) == 2
    assert not (home / "n.safetensors").exists()


def test_the_house_model_is_no_workflow_of_others(home):
    assert call("seed", "--for", "comfyui", "-o", home / "n.latent") == 2
    assert not (home / "recipe.json").exists()
