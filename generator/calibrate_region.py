"""For which parameters a calibration holds: tried outwards from the usual ones until pictures cease to depend on seeds.

First the number of steps at the usual guidance, then the guidance at few steps and at many, then prompts of two
characters and of a thousand. A set of parameters holds where, for every picture tried, the right seed is linked to the
latent by correlation or inversion, and every wrong seed stays beyond the reject threshold and unlike it to the eye.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.correlation import REQUIRED_BITS, cosine, log2_false_accept, whitened_cosine
from provenance.encoding import decimal_string
from provenance.errors import EnvironmentFault, UsageError
from provenance.latent import cell_distance, dequantise, quantise
from provenance.link import ALIKE_ALONE
from provenance.noise import gaussian
from provenance.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from generator.runtime import Runtime
    from provenance.calibration import Whitening
    from provenance.ports import Progress

__all__ = ["Corner", "Ruler", "label_seed", "measure_region"]

PROMPT = (2, 1_000)
"""Characters. Prompts of both lengths are tried."""

LEAST_STEPS, MOST_STEPS, MOST_GUIDANCE = 4, 200, Decimal(100)
_WRONG = 2


@dataclass(frozen=True)
class Corner:
    """One choice of parameters and what was seen there, the worst of all pictures: bits of the right seed, distance and
    cosine of the nearest wrong one.
    """

    steps: int
    guidance: Decimal
    prompt: str
    bits: float
    distance: float
    likeness: float

    def holds(self, reject: float) -> bool:
        """Whether seeds are apart here."""
        return self.bits >= REQUIRED_BITS and self.distance > reject and self.likeness <= ALIKE_ALONE

    def told(self) -> dict[str, Any]:
        """For the calibration's record."""
        return {
            "steps": self.steps,
            "guidance": decimal_string(self.guidance),
            "characters": len(self.prompt),
            "least_bits": int(self.bits),
            "nearest_wrong_distance": decimal_string(f"{self.distance:.3f}"),
            "nearest_wrong_cosine": decimal_string(f"{self.likeness:.4f}"),
        }


@dataclass(frozen=True)
class Ruler:
    """What pictures are measured with: the model, its calibration so far, and how many pictures to try."""

    runtime: Runtime
    shape: tuple[int, int, int]
    whitening: Whitening
    quantisation: Sequence[Decimal]
    reject: float
    prompts: Sequence[str]
    pictures: int

    def look(self, steps: int, guidance: Decimal, prompt: str = "") -> Corner:
        """The worst of the pictures; with a ``prompt`` all of them are of that one.

        What the model makes NaN or infinity of, or cannot be stored, is as bad as can be.
        """
        worst = Corner(steps, guidance, prompt, float(np.prod(self.shape)), float("inf"), -1.0)
        for number in range(self.pictures):
            text = prompt or self.prompts[number * 7 % len(self.prompts)]
            try:
                bits, distance, likeness = self._picture(number, text, steps, guidance)
            except (EnvironmentFault, ValueError):
                return replace(worst, bits=0.0, distance=0.0, likeness=1.0)
            worst = replace(
                worst,
                bits=min(worst.bits, bits),
                distance=min(worst.distance, distance),
                likeness=max(worst.likeness, likeness),
            )
        return worst

    def _picture(self, number: int, text: str, steps: int, guidance: Decimal) -> tuple[float, float, float]:
        seeds = [label_seed(f"region {number} {j}") for j in range(1 + _WRONG)]
        noise = np.stack([gaussian(seed, self.shape) for seed in seeds])
        made = [self._run(noise[j], text, steps, guidance, seeds[j]) for j in range(1 + _WRONG)]
        integers = quantise(made[0], self.quantisation)
        stored = dequantise(integers, self.quantisation)
        bits = self._bits(whitened_cosine(stored, noise[0], self.whitening))
        if bits < REQUIRED_BITS:
            back = self.runtime.invert(stored[None], text, "", steps=steps, guidance=float(guidance))
            bits = max(bits, 0.0 if back is None else self._bits(cosine(back[0], noise[0])))
        distance = min(cell_distance(x, integers, self.quantisation) for x in made[1:])
        return bits, distance, max(cosine(x, stored) for x in made[1:])

    def _run(
        self, noise: NDArray[np.float32], text: str, steps: int, guidance: Decimal, seed: bytes
    ) -> NDArray[np.float32]:
        made: NDArray[np.float32] = self.runtime.sample(
            noise[None], text, "", steps=steps, guidance=float(guidance), seeds=[seed]
        )[0]
        return made

    def _bits(self, cosine_: float) -> float:
        d = int(np.prod(self.shape))
        return min(float(d), -log2_false_accept(cosine_, d))


def label_seed(label: str) -> bytes:
    """A seed for measurements, 32 bytes that follow from its label."""
    return hashlib.sha256(b"seedproof calibration " + label.encode()).digest()


def measure_region(
    ruler: Ruler, steps: int, guidance: Decimal, progress: Progress
) -> tuple[Region, list[dict[str, Any]]]:
    """The region around the usual ``steps`` and ``guidance``, and every corner that was looked at, failing ones too.

    Raises:
        UsageError: not even the usual parameters, or not prompts of all lengths, keep seeds apart.
    """
    seen: list[Corner] = []

    def holds(count: int, strength: Decimal, prompt: str = "") -> bool:
        progress(len(seen), 18, f"region: {count} steps, guidance {strength}")
        seen.append(ruler.look(count, strength, prompt))
        return seen[-1].holds(ruler.reject)

    if not holds(steps, guidance):
        raise UsageError("wrong seeds come too close: this model's pictures do not depend on their seed")
    few = [max(LEAST_STEPS, steps // 2), max(LEAST_STEPS, steps // 3)]
    least = _outwards(min(steps, LEAST_STEPS), steps, few, lambda n: holds(n, guidance))
    most = _outwards(MOST_STEPS, steps, [2 * steps, 5 * steps], lambda n: holds(n, guidance))
    ends = sorted({least, min(most, 2 * steps)})
    strong = [Decimal(factor) * guidance for factor in ("1.2", "1.6", "2", "3", "4")]
    high = _outwards(MOST_GUIDANCE, guidance, strong, lambda g: all(holds(n, g) for n in ends))
    low = _outwards(Decimal(0), guidance, [guidance / 2], lambda g: all(holds(n, g) for n in ends))
    shortest, longest = "a" * PROMPT[0], ", ".join(ruler.prompts)
    longest = (longest * (1 + PROMPT[1] // len(longest)))[: PROMPT[1]]
    for prompt in (shortest, longest):
        if not holds(steps, guidance, prompt):
            raise UsageError(f"wrong seeds come too close with a prompt of {len(prompt)} characters")
    return Region((least, most), (low, high), PROMPT), [corner.told() for corner in seen]


def _outwards(limit: Any, usual: Any, tries: Sequence[Any], holds: Any) -> Any:
    """The last of ``tries`` before the first that fails, none of them beyond ``limit``; ``usual`` if all fail."""
    found = usual
    for each in tries:
        beyond = each > limit if each > usual else each < limit
        if each == found or beyond or not holds(each):
            break
        found = each
    return found
