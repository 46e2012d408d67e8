"""How long a picture takes, and what provenance adds to the bare pipeline: same model, steps and device.

- house: 12 steps and decoding after the model is loaded; ``create`` from a cold start to the file, in its own process.
- house_beside_bare, beside_bare_diffusers: ``create`` with everything in turn with the bare pipeline, one picture at a
  time and four together (``benchmarks.besidebare``). The embedded model also at 512x512, beyond its calibration.

With a CUDA device also full-size random-weight Stable Diffusion 1.5 and SDXL (--full forces them on the CPU).

python -m benchmarks.generate --json benchmarks/results/generate.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import torch

from benchmarks.besidebare import Setting, compare
from benchmarks.common import options, rounds, summary, write
from benchmarks.randommodels import write_random_model
from generator.models import HOUSE_MODEL, native_size, open_model
from generator.pipeline import MAX_SIDE as LARGEST_HOUSE
from generator.runtime import load_runtime
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS

PARTS = ("house", "house_beside_bare", "beside_bare_diffusers")
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


def house_beside_bare(repeats: int) -> dict[str, Any]:
    """The embedded model at its own size, and one picture at a time at the largest that it makes."""
    model = open_model(HOUSE_MODEL)
    own = Setting(PROMPT, native_size(model.folder), HOUSE_STEPS, Decimal(HOUSE_GUIDANCE))
    large = replace(own, side=LARGEST_HOUSE)
    return {
        f"{own.side}x{own.side}": compare(model, own, repeats),
        f"{large.side}x{large.side}": compare(model, large, max(2, repeats // 3), batches=False),
    }


def diffusers_beside_bare(repeats: int, *, full: bool) -> dict[str, Any]:
    """Random-weight models of diffusers' classes: a medium one, and with ``full`` or on a GPU those of full size."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    large = {"sd15": (512, 30), "sdxl": (1024, 30)} if device == "cuda" or full else {}
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (side, steps) in ({"medium": (256, 20)} | large).items():
            model = open_model(str(write_random_model(name, Path(folder) / name)))
            figures[name] = compare(model, Setting(PROMPT, side, steps, Decimal(7), device), max(2, repeats // 2))
    return figures if large else figures | {"full size on a GPU": "not measured"}


def main() -> None:
    parser = options("generate", __doc__)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--full", action="store_true", help="full-size models also without CUDA")
    parser.add_argument(
        "--only", choices=["house", "house-bare", "bare"], help="one part of it; in the file the others stay"
    )
    chosen = parser.parse_args()
    figures: dict[str, Any] = {}
    if chosen.only and chosen.json and chosen.json.exists():
        known = json.loads(chosen.json.read_text())
        figures = {part: known[part] for part in PARTS if part in known}
    if chosen.only in (None, "house"):
        figures["house"] = house(chosen.repeats)
    if chosen.only in (None, "house-bare"):
        figures["house_beside_bare"] = house_beside_bare(chosen.repeats)
    if chosen.only in (None, "bare"):
        figures["beside_bare_diffusers"] = diffusers_beside_bare(chosen.repeats, full=chosen.full)
    write(
        chosen.json,
        "python -m benchmarks.generate --json benchmarks/results/generate.json",
        figures,
        ("torch", "diffusers", "c2pa-python", "btclib-secp256k1"),
    )


if __name__ == "__main__":
    main()
