"""Vectors of remixes: written again they are the same, digests and rounding by hand, and what must be refused is."""

import hashlib
import json
import struct
from decimal import Decimal
from pathlib import Path

import pytest

from provenance.claim import format_entry
from provenance.errors import InvalidError
from provenance.recipe import format_recipe, parse_recipe
from provenance.work import work_of_bundle
from tools.make_operation_vectors import vectors

FILE = json.loads((Path(__file__).parent / "vectors" / "operations-v1.json").read_text("utf-8"))


def test_the_file_is_what_the_tool_writes():
    assert vectors() == FILE


@pytest.mark.parametrize("case", FILE["recipes"], ids=lambda case: case["name"])
def test_recipes(case):
    data = case["recipe"].encode()
    tag = hashlib.sha256(b"seedproof/v1/recipe").digest()
    assert hashlib.sha256(tag + tag + data).hexdigest() == case["digest"]
    recipe = parse_recipe(data)
    assert format_recipe(recipe) == data
    operation = recipe.operation
    assert (operation.draws, operation.invertible) == (case["draws"], case["invertible"])
    value = json.loads(data)
    strength = value["operation"]["parameters"].get("strength")
    by_hand = None if strength is None else (2 * int(Decimal(strength) * 100) * value["steps"] + 100) // 200
    assert case["executed_steps"] == by_hand
    assert value["parents"] == list(
        dict.fromkeys(each["claim"] for each in value["operation"]["sources"] if each["claim"])
    )


@pytest.mark.parametrize("case", FILE["refused"], ids=lambda case: case["name"])
def test_what_must_be_refused_is(case):
    with pytest.raises(InvalidError):
        parse_recipe(case["recipe"].encode())


def test_the_bundle_read_by_the_words_of_the_protocol():
    data = bytes.fromhex(FILE["work"]["bundle"])
    assert data[:4] == b"SPW1"
    (length,) = struct.unpack(">I", data[4:8])
    entry, rest = data[8 : 8 + length], data[8 + length :]
    (length,) = struct.unpack(">I", rest[:4])
    assert rest[4 : 4 + length].decode() == FILE["work"]["recipe"]
    assert rest[4 + length :].hex() == FILE["work"]["stored_latent"]
    work = work_of_bundle(data)
    assert format_entry(work.entry) == entry
    assert len(work.faults) == 4  # neither its signatures nor its seed nor its latent is real
