"""The objects: where each comes from, that the sheet is what the manifest says, and that a colour word changes it."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skia")

from generator.house.scenes.objects import COLOURS, KINDS, cut_out

DATA = Path(__file__).parents[3] / "generator" / "house" / "data"
MANIFEST = json.loads((DATA / "objects.json").read_text(encoding="utf-8"))


def pixels(kind, colour=""):
    return np.asarray(cut_out(kind, colour).toarray()).astype(int)


@pytest.mark.parametrize("entry", MANIFEST["objects"], ids=lambda entry: entry["kind"])
def test_every_object_names_its_source_and_licence(entry):
    package = MANIFEST["packages"][entry["source"]]
    assert package["licence"] in {"Apache-2.0", "MIT"}
    assert package["version"]
    assert len(package["sha256"]) == len(entry["sha256"]) == 64
    assert list((DATA / "licences").glob(f"{entry['source']}-{package['licence']}.txt"))


def test_the_source_of_the_names_is_recorded_too():
    assert (DATA / "licences" / f"cldr-{MANIFEST['packages']['cldr']['licence']}.txt").exists()
    for entry in MANIFEST["objects"]:
        assert set(entry["cldr"]) == {"en", "ja"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_object_fills_its_cut_and_has_a_clear_ground(kind):
    alpha = pixels(kind)[..., 3]
    assert alpha[0].any()
    assert alpha[-1].any()
    assert alpha[:, 0].any()
    assert alpha[:, -1].any()
    assert 0.1 < (alpha == 0).mean() < 0.8


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_colour_paints_an_object_anew_and_keeps_its_outline(kind):
    own, seen = pixels(kind), []
    for colour in COLOURS:
        if colour == KINDS[kind].colour:
            continue
        painted = pixels(kind, colour)
        assert np.array_equal(painted[..., 3], own[..., 3])
        assert (np.abs(painted - own).max(-1) > 12).mean() > 0.02
        seen.append(painted)
    assert all((np.abs(a - b).max(-1) > 12).any() for i, a in enumerate(seen) for b in seen[:i])


def test_a_green_apple_is_green_and_its_leaf_stays():
    red, green = pixels("apple"), pixels("apple", "green")
    middle = green[100, 60]
    assert middle[1] > middle[0] + 30
    assert middle[1] > middle[2] + 30
    assert np.abs(red[12:30, 120:140] - green[12:30, 120:140]).mean() < 12
