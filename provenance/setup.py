"""What shapes a picture beyond model, scheduler and prompt where a pipeline of diffusers made it.

    "setup":{"pipeline":str,"arguments":{name:int|bool|str,...},
             "scheduler":"model"|"replaced","draws":int,
             "adapters":[{"kind":"lora"|"textual-inversion","name":str,"digest":hex32,"scale":decimal},...],
             "code":hex32 or null,"origin":"generated"|"attached"}

A recipe of the algorithm ``text-to-image`` has none of it. See docs/protocol.md, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from provenance.display import require_plain_text
from provenance.encoding import Fields, Json, canonical, decimal_string, parse_json
from provenance.errors import EncodingError, LimitError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ADAPTER_KINDS", "MAX_ADAPTERS", "Adapter", "Setup", "setup_from_json", "setup_to_json"]

ADAPTER_KINDS = ("lora", "textual-inversion")
"""What can be laid over a model: low-rank weight differences, and embeddings for new words of the prompt."""

MAX_ADAPTERS = 16
MAX_ARGUMENTS = 32
MAX_DRAWS = 10_000
"""Streams of noise that one picture uses beyond the first: one for each step of a stochastic sampler."""

_SCHEDULERS = ("model", "replaced")
_ORIGINS = ("generated", "attached")


@dataclass(frozen=True)
class Adapter:
    """A file laid over the model.

    Attributes:
        kind: one of ADAPTER_KINDS.
        name: for people; of a textual inversion the word that it gives a meaning to.
        digest: SHA-256 of the file.
        scale: how strongly a LoRA is applied; 1 for a textual inversion.
    """

    kind: str
    name: str
    digest: bytes
    scale: Decimal = Decimal(1)


@dataclass(frozen=True)
class Setup:
    """How the model was run.

    Attributes:
        pipeline: diffusers class of the denoising loop.
        arguments: canonical JSON object of what the loop is called with, beyond what the recipe says elsewhere.
        replaced_scheduler: the recipe's scheduler is not the one that comes with the model.
        draws: number of noise streams that the sampler used beyond stream 0.
        adapters: in the order in which they were applied.
        code: digest of the Python files that came with the model and were run, or None.
        attached: sampled by another program; latent and claim were attached afterwards.
    """

    pipeline: str
    arguments: str = "{}"
    replaced_scheduler: bool = False
    draws: int = 0
    adapters: tuple[Adapter, ...] = ()
    code: bytes | None = None
    attached: bool = False

    @property
    def why_not_authentic(self) -> str | None:
        """Why a picture made this way can be *consistent* at most, or None.

        Whoever chooses adapters, code or sampler freely can turn any seed into any picture.
        """
        if self.adapters:
            return f"it was made with adapters ({', '.join(adapter.name for adapter in self.adapters)})"
        if self.code is not None:
            return "its model runs code of its own"
        if self.attached:
            return "it was sampled by another program and attached"
        if self.replaced_scheduler:
            return "it was sampled by another scheduler than its model's own"
        return None


def setup_to_json(setup: Setup) -> Json:
    """The object that stands in the recipe."""
    adapters: list[Json] = [
        {
            "kind": adapter.kind,
            "name": adapter.name,
            "digest": adapter.digest.hex(),
            "scale": decimal_string(adapter.scale),
        }
        for adapter in setup.adapters
    ]
    return {
        "pipeline": setup.pipeline,
        "arguments": parse_json(setup.arguments.encode(), "pipeline arguments"),
        "scheduler": _SCHEDULERS[setup.replaced_scheduler],
        "draws": setup.draws,
        "adapters": adapters,
        "code": None if setup.code is None else setup.code.hex(),
        "origin": _ORIGINS[setup.attached],
    }


def setup_from_json(fields: Fields) -> Setup:
    """Inverse of :func:`setup_to_json`.

    Raises:
        EncodingError, LimitError: it is no setup.
    """
    with fields:
        return Setup(
            pipeline=_name(fields, "pipeline", 100),
            arguments=_arguments(fields.take("arguments"), f"{fields.what}: arguments"),
            replaced_scheduler=fields.choice("scheduler", _SCHEDULERS) == "replaced",
            draws=fields.integer("draws", high=MAX_DRAWS),
            adapters=fields.array("adapters", _adapter, limit=MAX_ADAPTERS),
            code=fields.binary("code", size=32) if fields.optional("code") else None,
            attached=fields.choice("origin", _ORIGINS) == "attached",
        )


def _adapter(value: object, where: str) -> Adapter:
    with Fields(value, where) as fields:
        return Adapter(
            kind=fields.choice("kind", ADAPTER_KINDS),
            name=_name(fields, "name", 100),
            digest=fields.binary("digest", size=32),
            scale=fields.decimal("scale"),
        )


def _arguments(value: object, where: str) -> str:
    if not isinstance(value, dict):
        raise EncodingError(f"{where} must be an object")
    if len(value) > MAX_ARGUMENTS:
        raise LimitError(f"{where} must have at most {MAX_ARGUMENTS} members, it has {len(value)}")
    plain: Mapping[str, object] = value
    for name, item in plain.items():
        require_plain_text(name, f"{where}: a name", limit=100)
        if not isinstance(item, bool | int | str):
            raise EncodingError(f"{where}: {name} must be an integer, a truth value or a string")
        if isinstance(item, str):
            require_plain_text(item, f"{where}: {name}", limit=100)
    return canonical(value).decode()


def _name(fields: Fields, field: str, limit: int) -> str:
    return require_plain_text(fields.text(field, limit=limit), f"{fields.what}: {field}", limit=limit)
