"""LoRA and textual inversion: recorded by digest, applied, regenerated, never dropped; a work with them stays consistent."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from generator.adapters import adapter_file, describe, read_adapters
from generator.create import create
from generator.models import open_model
from generator.regenerate import open_regenerator
from generator.runtime import load_runtime
from provenance.errors import InvalidError, UsageError
from provenance.noise import gaussian
from provenance.recipe import format_recipe, parse_recipe
from provenance.report import Status, Verdict
from tests.generator import tiny
from tests.generator.tinystudio import job, judge, studio
from tests.support.forge import parts_of, step

LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


def lora(path, layer=LAYER, kohya=False, width=32, **more):
    draw = torch.Generator().manual_seed(3)
    down, up = torch.randn(2, width, generator=draw), torch.randn(width, 2, generator=draw)
    if kohya:
        name = "lora_unet_" + layer.replace(".", "_")
        tensors = {
            f"{name}.lora_down.weight": down,
            f"{name}.lora_up.weight": up,
            f"{name}.alpha": torch.tensor(2.0),
        }
    else:
        tensors = {f"unet.{layer}.lora_A.weight": down, f"unet.{layer}.lora_B.weight": up}
    save_file({**tensors, **more}, path)
    return path


def word(path, family="sd1", width=tiny.WIDTH, name="emb_params"):
    draw = torch.Generator().manual_seed(4)
    names = ["clip_l", "clip_g"] if family == "sdxl" else [name]
    save_file({each: torch.randn(2, width, generator=draw) for each in names}, path)
    return path


def sample(family="sd1", text="a cat by the sea", loras=(), inversions=()):
    model = open_model(str(tiny.model(family)))
    adapters = read_adapters([str(each) for each in loras], [str(each) for each in inversions])
    runtime = load_runtime(model, device="cpu", adapters=adapters)
    shape = runtime.latent_shape(32, 32)
    return runtime.sample(gaussian(bytes(32), shape)[None], text, "", steps=3, guidance=3.0)[0]


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
@pytest.mark.parametrize("kohya", [False, True])
def test_a_lora_changes_the_picture_by_its_scale(tmp_path, family, kohya):
    path = lora(tmp_path / "style.safetensors", kohya=kohya)
    plain = sample(family)
    strong, weak, none = (sample(family, loras=[f"{path}:{scale}"]) for scale in ("1", "0.25", "0"))
    assert np.abs(strong - plain).max() > 10 * np.abs(none - plain).max()
    assert np.abs(strong - plain).mean() > np.abs(weak - plain).mean() > 0
    assert np.abs(none - plain).max() < 1e-4
    assert np.array_equal(sample(family, loras=[path]), strong)


def test_a_lora_is_what_it_says_it_is(tmp_path):
    """Fused by the library: W + scale * B A, compared with the arithmetic done here."""
    from safetensors.torch import load_file

    path = lora(tmp_path / "style.safetensors")
    before = load_runtime(open_model(str(tiny.model("sd1"))))._pipeline.pipe.unet.get_parameter(f"{LAYER}.weight")
    files = read_adapters([f"{path}:0.5"], [])
    after = load_runtime(open_model(str(tiny.model("sd1"))), adapters=files)._pipeline.pipe.unet
    found = after.get_parameter(f"{LAYER}.weight")
    tensors = load_file(path)
    expected = before + 0.5 * tensors[f"unet.{LAYER}.lora_B.weight"] @ tensors[f"unet.{LAYER}.lora_A.weight"]
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_textual_inversion_gives_its_word_a_meaning(tmp_path, family):
    path = word(tmp_path / "fox.safetensors", family)
    assert not np.array_equal(sample(family, "<fox>", inversions=[f"{path}:<fox>"]), sample(family, "<fox>"))
    assert np.array_equal(sample(family, "a cat", inversions=[f"{path}:<fox>"]), sample(family, "a cat"))


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_create_verify_regenerate_with_adapters(tmp_path, family):
    style, fox = lora(tmp_path / "style.safetensors"), word(tmp_path / "fox.safetensors", family)
    files = read_adapters([f"{style}:0.8"], [f"{fox}:<fox>"])
    room = studio(tmp_path, family, adapters=files)
    made = create(job(tmp_path / "a.png", family, "a <fox>", sampling=tuple(describe(f.record) for f in files)), room)
    data = made.path.read_bytes()
    _, recipe, *_ = parts_of(data)
    assert [(a.kind, a.name, a.scale) for a in recipe.setup.adapters] == [
        ("lora", "style", Decimal("0.8")),
        ("textual-inversion", "<fox>", Decimal(1)),
    ]
    assert parse_recipe(format_recipe(recipe)) == recipe
    report = judge(data, tiny.model(family), style, fox)
    assert step(report, 9).status is Status.PASS
    assert step(report, 9).figures["distance"] == 0
    assert report.verdict is Verdict.CONSISTENT
    without = judge(data, tiny.model(family), style)
    assert step(without, 9).status is Status.SKIP
    assert "textual inversion '<fox>'" in step(without, 9).detail


def test_a_work_with_adapters_is_never_authentic(tmp_path):
    """Attack: fit a LoRA until a seed of one's own makes somebody else's picture; even a calibrated model does not help."""
    from generator.calibrate import Plan, measure
    from provenance.policy import ModelTrust, Policy

    model = open_model(str(tiny.model("sd2-v")))
    calibration = measure(model, Plan(["a cat"], 32, 4, 32, 32, 4, Decimal(3), "cpu"), lambda *_: None)
    trust = Policy({model.identity.digest: ModelTrust("tiny", model.identity.digest, {(4, 16, 16): calibration})})
    path = lora(tmp_path / "style.safetensors")
    room = replace(
        studio(tmp_path, "sd2-v", adapters=read_adapters([str(path)], [])),
        calibrated_steps=lambda _shape: calibration.steps,
    )
    made = create(job(tmp_path / "a.png"), room)
    report = judge(made.path.read_bytes(), tiny.model("sd2-v"), path, trust=trust)
    assert step(report, 9).status is Status.PASS
    assert report.verdict is Verdict.CONSISTENT
    assert "adapters (style)" in report.reason


def test_a_lora_that_was_left_out_of_the_recipe_makes_another_picture(tmp_path):
    path = lora(tmp_path / "style.safetensors")
    room = studio(tmp_path, adapters=read_adapters([f"{path}:3"], []))
    room.runtime._setup = replace(room.runtime._setup, adapters=())
    made = create(job(tmp_path / "a.png"), room)
    found = step(judge(made.path.read_bytes(), tiny.model("sd1")), 9)
    assert found.status is not Status.PASS
    assert found.figures["distance"] > found.figures["accept"]


def test_another_scale_or_order_is_another_recipe(tmp_path):
    a, b = lora(tmp_path / "a.safetensors"), lora(tmp_path / "b.safetensors", kohya=True)
    one = read_adapters([f"{a}:0.5", str(b)], [])
    assert [f.record for f in one] != [f.record for f in read_adapters([str(b), f"{a}:0.5"], [])]
    assert describe(one[0].record) != describe(read_adapters([f"{a}:0.6"], [])[0].record)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: lora(path, layer="no_such.block.to_q"),
        lambda path: lora(path, width=7),
        lambda path: lora(path, **{"unet.surplus.layer.to_q.lora_A.weight": torch.zeros(2, 32)}),
        lambda path: save_file({"x": torch.zeros(2)}, path),
    ],
)
def test_a_lora_for_another_model_is_refused_and_never_half_applied(tmp_path, make):
    path = tmp_path / "style.safetensors"
    make(path)
    with pytest.raises(UsageError, match="no LoRA for this model"):
        sample(loras=[path])


def test_adapters_that_a_model_cannot_take(tmp_path):
    with pytest.raises(UsageError, match="values"):
        sample(inversions=[word(tmp_path / "w.safetensors", width=7)])
    with pytest.raises(UsageError, match="2 text encoders"):
        sample("sdxl", inversions=[word(tmp_path / "v.safetensors")])
    with pytest.raises(UsageError, match="takes"):
        sample("pixart", inversions=[word(tmp_path / "v.safetensors")])
    with pytest.raises(UsageError, match="takes no LoRA"):
        sample("pixart", loras=[lora(tmp_path / "l.safetensors")])


@pytest.mark.parametrize("name", ["style.bin", "style.pt", "style.ckpt", "style"])
def test_pickles_are_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04")
    with pytest.raises(UsageError, match="safetensors"):
        read_adapters([str(tmp_path / name)], [])


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95pickle in disguise", b"\x08" + bytes(7) + b'{"a":1}x'])
def test_files_that_are_no_safetensors(tmp_path, content):
    path = tmp_path / "style.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidError, match="safetensors"):
        load_runtime(open_model(str(tiny.model("sd1"))), adapters=read_adapters([str(path)], []))


def test_a_file_that_changes_after_it_was_recorded(tmp_path):
    path = lora(tmp_path / "style.safetensors")
    files = read_adapters([str(path)], [])
    lora(path, kohya=True)
    with pytest.raises(InvalidError, match="changed"):
        load_runtime(open_model(str(tiny.model("sd1"))), adapters=files)


@pytest.mark.parametrize("scale", ["much", "11", "-11", "1e3", ""])
def test_scales_that_are_none(tmp_path, scale):
    path = lora(tmp_path / "style.safetensors")
    if scale == "":
        assert read_adapters([f"{path}:"], [])[0].record.scale == 1
        return
    with pytest.raises(UsageError, match="--lora"):
        read_adapters([f"{path}:{scale}"], [])


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_adapters([str(tmp_path / "none.safetensors")], [])


def test_the_verifier_finds_adapters_by_their_digest(tmp_path):
    path = lora(tmp_path / "style.safetensors")
    room = studio(tmp_path, adapters=read_adapters([f"{path}:0.5"], []))
    made = create(job(tmp_path / "a.png"), room)
    _, recipe, *_ = parts_of(made.path.read_bytes())
    renamed = path.rename(tmp_path / "other-name.safetensors")
    assert open_regenerator([str(tiny.model("sd1")), str(renamed)]).why_not(recipe) is None
    assert adapter_file(renamed).record.digest == recipe.setup.adapters[0].digest
    lora(renamed, kohya=True)
    assert "no LoRA 'style'" in open_regenerator([str(tiny.model("sd1")), str(renamed)]).why_not(recipe)
