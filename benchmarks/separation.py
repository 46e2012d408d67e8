"""Right seed against wrong seeds: correlation, inversion and regeneration over 100 prompts x 32 wrong seeds.

The honest side of each picture is its worst repeat over thread counts, batch sizes, oneDNN on or off, and dtypes. Every
finished picture is appended to ``--work``, so that an interrupted run goes on; the summary is made of all of them.

python -m benchmarks.separation --json benchmarks/results/separation.json

With ``--remix`` the same question is asked of remixes, by operation and strength (benchmarks/separation_remix.py).
"""

from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import separation_remix
from benchmarks.common import options, summary, write
from generator.calibrate import Plan, honest_repeats
from generator.models import house_model, native_size
from generator.runtime import Runtime, load_runtime
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.commitment import seed
from provenance.correlation import cosine, log2_false_accept, threshold, whitened_cosine
from provenance.latent import cell_distance, dequantise, quantise
from provenance.noise import gaussian
from provenance.policy import default_policy

PROMPTS, WRONG, STEPS, GUIDANCE = 100, 32, HOUSE_STEPS, float(HOUSE_GUIDANCE)
_BATCH = 8


def measure(
    number: int, prompt: str, runtime: Runtime, low: Runtime, shape: tuple[int, int, int], trust: Any
) -> dict[str, Any]:
    """All figures of one picture."""
    noise = gaussian(seed(_key(f"right {number}")), shape)
    others = [gaussian(seed(_key(f"wrong {number} {j}")), shape) for j in range(WRONG)]
    plan = Plan([prompt], 0, 0, 0, 0, STEPS, Decimal(HOUSE_GUIDANCE), "cpu")
    run = lambda machine, z: machine.sample(z, prompt, "", steps=STEPS, guidance=GUIDANCE)  # noqa: E731
    made = run(runtime, noise[None])[0]
    integers = quantise(made, trust.steps)
    stored = dequantise(integers, trust.steps)
    repeats = {"same": run(runtime, noise[None])[0], **honest_repeats(runtime, plan, prompt, noise)}
    repeats["bfloat16"] = run(low, noise[None])[0]
    wrongs = [x for at in range(0, WRONG, _BATCH) for x in run(runtime, np.stack(others[at : at + _BATCH]))]
    inverted = runtime.invert(stored[None], prompt, "", steps=STEPS, guidance=GUIDANCE)[0]
    return {
        "prompt": prompt,
        "honest_distance": {name: cell_distance(x, integers, trust.steps) for name, x in repeats.items()},
        "wrong_distance": [cell_distance(x, integers, trust.steps) for x in wrongs],
        "wrong_latent_cosine": [cosine(x, stored) for x in wrongs],
        "plain_cosine": cosine(stored, noise),
        "whitened_cosine": whitened_cosine(stored, noise, trust.whitening),
        "wrong_whitened_cosine": [whitened_cosine(stored, z, trust.whitening) for z in others],
        "inversion_cosine": cosine(inverted, noise),
        "wrong_inversion_cosine": [cosine(inverted, z) for z in others],
    }


def conclude(rows: list[dict[str, Any]], shape: tuple[int, int, int], trust: Any) -> dict[str, Any]:
    """Distributions and error rates; bounds where nothing was seen (95 %, rule of three)."""
    d = math.prod(shape)
    needed = threshold(d)
    flat = lambda name: [value for row in rows for value in row[name]]  # noqa: E731
    worst = [max(row["honest_distance"].values()) for row in rows]
    nearest = [min(row["wrong_distance"]) for row in rows]
    accept, reject = trust.thresholds.accept, trust.thresholds.reject
    share = lambda flags: round(float(np.mean(flags)), 4)  # noqa: E731
    conditions = rows[0]["honest_distance"]
    same_dtype = [max(v for k, v in row["honest_distance"].items() if k != "bfloat16") for row in rows]
    return {
        "pictures": len(rows),
        "wrong_seeds_each": WRONG,
        "dimensions": d,
        "threshold_2^-128": round(needed, 4),
        "correlation_plain": {
            **summary([r["plain_cosine"] for r in rows]),
            "above_threshold": share([r["plain_cosine"] >= needed for r in rows]),
        },
        "correlation_whitened": {
            **summary([r["whitened_cosine"] for r in rows]),
            "above_threshold": share([r["whitened_cosine"] >= needed for r in rows]),
            "wrong_seeds": summary(flat("wrong_whitened_cosine")),
            "median_false_accept_log2": round(
                float(np.median([log2_false_accept(r["whitened_cosine"], d) for r in rows])), 1
            ),
        },
        "inversion": {
            **summary([r["inversion_cosine"] for r in rows]),
            "above_threshold": share([r["inversion_cosine"] >= needed for r in rows]),
            "wrong_seeds": summary(flat("wrong_inversion_cosine")),
        },
        "regeneration": {
            "honest_distance_by_condition": {
                name: summary([r["honest_distance"][name] for r in rows], 6) for name in conditions
            },
            "worst_honest_distance": summary(worst, 6),
            "nearest_wrong_distance": summary(nearest),
            "wrong_latent_cosine": summary(flat("wrong_latent_cosine")),
            "best_wrong_latent_cosine_per_prompt": summary([max(r["wrong_latent_cosine"]) for r in rows]),
            "free_of_overlap": share([a < b for a, b in zip(worst, nearest, strict=True)]),
            "accept_threshold": accept,
            "reject_threshold": reject,
            "honest_accepted_same_dtype": share([value <= accept for value in same_dtype]),
            "honest_accepted_all_dtypes": share([value <= accept for value in worst]),
            "honest_rejected": sum(value > reject for value in worst),
            "wrong_accepted": sum(value <= accept for value in flat("wrong_distance")),
            "wrong_not_rejected": sum(value <= reject for value in flat("wrong_distance")),
            "wrong_accept_rate_upper_bound_95": round(3.0 / len(flat("wrong_distance")), 5),
        },
        "per_picture": [
            {
                "prompt": row["prompt"],
                "whitened": round(row["whitened_cosine"], 4),
                "plain": round(row["plain_cosine"], 4),
                "inversion": round(row["inversion_cosine"], 4),
                "worst_honest": round(max(row["honest_distance"].values()), 6),
                "nearest_wrong": round(min(row["wrong_distance"]), 3),
                "best_wrong_cosine": round(max(row["wrong_latent_cosine"]), 4),
            }
            for row in rows
        ],
    }


def main() -> None:
    parser = options("separation", __doc__)
    parser.add_argument("--work", type=Path, help="finished pictures; by default in build/")
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="how many of benchmarks/prompts.txt")
    parser.add_argument("--remix", action="store_true", help="remixes by operation and strength")
    parser.add_argument("--pictures", type=int, default=separation_remix.PICTURES, help="with --remix: parents")
    parser.add_argument("--plot", type=Path, help="with --remix: figure to write")
    chosen = parser.parse_args()
    if chosen.remix:
        remixes(chosen)
        return
    chosen.work = chosen.work or Path("build/separation.jsonl")
    model = house_model()
    runtime, low = load_runtime(model, device="cpu"), load_runtime(model, device="cpu", dtype="bfloat16")
    side = native_size(model.folder)
    shape = runtime.latent_shape(side, side)
    trust = default_policy().models[model.identity.digest].calibrations[shape]
    stamp = model.identity.digest.hex()
    chosen.work.parent.mkdir(parents=True, exist_ok=True)
    rows = {}
    if chosen.work.exists():
        known = [json.loads(line) for line in chosen.work.read_text().splitlines()]
        rows = {row["number"]: row for row in known if row["model"] == stamp}
    prompts = (Path(__file__).parent / "prompts.txt").read_text().splitlines()[: chosen.prompts]
    for number, prompt in enumerate(prompts):
        if number in rows:
            continue
        rows[number] = {"number": number, "model": stamp, **measure(number, prompt, runtime, low, shape, trust)}
        with chosen.work.open("a") as file:
            file.write(json.dumps(rows[number]) + "\n")
        row = rows[number]
        print(
            f"{number + 1:>3}/{len(prompts)}"
            f" whitened {row['whitened_cosine']:.3f} inversion {row['inversion_cosine']:.3f}"
            f" honest {max(row['honest_distance'].values()):.4f} wrong {min(row['wrong_distance']):.2f}  {prompt}",
            flush=True,
        )
    figures = conclude([rows[n] for n in sorted(rows) if n < len(prompts)], shape, trust)
    print(json.dumps({k: v for k, v in figures.items() if k != "per_picture"}, indent=2))
    sampler = {"model": model.identity.name, "model_digest": stamp, "steps": STEPS, "guidance": GUIDANCE}
    command = "python -m benchmarks.separation --json benchmarks/results/separation.json"
    write(chosen.json, command, {"sampler": sampler, **figures}, ("torch", "diffusers", "numpy"))


def remixes(chosen: Any) -> None:
    """The mode ``--remix``."""
    work = chosen.work or Path("build/separation-remix.jsonl")
    figures = separation_remix.run(work, chosen.pictures, chosen.plot)
    print(json.dumps(figures, indent=2))
    command = "python -m benchmarks.separation --remix --json benchmarks/results/separation-remix.json"
    write(chosen.json, command, {"steps": STEPS, **figures}, ("torch", "diffusers", "numpy"))


def _key(label: str) -> bytes:
    return hashlib.sha256(f"separation {label}".encode()).digest()


if __name__ == "__main__":
    main()
