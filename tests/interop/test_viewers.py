"""Manifests of remixes in other people's readers of C2PA: one of them in every browser, the other without our library's code."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from provenance.work import format_bundle
from tests.support.pictures import join, split
from tests.support.remixes import Parent as Carried
from tests.support.remixes import blend, encode_latent, image_to_image, original

HERE = Path(__file__).parent
READERS = ("c2pa-wasm", "c2pa-ts")

pytestmark = pytest.mark.interop


def read(path):
    node = shutil.which("node")
    assert node, "make test-interop needs Node.js 20.19 or newer"
    done = subprocess.run(
        [node, HERE / "read_manifests.mjs", path], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def family():
    one, two = original(1), original(2)
    child = image_to_image(3, one)
    return one, two, child, blend(4, child, two)


def parents(node):
    return [each for each in node["ingredients"] if each["relationship"] != "inputTo"]


@pytest.mark.parametrize("reader", READERS)
def test_the_whole_tree_is_drawn(family, tmp_path, reader):
    one, two, child, last = family
    (tmp_path / "last.png").write_bytes(last.data)
    told = read(tmp_path / "last.png")[reader]
    assert told["valid"], told["failures"]
    tree = told["tree"]
    assert tree["title"] == "work 4"
    assert [(each["title"], each["relationship"], each["manifest"]["title"]) for each in parents(tree)] == [
        (child.parent.title, "parentOf", "work 3"),
        (two.parent.title, "componentOf", "work 2"),
    ]
    assert tree["actions"] == [
        {"action": "c2pa.opened", "ingredients": [child.parent.title]},
        {"action": "c2pa.edited", "ingredients": []},
        {"action": "c2pa.placed", "ingredients": [two.parent.title]},
    ]
    (grandparent,) = parents(parents(tree)[0]["manifest"])
    assert grandparent["manifest"]["actions"] == [{"action": "c2pa.created", "ingredients": []}]
    shown = [(child, parents(tree)[0]), (two, parents(tree)[1]), (one, grandparent)]
    for work, ingredient in shown:
        assert ingredient["thumbnail"] == hashlib.sha256(work.parent.thumbnail).hexdigest()


@pytest.mark.parametrize("reader", READERS)
def test_a_parent_that_came_without_a_file_is_shown_with_its_thumbnail(tmp_path, reader):
    parent = original(5)
    bundle = format_bundle(parent.entry, parent.recipe, encode_latent(parent.integers))
    kind = "application/octet-stream"
    child = image_to_image(
        6, parent, carried=(Carried("from a log", kind, work=bundle, thumbnail=parent.parent.thumbnail),)
    )
    (tmp_path / "child.png").write_bytes(child.data)
    told = read(tmp_path / "child.png")[reader]
    assert told["valid"], told["failures"]
    (shown,) = parents(told["tree"])
    assert (shown["title"], shown["relationship"], shown["manifest"]) == ("seedproof-work", "parentOf", None)
    assert shown["thumbnail"] == hashlib.sha256(parent.parent.thumbnail).hexdigest()


def changed(data, old, new):
    """The file with bytes of its manifest store exchanged, its chunks whole again."""
    assert len(old) == len(new)
    chunks = [(kind, body.replace(old, new, 1) if kind == b"caBX" else body) for kind, body in split(data)]
    assert chunks != list(split(data))
    return join(chunks)


@pytest.mark.parametrize(
    ("reader", "what"),
    [("c2pa-wasm", "thumbnail"), ("c2pa-wasm", "parent"), ("c2pa-wasm", "grandparent"), ("c2pa-ts", "thumbnail")],
)
def test_a_changed_tree_is_not_valid(family, tmp_path, reader, what):
    """c2pa-ts 0.9 does not check the manifests of parents, so it is asked about the active one alone."""
    *_, child, last = family
    thumbnail = child.parent.thumbnail
    changes = {
        "thumbnail": (thumbnail, bytes(len(thumbnail))),
        "parent": (b"work 3", b"work 9"),
        "grandparent": (b"work 1", b"work 9"),
    }
    (tmp_path / "changed.png").write_bytes(changed(last.data, *changes[what]))
    assert not read(tmp_path / "changed.png")[reader]["valid"]
