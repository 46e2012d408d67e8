"""The parameters of every operation that makes a picture of others (protocol section 7.2), and how they are read.

All of them are there: what is left open could be chosen after the fact. One alone may be absent: FlowEdit's
``sampled``, where no step is plainly sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from provenance.errors import EncodingError
from provenance.fields import Fields

__all__ = ["MAX_AVERAGE", "OPERATIONS", "Parameter", "read_parameters"]

Parameter = Decimal | int | str
"""A share or weight (decimal), a count (int), or a choice (str)."""

MAX_AVERAGE = 8
"""Most draws of noise that FlowEdit averages over in one step; the paper uses up to 5."""

MAX_TEMPERATURE = Decimal(10)
MAX_SOURCE_GUIDANCE = Decimal(100)

TRAJECTORIES = ("rerun", "inverted")
"""How a source's way through the sampler is found: run again from its public seed, or backwards from its latent."""

_Reader = Callable[[Fields, str], Parameter]


def read_parameters(fields: Fields, name: str, sources: int) -> dict[str, Parameter]:
    """The parameters of the operation ``name`` that starts from so many sources.

    Raises:
        EncodingError: one is missing, out of bounds or too many.
    """
    with fields:
        wanted = OPERATIONS[name] if name != "blend" else {**OPERATIONS[name], **_weights(sources)}
        found = {key: read(fields, key) for key, read in wanted.items()}
        if name == "flow-edit" and fields.has("sampled"):
            found["sampled"] = _positive_share(fields, "sampled")
    weights = [value for key, value in found.items() if key.startswith("w") and isinstance(value, Decimal)]
    if name == "blend" and len(weights) > 1 and sum(weights) != 1:
        raise EncodingError(f"{fields.what}: the weights must sum to 1")
    return found


def _weights(sources: int) -> dict[str, _Reader]:
    """Of two sources the share of the second; of more one share for each."""
    if sources == 2:  # noqa: PLR2004 - two is what the sentence says
        return {"weight": _share}
    return {f"w{position}": _share for position in range(sources)}


def _share(fields: Fields, name: str) -> Parameter:
    return _within(fields, name, Decimal(0), Decimal(1))


def _positive_share(fields: Fields, name: str) -> Parameter:
    return _above_zero(fields, name, Decimal(1))


def _temperature(fields: Fields, name: str) -> Parameter:
    return _above_zero(fields, name, MAX_TEMPERATURE)


def _source_guidance(fields: Fields, name: str) -> Parameter:
    return _within(fields, name, Decimal(0), MAX_SOURCE_GUIDANCE)


def _average(fields: Fields, name: str) -> Parameter:
    return fields.integer(name, low=1, high=MAX_AVERAGE)


def _one_of(*allowed: str) -> _Reader:
    def read(fields: Fields, name: str) -> Parameter:
        return fields.choice(name, allowed)

    return read


def _within(fields: Fields, name: str, low: Decimal, high: Decimal) -> Decimal:
    value = fields.decimal(name)
    if not low <= value <= high:
        raise EncodingError(f"{fields.what}: {name} must lie between {low} and {high}")
    return value


def _above_zero(fields: Fields, name: str, high: Decimal) -> Decimal:
    value = _within(fields, name, Decimal(0), high)
    if not value:
        raise EncodingError(f"{fields.what}: {name} must be above 0")
    return value


OPERATIONS: Mapping[str, Mapping[str, _Reader]] = {
    "image-to-image": {"strength": _share},
    "inpaint": {"strength": _share, "mode": _one_of("blend", "native")},
    "plug-and-play": {"attention": _share, "features": _share, "trajectory": _one_of(*TRAJECTORIES)},
    "flow-edit": {"strength": _positive_share, "average": _average, "source_guidance": _source_guidance},
    "style": {
        "gamma": _share,
        "temperature": _temperature,
        "strength": _positive_share,
        "content_trajectory": _one_of(*TRAJECTORIES),
        "style_trajectory": _one_of(*TRAJECTORIES),
    },
    "blend": {"mode": _one_of("spherical", "linear")},
}
"""Every operation and how its parameters are read; a blend has its weights besides."""
