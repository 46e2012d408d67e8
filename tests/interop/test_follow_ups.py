"""The vectors of follow-ups, replayed by a Node.js program that shares no code with ours; and whether it sees."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors" / "follow-ups-v1.json"

pytestmark = pytest.mark.interop


def verify(vectors):
    node = shutil.which("node")
    assert node, "make test-interop needs Node.js 20.19 or newer"
    return subprocess.run(
        [node, HERE / "verify_follow_ups.mjs", vectors], capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_a_stranger_replays_every_history_alike():
    done = verify(VECTORS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" 0 failures")


@pytest.mark.parametrize(
    "path",
    [
        ("follow_ups", 1, "id"),
        ("follow_ups", 0, "slot"),
        ("follow_ups", 3, "signatures", 0, "key"),
        ("claims", 0, "id"),
        ("grant", "id"),
        ("grant", "owners", 1),
        ("histories", 4, "head"),
        ("histories", 1, "owners", 0),
        ("histories", 11, "author"),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_one_changed_digit_is_seen(tmp_path, path):
    vectors = json.loads(VECTORS.read_text())
    place = vectors
    for step in path[:-1]:
        place = place[step]
    text = place[path[-1]]
    place[path[-1]] = ("0" if text[0] != "0" else "1") + text[1:]
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(vectors))
    done = verify(changed)
    assert done.returncode == 1, done.stdout
    assert "FAIL" in done.stdout
