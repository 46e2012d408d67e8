"""All that is needed to make the picture again: model, scheduler, prompt, sizes; open or with a sealed prompt.

The digest binds everything that shapes the picture. What merely explains a difference between machines (device,
libraries, threads) is the environment: kept beside, unhashed, and no excuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from provenance.claim import MAX_PARENTS, digest_item, read_shape, read_steps
from provenance.display import require_plain_text
from provenance.encoding import (
    MAX_DOCUMENT_BYTES,
    Fields,
    Json,
    canonical,
    decimal_string,
    parse_canonical,
    parse_json,
)
from provenance.errors import EncodingError, InvalidError, LimitError, SealedError, UnsupportedVersionError
from provenance.hashing import Tag, tagged_hash
from provenance.operation import Operation, check_operation, operation_from_json, operation_to_json
from provenance.setup import Setup, setup_from_json, setup_to_json

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
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
MAX_PROMPT = 10_000
"""Characters of a prompt; models read far fewer and the recipe records the truncation rule."""

MAX_STEPS = 1_000
MAX_PICTURE_SIDE = 8_192
_PAD = 512
"""Sealed prompts are padded to a multiple of this many bytes, so that their length says little."""

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
class Prompt:
    """What the model was told: ``text`` and the ``negative`` prompt, kept code point for code point."""

    text: str
    negative: str = ""


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


@dataclass(frozen=True)
class Opening:
    """What opens a sealed prompt: the salt (32 random bytes) and the prompt."""

    salt: bytes
    prompt: Prompt


def recipe_digest(recipe: Recipe) -> bytes:
    """tagged_hash("seedproof/v1/recipe", canonical bytes), 32 bytes."""
    return tagged_hash(Tag.RECIPE, format_recipe(recipe))


def format_recipe(recipe: Recipe) -> bytes:
    """Canonical bytes of a recipe.

    Raises:
        LimitError: longer than a reader takes; only a prompt or a mask can be that long.
        EncodingError: an operation that does not fit the rest.
    """
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


def format_opening(opening: Opening) -> bytes:
    """Canonical bytes of an opening: what the commitment hashes.

    Raises:
        LimitError: longer than a reader takes.
    """
    data = canonical(
        {
            "kind": "opening",
            "v": 1,
            "salt": opening.salt.hex(),
            "text": opening.prompt.text,
            "negative": opening.prompt.negative,
        }
    )
    if len(data) > MAX_DOCUMENT_BYTES:
        raise LimitError(f"opening: {len(data)} bytes are more than {MAX_DOCUMENT_BYTES}; shorten the prompt")
    return data


def parse_opening(data: bytes) -> Opening:
    """An opening from JSON of any formatting.

    Raises:
        EncodingError, LimitError, UnsupportedVersionError: it is none.
    """
    with Fields(parse_json(data, "opening"), "opening") as fields:
        fields.version("opening")
        salt = fields.binary("salt", size=32)
        return Opening(salt, _checked_prompt(fields))


def opening_commitment(opening: Opening) -> bytes:
    """The 32 bytes that stand in the recipe instead of the prompt."""
    return tagged_hash(Tag.PROMPT, format_opening(opening))


def seal(opening: Opening, key: bytes, index: int) -> bytes:
    """The opening, padded and encrypted for its author under his 32-byte prompt key (ChaCha20-Poly1305, RFC 8439).

    One nonce per index is safe: the key is derived afresh for every work.
    """
    return ChaCha20Poly1305(key).encrypt(index.to_bytes(12, "little"), _padded(opening), opening_commitment(opening))


def open_sealed(sealed: bytes, key: bytes, index: int, commitment: bytes) -> Opening:
    """Inverse of :func:`seal`.

    Raises:
        SealedError: another key, damaged bytes, or an opening that is not the committed one.
        UnsupportedVersionError: an opening of a newer program.
    """
    try:
        plain = ChaCha20Poly1305(key).decrypt(index.to_bytes(12, "little"), sealed, commitment)
    except (InvalidTag, ValueError) as error:
        raise SealedError("the sealed prompt does not open with this master secret") from error
    try:
        opening = parse_opening(plain.rpartition(b"\x80")[0])
    except InvalidError as error:
        raise SealedError(f"the sealed prompt opens, but to no opening: {error}") from error
    if opening_commitment(opening) != commitment or _padded(opening) != plain:
        raise SealedError("the sealed prompt is not the one that the recipe commits to, or not padded as it must be")
    return opening


def _padded(opening: Opening) -> bytes:
    plain = format_opening(opening) + b"\x80"
    return plain + bytes(-len(plain) % _PAD)


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
        return _checked_prompt(fields)


def _checked_prompt(fields: Fields) -> Prompt:
    return Prompt(fields.text("text", limit=MAX_PROMPT), fields.text("negative", limit=MAX_PROMPT))


def _name(fields: Fields, field: str, limit: int) -> str:
    return require_plain_text(fields.text(field, limit=limit), f"{fields.what}: {field}", limit=limit)
