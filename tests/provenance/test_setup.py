"""How a model was run, as it stands in a recipe: read back exactly, and everything else refused."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from provenance.encoding import canonical
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.recipe import Component, Model, Prompt, Recipe, Scheduler, format_recipe, parse_recipe, recipe_digest
from provenance.setup import MAX_ADAPTERS, MAX_DRAWS, Adapter, Setup

ADAPTERS = (Adapter("lora", "style", bytes(32), Decimal("0.8")), Adapter("textual-inversion", "<fox>", b"\x01" * 32))
SETUPS = [
    Setup("StableDiffusionPipeline"),
    Setup("FluxPipeline", arguments='{"max_sequence_length":256,"x":"0.5","y":true}'),
    Setup("StableDiffusionPipeline", replaced_scheduler=True, draws=20),
    Setup("StableDiffusionPipeline", adapters=ADAPTERS),
    Setup("OwnPipeline", code=b"\x02" * 32),
    Setup("StableDiffusionPipeline", attached=True),
]
PLAIN = Recipe(
    model=Model("m", bytes(32), (Component("unet", bytes(32)),)),
    scheduler=Scheduler("DDIMScheduler", "{}"),
    steps=20,
    guidance=Decimal(7),
    prompt=Prompt("a fox"),
    max_tokens=77,
    width=512,
    height=512,
    dtype="float32",
    seed=bytes(32),
    shape=(4, 64, 64),
    latent_steps=(Decimal("0.1"),) * 4,
)


@pytest.mark.parametrize("setup", SETUPS)
def test_a_recipe_with_a_setup_is_read_back(setup):
    recipe = replace(PLAIN, setup=setup)
    data = format_recipe(recipe)
    assert parse_recipe(data) == recipe
    assert format_recipe(parse_recipe(data)) == data
    assert json.loads(data)["algorithm"] == {"id": "diffusers-text-to-image", "v": 1}
    assert recipe_digest(recipe) != recipe_digest(PLAIN)


def test_every_field_of_the_setup_is_bound_by_the_digest():
    digests = {recipe_digest(replace(PLAIN, setup=setup)) for setup in SETUPS}
    assert len(digests) == len(SETUPS)
    loud = replace(ADAPTERS[0], scale=Decimal(1))
    assert recipe_digest(replace(PLAIN, setup=Setup("P", adapters=(loud,)))) != recipe_digest(
        replace(PLAIN, setup=Setup("P", adapters=(ADAPTERS[0],)))
    )


def test_a_recipe_without_a_setup_is_as_it_always_was():
    value = json.loads(format_recipe(PLAIN))
    assert "setup" not in value
    assert value["algorithm"] == {"id": "text-to-image", "v": 1}


def test_only_a_plain_run_of_a_models_own_may_be_authentic():
    assert [setup.why_not_authentic is None for setup in SETUPS] == [True, True, False, False, False, False]


def changed(change):
    value = json.loads(format_recipe(replace(PLAIN, setup=SETUPS[3])))
    change(value)
    return canonical(value)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.pop("setup"),
        lambda v: v["algorithm"].update(id="text-to-image"),
        lambda v: v["setup"].update(more=1),
        lambda v: v["setup"].update(pipeline=""),
        lambda v: v["setup"].update(pipeline="x\u202ey"),
        lambda v: v["setup"].update(scheduler="other"),
        lambda v: v["setup"].update(origin="elsewhere"),
        lambda v: v["setup"].update(draws=-1),
        lambda v: v["setup"].update(draws=MAX_DRAWS + 1),
        lambda v: v["setup"].update(code="00"),
        lambda v: v["setup"].update(arguments=[]),
        lambda v: v["setup"].update(arguments={"a": {"b": 1}}),
        lambda v: v["setup"].update(arguments={"a": None}),
        lambda v: v["setup"].update(arguments={"a\u200b": 1}),
        lambda v: v["setup"].update(arguments={"a": "x" * 101}),
        lambda v: v["setup"].update(arguments={str(i): i for i in range(33)}),
        lambda v: v["setup"].update(adapters=v["setup"]["adapters"] * MAX_ADAPTERS),
        lambda v: v["setup"]["adapters"][0].update(kind="controlnet"),
        lambda v: v["setup"]["adapters"][0].update(digest="00"),
        lambda v: v["setup"]["adapters"][0].update(scale="0.80"),
        lambda v: v["setup"]["adapters"][0].update(name="a\u2066b"),
    ],
)
def test_anything_else_is_refused(change):
    with pytest.raises(InvalidError):
        parse_recipe(changed(change))


def test_a_newer_algorithm_is_newer_and_not_wrong():
    for change in (
        lambda v: v["algorithm"].update(v=2),
        lambda v: v["algorithm"].update(id="diffusers-text-to-video"),
    ):
        with pytest.raises(UnsupportedVersionError):
            parse_recipe(changed(change))
