"""Vectors of recipes by diffusers' pipelines and of the XMP packet: written again they are the same, digests by hand."""

import hashlib
import json
from pathlib import Path

import pytest

from provenance.recipe import format_recipe, parse_recipe
from provenance.xmp import Xmp, format_xmp, parse_xmp
from tools.make_setup_vectors import vectors

FILE = json.loads((Path(__file__).parent / "vectors" / "setups-v1.json").read_text("utf-8"))


def test_the_file_is_what_the_tool_writes():
    assert vectors() == FILE


@pytest.mark.parametrize("case", FILE["recipes"], ids=lambda case: case["name"])
def test_recipes(case):
    data = case["recipe"].encode()
    tag = hashlib.sha256(b"seedproof/v1/recipe").digest()
    assert hashlib.sha256(tag + tag + data).hexdigest() == case["digest"]
    recipe = parse_recipe(data)
    assert format_recipe(recipe) == data
    assert recipe.setup.why_not_authentic == case["why_not_authentic"]


@pytest.mark.parametrize("case", FILE["xmp"])
def test_packets(case):
    xmp = Xmp(case["prompt"], case["system"], case["version"])
    assert format_xmp(xmp) == case["packet"].encode()
    assert parse_xmp(case["packet"].encode()) == xmp
