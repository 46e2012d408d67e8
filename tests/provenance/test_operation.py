"""How a remix was made, as it stands in a recipe: read back exactly, and everything else refused."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from provenance.claim import LatentRef
from provenance.encoding import canonical
from provenance.errors import EncodingError, InvalidError, UnsupportedVersionError
from provenance.operation import OPERATIONS, Operation, Source, executed_steps
from provenance.recipe import format_recipe, parse_recipe, recipe_digest
from provenance.setup import Setup
from tests.support.works import SHAPE, STEPS, master, recipe

ONE, TWO, THREE = (Source(bytes([n]) * 32, LatentRef(bytes([n]) * 32, SHAPE, STEPS)) for n in (1, 2, 3))
OUTSIDE = Source(None, LatentRef(bytes(32), SHAPE, STEPS), b"\x09" * 32)
MASK = bytes.fromhex("00003c3c3c3c0000")
HALF = Decimal("0.5")
GOOD = [
    Operation("image-to-image", {"strength": HALF}, (ONE,)),
    Operation("image-to-image", {"strength": Decimal(0)}, (OUTSIDE,)),
    Operation("inpaint", {"strength": Decimal(1), "mode": "blend"}, (ONE,), MASK),
    Operation("plug-and-play", {"attention": HALF, "features": HALF, "trajectory": "rerun"}, (ONE,)),
    Operation("flow-edit", {"strength": HALF, "average": 1, "source_guidance": Decimal("1.5")}, (ONE,)),
    Operation(
        "style",
        {
            "gamma": HALF,
            "temperature": Decimal("1.5"),
            "strength": Decimal(1),
            "content_trajectory": "rerun",
            "style_trajectory": "inverted",
        },
        (ONE, TWO),
    ),
    Operation("blend", {"mode": "spherical", "weight": Decimal("0.3")}, (ONE, OUTSIDE)),
    Operation("blend", {"mode": "linear", "weight": Decimal("0.3")}, (ONE, ONE)),
    Operation("blend", {"mode": "linear", "w0": HALF, "w1": HALF, "w2": Decimal(0)}, (THREE, ONE, TWO)),
    Operation(
        "flow-edit",
        {"strength": HALF, "average": 1, "source_guidance": Decimal("1.5"), "sampled": Decimal("0.3")},
        (ONE,),
    ),
]


def of(operation, **changes):
    return replace(recipe(bytes(32), master()), operation=operation, parents=operation.parents, **changes)


@pytest.mark.parametrize("operation", GOOD)
@pytest.mark.parametrize("setup", [None, Setup("StableDiffusionPipeline")])
def test_a_remix_is_read_back(operation, setup):
    made = of(operation, setup=setup)
    data = format_recipe(made)
    assert parse_recipe(data) == made
    assert format_recipe(parse_recipe(data)) == data
    assert json.loads(data)["algorithm"] == {"id": "diffusers-remix" if setup else "remix", "v": 1}


def test_every_operation_has_an_example_here():
    assert {operation.name for operation in GOOD} == set(OPERATIONS)


def test_all_of_it_is_bound_by_the_digest():
    assert len({recipe_digest(of(operation)) for operation in GOOD}) == len(GOOD)


def test_only_noise_of_its_own_draws():
    assert [operation.draws for operation in GOOD] == [True, False, True, False, True, *[False] * 4, True]
    assert [operation.invertible for operation in GOOD] == [True, False, True, *[False] * 6, True]


def test_parents_are_the_sources_claims_in_order_and_once():
    assert [len(operation.parents) for operation in GOOD] == [1, 0, 1, 1, 1, 2, 1, 1, 3, 1]
    assert GOOD[8].parents == (THREE.claim, ONE.claim, TWO.claim)


@pytest.mark.parametrize(
    ("strength", "steps", "run"),
    [("0", 12, 0), ("0.5", 12, 6), ("0.5", 13, 7), ("0.04", 12, 0), ("0.042", 12, 1), ("1", 1, 1)],
)
def test_steps_are_rounded_half_up(strength, steps, run):
    assert executed_steps(Decimal(strength), steps) == run


def written(operation, change):
    value = json.loads(format_recipe(of(operation)))
    change(value)
    return canonical(value)


def changed(position, **parameters):
    return (position, lambda v: v["operation"]["parameters"].update(parameters))


@pytest.mark.parametrize(
    ("position", "change"),
    [
        (0, lambda v: v.pop("operation")),
        (0, lambda v: v["algorithm"].update(id="text-to-image")),
        (0, lambda v: v["operation"].update(name="upscale")),
        (0, lambda v: v["operation"].update(more=1)),
        (0, lambda v: v["operation"].update(mask="ff")),
        (0, lambda v: v["operation"]["parameters"].pop("strength")),
        changed(0, more="1"),
        changed(0, strength="1.01"),
        changed(0, strength="-0.1"),
        changed(0, strength="0.01"),  # of ten steps it runs none
        changed(0, strength=1),
        (0, lambda v: v.update(parents=[])),
        (0, lambda v: v.update(parents=["01" * 32, "01" * 32])),
        (0, lambda v: v.update(parents=["02" * 32])),
        (0, lambda v: v["operation"].update(sources=[])),
        (0, lambda v: v["operation"]["sources"].append(v["operation"]["sources"][0])),
        (0, lambda v: v["operation"]["sources"][0].update(pixels="00" * 32)),
        (0, lambda v: v["operation"]["sources"][0].update(claim=None)),
        (0, lambda v: v["operation"]["sources"][0].pop("pixels")),
        (0, lambda v: v["operation"]["sources"][0]["latent"].update(shape=[4, 8, 9])),
        (0, lambda v: v["operation"]["sources"][0]["latent"].update(shape=[3, 8, 8], steps=["0.5"] * 3)),
        (0, lambda v: v["operation"]["sources"][0]["latent"].update(digest="00")),
        (2, lambda v: v["operation"].update(mask=None)),
        (2, lambda v: v["operation"].update(mask="00" * 8)),
        (2, lambda v: v["operation"].update(mask="ff" * 8)),
        (2, lambda v: v["operation"].update(mask="0f" * 7)),
        (2, lambda v: v["operation"].update(mask="0f" * 9)),
        (2, lambda v: v["operation"].update(mask=[1, 0])),
        changed(2, mode="other"),
        changed(3, trajectory="guessed"),
        changed(4, strength="0"),
        changed(4, average=0),
        changed(4, average=9),
        changed(4, average="1"),
        changed(4, source_guidance="-1"),
        changed(4, source_guidance="101"),
        changed(9, sampled="0"),
        changed(9, sampled="0.04"),  # of ten steps it runs none
        changed(9, sampled="0.5"),  # all that are run
        changed(9, sampled=1),
        changed(0, sampled="0.3"),
        changed(3, sampled="0.3"),
        changed(5, temperature="0"),
        changed(5, temperature="10.5"),
        (5, lambda v: v["operation"]["sources"].pop()),
        changed(6, weight="1.5"),
        changed(6, w0="0.5"),
        changed(8, w0="0.6"),
        changed(8, weight="0.5"),
        changed(8, w3="0"),
    ],
)
def test_refused(position, change):
    with pytest.raises(InvalidError):
        parse_recipe(written(GOOD[position], change))


def test_a_mask_has_no_bits_beyond_its_cells():
    odd = (4, 3, 3)
    source = Source(bytes(32), LatentRef(bytes(32), odd, STEPS))
    good = Operation("inpaint", {"strength": HALF, "mode": "blend"}, (source,), bytes.fromhex("0180"))
    assert parse_recipe(format_recipe(of(good, shape=odd))).operation == good
    with pytest.raises(EncodingError, match="beyond its last cell"):
        format_recipe(of(replace(good, mask=bytes.fromhex("01c0")), shape=odd))


def test_a_newer_algorithm_is_unsupported_and_not_invalid():
    with pytest.raises(UnsupportedVersionError, match="update seedproof"):
        parse_recipe(written(GOOD[0], lambda v: v["algorithm"].update(v=2)))


def test_what_does_not_fit_is_not_written():
    with pytest.raises(EncodingError, match="parents"):
        format_recipe(replace(of(GOOD[0]), parents=()))
    with pytest.raises(EncodingError, match="latent of"):
        format_recipe(of(GOOD[0], shape=(4, 16, 4)))
    with pytest.raises(InvalidError):
        format_recipe(of(Operation("upscale", {}, (ONE,))))


def test_parameters_cannot_be_changed_from_outside():
    given = {"strength": HALF}
    operation = Operation("image-to-image", given, (ONE,))
    given["strength"] = Decimal(1)
    assert operation.strength == HALF
