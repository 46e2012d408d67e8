"""create on the command line with models of others: prompts from a file, what is refused, what memory runs out into."""

import json

import pytest
import torch

from provenance.cli import main
from provenance.errors import EnvironmentFault
from tests.generator import tiny
from tests.support.forge import parts_of

SMALL = ("--size", "32", "--steps", "2", "--guidance", "3")


@pytest.fixture
def home(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    assert call("keys", "new", "--no-passphrase", "--name", "Ann") == 0
    for family in ("sd1", "flux"):
        tiny.model(family)  # writing it shows progress bars
    capsys.readouterr()
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    return end.value.code or 0


def make(home, *arguments):
    return call("create", "-o", home / "a.png", "--model", tiny.model("sd1"), *SMALL, *arguments)


def test_a_file_of_prompts_makes_a_picture_of_each(home, capsys):
    (home / "prompts.txt").write_text("a cat\n\n  the sea 日本 🦊 \n", encoding="utf-8")
    assert make(home, "--prompts", home / "prompts.txt", "--count", 2, "--json") == 0
    told = json.loads(capsys.readouterr().out)["pictures"]
    recipes = [parts_of((home / f"a-{n}.png").read_bytes())[1] for n in (1, 2, 3, 4)]
    assert [r.prompt.text for r in recipes] == ["a cat", "a cat", "the sea 日本 🦊", "the sea 日本 🦊"]
    assert len({r.seed for r in recipes}) == len({p["commitment"] for p in told}) == 4


def test_steps_guidance_and_precision_suit_the_model(home, capsys):
    assert call("create", "a cat", "-o", home / "a.png", "--model", tiny.model("pixart"), "--size", "32") == 0
    _, recipe, *_ = parts_of((home / "a.png").read_bytes())
    assert (recipe.steps, str(recipe.guidance), recipe.dtype) == (20, "4.5", "float32")
    assert "consistent" in capsys.readouterr().err


def test_bfloat16_is_recorded_and_regenerated(home, capsys):
    assert make(home, "a cat", "--dtype", "bfloat16") == 0
    _, recipe, *_ = parts_of((home / "a.png").read_bytes())
    assert recipe.dtype == "bfloat16"
    arguments = ("verify", home / "a.png", "--model", tiny.model("sd1"), "--accept", "consistent")
    assert call(*arguments) == 0
    assert "regenerated: distance 0.0000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "PROMPT"),
        (("a", "--prompts", "x.txt"), 2, "not both"),
        (("--prompts", "missing.txt"), 2, "missing.txt"),
        (("a", "--controlnet", "x"), 2, "--controlnet"),
        (("a", "--control-image", "x"), 2, "--control-image"),
        (("a", "--ip-adapter", "x"), 2, "--ip-adapter"),
        (("a", "--scheduler", "magic"), 2, "--scheduler"),
        (("a", "--scheduler", "flow-euler"), 2, "does not serve"),
        (("a", "--lora", "missing.safetensors"), 2, "missing.safetensors"),
        (("a", "--lora", "style.ckpt"), 2, "safetensors"),
        (("a", "--revision", "main"), 2, "--revision"),
        (("a", "--size", "33"), 2, "--size"),
        (("a", "--device", "cuda"), 4, "CUDA"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_what_cannot_be_made_is_one_line_and_leaves_nothing(home, capsys, arguments, code, words):
    assert make(home, *arguments) == code
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (home / "a.png").exists()
    assert not (home / "home" / "data" / "ledger.db").exists()


def test_a_negative_prompt_that_the_model_would_not_read_is_refused_before_the_claim(home, capsys):
    code = call("create", "a", "--negative", "b", "-o", home / "a.png", "--model", tiny.model("flux"), *SMALL)
    assert code == 2
    assert "--negative" in capsys.readouterr().err
    assert not (home / "a.png").exists()


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe", b"x\n" * 1001])
def test_prompt_files_that_hold_none(home, capsys, content):
    (home / "p.txt").write_bytes(content)
    assert make(home, "--prompts", home / "p.txt") == 2
    assert "--prompts" in capsys.readouterr().err


def test_out_of_memory_is_advice(monkeypatch):
    from generator.models import open_model
    from generator.runtime import load_runtime

    runtime = load_runtime(open_model(str(tiny.model("sd1"))), device="cpu")

    def full(*_args, **_kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(runtime._pipeline.pipe.unet, "forward", full)
    import numpy as np

    with pytest.raises(EnvironmentFault, match="smaller --size, --dtype bfloat16, or --offload"):
        runtime.sample(np.zeros((1, 4, 16, 16), np.float32), "a", "", steps=2, guidance=3.0)


def test_offload_makes_the_same_picture_within_rounding(home):
    from generator.models import open_model
    from generator.runtime import load_runtime
    from provenance.noise import gaussian

    model = open_model(str(tiny.model("sd1")))
    noise = gaussian(bytes(32), (4, 16, 16))[None]
    plain, spare = (load_runtime(model, device="cpu", offload=offload) for offload in (False, True))
    one, two = (r.sample(noise, "a cat", "", steps=2, guidance=3.0) for r in (plain, spare))
    assert abs(one - two).max() < 1e-4
    assert "offload" in spare.environment()["flags"]
    assert "offload" not in plain.environment()["flags"]
