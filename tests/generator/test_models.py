"""Model folders: identity by content, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from generator.models import house_model, native_size, open_model, scheduler_of
from provenance.errors import InvalidError, MissingModelError


@pytest.fixture
def copy(tmp_path):
    """A small copy of the house model's folder, weights replaced by a few bytes."""
    source = house_model().folder
    target = tmp_path / "model"

    def shrink(a, b):
        if str(a).endswith(".safetensors"):
            Path(b).write_bytes(b"weights")
        else:
            shutil.copyfile(a, b)

    shutil.copytree(source, target, copy_function=shrink)
    return target


def test_house_model_is_found_and_says_what_it_makes():
    model = house_model()
    assert {c.name for c in model.identity.components} == {"scheduler", "text_encoder", "tokenizer", "unet", "vae"}
    assert native_size(model.folder) == 128
    config = json.loads(scheduler_of(model).config)
    assert scheduler_of(model).name == "FlowMatchEulerDiscreteScheduler"
    assert not any(isinstance(value, float) for value in config.values())


def test_any_changed_renamed_or_added_file_changes_the_digest(copy):
    seen = {open_model(str(copy)).identity.digest}
    for path in sorted(p for p in copy.rglob("*") if p.is_file() and p.parent != copy):
        data = path.read_bytes()
        path.write_bytes(data + b" ")
        seen.add(open_model(str(copy)).identity.digest)
        path.write_bytes(data)
        moved = path.with_name(path.name + ".old")
        path.rename(moved)
        seen.add(open_model(str(copy)).identity.digest)
        moved.rename(path)
    files = len([p for p in copy.rglob("*") if p.is_file() and p.parent != copy])
    assert len(seen) == 1 + 2 * files


def test_documentation_does_not_change_the_digest(copy):
    before = open_model(str(copy)).identity
    (copy / "README.md").write_text("another card")
    assert open_model(str(copy)).identity == before


def test_pickles_are_refused(copy):
    (copy / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(InvalidError, match="pickle"):
        open_model(str(copy))


@pytest.mark.parametrize("part", ["unet", "vae", "tokenizer"])
def test_missing_component(copy, part):
    shutil.rmtree(copy / part)
    with pytest.raises(MissingModelError, match=part):
        open_model(str(copy))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"unet": [null, null]}'])
def test_broken_index(copy, content):
    (copy / "model_index.json").write_text(content)
    with pytest.raises(MissingModelError):
        open_model(str(copy))


def test_index_that_points_out_of_the_folder(copy):
    (copy / "model_index.json").write_text('{"../../secrets": ["diffusers", "UNet"]}')
    with pytest.raises(MissingModelError, match="missing"):
        open_model(str(copy))


def test_no_model_at_all(tmp_path):
    with pytest.raises(MissingModelError, match="no model"):
        open_model(str(tmp_path / "nothing"))


def test_scheduler_that_cannot_be_read(copy):
    (copy / "scheduler" / "scheduler_config.json").write_text("{")
    with pytest.raises(MissingModelError, match="scheduler"):
        scheduler_of(open_model(str(copy)))
