"""What the benchmarks of remixes share: pairs of prompts, parents by the house model, measures of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from generator.models import HOUSE_MODEL, native_size, open_model
from generator.runtime import Runtime, load_runtime
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.claim import LatentRef
from provenance.latent import dequantise, latent_digest, quantise, relative_steps
from provenance.noise import gaussian
from provenance.operation import Operation, Source
from provenance.ports import Material
from provenance.recipe import Prompt, Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TIMES = ("at dawn", "by day", "at sunset", "at night")
SCENES = (
    "snowy mountains",
    "green hills",
    "a lavender field",
    "a forest",
    "a mountain lake",
    "desert dunes",
    "the sea",
    "a city",
)
GUIDANCE = float(HOUSE_GUIDANCE)


@dataclass(frozen=True)
class Workshop:
    """The house model, at its own size."""

    runtime: Runtime
    model: Any
    shape: tuple[int, int, int]
    side: int

    def work(self, seed: int, text: str) -> Material:
        """A finished work: its latent lies on the grid of its steps, as a file stores it."""
        key = np.random.default_rng(seed).bytes(32)
        (latent,) = self.runtime.sample(
            gaussian(key, self.shape)[None], text, "", steps=HOUSE_STEPS, guidance=GUIDANCE, seeds=[key]
        )
        steps = relative_steps(latent, 1 / 7.2)
        recipe = Recipe(
            model=self.model.identity,
            scheduler=self.runtime.scheduler,
            steps=HOUSE_STEPS,
            guidance=Decimal(HOUSE_GUIDANCE),
            prompt=Prompt(text),
            max_tokens=self.runtime.max_tokens,
            width=self.side,
            height=self.side,
            dtype="float32",
            seed=key,
            shape=self.shape,
            latent_steps=steps,
        )
        return Material(dequantise(quantise(latent, steps), steps), recipe, Prompt(text))

    def remix(
        self,
        name: str,
        sources: Sequence[Material],
        text: str,
        *,
        seed: bytes = bytes(32),
        guidance: float = GUIDANCE,
        mask: bytes | None = None,
        **parameters: Any,
    ) -> NDArray[np.float32]:
        """The latent of a remix; strengths and the like are given as they are written on the command line."""
        found = Operation(name, parameters, tuple(_source(each) for each in sources), mask)
        return self.runtime.remix(found, sources, Prompt(text), steps=HOUSE_STEPS, guidance=guidance, seed=seed)

    def picture(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W, 3) in [0, 1]."""
        found: NDArray[np.float32] = self.runtime.decode_float(latent[None])[0]
        return found

    def losses(self, latent: NDArray[np.float32], texts: Sequence[str], draws: int = 4) -> list[float]:
        """How badly the model itself predicts the noise in a noised latent, told each of ``texts``.

        The text with the smallest loss is what the model sees in the picture (diffusion classifier, Li et al.,
        arXiv 2303.16203). The same noise for all texts.
        """
        levels = (3, 5, 7)
        data = torch.from_numpy(latent)
        noise = torch.from_numpy(np.stack([gaussian(bytes([k]) * 32, self.shape) for k in range(draws * len(levels))]))
        found = []
        for text in texts:
            field = self.conditioned(text, 1.0)
            mixed = [field.schedule.levels[levels[k % len(levels)]] for k in range(len(noise))]
            x = torch.stack([a * data + s * each for (a, s), each in zip(mixed, noise, strict=True)])
            times = torch.cat([field.clock(levels[k % len(levels)]) for k in range(len(noise))])
            states = field.arguments["encoder_hidden_states"].expand(len(noise), -1, -1)
            with torch.inference_mode():
                output = field.network(x, times, states, return_dict=False)[0]
            found.append(float((output - (noise - data)).square().mean()))
        return found

    def conditioned(self, text: str, guidance: float) -> Any:
        """The model with a prompt, to be asked for any sample at any level."""
        return self.runtime._pipeline.conditioned(self.shape, text, "", steps=HOUSE_STEPS, guidance=guidance)


def open_workshop() -> Workshop:
    """On the CPU, in float32."""
    model = open_model(HOUSE_MODEL)
    side = native_size(model.folder)
    runtime = load_runtime(model, device="cpu")
    return Workshop(runtime, model, runtime.latent_shape(side, side), side)


def _source(material: Material) -> Source:
    if material.recipe is None:
        raise ValueError("a work is needed")
    integers = quantise(material.latent, material.recipe.latent_steps)
    return Source(bytes(32), LatentRef(latent_digest(integers), material.recipe.shape, material.recipe.latent_steps))


def pairs(count: int) -> list[tuple[str, str]]:
    """(the parent's prompt, the edit's): the subject changes and the time of day stays, or the other way round."""
    found = []
    for k in range(count):
        scene, time = SCENES[k % len(SCENES)], TIMES[(k // 2) % len(TIMES)]
        if k % 2:
            found.append((f"{scene} {time}", f"{scene} {TIMES[(k // 2 + 1 + k % 3) % len(TIMES)]}"))
        else:
            found.append((f"{scene} {time}", f"{SCENES[(k + 3) % len(SCENES)]} {time}"))
    return found


def edges(picture: NDArray[np.float32]) -> torch.Tensor:
    """Sobel edge strength of the luminance, slightly blurred, of length 1."""
    grey = torch.from_numpy(picture @ np.array([0.299, 0.587, 0.114], np.float32))[None, None]
    kernel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])[None, None]
    across, down = functional.conv2d(grey, kernel), functional.conv2d(grey, kernel.transpose(2, 3))
    strength = functional.avg_pool2d((across.square() + down.square()).sqrt(), 3, 1)
    return (strength / strength.norm().clamp_min(1e-9)).flatten()


def edge_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """1 - cosine of the two pictures' edge strengths: 0 for the same edges, about 0.6 for unrelated pictures."""
    return 1 - float(edges(a) @ edges(b))


def self_similarity(picture: NDArray[np.float32], cell: int = 8) -> torch.Tensor:
    """Cosine of every 8x8 patch with every other one, colours freed of their mean (Shechtman and Irani, CVPR 2007)."""
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
    x = x - x.mean((2, 3), keepdim=True)
    patches = functional.unfold(x, cell, stride=cell)[0].T
    patches = patches / patches.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return patches @ patches.T


def self_similarity_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean absolute difference of the two pictures' self-similarities: what lies like what, whatever the colours."""
    return float((self_similarity(a) - self_similarity(b)).abs().mean())


def interval(values: Sequence[float], seed: int = 1) -> dict[str, float]:
    """Mean and 95 % bootstrap interval."""
    data = np.asarray(values, np.float64)
    draws = np.random.default_rng(seed).choice(data, (4000, len(data))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"mean": round(float(data.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}
