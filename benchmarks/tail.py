"""The false-accept rate of the correlation and inversion tests: the formula against a million wrong seeds.

*Counted*: wrong seeds as a verifier draws them, each one's noise against one honest picture's latent (plain), whitened
latent, and inverted noise; how many reach the cosine that the formula gives for each rate, with exact binomial
intervals. *Weighted*: beyond what can be counted the noise is drawn from its own table tilted towards the latent, and
each draw weighs what the tilt added (importance sampling), down to the rate of 2^-128 that a claim needs. Everything
below the last count is the formula's word, checked by these weights and by nothing else.

python -m benchmarks.tail --json benchmarks/results/tail.json --plot docs/tail.png
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import beta, binomtest

from benchmarks.common import options, write
from benchmarks.tail_plot import plot
from benchmarks.tilted import weighted
from generator.models import house_model, native_size
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.commitment import seed, wrong_seed
from provenance.correlation import cosine, idct2, log2_false_accept, threshold, whiten
from provenance.latent import dequantise, quantise
from provenance.noise import gaussian
from provenance.policy import default_policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.calibration import Calibration

TESTS = ("plain", "whitened", "inversion")
RATES = tuple(10.0 ** (-half / 2) for half in range(1, 13))
BITS = (10, 20, 40, 64, 96, 128)
BLOCK = 2**14
STEPS, GUIDANCE = HOUSE_STEPS, float(HOUSE_GUIDANCE)


def honest(pictures: int, work: Path) -> tuple[NDArray[np.float32], NDArray[np.float64], Calibration]:
    """Unit vectors (pictures, 3, d) that wrong noise is compared with, the right noise's cosines, the calibration.

    The whitened latent is turned back out of the basis of its whitening, which leaves every cosine as it is.
    """
    model = house_model()
    side = native_size(model.folder)
    trusted = default_policy().models[model.identity.digest].calibrations
    shape = next(shape for shape in trusted if shape[1] == side // 8)
    kept = work.with_name(f"{work.stem}-honest-{model.identity.digest.hex()[:16]}-{pictures}.npz")
    if not kept.exists():
        vectors, right = _make_honest(pictures, shape, trusted[shape])
        np.savez(kept, vectors=vectors, right=right)
    with np.load(kept) as found:
        return found["vectors"], found["right"], trusted[shape]


def _make_honest(
    pictures: int, shape: tuple[int, int, int], trust: Calibration
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    from generator.runtime import load_runtime

    runtime = load_runtime(house_model(), device="cpu")
    prompts = (Path(__file__).parent / "prompts.txt").read_text(encoding="utf-8").splitlines()
    vectors, right = [], []
    for number in range(pictures):
        prompt, noise = prompts[number % len(prompts)], gaussian(seed(_key(f"tail {number}")), shape)
        told: dict[str, Any] = {"steps": STEPS, "guidance": GUIDANCE}
        made = runtime.sample(noise[None], prompt, "", **told)[0]
        latent = dequantise(quantise(made, trust.steps), trust.steps)
        back = runtime.invert(latent[None], prompt, "", **told)
        turned = idct2(whiten(latent, trust.whitening))
        three = [latent, turned, noise if back is None else back[0]]
        right.append([cosine(x, noise) for x in three])
        vectors.append([(x / np.linalg.norm(x)).astype(np.float32).ravel() for x in three])
        print(f"honest picture {number + 1}/{pictures}", flush=True)
    return np.array(vectors), np.array(right)


# --- counted --------------------------------------------------------------------------------------------------------


def cosines(vectors: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Cosines (BLOCK, tests) of one block of wrong seeds with one picture's vectors."""
    picture, d = block % len(vectors), vectors.shape[2]
    claim, entropy = _key(f"tail claim {picture}"), _key(f"tail entropy {block}")
    noise = np.empty((BLOCK, d), np.float32)
    for j in range(BLOCK):
        noise[j] = gaussian(wrong_seed(claim, entropy, j), (d,))
    lengths = np.sqrt(np.einsum("ij,ij->i", noise, noise, dtype=np.float64))
    found: NDArray[np.float32] = noise @ vectors[picture].T / lengths[:, None].astype(np.float32)
    return found


def count(vectors: NDArray[np.float32], seeds: int, work: Path, stamp: str) -> list[dict[str, Any]]:
    """One row for each block of seeds, finished ones read from ``work``."""
    d = vectors.shape[2]
    limits = np.array([threshold(d, -math.log2(rate)) for rate in RATES], np.float32)
    rows = {}
    if work.exists():
        known = [json.loads(line) for line in work.read_text(encoding="utf-8").splitlines()]
        rows = {row["block"]: row for row in known if row["stamp"] == stamp}
    blocks = math.ceil(seeds / BLOCK)
    for block in range(blocks):
        if block in rows:
            continue
        found = cosines(vectors, block)
        reached = (found[:, :, None] >= limits).sum(0)
        rows[block] = {"block": block, "stamp": stamp, "reached": reached.tolist(), "best": found.max(0).tolist()}
        with work.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[block]) + "\n")
        print(f"{(block + 1) * BLOCK:>8} of {blocks * BLOCK} wrong seeds", flush=True)
    return [rows[block] for block in range(blocks)]


def conclude(rows: list[dict[str, Any]], d: int) -> dict[str, Any]:
    """For each test and rate: how many reached it, the exact 95 % interval, and how likely so odd a count is."""
    seeds, reached = len(rows) * BLOCK, np.sum([row["reached"] for row in rows], axis=0)
    tests: dict[str, Any] = {}
    for place, name in enumerate(TESTS):
        lines = []
        for rate, seen in zip(RATES, reached[place].tolist(), strict=True):
            low, high = interval(seen, seeds)
            p_value = float(binomtest(seen, seeds, rate).pvalue)
            lines.append(
                {
                    "rate": rate,
                    "cosine": threshold(d, -math.log2(rate)),
                    "reached": seen,
                    "observed": seen / seeds,
                    "low_95": low,
                    "high_95": high,
                    "p_value": round(p_value, 4),
                }
            )
        best = max(row["best"][place] for row in rows)
        tests[name] = {
            "best_cosine": round(best, 4),
            "best_log2": round(log2_false_accept(best, d), 1),
            "counts": lines,
        }
    every = [line for test in tests.values() for line in test["counts"]]
    return {
        "wrong_seeds": seeds,
        "tests": tests,
        "least_p_value": min(line["p_value"] for line in every),
        "agrees": all(line["p_value"] >= 0.05 / len(every) for line in every),
        "agrees_means": f"no count of {len(every)} is odder than 5 % of such tables would hold (Bonferroni)",
    }


def interval(seen: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a rate."""
    low = float(beta.ppf(0.025, seen, trials - seen + 1)) if seen else 0.0
    return low, float(beta.ppf(0.975, seen + 1, trials - seen)) if seen < trials else 1.0


def extrapolate(vectors: NDArray[np.float32], draws: int) -> list[dict[str, Any]]:
    """Rates at BITS by weighted draws; for each test on its most uneven vector, where the formula has most to lose."""
    rng, rows = np.random.default_rng(1), []
    for place, name in enumerate(TESTS):
        uneven = max(vectors[:, place], key=lambda vector: float((vector**4).sum()))
        for bits in BITS:
            log2, error = weighted(uneven, bits, draws, rng)
            told = {"weighted_log2": round(log2, 3), "relative_error": round(error, 3)}
            rows.append({"test": name, "formula_log2": -bits, **told})
            print(f"{name:<10} formula 2^-{bits:<4} weighted 2^{log2:.2f} +- {100 * error:.0f} %", flush=True)
    return rows


def main() -> None:
    parser = options("tail", __doc__)
    parser.add_argument("--work", type=Path, default=Path("build/tail.jsonl"), help="finished blocks of wrong seeds")
    parser.add_argument("--seeds", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=16, help="honest pictures that they are compared with")
    parser.add_argument("--draws", type=int, default=4_000, help="weighted draws for each rate beyond counting")
    parser.add_argument("--plot", type=Path, help="picture to draw")
    chosen = parser.parse_args()
    chosen.work.parent.mkdir(parents=True, exist_ok=True)
    vectors, right, trust = honest(chosen.pictures, chosen.work)
    stamp = f"{trust.model.hex()[:16]} {chosen.pictures}"
    figures = conclude(count(vectors, chosen.seeds, chosen.work, stamp), vectors.shape[2])
    print(json.dumps(figures, indent=1))
    figures["beyond"] = extrapolate(vectors, chosen.draws)
    if chosen.plot is not None:
        plot(figures, chosen.plot)
    least = {name: round(float(right[:, place].min()), 4) for place, name in enumerate(TESTS)}
    sampler = {"model_digest": trust.model.hex(), "steps": STEPS, "guidance": GUIDANCE, "pictures": chosen.pictures}
    command = f"python -m benchmarks.tail --seeds {chosen.seeds} --pictures {chosen.pictures} --draws {chosen.draws}"
    command += " --json benchmarks/results/tail.json --plot docs/tail.png"
    about = {"sampler": sampler, "dimensions": vectors.shape[2], "least_cosine_of_the_right_seed": least}
    write(chosen.json, command, {**about, **figures}, ("numpy", "scipy"))


def _key(label: str) -> bytes:
    return hashlib.sha256(label.encode()).digest()


if __name__ == "__main__":
    main()
