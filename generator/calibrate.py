"""Measure what a verifier needs to know about a model: whitening, quantisation steps, thresholds.

*Whitening*: one mean and one scale for each DCT coefficient of the latent. The scale is the slope of the best linear
guess of the noise coefficient from the latent coefficient (a Wiener gain), estimated over many seeds and prompts. Any
public scale leaves the false-accept rate exact; this one makes the right seed stand out most.

*Steps*: one for each channel, so that every channel adds the same error to the decoded picture (reverse water-filling)
and the sum lies at the target PSNR against the decoding of the unquantised latent.

*Thresholds*: distances of honest repeats under other thread counts, batch sizes and oneDNN on or off, against distances
of wrong seeds. Accept is twice the worst honest one; reject the geometric mean of accept and the nearest wrong one.

*Region*: for which steps, guidance and prompts that holds; see ``generator.calibrate_region``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generator.calibrate_region import Ruler, label_seed, measure_region
from generator.runtime import Runtime, load_runtime
from provenance.calibration import Calibration, Thresholds, Whitening
from provenance.correlation import cosine, dct2, whitened_cosine
from provenance.encoding import canonical, decimal_string
from provenance.errors import UsageError
from provenance.files import read_bounded
from provenance.latent import cell_distance, dequantise, quantise
from provenance.noise import gaussian
from provenance.storedlatent import encode_latent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from generator.models import InstalledModel
    from provenance.ports import Progress

__all__ = ["Plan", "honest_repeats", "measure", "read_prompts"]

TARGET_PSNR = 49.8
"""dB between the decoding of the quantised and of the unquantised latent: pictures scatter by a dB, 48 is wanted."""

MIN_ACCEPT = 0.02
"""Steps. Honest repeats on one machine often agree exactly; other machines deserve some room."""

_BATCH = 8
_WRONG = 4
_SHRINK = 0.02


@dataclass(frozen=True)
class Plan:
    """How much to measure: ``pictures`` for the whitening, ``honest`` pictures for repeats and wrong seeds, and
    ``corners`` pictures for each choice of parameters that the region is looked for with.
    """

    prompts: Sequence[str]
    pictures: int
    honest: int
    width: int
    height: int
    steps: int
    guidance: Decimal
    device: str
    corners: int = 2


def read_prompts(path: Path | None) -> list[str]:
    """Prompts, one on a line; by default those that come with the generator."""
    source = path or Path(__file__).parent / "data" / "prompts.txt"
    lines = read_bounded(source, "prompts", limit=2**20).decode("utf-8", "replace").splitlines()
    prompts = [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise UsageError(f"{source} holds no prompt")
    return prompts


def measure(model: InstalledModel, plan: Plan, progress: Progress) -> Calibration:
    """Run the plan; a few minutes for the house model on two cores."""
    runtime = load_runtime(model, device=plan.device)
    shape = runtime.latent_shape(plan.width, plan.height)
    noises, latents = _sample(runtime, plan, shape, progress)
    whitening = fit_whitening(noises, latents)
    steps = fit_steps(runtime, latents[:16])
    repeats, wrongs, right, inverted = [], [], [], []
    for index in range(plan.honest):
        progress(index, plan.honest, "honest repeats, wrong seeds")
        prompt, seed = plan.prompts[index % len(plan.prompts)], label_seed(f"honest {index}")
        noise = gaussian(seed, shape)
        made = _run(runtime, plan, prompt, seed, shape)
        integers = quantise(made, steps)
        again = honest_repeats(runtime, plan, prompt, noise, seed)
        repeats += [cell_distance(x, integers, steps) for x in again.values()]
        others = [label_seed(f"wrong {index} {j}") for j in range(_WRONG)]
        wrongs += [cell_distance(_run(runtime, plan, prompt, other, shape), integers, steps) for other in others]
        stored = dequantise(integers, steps)
        right.append(whitened_cosine(stored, noise, whitening))
        back = runtime.invert(stored[None], prompt, "", steps=plan.steps, guidance=float(plan.guidance))
        inverted += [] if back is None else [cosine(back[0], noise)]
    accept = max(MIN_ACCEPT, 2.0 * max(repeats))
    reject = math.sqrt(accept * min(wrongs))
    if not accept < reject:
        raise UsageError(
            "wrong seeds come as close as honest repeats: this model's pictures do not depend on their seed"
        )
    ruler = Ruler(runtime, shape, whitening, steps, reject, plan.prompts, plan.corners)
    region, corners = measure_region(ruler, plan.steps, plan.guidance, progress)
    measured: dict[str, Any] = {
        "corners": corners,
        "environment": dict(runtime.environment()),
        "sampler": {"steps": plan.steps, "guidance": decimal_string(plan.guidance)},
        "pictures": {"whitening": plan.pictures, "honest": plan.honest, "wrong_seeds_each": _WRONG},
        "honest_distance": _spread(repeats),
        "wrong_distance": _spread(wrongs),
        "whitened_cosine": _spread(right),
        "inversion_cosine": _spread(inverted) if inverted else "not available for this sampler",
        "stored_latent": _rate(runtime, latents[: plan.honest], steps),
    }
    return Calibration(
        model=model.identity.digest,
        shape=shape,
        steps=steps,
        whitening=whitening,
        thresholds=Thresholds(_round(accept), _round(reject)),
        measured=canonical(measured).decode(),
        region=region,
    )


def fit_whitening(noises: Sequence[NDArray[np.float32]], latents: Sequence[NDArray[np.float32]]) -> Whitening:
    """Mean of each DCT coefficient, and slope of the noise on it, kept positive where it cannot be told from zero."""
    x = np.stack([dct2(latent) for latent in latents])
    z = np.stack([dct2(noise) for noise in noises])
    mean, variance = x.mean(0), x.var(0)
    slope = ((x - mean) * z).mean(0) / (variance + _SHRINK)
    floor = 0.1 * np.median(np.abs(slope))
    return Whitening(mean.astype(np.float32), np.maximum(slope, floor).astype(np.float32))


def fit_steps(runtime: Runtime, latents: Sequence[NDArray[np.float32]]) -> tuple[Decimal, ...]:
    """One step per channel at TARGET_PSNR, three significant digits."""
    probe = 0.05
    channels = latents[0].shape[0]
    plain = _pictures(runtime, np.stack(latents))
    gains = []
    for channel in range(channels):
        moved = np.stack(latents).copy()
        shake = gaussian(label_seed(f"gain {channel}"), moved[:, channel].shape)
        moved[:, channel] += probe * shake
        gains.append(float(np.square(_pictures(runtime, moved) - plain).mean()) / probe**2)
    budget = 10.0 ** (-TARGET_PSNR / 10.0) / channels
    digits = Context(prec=3)
    return tuple(
        Decimal(decimal_string(digits.create_decimal(repr(math.sqrt(12.0 * budget / gain))))) for gain in gains
    )


def honest_repeats(
    runtime: Runtime, plan: Plan, prompt: str, noise: NDArray[np.float32], seed: bytes = b""
) -> dict[str, NDArray[np.float32]]:
    """The same recipe under other conditions: thread count, batch size, oneDNN off.

    ``seed`` is needed by stochastic samplers alone.
    """

    def run(batch: int) -> NDArray[np.float32]:
        return runtime.sample(
            np.stack([noise] * batch),
            prompt,
            "",
            steps=plan.steps,
            guidance=float(plan.guidance),
            seeds=[seed] * batch if seed else [],
        )

    threads = torch.get_num_threads()
    made = {}
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        made["threads"] = run(1)[0]
    finally:
        torch.set_num_threads(threads)
    made["batch of 3"] = run(3)[1]
    with torch.backends.mkldnn.flags(enabled=False):
        made["oneDNN off"] = run(1)[0]
    return made


def _sample(
    runtime: Runtime, plan: Plan, shape: tuple[int, int, int], progress: Progress
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    noises: list[NDArray[np.float32]] = []
    latents: list[NDArray[np.float32]] = []
    while len(latents) < plan.pictures:
        progress(len(latents), plan.pictures, "latents for the whitening")
        prompt = plan.prompts[(len(latents) // _BATCH) % len(plan.prompts)]
        seeds = [label_seed(f"whitening {len(noises) + j}") for j in range(_BATCH)]
        batch = [gaussian(seed, shape) for seed in seeds]
        noises += batch
        guidance = float(plan.guidance)
        latents += list(runtime.sample(np.stack(batch), prompt, "", steps=plan.steps, guidance=guidance, seeds=seeds))
    return noises, latents


def _run(runtime: Runtime, plan: Plan, prompt: str, seed: bytes, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    noise = gaussian(seed, shape)[None]
    made = runtime.sample(noise, prompt, "", steps=plan.steps, guidance=float(plan.guidance), seeds=[seed])
    latent: NDArray[np.float32] = made[0]
    return latent


def _pictures(runtime: Runtime, latents: NDArray[np.float32]) -> NDArray[np.float64]:
    """Decoded pictures in [0, 1], before rounding to bytes."""
    decoded = runtime.decode_float(latents)
    return decoded.astype(np.float64)


def _rate(runtime: Runtime, latents: Sequence[NDArray[np.float32]], steps: Sequence[Decimal]) -> dict[str, Any]:
    sizes, errors = [], []
    for latent in latents:
        integers = quantise(latent, steps)
        sizes.append(8 * len(encode_latent(integers)) / latent.size)
        difference = _pictures(runtime, dequantise(integers, steps)[None]) - _pictures(runtime, latent[None])
        errors.append(-10.0 * math.log10(float(np.square(difference).mean())))
    return {"bits_per_value": _spread(sizes), "psnr_db": _spread(errors)}


def _spread(values: Sequence[float]) -> dict[str, str]:
    return {
        "min": _text(min(values)),
        "median": _text(float(np.median(values))),
        "mean": _text(float(np.mean(values))),
        "max": _text(max(values)),
    }


def _text(value: float) -> str:
    return decimal_string(f"{value:.6f}")


def _round(value: float) -> float:
    return float(f"{value:.3g}")
