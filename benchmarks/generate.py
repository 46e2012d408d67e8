"""How long a picture takes, and what provenance adds to diffusers' bare pipeline: same model, steps and device.

- house: 12 steps and decoding after the model is loaded; ``create`` from a cold start to the file, in its own process.
- bare: diffusers' pipeline with its own noise, to pixels, PNG encoded. ours: ``create`` with everything (journal,
  noise from the commitment, quantised latent, claim, two signatures, log entry, C2PA manifest, file). They take turns,
  so that a busy neighbour disturbs both. In batches: the bare pipeline makes four at once; what provenance adds is the
  part of ``create`` outside of sampling and decoding, for each picture.

With a CUDA device also full-size random-weight Stable Diffusion 1.5 and SDXL (--full forces them on the CPU).

python -m benchmarks.generate --json benchmarks/results/generate.json
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.common import options, rounds, summary, write
from benchmarks.randommodels import write_random_model
from generator.create import Job, Studio, create
from generator.models import HOUSE_MODEL, native_size, open_model
from generator.runtime import Runtime, load_runtime
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from ledger.local import open_ledger
from provenance.claim import Terms
from provenance.credentials import new_credentials
from provenance.home import Home
from provenance.master import new_master
from provenance.recipe import Prompt

PROMPT = "snowy mountains at sunset"


def house(repeats: int) -> dict[str, Any]:
    """Seconds for a picture after load, and for ``create`` from nothing."""
    model = open_model(HOUSE_MODEL)
    start = time.perf_counter()
    runtime = load_runtime(model, device="cpu")
    loaded = time.perf_counter() - start
    side = native_size(model.folder)
    shape = runtime.latent_shape(side, side)

    def picture() -> object:
        noise = torch.randn(1, *shape).numpy()
        return runtime.decode(runtime.sample(noise, PROMPT, "", steps=HOUSE_STEPS, guidance=float(HOUSE_GUIDANCE)))

    picture()
    spent = summary([ms / 1e3 for ms in rounds({"picture": picture}, repeats)["picture"]], 3)
    cold = summary([_cold_start() for _ in range(max(1, repeats // 3))], 2)
    print(f"house {side}x{side}: {spent['median']} s a picture after {loaded:.1f} s; cold create {cold['median']} s")
    return {
        "size": f"{side}x{side}",
        "steps": HOUSE_STEPS,
        "threads": torch.get_num_threads(),
        "picture_s": spent,
        "load_s": round(loaded, 2),
        "create_cold_start_s": cold,
        "targets": "picture 2 s, cold start 10 s, on two cores",
    }


def _cold_start() -> float:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SEEDPROOF_HOME": f"{folder}/home"}
        run = [sys.executable, "-c", "from provenance.cli import main; main()"]
        subprocess.run(
            [*run, "keys", "new", "--no-passphrase", "--name", "benchmark"],
            env=environment,
            check=True,
            capture_output=True,
        )
        start = time.perf_counter()
        done = [*run, "create", PROMPT, "-o", f"{folder}/a.png"]
        subprocess.run(done, env=environment, check=True, capture_output=True)
        return time.perf_counter() - start


class Clock:
    """Seconds spent inside the runtime's sampling and decoding."""

    def __init__(self, runtime: Runtime) -> None:
        self.inside = 0.0
        for name in ("sample", "decode"):
            setattr(runtime, name, self._timed(getattr(runtime, name)))

    def _timed(self, act: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return act(*args, **kwargs)
            finally:
                self.inside += time.perf_counter() - start

        return timed


def against_bare(folder: Path, side: int, steps: int, device: str, repeats: int) -> dict[str, Any]:
    """Bare pipeline and ``create`` in turn, with the model in ``folder``."""
    model = open_model(str(folder))
    runtime = load_runtime(model, device=device, dtype="auto")
    inner: Any = runtime._pipeline
    pipe, decoder = inner.pipe, inner.decoder
    work = tempfile.TemporaryDirectory()
    base = Path(work.name)
    home = Home(base / "config", base / "data", base / "state")
    home.make(home.data)
    now = datetime.now(UTC)
    log = open_ledger(str(base / "data" / "ledger.db"), create=True)
    clock = Clock(runtime)
    studio = Studio(home, new_master(), new_credentials("b", now), model, runtime, log, lambda _: None, now)
    job = Job(
        Prompt(PROMPT), base / "a.png", side, side, steps, Decimal(7), runtime.dtype,
        seal_prompt=False, anonymous=False, terms=Terms(), overwrite=True,
    )  # fmt: skip
    sizes = {"num_inference_steps": steps, "guidance_scale": 7.0, "height": side, "width": side}

    def bare(batch: int = 1) -> object:
        with torch.inference_mode():
            latent = pipe([PROMPT] * batch, output_type="latent", return_dict=False, **sizes)[0]
            pictures = decoder.decode(latent.float() / decoder.config.scaling_factor).sample
            levels = (pictures * 127.5 + 127.5).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        for picture in levels:
            Image.fromarray(picture).save(io.BytesIO(), "PNG")
        return levels

    outside: list[float] = []

    def ours() -> None:
        clock.inside, start = 0.0, time.perf_counter()
        create(replace(job, prompt=Prompt(PROMPT)), studio)
        outside.append(1e3 * (time.perf_counter() - start - clock.inside))

    def png() -> None:
        Image.fromarray(bare_picture).save(io.BytesIO(), "PNG")

    bare_picture = bare()[0]  # type: ignore[index]
    ours()
    outside.clear()
    spent = rounds({"bare": bare, "ours": ours, "png": png}, repeats)
    batch = statistics.median(rounds({"batch": lambda: bare(4)}, max(1, repeats // 4))["batch"]) / 4
    log.close()
    work.cleanup()
    median = {name: statistics.median(values) for name, values in spent.items()}
    added = statistics.median(outside) - median["png"]
    difference = statistics.median([b - a for a, b in zip(spent["bare"], spent["ours"], strict=True)])
    result = {
        "picture": f"{side}x{side}, {steps} steps, {runtime.dtype} on {device}",
        "bare_ms": summary(spent["bare"], 1),
        "ours_ms": summary(spent["ours"], 1),
        "ours_minus_bare_ms": round(difference, 1),
        "provenance_ms": round(added, 1),
        "provenance_share": round(added / median["bare"], 5),
        "batch_of_4_bare_ms_each": round(batch, 1),
        "batch_provenance_share": round(added / batch, 5),
        "target": "10 ms or 2 %, whichever is more",
    }
    print(
        f"{folder.name} {result['picture']}: bare {median['bare']:.0f} ms, ours {median['ours']:.0f}, provenance "
        f"{added:.1f} ms ({100 * added / median['bare']:.2f} %); in batches {100 * added / batch:.2f} %",
        flush=True,
    )
    return result


def main() -> None:
    parser = options("generate", __doc__)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--full", action="store_true", help="full-size models also without CUDA")
    parser.add_argument("--only", choices=["house", "bare"], help="one half of it")
    chosen = parser.parse_args()
    figures: dict[str, Any] = {}
    if chosen.only != "bare":
        figures["house"] = house(chosen.repeats)
    if chosen.only != "house":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        wanted = {"medium": (256, 20)} | (
            {"sd15": (512, 30), "sdxl": (1024, 30)} if device == "cuda" or chosen.full else {}
        )
        with tempfile.TemporaryDirectory() as folder:
            figures["against_bare_diffusers"] = {
                name: against_bare(write_random_model(name, Path(folder) / name), side, steps, device, chosen.repeats)
                for name, (side, steps) in wanted.items()
            }
        if device == "cpu" and not chosen.full:
            figures["against_bare_diffusers"]["full size on a GPU"] = "not measured"
    write(
        chosen.json,
        "python -m benchmarks.generate --json benchmarks/results/generate.json",
        figures,
        ("torch", "diffusers", "c2pa-python", "btclib-secp256k1"),
    )


if __name__ == "__main__":
    main()
