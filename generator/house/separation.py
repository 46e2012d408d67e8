"""Does a picture tell its seed? Three figures on the unquantised latents of a trained model, for a quick look.

``python -m generator.house.separation`` samples prompts, each with its own right seed and with wrong ones, and prints
the whitened cosine (DCT coefficients, one mean and one scale each, fitted on the wrong seeds' latents), the cosine
after inversion, and how near the latents of wrong seeds come. The published figures are those of ``seedproof
calibrate``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.fft import dctn
from scipy.optimize import brentq
from scipy.special import betainc

from generator.house.contact_sheet import PROMPTS
from generator.pipeline import FlowPipeline, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Separation", "measure_separation", "threshold"]

MORE = (
    "the sea on a cloudy day",
    "a volcano at night",
    "a village in the hills at dusk",
    "a red rock canyon at noon",
    "an island with palm trees at sunset",
    "a winding river in the morning",
    "cliffs by the sea by day",
    "a sailboat on the sea at sunset",
    "a meadow with red flowers",
    "clouds in the sky at dawn",
    "a snowy field at night",
    "a house in green hills",
)
_SHRINK = 0.05


@dataclass(frozen=True)
class Separation:
    """Cosines, one for each prompt: right seeds, and the best of the wrong ones (for the noise: the other prompts')."""

    whitened: NDArray[np.float64]
    inverted: NDArray[np.float64]
    wrong_whitened: NDArray[np.float64]
    wrong_latent: NDArray[np.float64]


def threshold(dimension: int, bits: int = 128) -> float:
    """Cosine t that a fresh direction reaches with probability 2^-bits: I(1 - t^2; (d-1)/2, 1/2) / 2 = 2^-bits."""
    goal = -bits * np.log(2.0)

    def excess(t: float) -> float:
        tail = max(float(betainc((dimension - 1) / 2.0, 0.5, 1.0 - t * t)) / 2.0, 1e-300)
        return float(np.log(tail) - goal)

    return float(brentq(excess, 1e-3, 0.999))


def measure_separation(
    pipeline: FlowPipeline, prompts: Sequence[str], wrong: int, steps: int, guidance: float
) -> Separation:
    """Sample ``wrong`` + 1 pictures for each prompt; seconds each on two cores."""
    shape = pipeline.latent_shape(128, 128)
    random = np.random.default_rng(2026)
    right_noise = random.standard_normal((len(prompts), *shape)).astype(np.float32)
    wrong_noise = random.standard_normal((wrong, *shape)).astype(np.float32)
    made, others, inverted = [], [], []
    for prompt, noise in zip(prompts, right_noise, strict=True):
        both = torch.from_numpy(np.concatenate([noise[None], wrong_noise]))
        latents = pipeline.sample(both, prompt, "", steps=steps, guidance=guidance)
        back = pipeline.invert(latents[:1], prompt, "", steps=steps, guidance=guidance)
        made.append(latents[0].numpy())
        others.append(latents[1:].numpy())
        inverted.append(_cosine(back[0].numpy(), noise))
    spectrum, noise_spectrum = _dct(np.stack(others)), _dct(wrong_noise)[None]
    mean = spectrum.mean((0, 1))
    centred = spectrum - mean
    slope = (centred * noise_spectrum).mean((0, 1)) / (centred.var((0, 1)) + _SHRINK)
    scale = np.maximum(slope, 0.1 * np.median(np.abs(slope)))
    white = [(_dct(latent) - mean) * scale for latent in made]
    return Separation(
        whitened=np.array([_cosine(w, _dct(n)) for w, n in zip(white, right_noise, strict=True)]),
        inverted=np.array(inverted),
        wrong_whitened=np.array(
            [max(_cosine(w, _dct(n)) for j, n in enumerate(right_noise) if j != i) for i, w in enumerate(white)]
        ),
        wrong_latent=np.array([max(_cosine(m, o) for o in os) for m, os in zip(made, others, strict=True)]),
    )


def _dct(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(dctn(values.astype(np.float64), axes=(-2, -1), norm="ortho"))


def _cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model"))
    parser.add_argument("--wrong", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=2.0)
    chosen = parser.parse_args()
    pipeline = load(chosen.model, device=torch.device("cpu"), dtype=torch.float32)
    prompts = (*PROMPTS, *MORE)
    found = measure_separation(pipeline, prompts, chosen.wrong, chosen.steps, chosen.guidance)
    bar = threshold(int(np.prod(pipeline.latent_shape(128, 128))))
    print(f"threshold for 2^-128: {bar:.4f}; {len(prompts)} prompts, guidance {chosen.guidance}, {chosen.steps} steps")
    for name, values in vars(found).items():
        spread = f"mean {values.mean():.3f} min {values.min():.3f} max {values.max():.3f}"
        print(f"{name:15} {spread} above {(values > bar).mean():.0%}")
    for prompt, *values in zip(prompts, found.whitened, found.inverted, found.wrong_latent, strict=True):
        print("{:45} whitened {:.3f} inverted {:.3f} nearest wrong latent {:.3f}".format(prompt, *values))


if __name__ == "__main__":
    main()
