"""What wrong seeds make of a recipe: how near they come to the picture, and to each other.

Two that come alike show that the prompt has few outcomes, though the picture be another one of them. Of five runs with
m equally frequent outcomes two are the same with probability 1 - (1 - 1/m) ... (1 - 4/m), where one of four is the same
as a given one with 1 - (1 - 1/m)^4 only (the birthday problem): for m = 4 always, instead of in two of three cases.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

from provenance.claim import claim_id
from provenance.commitment import wrong_seed
from provenance.correlation import cosine
from provenance.errors import NotFiniteError
from provenance.latent import cell_distance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.ports import Progress, Regenerator
    from provenance.recipe import Prompt
    from provenance.subject import Subject

__all__ = ["WrongSeeds", "make_wrong_seeds", "part"]

Number = TypeVar("Number", bound="np.number[Any]")


@dataclass(frozen=True)
class WrongSeeds:
    """Where the seed could make a difference, of ``count`` wrong ones.

    Attributes:
        nearest: least distance to the published integers, in steps; infinite without any.
        likest: largest cosine with the stored latent; -1 without any.
        among: largest cosine of two of them with each other; -1 without two.
    """

    count: int
    nearest: float
    likest: float
    among: float


def make_wrong_seeds(
    subject: Subject, prompt: Prompt, regenerator: Regenerator, entropy: bytes, show: Progress, wanted: int
) -> WrongSeeds:
    """Regenerate with ``wanted`` wrong seeds, which follow from the claim and this verifier's entropy.

    One that the model makes NaN or infinity of is passed over and another drawn, but no more than as many again.
    """
    identifier, made = claim_id(subject.claim), list["NDArray[np.float32]"]()
    inside, steps = subject.mask, subject.recipe.latent_steps
    for j in range(2 * wanted):
        show(1 + len(made), wanted + 2, "comparing with wrong seeds")
        seed = wrong_seed(identifier, entropy, j)
        with contextlib.suppress(NotFiniteError):
            (latent,) = regenerator.regenerate(subject.recipe, prompt, [seed], *subject.given)
            made.append(part(latent, inside))
        if len(made) == wanted:
            break
    integers, stored = part(subject.integers, inside), part(subject.latent, inside)
    return WrongSeeds(
        len(made),
        min((cell_distance(each, integers, steps) for each in made), default=math.inf),
        max((cosine(each, stored) for each in made), default=-1.0),
        max((cosine(one, other) for one, other in combinations(made, 2)), default=-1.0),
    )


def part(values: NDArray[Number], where: NDArray[np.bool_]) -> NDArray[Number]:
    """The values (C, 1, n) of a latent (C, H, W) at the n places ``where``, bool (H, W)."""
    return values[:, where][:, None]
