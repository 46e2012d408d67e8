"""The same recipe under other conditions: threads, batch, dtype, attention, oneDNN, CUDA. How far do the pictures move?

Each row compares with the reference (float32, batch 1, the usual threads, torch's own attention, oneDNN on): cosine and
largest difference of the latents, distance in quantisation steps where the policy has them, largest difference of
the pixels (of 255). What this machine cannot run is written down as not measured.

python -m benchmarks.reproduce --json benchmarks/results/reproduce.json
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.common import options, summary, write
from generator.models import native_size, open_model
from generator.runtime import Runtime, load_runtime
from generator.setups import usual
from provenance.correlation import cosine
from provenance.latent import cell_distance, dequantise, quantise, relative_steps
from provenance.noise import gaussian
from provenance.policy import default_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Latent = NDArray[np.float32]
    Make = Callable[[str, bytes], Latent]

NOT_MEASURED = "not measured"


class Bench:
    """One model, its reference runtime, and ways to make a picture under other conditions."""

    def __init__(self, name: str) -> None:
        self.model = open_model(name)
        steps, guidance = usual(self.model)
        self.steps, self.guidance = steps, float(guidance)
        self.reference = load_runtime(self.model, device="cpu", dtype="float32")
        side = native_size(self.model.folder)
        self.shape = self.reference.latent_shape(side, side)

    def sample(self, runtime: Runtime, prompt: str, seed: bytes, batch: int = 1) -> Latent:
        noise = np.stack([gaussian(seed, self.shape)] * batch)
        made = runtime.sample(
            noise, prompt, "", steps=self.steps, guidance=self.guidance, seeds=[seed] * batch
        )  # in a batch the last one is looked at: it lies elsewhere in memory
        latent: Latent = made[-1]
        return latent

    def conditions(self) -> Iterator[tuple[str, Make | None]]:
        """(name, how to make a picture), None where this machine cannot."""
        plain = self.reference
        yield "same again", lambda p, s: self.sample(plain, p, s)
        for count in (1, 2):
            yield f"threads {count}", lambda p, s, count=count: self._with(threads(count), plain, p, s)  # type: ignore[misc]
        yield "batch of 4", lambda p, s: self.sample(plain, p, s, batch=4)
        yield "oneDNN off", lambda p, s: self._with(torch.backends.mkldnn.flags(enabled=False), plain, p, s)
        for name, processor in attention_backends().items():
            yield (
                f"attention {name}",
                lambda p, s, processor=processor: self._with(attention(plain, processor), plain, p, s),  # type: ignore[misc]
            )
        for dtype in ("bfloat16", "float16"):
            yield f"CPU {dtype}", self._loaded("cpu", dtype)
        for dtype in ("float32", "bfloat16", "float16"):
            yield f"CUDA {dtype}", self._loaded("cuda", dtype) if torch.cuda.is_available() else None

    def _loaded(self, device: str, dtype: str) -> Make:
        runtime = load_runtime(self.model, device=device, dtype=dtype)
        return lambda p, s: self.sample(runtime, p, s)

    def _with(self, condition: Any, runtime: Runtime, prompt: str, seed: bytes) -> Latent:
        with condition:
            return self.sample(runtime, prompt, seed)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def attention_backends() -> dict[str, Any]:
    """Processors of diffusers' attention layers; torch's own is the reference."""
    from diffusers.models.attention_processor import AttnProcessor, SlicedAttnProcessor

    return {"by hand": AttnProcessor(), "in slices": SlicedAttnProcessor(slice_size=1)}


@contextmanager
def attention(runtime: Runtime, processor: Any) -> Iterator[None]:
    inner: Any = runtime._pipeline
    denoiser = getattr(inner, "unet", None) or inner._denoiser
    before = denoiser.attn_processors
    denoiser.set_attn_processor(processor)
    try:
        yield
    finally:
        denoiser.set_attn_processor(before)


def main() -> None:
    parser = options("reproduce", __doc__)
    parser.add_argument("--model", default="house", help="as create takes it")
    parser.add_argument("--pictures", type=int, default=8, help="prompts, one picture each")
    chosen = parser.parse_args()
    bench = Bench(chosen.model)
    prompts = (Path(__file__).parent / "prompts.txt").read_text().splitlines()[: chosen.pictures]
    seeds = [hashlib.sha256(f"reproduce {n}".encode()).digest() for n in range(len(prompts))]
    trust = default_policy().models.get(bench.model.identity.digest)
    calibration = None if trust is None else trust.calibration(bench.shape)
    references = [bench.sample(bench.reference, p, s) for p, s in zip(prompts, seeds, strict=True)]
    steps = calibration.steps if calibration else relative_steps(references[0], 1 / 7.2)
    pictures = [bench.reference.decode(x[None])[0] for x in references]
    rows: dict[str, Any] = {}
    for name, make in bench.conditions():
        if make is None:
            rows[name] = NOT_MEASURED
            print(f"{name:<22} {NOT_MEASURED}")
            continue
        try:
            made = [make(p, s) for p, s in zip(prompts, seeds, strict=True)]
        except (RuntimeError, NotImplementedError) as error:  # a dtype that this processor cannot do
            rows[name] = f"{NOT_MEASURED}: {' '.join(str(error).split())[:80]}"
            print(f"{name:<22} {rows[name]}")
            continue
        rows[name] = compare(bench, references, pictures, made, steps)
        row = rows[name]
        print(
            f"{name:<22} cosine {row['latent_cosine']['min']:.8f}  latent {row['latent_max_difference']['max']:.2e}  "
            f"steps {row['distance_in_steps']['max']:.5f}  pixels {row['pixel_max_difference']['max']:.0f}",
            flush=True,
        )
    figures = {
        "model": {"name": bench.model.identity.name, "digest": bench.model.identity.digest.hex()},
        "sampler": {"scheduler": bench.reference.scheduler.name, "steps": bench.steps, "guidance": bench.guidance},
        "pictures": len(prompts),
        "accept_threshold": calibration.thresholds.accept if calibration else None,
        "reject_threshold": calibration.thresholds.reject if calibration else None,
        "rows": rows,
    }
    write(
        chosen.json,
        "python -m benchmarks.reproduce --json benchmarks/results/reproduce.json",
        figures,
        ("torch", "diffusers", "numpy"),
    )


def compare(bench: Bench, wanted: list[Latent], pictures: list[Any], made: list[Latent], steps: Any) -> dict[str, Any]:
    """Spread over the pictures of one condition."""
    published = [quantise(x, steps) for x in wanted]
    again = [bench.reference.decode(x[None])[0].astype(int) for x in made]
    shown = [bench.reference.decode(dequantise(q, steps)[None])[0].astype(int) for q in published]
    return {
        "latent_cosine": summary([cosine(a, b) for a, b in zip(wanted, made, strict=True)], 10),
        "latent_max_difference": summary([float(np.abs(a - b).max()) for a, b in zip(wanted, made, strict=True)], 8),
        "distance_in_steps": summary([cell_distance(x, q, steps) for x, q in zip(made, published, strict=True)], 6),
        "pixel_max_difference": summary(
            [float(np.abs(a - b.astype(int)).max()) for a, b in zip(again, pictures, strict=True)], 0
        ),
        "pixel_max_difference_to_published": summary(
            [float(np.abs(a - b).max()) for a, b in zip(again, shown, strict=True)], 0
        ),
    }


if __name__ == "__main__":
    main()
