"""Where a calibration holds: the sampler's parameters for which it was measured that pictures depend on their seeds.

Whoever chooses a recipe's parameters freely finds corners in which a seed decides little: guidance so strong that every
seed gives nearly the same picture, a single step, prompts that no calibration looked at. What was not measured is not
believed: outside of its region a picture is *claimed* at most, whatever the tests on that one picture say.

    "region":{"steps":[low,high],"guidance":[decimal,decimal],"prompt":[low,high]}      inclusive; prompts by characters
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, TypeVar

from provenance.encoding import Fields, Json, decimal_string, parse_decimal
from provenance.errors import EncodingError

if TYPE_CHECKING:
    from provenance.recipe import Prompt

__all__ = ["Parameters", "Region", "region_from_json", "region_to_json"]

T = TypeVar("T")

MAX_STEPS = 1_000
MAX_PROMPT = 10_000
MAX_GUIDANCE = Decimal(1_000)


class Parameters(Protocol):
    """Of a recipe, or of a picture that is still to be made."""

    @property
    def steps(self) -> int:
        """Of the sampler."""

    @property
    def guidance(self) -> Decimal:
        """How closely the picture follows its prompt."""


@dataclass(frozen=True)
class Region:
    """Inclusive bounds.

    Attributes:
        steps: of the sampler.
        guidance: how closely pictures follow their prompts.
        prompt: characters of the prompt without the blanks around it; the second bounds the negative prompt as well.
    """

    steps: tuple[int, int]
    guidance: tuple[Decimal, Decimal]
    prompt: tuple[int, int]

    def why_outside(self, recipe: Parameters, prompt: Prompt | None) -> str | None:
        """What of a recipe lies outside, in words, or None. ``prompt`` is None where nobody opened it."""
        for name, value, (low, high) in (
            ("steps", recipe.steps, self.steps),
            ("guidance", recipe.guidance, self.guidance),
        ):
            if not low <= value <= high:
                return _words(f"{name} {value}", low, high)
        if prompt is None:
            return None
        least, most = self.prompt
        for name, text, low in (("prompt", prompt.text, least), ("negative prompt", prompt.negative, 0)):
            if not low <= len(text.strip()) <= most:
                return _words(f"a {name} of {len(text.strip())} characters", low, most)
        return None


def region_to_json(region: Region) -> Json:
    """The object that stands in a calibration."""
    return {
        "steps": list(region.steps),
        "guidance": [decimal_string(bound) for bound in region.guidance],
        "prompt": list(region.prompt),
    }


def region_from_json(fields: Fields) -> Region:
    """Inverse of :func:`region_to_json`.

    Raises:
        EncodingError, LimitError: it is none, or its bounds are out of order or beyond what a recipe can say.
    """
    with fields:
        found = Region(
            steps=_pair(fields.array("steps", _integer, low=2, limit=2)),
            guidance=_pair(fields.array("guidance", parse_decimal, low=2, limit=2)),
            prompt=_pair(fields.array("prompt", _integer, low=2, limit=2)),
        )
    for name, (low, high), least, most in (
        ("steps", found.steps, 1, MAX_STEPS),
        ("guidance", found.guidance, 0, MAX_GUIDANCE),
        ("prompt", found.prompt, 0, MAX_PROMPT),
    ):
        if not least <= low <= high <= most:
            raise EncodingError(f"{fields.what}: {name} must be two bounds in order, from {least} to {most}")
    return found


def _pair(values: tuple[T, ...]) -> tuple[T, T]:
    low, high = values
    return low, high


def _integer(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise EncodingError(f"{where} must be an integer")
    return value


def _words(what: str, low: object, high: object) -> str:
    return (
        f"{what} lies outside of {low} to {high}, for which this model was measured: whether such pictures depend on "
        "their seeds is not known"
    )
