"""Write tests/vectors/operations-v1.json: recipes of every remix, a bundled work, and recipes that must be refused.

python tools/make_operation_vectors.py tests/vectors/operations-v1.json
"""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.claim import Claim, Entry, LatentRef, Output, Terms
from provenance.encoding import canonical
from provenance.operation import Operation, Source, executed_steps
from provenance.recipe import Component, Model, Prompt, Recipe, Scheduler, format_recipe, recipe_digest
from provenance.setup import Setup
from provenance.work import format_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (4, 3, 5)
STEPS = (Decimal("0.125"), Decimal("0.1"), Decimal("0.25"), Decimal(1))
ONE, TWO, THREE = (Source(bytes([n]) * 32, LatentRef(bytes([16 + n]) * 32, SHAPE, STEPS)) for n in (1, 2, 3))
OUTSIDE = Source(None, LatentRef(b"\x20" * 32, SHAPE, STEPS), b"\x21" * 32)
MASK = bytes.fromhex("07c2")
"""15 cells in 3 rows of 5: the whole middle row may change, and the last cell."""

HALF = Decimal("0.5")
OPERATIONS = {
    "image to image": Operation("image-to-image", {"strength": Decimal("0.45")}, (ONE,)),
    "image to image, strength 0": Operation("image-to-image", {"strength": Decimal(0)}, (ONE,)),
    "image to image of an outside picture": Operation("image-to-image", {"strength": HALF}, (OUTSIDE,)),
    "inpaint": Operation("inpaint", {"strength": Decimal(1), "mode": "blend"}, (TWO,), MASK),
    "plug and play": Operation(
        "plug-and-play", {"attention": HALF, "features": Decimal("0.8"), "trajectory": "rerun"}, (ONE,)
    ),
    "flow edit": Operation(
        "flow-edit", {"strength": Decimal("0.7"), "average": 2, "source_guidance": Decimal("1.5")}, (ONE,)
    ),
    "flow edit, its last steps sampled": Operation(
        "flow-edit",
        {"strength": Decimal("0.7"), "average": 2, "source_guidance": Decimal("1.5"), "sampled": Decimal("0.3")},
        (ONE,),
    ),
    "style": Operation(
        "style",
        {
            "gamma": Decimal("0.75"),
            "temperature": Decimal("1.5"),
            "strength": Decimal(1),
            "content_trajectory": "rerun",
            "style_trajectory": "inverted",
        },
        (ONE, TWO),
    ),
    "blend of two": Operation("blend", {"mode": "spherical", "weight": Decimal("0.3")}, (TWO, ONE)),
    "blend of three and one of them again": Operation(
        "blend",
        {"mode": "linear", "w0": HALF, "w1": Decimal("0.25"), "w2": Decimal("0.25"), "w3": Decimal(0)},
        (THREE, ONE, THREE, OUTSIDE),
    ),
}


def recipe(operation: Operation, setup: Setup | None) -> Recipe:
    """A recipe of a picture that nobody made."""
    return Recipe(
        model=Model("example/model", bytes(range(32)), (Component("unet", bytes(32)),)),
        scheduler=Scheduler("DDIMScheduler", '{"num_train_timesteps":1000}'),
        steps=11,
        guidance=Decimal("7.5"),
        prompt=Prompt("a pear"),
        max_tokens=77,
        width=40,
        height=24,
        dtype="float32",
        seed=b"\x02" * 32,
        shape=SHAPE,
        latent_steps=STEPS,
        parents=operation.parents,
        setup=setup,
        operation=operation,
    )


CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "no operation": ("image to image", lambda v: v.pop("operation")),
    "an operation in text-to-image": ("image to image", lambda v: v["algorithm"].update(id="text-to-image")),
    "an unknown operation": ("image to image", lambda v: v["operation"].update(name="upscale")),
    "a parameter too many": ("image to image", lambda v: v["operation"]["parameters"].update(more="1")),
    "a parameter too few": ("inpaint", lambda v: v["operation"]["parameters"].pop("mode")),
    "a strength above 1": ("image to image", lambda v: v["operation"]["parameters"].update(strength="1.1")),
    "a strength that runs no step": ("image to image", lambda v: v["operation"]["parameters"].update(strength="0.01")),
    "a strength as a number": ("image to image", lambda v: v["operation"]["parameters"].update(strength=1)),
    "parents that are not the sources": ("image to image", lambda v: v.update(parents=["02" * 32])),
    "parents with a repeat": ("blend of two", lambda v: v.update(parents=["02" * 32, "01" * 32, "02" * 32])),
    "parents in another order": ("blend of two", lambda v: v.update(parents=["01" * 32, "02" * 32])),
    "a source too few": ("style", lambda v: (v["operation"]["sources"].pop(), v["parents"].pop())),
    "a source of another shape": (
        "image to image",
        lambda v: v["operation"]["sources"][0]["latent"].update(shape=[4, 5, 3]),
    ),
    "a source that is claimed and outside": (
        "image to image",
        lambda v: v["operation"]["sources"][0].update(pixels="00" * 32),
    ),
    "a source that is neither": ("image to image", lambda v: v["operation"]["sources"][0].update(claim=None)),
    "a mask without inpaint": ("image to image", lambda v: v["operation"].update(mask="07c2")),
    "inpaint without a mask": ("inpaint", lambda v: v["operation"].update(mask=None)),
    "a mask that is too short": ("inpaint", lambda v: v["operation"].update(mask="07")),
    "a mask that is too long": ("inpaint", lambda v: v["operation"].update(mask="07c200")),
    "a mask with a bit beyond its cells": ("inpaint", lambda v: v["operation"].update(mask="07c3")),
    "an empty mask": ("inpaint", lambda v: v["operation"].update(mask="0000")),
    "a whole mask": ("inpaint", lambda v: v["operation"].update(mask="fffe")),
    "weights that do not sum to 1": (
        "blend of three and one of them again",
        lambda v: v["operation"]["parameters"].update(w0="0.6"),
    ),
    "an average of 9": ("flow edit", lambda v: v["operation"]["parameters"].update(average=9)),
    "no sampled steps, and said so": ("flow edit", lambda v: v["operation"]["parameters"].update(sampled="0")),
    "a share that samples no step": ("flow edit", lambda v: v["operation"]["parameters"].update(sampled="0.01")),
    "all steps sampled": ("flow edit", lambda v: v["operation"]["parameters"].update(sampled="0.7")),
    "sampled steps of something else": (
        "image to image",
        lambda v: v["operation"]["parameters"].update(sampled="0.3"),
    ),
    "a temperature of 0": ("style", lambda v: v["operation"]["parameters"].update(temperature="0")),
}


def _refused(name: str, base: str, change: Callable[[dict[str, Any]], object]) -> dict[str, str]:
    value = deepcopy(json.loads(format_recipe(recipe(OPERATIONS[base], None))))
    change(value)
    return {"name": name, "recipe": canonical(value).decode()}


def _bundle() -> dict[str, str]:
    """A work in which every digest and signature is a fixed pattern: only its form is tested."""
    made = recipe(OPERATIONS["image to image"], None)
    claim = Claim(
        Y=b"\x07" * 32,
        index=0,
        nonce=None,
        authors=(b"\x08" * 32,),
        recipe=recipe_digest(made),
        outputs=(Output("pixels", b"\x09" * 32),),
        latent=LatentRef(b"\x0a" * 32, SHAPE, STEPS),
        parents=made.parents,
        terms=Terms(),
    )
    stored = bytes(range(40))
    data = format_bundle(Entry(claim, b"\x0b" * 64, (b"\x0c" * 64,)), made, stored)
    return {"bundle": data.hex(), "recipe": format_recipe(made).decode(), "stored_latent": stored.hex()}


def vectors() -> dict[str, object]:
    """Everything, from fixed inputs."""
    recipes = []
    for name, operation in OPERATIONS.items():
        for setup in (None, Setup("StableDiffusionPipeline")):
            made = recipe(operation, setup)
            strength = operation.strength
            recipes.append(
                {
                    "name": name if setup is None else f"{name}, a diffusers pipeline",
                    "recipe": format_recipe(made).decode(),
                    "digest": recipe_digest(made).hex(),
                    "executed_steps": None if strength is None else executed_steps(strength, made.steps),
                    "draws": operation.draws,
                    "invertible": operation.invertible,
                }
            )
    refused = [_refused(name, base, change) for name, (base, change) in CHANGES.items()]
    return {"recipes": recipes, "refused": refused, "work": _bundle()}


def main() -> None:
    """Write the file that is named."""
    Path(sys.argv[1]).write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
