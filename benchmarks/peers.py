"""NoisePrints' threshold and pass rate (arXiv 2510.13793) beside our tests: same pictures, same run, same error rate.

Their test is the cosine between the noise of the seed and the picture's latent, against the least cosine that noise
which has nothing to do with the picture reaches with the allowed probability: the cap of a sphere, a formula of the
dimension alone. Here it gets the latent that was stored, which is the best that an encoder could give it. Ours are the
same cosine after whitening, the cosine after running the sampler backwards, and regeneration.

The pictures are those that ``benchmarks.separation`` measured (its ``--work``); run that first for a new model.

python -m benchmarks.peers --json benchmarks/results/peers.json
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.common import options, write
from benchmarks.tail import interval
from generator.models import house_model
from provenance.correlation import threshold
from provenance.policy import default_policy

BITS = (20, 32, 64, 128)
TESTS = {
    "NoisePrints: cosine of latent and noise": ("plain_cosine", None),
    "ours: whitened cosine": ("whitened_cosine", "wrong_whitened_cosine"),
    "ours: cosine after inversion": ("inversion_cosine", "wrong_inversion_cosine"),
}
SAME_MACHINE = ("same", "threads", "batch of 3", "oneDNN off")


def read_rows(path: Path, model: str) -> list[dict[str, Any]]:
    """Pictures of this model, in the order of their numbers."""
    if not path.exists():
        raise SystemExit(f"{path} is not there: run python -m benchmarks.separation first")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = {row["number"]: row for row in rows if row["model"] == model}
    if not found:
        raise SystemExit(
            f"{path} holds no picture of the model {model[:16]}: run python -m benchmarks.separation first"
        )
    return [found[number] for number in sorted(found)]


def conclude(rows: list[dict[str, Any]], d: int, accept: float, reject: float) -> list[dict[str, Any]]:
    """One line for each test and rate: how many of the pictures pass, and how many of their wrong seeds."""
    table = []
    for name, (right, wrong) in TESTS.items():
        for bits in BITS:
            needed = threshold(d, bits)
            others = [value for row in rows for value in row.get(wrong or "", [])]
            table.append(
                {
                    **_line(name, sum(row[right] >= needed for row in rows), len(rows)),
                    "false_accept_log2": -bits,
                    "needed": round(needed, 4),
                    "wrong_seeds": len(others) or None,
                    "wrong_passed": sum(value >= needed for value in others) if others else None,
                }
            )
    both = [
        max(row["whitened_cosine"], row["inversion_cosine"]) >= threshold(d)
        and max(row["honest_distance"][name] for name in SAME_MACHINE) <= accept
        and min(row["wrong_distance"]) > reject
        for row in rows
    ]
    wrongs = [value for row in rows for value in row["wrong_distance"]]
    table.append(
        {
            **_line("ours: authentic (regeneration and 2^-128 by one of the two)", sum(both), len(rows)),
            "false_accept_log2": -128,
            "needed": accept,
            "wrong_seeds": len(wrongs),
            "wrong_passed": sum(value <= accept for value in wrongs),
        }
    )
    return table


def _line(name: str, passed: int, pictures: int) -> dict[str, Any]:
    low, high = interval(passed, pictures)
    return {
        "test": name,
        "pictures": pictures,
        "passed": passed,
        "pass_rate": round(passed / pictures, 4),
        "low_95": round(low, 4),
        "high_95": round(high, 4),
    }


def main() -> None:
    parser = options("peers", __doc__)
    parser.add_argument("--work", type=Path, default=Path("build/separation.jsonl"), help="pictures of separation")
    chosen = parser.parse_args()
    digest = house_model().identity.digest
    trust = next(iter(default_policy().models[digest].calibrations.values()))
    rows, d = read_rows(chosen.work, digest.hex()), math.prod(trust.shape)
    table = conclude(rows, d, trust.thresholds.accept, trust.thresholds.reject)
    for line in table:
        print(
            f"{line['test']:<62} 2^{line['false_accept_log2']:<5} {line['passed']:>4}/{line['pictures']}"
            f" wrong seeds {line['wrong_passed']}/{line['wrong_seeds']}"
        )
    about = {"model_digest": digest.hex(), "dimensions": d, "pictures_from": "python -m benchmarks.separation"}
    command = "python -m benchmarks.peers --json benchmarks/results/peers.json"
    write(chosen.json, command, {**about, "table": table}, ("numpy", "torch"))


if __name__ == "__main__":
    main()
