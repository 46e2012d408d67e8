"""Our vectors, checked by a Node.js program that shares no code with ours; and that program, checked for eyes."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors" / "seedproof-v1.json"
TABLE = HERE.parents[1] / "provenance" / "data" / "normal-quantiles.f32"

pytestmark = pytest.mark.interop


def verify(vectors, table=TABLE):
    node = shutil.which("node")
    assert node, "make test-interop needs Node.js 20.19 or newer"
    return subprocess.run(
        [node, HERE / "verify.mjs", vectors, table], capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_every_value_holds_for_a_stranger():
    done = verify(VECTORS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" 0 failures")


def other_digit(text):
    return ("0" if text[0] != "0" else "1") + text[1:]


@pytest.mark.parametrize(
    "path",
    [
        ("works", 0, "master"),
        ("works", 0, "Y"),
        ("works", 1, "S"),
        ("works", 1, "sealed"),
        ("works", 2, "noise", 1, "sha256"),
        ("works", 2, "noise", 0, "last", 7),
        ("works", 0, "recipe_digest"),
        ("works", 1, "claim_id"),
        ("works", 0, "latent", "digest"),
        ("works", 0, "pixels", "rgb"),
        ("works", 2, "possession"),
        ("works", 0, "authors", 0),
        ("works", 2, "container"),
        ("works", 2, "challenge_id"),
        ("log", "leaf_hashes", 4),
        ("log", "root"),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_one_changed_digit_is_seen(tmp_path, path):
    vectors = json.loads(VECTORS.read_text())
    place = vectors
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = other_digit(place[path[-1]])
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(vectors))
    done = verify(changed)
    assert done.returncode == 1, done.stdout
    assert "FAIL" in done.stdout or "invalid tag" in done.stderr


@pytest.mark.parametrize("name", ["claim", "recipe", "entry", "receipt", "challenge", "response"])
def test_a_space_in_an_object_is_seen(tmp_path, name):
    vectors = json.loads(VECTORS.read_text())
    vectors["works"][0][name] = vectors["works"][0][name].replace(",", ", ", 1)
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(vectors))
    assert f"FAIL normal: {name} is canonical" in verify(changed).stdout


def test_another_table_is_seen(tmp_path):
    table = bytearray(TABLE.read_bytes())
    table[1000] ^= 1
    changed = tmp_path / "table.f32"
    changed.write_bytes(table)
    done = verify(VECTORS, changed)
    assert done.returncode == 1
    assert "FAIL noise table" in done.stdout
