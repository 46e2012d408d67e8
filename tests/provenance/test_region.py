"""The region of a calibration: one encoding, inclusive bounds, and no way around it by another size."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from provenance.encoding import Fields, canonical
from provenance.errors import EncodingError, InvalidError
from provenance.measured import why_unmeasured
from provenance.policy import ModelTrust
from provenance.recipe import Prompt
from provenance.region import Region, region_from_json, region_to_json
from tests.support.remixes import MODEL, SHAPE, master, recipe_of, trust

REGION = Region((4, 60), (Decimal(1), Decimal("8.5")), (2, 20))


def recipe(**changes):
    return recipe_of(1, master(), **changes)


def model(*shapes, region=REGION):
    (known,) = trust().models[MODEL.digest].calibrations.values()
    return ModelTrust("m", MODEL.digest, {shape: replace(known, shape=shape, region=region) for shape in shapes})


def test_survives():
    assert region_from_json(Fields(json.loads(canonical(region_to_json(REGION))), "region")) == REGION


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [5, 4]},
        {"steps": [0, 4]},
        {"steps": [1, 1001]},
        {"steps": [1]},
        {"steps": [1, 2, 3]},
        {"steps": [True, 2]},
        {"steps": ["1", 2]},
        {"guidance": ["2", "1"]},
        {"guidance": ["-1", "1"]},
        {"guidance": ["0", "1001"]},
        {"guidance": [1, 2]},
        {"prompt": [3, 2]},
        {"prompt": [-1, 2]},
        {"prompt": [0, 10_001]},
        {"more": 1},
    ],
)
def test_bounds_that_make_no_sense(wrong):
    with pytest.raises((EncodingError, InvalidError)):
        region_from_json(Fields(region_to_json(REGION) | wrong, "region"))


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({"steps": 4}, True),
        ({"steps": 3}, False),
        ({"steps": 60}, True),
        ({"steps": 61}, False),
        ({"guidance": Decimal(1)}, True),
        ({"guidance": Decimal("0.99")}, False),
        ({"guidance": Decimal("8.5")}, True),
        ({"guidance": Decimal("8.51")}, False),
        ({"prompt": Prompt("ab")}, True),
        ({"prompt": Prompt(" a  ")}, False),
        ({"prompt": Prompt("a" * 20)}, True),
        ({"prompt": Prompt("a" * 21)}, False),
        ({"prompt": Prompt("ab", "a" * 20)}, True),
        ({"prompt": Prompt("ab", "a" * 21)}, False),
    ],
)
def test_bounds_are_inclusive(changes, inside):
    asked = recipe(**changes)
    assert (REGION.why_outside(asked, asked.prompt) is None) is inside


def test_the_length_of_a_sealed_prompt_is_not_known_and_the_rest_is():
    assert REGION.why_outside(recipe(), None) is None
    assert "steps 3" in REGION.why_outside(recipe(steps=3), None)


def test_another_size_is_bound_by_the_regions_of_the_measured_ones():
    wide = recipe(shape=(4, 32, 64), guidance=Decimal(30))
    assert "guidance 30" in why_unmeasured(wide, wide.shape, wide.prompt, model(SHAPE))
    assert why_unmeasured(replace(wide, guidance=Decimal(2)), wide.shape, wide.prompt, model(SHAPE)) is None
    other = model(SHAPE, (4, 48, 48))
    assert "guidance 30" in why_unmeasured(wide, wide.shape, wide.prompt, other)


def test_a_side_that_is_shorter_than_any_measured_one():
    for shape in ((4, 8, 8), (4, 31, 128), (4, 128, 31)):
        small = recipe(shape=shape)
        assert "shorter" in why_unmeasured(small, small.shape, small.prompt, model(SHAPE))
    exact = recipe(shape=(4, 32, 128))
    assert why_unmeasured(exact, exact.shape, exact.prompt, model(SHAPE, (4, 64, 64))) is None


def test_nothing_is_asked_of_models_without_calibration():
    strange = recipe(shape=(4, 8, 8), steps=1)
    assert why_unmeasured(strange, strange.shape, strange.prompt, None) is None
    assert why_unmeasured(strange, strange.shape, strange.prompt, model()) is None


def test_a_calibration_without_a_region_gives_no_bound():
    strange = recipe(steps=1)
    assert why_unmeasured(strange, strange.shape, strange.prompt, model(SHAPE, region=None)) is None
