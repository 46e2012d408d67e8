"""Recipes of remixes, run by the runtime and by the verifier's regenerator, forwards and backwards."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from generator.regenerate import open_regenerator
from generator.runtime import load_runtime
from provenance.correlation import cosine
from provenance.errors import InvalidError, UsageError
from provenance.latent import cell_distance, quantise
from provenance.noise import gaussian
from provenance.ports import Material
from provenance.recipe import Prompt, format_recipe, parse_recipe
from tests.generator.remix import workshop
from tests.generator.remix.workshop import operation, parent

HALF = Decimal("0.5")
NEW = Prompt("a forest at sunset")


def every_operation(family):
    """(operation, its sources) for all that this family can run."""
    one, two = parent(family), parent(family, workshop.OTHER, "snowy mountains")
    _, bits = workshop.left_half(family)
    found = [
        (operation("image-to-image", one, strength=HALF), (one,)),
        (operation("inpaint", one, mask=bits, strength=Decimal(1), mode="blend"), (one,)),
        (operation("blend", one, two, mode="spherical", weight=Decimal("0.3")), (one, two)),
        (operation("blend", one, two, one, mode="linear", w0=HALF, w1=HALF, w2=Decimal(0)), (one, two, one)),
    ]
    if family == "inpainting":
        found.append((operation("inpaint", one, mask=bits, strength=Decimal(1), mode="native"), (one,)))
    if family in workshop.FLOWS:
        numbers = {"strength": HALF, "average": 2, "source_guidance": Decimal("1.5")}
        found.append((operation("flow-edit", one, **numbers), (one,)))
        numbers = {**numbers, "strength": Decimal("0.75"), "sampled": HALF}
        found.append((operation("flow-edit", one, **numbers), (one,)))
    if family in workshop.UNETS:
        ways = {"content_trajectory": "rerun", "style_trajectory": "inverted"}
        numbers = {"gamma": Decimal("0.75"), "temperature": Decimal("1.5"), "strength": HALF}
        found.append((operation("style", one, two, **numbers, **ways), (one, two)))
        shares = {"attention": HALF, "features": Decimal("0.8")}
        found += [(operation("plug-and-play", one, **shares, trajectory=way), (one,)) for way in ("rerun", "inverted")]
    return found


def recipe_of(family, found, **changes):
    made = workshop.recipe(family, workshop.OTHER, NEW.text, operation=found, parents=found.parents, **changes)
    return parse_recipe(format_recipe(made))


@pytest.mark.parametrize("family", ["sd1", "sdxl", "flux", "house", "inpainting"])
def test_every_operation_regenerates_from_its_recipe_alone(family):
    machine = open_regenerator([workshop.name(family)])
    for found, sources in every_operation(family):
        made = recipe_of(family, found)
        told = {"steps": made.steps, "guidance": 3.0, "seed": made.seed}
        latent = workshop.runtime(family).remix(found, sources, NEW, **told)
        assert latent.shape == made.shape
        assert machine.why_not(made) is None
        (again,) = machine.regenerate(made, NEW, [made.seed], sources)
        integers = quantise(latent, made.latent_steps)
        assert cell_distance(again, integers, made.latent_steps) < 1e-4, found.name
        wrong = machine.regenerate(made, NEW, [bytes(32)], sources)[0]
        assert (cell_distance(wrong, integers, made.latent_steps) > 0.01) == found.draws, found.name


@pytest.mark.parametrize("family", ["sd1", "flux"])
def test_every_operation_runs_in_bfloat16(family):
    half = load_runtime(workshop.installed(family), device="cpu", dtype="bfloat16")
    for found, sources in every_operation(family):
        told = {"steps": workshop.STEPS, "guidance": 3.0, "seed": workshop.OTHER}
        latent, exact = (room.remix(found, sources, NEW, **told) for room in (half, workshop.runtime(family)))
        assert latent.dtype == np.float32
        assert cosine(latent, exact) > 0.9, found.name
        if found.mask is not None:
            inside, _ = workshop.left_half(family)
            assert np.array_equal(latent[:, ~inside], sources[0].latent[:, ~inside])


@pytest.mark.parametrize("family", ["sd1", "sdxl", "flux", "house"])
def test_inversion_finds_the_childs_noise_and_no_other(family):
    machine = open_regenerator([workshop.name(family)])
    one = parent(family)
    inside, bits = workshop.left_half(family)
    invertible = [
        operation("image-to-image", one, strength=HALF),
        operation("inpaint", one, mask=bits, strength=HALF, mode="blend"),
    ]
    if family in workshop.FLOWS:
        numbers = {"strength": Decimal("0.75"), "average": 2, "source_guidance": Decimal("1.5"), "sampled": HALF}
        invertible.append(operation("flow-edit", one, **numbers))
    for found in invertible:
        made = recipe_of(family, found)
        (latent,) = machine.regenerate(made, NEW, [made.seed], [one])
        back = machine.invert(made, NEW, latent, [one])
        where = inside if found.mask else np.ones_like(inside)
        noise, other = gaussian(made.seed, made.shape), gaussian(bytes(32), made.shape)
        assert cosine(back[:, where], noise[:, where]) > 0.3
        wrong = machine.invert(replace(made, seed=bytes(32)), NEW, latent, [one])
        assert abs(cosine(wrong[:, where], other[:, where])) < 0.2


def test_native_inpainting_is_shown_what_is_around_the_hole():
    """Its inside follows from the surroundings beyond what blending puts there; outside every integer is the parent's."""
    one, other = parent("inpainting"), parent("inpainting", workshop.OTHER, "snowy mountains")
    inside, bits = workshop.left_half("inpainting")
    room = workshop.runtime("inpainting")
    told = {"steps": workshop.STEPS, "guidance": 3.0, "seed": workshop.OTHER}
    made = {}
    for mode in ("native", "blend"):
        for name, source in (("one", one), ("other", other)):
            found = operation("inpaint", source, mask=bits, strength=Decimal(1), mode=mode)
            made[mode, name] = room.remix(found, [source], NEW, **told)
            steps = source.recipe.latent_steps
            assert np.array_equal(
                quantise(made[mode, name], steps)[:, ~inside], quantise(source.latent, steps)[:, ~inside]
            )
    assert not np.allclose(made["native", "one"][:, inside], made["blend", "one"][:, inside], atol=1e-3)
    assert not np.allclose(made["native", "one"][:, inside], made["native", "other"][:, inside], atol=1e-3)


def test_a_native_inpainting_of_everything_is_text_to_image():
    one = parent("inpainting")
    bits = np.packbits(np.ones(one.latent.shape[1:], bool).ravel()).tobytes()
    found = operation("inpaint", one, mask=bits, strength=Decimal(1), mode="native")
    told = {"steps": workshop.STEPS, "guidance": 3.0}
    made = workshop.runtime("inpainting").remix(found, [one], NEW, seed=workshop.OTHER, **told)
    fresh = workshop.sample("inpainting", workshop.OTHER, NEW.text)
    assert np.allclose(made, fresh[0].numpy(), atol=1e-4)


@pytest.mark.parametrize("family", ["sd1", "house"])
def test_operations_without_noise_of_their_own_have_no_way_back(family):
    machine = open_regenerator([workshop.name(family)])
    for found, sources in every_operation(family):
        if not found.invertible:
            assert machine.invert(recipe_of(family, found), NEW, sources[0].latent, sources) is None


def test_strength_0_keeps_every_integer_of_the_parent():
    one = parent("house")
    found = operation("image-to-image", one, strength=Decimal(0))
    latent = workshop.runtime("house").remix(found, [one], NEW, steps=4, guidance=3.0, seed=workshop.OTHER)
    steps = one.recipe.latent_steps
    assert np.array_equal(quantise(latent, steps), quantise(one.latent, steps))


# --- what does not fit ----------------------------------------------------------------------------------------------


def refused(found, sources, **changes):
    machine = open_regenerator([workshop.name("sd1")])
    with pytest.raises(InvalidError) as caught:
        machine.regenerate(recipe_of("sd1", found, **changes), NEW, [workshop.OTHER], sources)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_latent_of_another_model_is_refused():
    one = parent("sd1")
    stranger = replace(one, recipe=replace(one.recipe, model=workshop.recipe("sdxl").model))
    found = operation("image-to-image", one, strength=HALF)
    assert "means nothing there" in refused(found, [stranger])


def test_a_latent_of_another_shape_is_refused():
    one = parent("sd1")
    found = operation("image-to-image", one, strength=HALF)
    assert "shape (4, 8, 8)" in refused(found, [replace(one, latent=one.latent[:, :8, :8])])


def test_missing_sources_are_refused():
    found = operation("image-to-image", parent("sd1"), strength=HALF)
    assert "starts from 1 latents, 0 were given" in refused(found, [])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_latent_with_nan_is_refused(bad):
    one = parent("sd1")
    latent = one.latent.copy()
    latent[0, 0, 0] = bad
    found = operation("image-to-image", one, strength=Decimal(0))
    assert "NaN or infinity" in refused(found, [replace(one, latent=latent)])
    with pytest.raises(UsageError, match="NaN or infinity"):
        workshop.runtime("sd1").remix(
            found, [replace(one, latent=latent)], NEW, steps=4, guidance=3.0, seed=workshop.OTHER
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recipe": None}, "an outside picture"),
        ({"prompt": None}, "prompt is sealed"),
        ({"steps": 5}, "in 5 steps, not 4"),
        ({"operation": True}, "a remix itself"),
        ({"attached": True}, "another program"),
        ({"scheduler": True}, "another model, sampler or adapter"),
    ],
)
def test_what_cannot_be_run_again_is_not(change, reason):
    one = parent("sd1")
    found = operation("plug-and-play", one, attention=HALF, features=HALF, trajectory="rerun")
    made = one.recipe
    match next(iter(change)):
        case "recipe":
            one = Material(one.latent, None, None)
        case "prompt":
            one = replace(one, prompt=None)
        case "steps":
            one = replace(one, recipe=replace(made, steps=5))
        case "operation":
            one = replace(one, recipe=replace(made, operation=operation("image-to-image", one, strength=HALF)))
        case "attached":
            one = replace(one, recipe=replace(made, setup=replace(made.setup, attached=True)))
        case _:
            one = replace(one, recipe=replace(made, scheduler=workshop.recipe("sdxl").scheduler))
    assert reason in refused(found, [one])


def why_not(family, kind, **parameters):
    machine = open_regenerator([workshop.name(family)])
    material = parent(family)
    count = 2 if kind == "style" else 1
    _, bits = workshop.left_half(family)
    found = operation(kind, *[material] * count, mask=bits if kind == "inpaint" else None, **parameters)
    return machine.why_not(recipe_of(family, found))


def test_a_model_that_cannot_run_the_operation_says_so_in_one_line():
    shares = {"attention": HALF, "features": HALF, "trajectory": "rerun"}
    numbers = {"strength": HALF, "average": 1, "source_guidance": HALF}
    assert "looks into a UNet" in why_not("sd3", "plug-and-play", **shares)
    assert "flow-matching model" in why_not("sd1", "flow-edit", **numbers)
    assert "needs 9 input channels, the model has 4" in why_not("sd1", "inpaint", strength=HALF, mode="native")
    assert why_not("sd1", "plug-and-play", **shares) is None
    assert why_not("sd3", "flow-edit", **numbers) is None


def test_a_sampler_that_remembers_is_refused_for_all_but_blending():
    family = "decoder-only"
    latent = parent("sd1").latent
    made = workshop.recipe(family, shape=latent.shape, width=128, height=128)
    one = Material(latent, made, None)
    machine = open_regenerator([workshop.name(family)])

    def reason(found):
        return machine.why_not(recipe_of(family, found, shape=latent.shape, width=128, height=128))

    assert "cannot be entered midway" in reason(operation("image-to-image", one, strength=HALF))
    assert reason(operation("blend", one, one, mode="linear", weight=HALF)) is None


def test_an_edit_that_costs_hours_is_not_run_for_a_stranger():
    one = parent("house")
    numbers = {"strength": Decimal(1), "average": 8, "source_guidance": HALF}
    found = operation("flow-edit", one, **numbers)
    machine = open_regenerator()
    assert machine.why_not(recipe_of("house", found, steps=100)) is None
    wide = replace(one, latent=np.zeros((one.latent.shape[0], 32, 32), np.float32))
    found = operation("flow-edit", wide, **numbers)
    made = recipe_of("house", found, steps=100, shape=wide.latent.shape, width=256, height=256)
    assert "in 1600 steps is more" in machine.why_not(made)
