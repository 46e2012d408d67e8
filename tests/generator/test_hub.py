"""Where models come from: hub ids, revisions, code that they bring, folders that change."""

import json

import huggingface_hub
import pytest

from generator.create import create
from generator.hub import fetch_model, is_hub_id
from generator.models import check_unchanged, open_model
from generator.regenerate import open_regenerator
from generator.runtime import load_runtime
from provenance.errors import InvalidError, MissingModelError, UsageError
from provenance.report import Status, Verdict
from tests.generator import tiny
from tests.generator.tinystudio import job, judge, studio
from tests.support.forge import parts_of, step
from tests.support.hub import COMMIT, Hub, serve


@pytest.mark.parametrize("name", ["owner/name", "Mitsua/mitsua-likes", "a/b.c-d_e"])
def test_hub_ids(name):
    assert is_hub_id(name)


@pytest.mark.parametrize("name", ["house", "./owner/name", "/owner/name", "a/b/c", "owner/", "~/model", "a b/c", ""])
def test_what_is_no_hub_id(name):
    assert not is_hub_id(name)


def test_a_folder_of_that_name_is_the_folder(tmp_path, monkeypatch):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not is_hub_id("owner/name")


def test_offline_is_said_plainly(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        MissingModelError, match=r"owner/name: no folder here.*cannot be reached.*local diffusers folder"
    ):
        fetch_model("owner/name", None)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine; beside the model lie files that nobody should take from it."""
    folder = tiny.copy("sd1", tmp_path / "published")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another copy")
    (folder / "all-in-one.safetensors").write_bytes(b"the same again")
    (folder / "pipeline.py").write_text("raise SystemExit")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serve(Hub(folder)) as served:
        files = f"{served.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield served


def test_only_safetensors_and_configuration_are_taken(hub):
    found = open_model("owner/name", revision="v1")
    assert found.identity.name == "owner/name"
    assert found.identity.digest == open_model(str(tiny.model("sd1"))).identity.digest
    assert "unet/config.json" in hub.sent
    assert not [name for name in hub.sent if name.endswith((".bin", ".py", ".fp16.safetensors"))]
    assert "all-in-one.safetensors" not in hub.sent


def test_what_was_brought_once_is_not_brought_again(hub):
    first = open_model("owner/name", revision="v1")
    hub.sent.clear()
    again = open_model("owner/name", revision="v1")
    by_commit = open_model("owner/name", revision=COMMIT)
    assert not [name for name in hub.sent if not name.startswith("/api/")]
    assert first.identity.digest == again.identity.digest == by_commit.identity.digest


def test_code_is_brought_only_where_it_is_trusted(hub):
    open_model("owner/name", trust_remote_code=True)
    assert "pipeline.py" in hub.sent


@pytest.mark.parametrize(
    ("name", "revision", "words"),
    [("owner/other", None, "no such model on the hub"), ("owner/name", "v2", "no such revision")],
)
def test_what_the_hub_does_not_have_is_one_line(hub, name, revision, words):
    with pytest.raises(MissingModelError, match=words) as told:
        open_model(name, revision=revision)
    assert "\n" not in str(told.value)
    assert not [name for name in hub.sent if not name.startswith("/api/")]


def test_a_gated_model_asks_for_its_terms(hub):
    hub.gated = True
    with pytest.raises(MissingModelError, match="terms accepted"):
        open_model("owner/name")


def test_a_hub_that_is_down_is_one_line(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MissingModelError, match="cannot be reached") as told:
        open_model("owner/name")
    assert "\n" not in str(told.value)


def test_disk_full_while_downloading(monkeypatch):
    def answer(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)
    with pytest.raises(MissingModelError, match="No space left"):
        open_model("owner/name")


def test_a_revision_of_a_folder():
    with pytest.raises(UsageError, match="--revision"):
        open_model(str(tiny.model("sd1")), revision="main")


# --- code -----------------------------------------------------------------------------------------------------------

CODE = """
from diffusers import StableDiffusionPipeline


class OwnPipeline(StableDiffusionPipeline):
    def __call__(self, prompt, latents=None, output_type="pil", num_inference_steps=5, guidance_scale=7.5, **more):
        return super().__call__(
            prompt, latents=latents, output_type=output_type, num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale, **more,
        )
"""


@pytest.fixture
def with_code(tmp_path, monkeypatch):
    monkeypatch.setattr("diffusers.utils.dynamic_modules_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tiny.copy("eight-channels", tmp_path / "model")
    (folder / "pipeline.py").write_text(CODE)
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = ["pipeline", "OwnPipeline"]
    index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def test_code_is_run_only_when_trusted(with_code):
    with pytest.raises(UsageError, match="--trust-remote-code"):
        open_model(str(with_code))
    (with_code / "pipeline.py").unlink()
    with pytest.raises(MissingModelError, match="code that is not there"):
        open_model(str(with_code), trust_remote_code=True)


def test_trusted_code_is_recorded_by_its_digest_and_no_verifier_runs_it(tmp_path, with_code, monkeypatch):
    from dataclasses import replace

    model = open_model(str(with_code), trust_remote_code=True)
    room = replace(studio(tmp_path, "eight-channels"), model=model, runtime=load_runtime(model, device="cpu"))
    made = create(job(tmp_path / "a.png"), room)
    _, recipe, *_ = parts_of(made.path.read_bytes())
    assert recipe.setup.code == model.code
    assert recipe.setup.pipeline == "OwnPipeline"
    ran = []
    monkeypatch.setattr("generator.assembly._trusted_pipe", lambda *_: ran.append(1))
    report = judge(made.path.read_bytes(), with_code)
    assert report.verdict is not Verdict.AUTHENTIC
    assert step(report, 9).status is Status.SKIP
    assert ran == []
    (with_code / "pipeline.py").write_text(CODE + "\n# other code\n")
    assert open_model(str(with_code), trust_remote_code=True).code != model.code
    assert open_regenerator([str(with_code)]).why_not(recipe) is not None


# --- folders that change --------------------------------------------------------------------------------------------


def test_a_folder_that_changes_during_a_run(tmp_path):
    folder = tiny.copy("sd1", tmp_path / "model")
    room = studio(tmp_path, model=folder)
    changed = folder / "scheduler" / "scheduler_config.json"
    changed.write_text(changed.read_text().replace("0.012", "0.013"))
    with pytest.raises(MissingModelError, match="changed while it was in use"):
        create(job(tmp_path / "a.png"), room)
    assert not (tmp_path / "a.png").exists()
    assert room.ledger.search() == []


def test_a_folder_that_changes_while_it_is_loaded(tmp_path, monkeypatch):
    folder = tiny.copy("sd1", tmp_path / "model")
    model = open_model(str(folder))
    (folder / "unet" / "added.json").write_text("{}")
    with pytest.raises(MissingModelError, match="changed"):
        load_runtime(model)


def test_a_file_that_was_only_touched_is_no_change(tmp_path):
    import os

    folder = tiny.copy("sd1", tmp_path / "model")
    model = open_model(str(folder))
    os.utime(folder / "unet" / "config.json", ns=(1, 1))
    check_unchanged(model)


def test_a_folder_that_changed_since_the_claim(tmp_path):
    folder = tiny.copy("sd1", tmp_path / "model")
    made = create(job(tmp_path / "a.png"), studio(tmp_path, model=folder))
    assert judge(made.path.read_bytes(), folder).verdict is Verdict.CONSISTENT
    config = folder / "unet" / "config.json"
    config.write_text(config.read_text() + " ")
    report = judge(made.path.read_bytes(), folder)
    assert "changed since the claim" in step(report, 9).detail


@pytest.mark.parametrize("name", ["weights.bin", "weights.pt", "weights.ckpt", "weights.pkl", "weights.pth"])
def test_pickles_anywhere_in_a_component_are_refused(tmp_path, name):
    folder = tiny.copy("sd1", tmp_path / "model")
    (folder / "vae" / name).write_bytes(b"\x80\x04")
    with pytest.raises(InvalidError, match="pickle"):
        open_model(str(folder))
