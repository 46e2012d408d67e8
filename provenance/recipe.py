"""All that is needed to make the picture again: model, scheduler, prompt, sizes; open or with a sealed prompt.

The digest binds everything that shapes the picture. What merely explains a difference between machines (device,
libraries, threads) is the environment: kept beside, unhashed, and no excuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from provenance.claim import MAX_PARENTS, digest_item, read_shape, read_steps
from provenance.display import require_plain_text
from provenance.encoding import Fields, Json, canonical, decimal_string, parse_canonical, parse_json
from provenance.errors import EncodingError, LimitError, UnsupportedVersionError
from provenance.hashing import Tag, tagged_hash
from provenance.opening import (
    MAX_PROMPT,
    Opening,
    Prompt,
    checked_prompt,
    format_opening,
    open_sealed,
    opening_commitment,
    parse_opening,
    seal,
)
from provenance.operation import Operation, check_operation, operation_from_json, operation_to_json
from provenance.setup import Setup, setup_from_json, setup_to_json

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "MAX_PROMPT",
    "Component",
    "Model",
    "Opening",
    "Prompt",
    "Recipe",
    "Scheduler",
    "format_opening",
    "format_recipe",
    "open_sealed",
    "opening_commitment",
    "parse_opening",
    "parse_recipe",
    "recipe_digest",
    "seal",
]

MAX_RECIPE_BYTES = 65_536
MAX_STEPS = 1_000
MAX_PICTURE_SIDE = 8_192
_ALGORITHMS = {
    "text-to-image": (False, False),
    "diffusers-text-to-image": (True, False),
    "remix": (False, True),
    "diffusers-remix": (True, True),
}
"""Whether a recipe has a setup (a pipeline of diffusers; else the flow-matching loop of our own) and an operation."""

_IDS = {parts: identifier for identifier, parts in _ALGORITHMS.items()}

_DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Component:
    """One folder of a model (unet, vae, ...) with the digest over its files."""

    name: str
    digest: bytes


@dataclass(frozen=True)
class Model:
    """A model by name (for people) and digest (for machines), with its components."""

    name: str
    digest: bytes
    components: tuple[Component, ...]


@dataclass(frozen=True)
class Scheduler:
    """A sampler by its diffusers class and full configuration, floats as decimal strings, in canonical JSON text."""

    name: str
    config: str


@dataclass(frozen=True)
class Recipe:
    """See docs/protocol.md, section 7. ``prompt`` is open, or the 32-byte commitment to a sealed opening.

    The algorithm follows from what is there: ``setup`` is a run of a diffusers pipeline, ``operation`` a remix.
    """

    model: Model
    scheduler: Scheduler
    steps: int
    guidance: Decimal
    prompt: Prompt | bytes
    max_tokens: int
    width: int
    height: int
    dtype: str
    seed: bytes
    shape: tuple[int, int, int]
    latent_steps: tuple[Decimal, ...]
    parents: tuple[bytes, ...] = ()
    setup: Setup | None = None
    operation: Operation | None = None

    @property
    def sealed(self) -> bool:
        """Whether readers see a commitment instead of the prompt."""
        return isinstance(self.prompt, bytes)

    @cached_property
    def canonical(self) -> bytes:
        """Its canonical bytes; see :func:`format_recipe`."""
        return _format(self)


def recipe_digest(recipe: Recipe) -> bytes:
    """tagged_hash("seedproof/v1/recipe", canonical bytes), 32 bytes."""
    return tagged_hash(Tag.RECIPE, format_recipe(recipe))


def format_recipe(recipe: Recipe) -> bytes:
    """Canonical bytes of a recipe.

    Raises:
        LimitError: longer than a reader takes; only a prompt or a mask can be that long.
        EncodingError: an operation that does not fit the rest.
    """
    return recipe.canonical


def _format(recipe: Recipe) -> bytes:
    _check_operation(recipe)
    prompt: Json
    if isinstance(recipe.prompt, bytes):
        prompt = {"sealed": recipe.prompt.hex()}
    else:
        prompt = {"text": recipe.prompt.text, "negative": recipe.prompt.negative}
    data = canonical(
        {
            "kind": "recipe",
            "v": 1,
            "algorithm": {"id": _IDS[recipe.setup is not None, recipe.operation is not None], "v": 1},
            "model": {
                "name": recipe.model.name,
                "digest": recipe.model.digest.hex(),
                "components": [{"name": c.name, "digest": c.digest.hex()} for c in recipe.model.components],
            },
            "scheduler": {
                "class": recipe.scheduler.name,
                "config": parse_json(recipe.scheduler.config.encode(), "scheduler configuration"),
            },
            "steps": recipe.steps,
            "guidance": decimal_string(recipe.guidance),
            "prompt": prompt,
            "truncation": {"tokens": recipe.max_tokens, "rule": "keep-first"},
            "width": recipe.width,
            "height": recipe.height,
            "dtype": recipe.dtype,
            "batch": 1,
            "noise": {"v": 1, "seed": recipe.seed.hex(), "shape": list(recipe.shape), "stream": 0},
            "latent": {"v": 1, "steps": [decimal_string(step) for step in recipe.latent_steps]},
            "pixels": {"v": 1},
            "parents": [parent.hex() for parent in recipe.parents],
            **({} if recipe.setup is None else {"setup": setup_to_json(recipe.setup)}),
            **({} if recipe.operation is None else {"operation": operation_to_json(recipe.operation)}),
        }
    )
    if len(data) > MAX_RECIPE_BYTES:
        too_long = "the prompt" if recipe.operation is None or not recipe.operation.mask else "the prompt or the mask"
        raise LimitError(f"recipe: {len(data)} bytes are more than the limit of {MAX_RECIPE_BYTES}; shorten {too_long}")
    return data


def parse_recipe(data: bytes) -> Recipe:
    """The recipe whose canonical bytes these are.

    Raises:
        EncodingError, LimitError: not a canonical recipe.
        UnsupportedVersionError: another version of the recipe, algorithm, noise, latent or pixel rounding.
    """
    with Fields(parse_canonical(data, "recipe", limit=MAX_RECIPE_BYTES), "recipe") as fields:
        fields.version("recipe")
        with_setup, with_operation = _read_algorithm(fields.object("algorithm"))
        seed, shape, latent_steps = _read_noise_and_latent(fields)
        with fields.object("pixels") as pixels:
            _check_version(pixels, "pixel rounding")
        fields.integer("batch", low=1, high=1)
        recipe = Recipe(
            model=_read_model(fields.object("model")),
            scheduler=_read_scheduler(fields.object("scheduler")),
            steps=fields.integer("steps", low=1, high=MAX_STEPS),
            guidance=fields.decimal("guidance"),
            prompt=_read_prompt(fields.take("prompt")),
            max_tokens=_read_truncation(fields.object("truncation")),
            width=fields.integer("width", low=1, high=MAX_PICTURE_SIDE),
            height=fields.integer("height", low=1, high=MAX_PICTURE_SIDE),
            dtype=fields.choice("dtype", _DTYPES),
            seed=seed,
            shape=shape,
            latent_steps=latent_steps,
            parents=fields.array("parents", digest_item, limit=MAX_PARENTS),
            setup=setup_from_json(fields.object("setup")) if with_setup else None,
            operation=operation_from_json(fields.object("operation")) if with_operation else None,
        )
    _check_operation(recipe)
    return recipe


def _check_operation(recipe: Recipe) -> None:
    if recipe.operation is not None:
        check_operation(recipe.operation, shape=recipe.shape, steps=recipe.steps, parents=recipe.parents)


def _read_algorithm(fields: Fields) -> tuple[bool, bool]:
    with fields:
        identifier = fields.text("id", limit=100)
        version = fields.integer("v")
        # before unknown fields: a newer algorithm may have more
        if identifier not in _ALGORITHMS or version != 1:
            raise UnsupportedVersionError(
                f"recipe: algorithm {identifier!r} version {version} is not known to this program; update seedproof"
            )
        return _ALGORITHMS[identifier]


def _check_version(fields: Fields, what: str) -> None:
    version = fields.integer("v")
    if version != 1:
        raise UnsupportedVersionError(f"recipe: {what} version {version} is not known; update seedproof")


def _read_noise_and_latent(fields: Fields) -> tuple[bytes, tuple[int, int, int], tuple[Decimal, ...]]:
    with fields.object("noise") as noise:
        _check_version(noise, "noise")
        seed = noise.binary("seed", size=32)
        shape = read_shape(noise)
        noise.integer("stream", high=0)
    with fields.object("latent") as latent:
        _check_version(latent, "latent")
        return seed, shape, read_steps(latent, shape[0])


def _read_model(fields: Fields) -> Model:
    with fields:
        return Model(
            name=_name(fields, "name", 200),
            digest=fields.binary("digest", size=32),
            components=fields.array("components", _component, limit=32, low=1),
        )


def _component(value: object, where: str) -> Component:
    with Fields(value, where) as fields:
        return Component(_name(fields, "name", 100), fields.binary("digest", size=32))


def _read_scheduler(fields: Fields) -> Scheduler:
    with fields:
        name = _name(fields, "class", 100)
        config = fields.take("config")
    if not isinstance(config, dict):
        raise EncodingError("recipe: scheduler: config must be an object")
    return Scheduler(name, canonical(config).decode())


def _read_truncation(fields: Fields) -> int:
    with fields:
        fields.choice("rule", ("keep-first",))
        return fields.integer("tokens", low=1, high=100_000)


def _read_prompt(value: object) -> Prompt | bytes:
    with Fields(value, "recipe: prompt") as fields:
        if isinstance(value, dict) and "sealed" in value:
            return fields.binary("sealed", size=32)
        return checked_prompt(fields)


def _name(fields: Fields, field: str, limit: int) -> str:
    return require_plain_text(fields.text(field, limit=limit), f"{fields.what}: {field}", limit=limit)
