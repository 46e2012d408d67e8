"""How a remix was made: which operation, with which parameters, from which latents (protocol section 7.2).

    "operation":{"name":str,"parameters":{...},
                 "sources":[{"claim":hex32 or null,"latent":{"digest":hex32,"shape":[C,H,W],"steps":[decimal,...]},
                             "pixels":hex32 or null},...],
                 "mask":hex or null}

Every operation has its own parameters (``provenance.parameters``). A source is a claimed work (``claim``) or an outside
picture (``pixels``), never both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from provenance.claim import MAX_PARENTS, LatentRef, latent_from_json, latent_to_json
from provenance.encoding import Json, decimal_string
from provenance.errors import EncodingError
from provenance.fields import Fields
from provenance.parameters import OPERATIONS, Parameter, read_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MAX_SOURCES",
    "OPERATIONS",
    "Operation",
    "Parameter",
    "Source",
    "check_operation",
    "executed_steps",
    "operation_from_json",
    "operation_to_json",
    "replaces_source",
]

MAX_SOURCES = MAX_PARENTS
"""Most latents that one operation starts from."""


@dataclass(frozen=True)
class Source:
    """One latent that an operation starts from.

    Attributes:
        claim: id of the parent's claim; None for an outside picture, whose author nobody proved.
        latent: the stored integers that were used.
        pixels: digest of the outside picture that was encoded, None for a claimed work.
    """

    claim: bytes | None
    latent: LatentRef
    pixels: bytes | None = None


@dataclass(frozen=True)
class Operation:
    """See docs/protocol.md, section 7.2. ``parameters`` hold exactly the names that OPERATIONS gives for ``name``.

    ``mask``: of an inpainting, H*W bits of the latent grid, row by row, most significant bit first, zero-padded to
    whole bytes; 1 may change.
    """

    name: str
    parameters: Mapping[str, Parameter] = field(hash=False)
    sources: tuple[Source, ...]
    mask: bytes | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", dict(self.parameters))

    @property
    def strength(self) -> Decimal | None:
        """The share of the steps that is run, None for operations that know none."""
        found = self.parameters.get("strength")
        return found if isinstance(found, Decimal) else None

    @property
    def draws(self) -> bool:
        """Whether noise of the child's own seed enters the picture; else nothing can link it to that seed."""
        return self.name in _DRAWING and self.strength != 0

    @property
    def invertible(self) -> bool:
        """Whether the sampler, run backwards, leads to that noise, so that a wrong seed has an exact chance."""
        return (self.name in _INVERTIBLE and self.strength != 0) or self.sampled is not None

    @property
    def sampled(self) -> Decimal | None:
        """Of a FlowEdit the share of the steps, the last ones, that are plainly sampled from noise; None for none."""
        found = self.parameters.get("sampled")
        return found if isinstance(found, Decimal) else None

    @property
    def parents(self) -> tuple[bytes, ...]:
        """Claim ids of the sources, in order and without repeats: what the recipe names as its parents."""
        return tuple(dict.fromkeys(source.claim for source in self.sources if source.claim is not None))


def executed_steps(strength: Decimal, steps: int) -> int:
    """floor(steps * strength + 1/2): how many of the sampler's steps are run."""
    return int((steps * strength + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def replaces_source(operation: Operation, steps: int) -> bool:
    """Whether all steps are run from fresh noise, so that nothing of the source is left in the picture."""
    run = executed_steps(operation.strength or Decimal(0), steps)
    return operation.name == "image-to-image" and run == steps


def check_operation(
    operation: Operation, *, shape: tuple[int, int, int], steps: int, parents: tuple[bytes, ...]
) -> None:
    """Whether an operation fits the recipe in which it stands.

    Raises:
        EncodingError: a source of another shape, other parents, a mask of another size, empty or whole, or a strength
            above 0 that runs no step, or a FlowEdit that samples plainly in none or all of its steps.
    """
    if operation.parents != parents:
        raise EncodingError("operation: the recipe's parents are not its sources' claims, in order and without repeats")
    for position, source in enumerate(operation.sources):
        if source.latent.shape != shape:
            raise EncodingError(
                f"operation: sources[{position}] has a latent of {list(source.latent.shape)}, "
                f"the recipe one of {list(shape)}"
            )
    if operation.strength and not executed_steps(operation.strength, steps):
        raise EncodingError(f"operation: a strength of {operation.strength} runs none of {steps} steps; write 0")
    if operation.sampled is not None and operation.strength is not None:
        plain, run = (executed_steps(share, steps) for share in (operation.sampled, operation.strength))
        if not 0 < plain < run:
            raise EncodingError(f"operation: sampled runs {plain} of {steps} steps; it must be from 1 to {run - 1}")
    if operation.mask is not None:
        _check_mask(operation.mask, shape[1] * shape[2])


def operation_to_json(operation: Operation) -> Json:
    """The object that stands in the recipe.

    Raises:
        EncodingError: it would not be read back.
    """
    value: Json = {
        "name": operation.name,
        "parameters": {
            name: decimal_string(item) if isinstance(item, Decimal) else item
            for name, item in operation.parameters.items()
        },
        "sources": [_source_to_json(source) for source in operation.sources],
        "mask": None if operation.mask is None else operation.mask.hex(),
    }
    if operation_from_json(Fields(value, "recipe: operation")) != operation:
        raise EncodingError("recipe: operation does not survive its own encoding")
    return value


def operation_from_json(fields: Fields) -> Operation:
    """Inverse of :func:`operation_to_json`; whether it fits its recipe is for :func:`check_operation`.

    Raises:
        EncodingError, LimitError: it is no operation of ours.
    """
    with fields:
        name = fields.choice("name", tuple(OPERATIONS))
        low, high = _SOURCES.get(name, (1, 1))
        sources = fields.array("sources", _source, limit=high, low=low)
        parameters = read_parameters(fields.object("parameters"), name, len(sources))
        mask = fields.binary("mask") if fields.optional("mask") else None
    if (mask is not None) != (name == "inpaint"):
        raise EncodingError(f"{fields.what}: inpaint has a mask and nothing else has one")
    return Operation(name, parameters, sources, mask)


_SOURCES = {"style": (2, 2), "blend": (2, MAX_SOURCES)}
_DRAWING = frozenset({"image-to-image", "inpaint", "flow-edit"})
_INVERTIBLE = frozenset({"image-to-image", "inpaint"})


def _check_mask(mask: bytes, cells: int) -> None:
    if len(mask) != math.ceil(cells / 8):
        raise EncodingError(
            f"operation: the mask has {len(mask)} bytes, {math.ceil(cells / 8)} for {cells} cells are needed"
        )
    set_bits = int.from_bytes(mask, "big")
    if set_bits & ((1 << (-cells % 8)) - 1):
        raise EncodingError("operation: the mask has bits set beyond its last cell")
    if not 0 < set_bits.bit_count() < cells:
        raise EncodingError("operation: a mask must let some of the picture change, and not all of it")


def _source_to_json(source: Source) -> Json:
    return {
        "claim": None if source.claim is None else source.claim.hex(),
        "latent": latent_to_json(source.latent),
        "pixels": None if source.pixels is None else source.pixels.hex(),
    }


def _source(value: object, where: str) -> Source:
    with Fields(value, where) as fields:
        claim = fields.binary("claim", size=32) if fields.optional("claim") else None
        pixels = fields.binary("pixels", size=32) if fields.optional("pixels") else None
        latent = latent_from_json(fields.object("latent"))
    if (claim is None) == (pixels is None):
        raise EncodingError(f"{where}: must be a claimed work or an outside picture, one of the two")
    return Source(claim, latent, pixels)
