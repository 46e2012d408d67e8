"""What a coincidence of k bits of seed costs, from the attempts of ``grinding-seed``, against the model 2^k.

``python -m tests.attacks.redteam.seed_cost --json benchmarks/results/redteam-seed-cost.json --plot docs/redteam-seed-cost.png``.
Tries are geometrically distributed, so the mean of n attempts lies within 2 / sqrt(n) of 2^k in 95 of 100 cases.
"""

import argparse
import json
import math
import statistics
from pathlib import Path

from tests.attacks.redteam import grinding
from tests.attacks.redteam.lab import Lab
from tests.attacks.redteam.run import mark_of, read_lines

SECONDS_A_YEAR = 31_557_600
STATED = (32, 64, 128, 256)
"""Sizes whose cost is extrapolated: torch's seeds, torch's argument, any of 2^128 published seeds, one given seed."""


def conclude(figures):
    """The cost by size, the slope of log2 tries over k, and what the stated sizes take at the measured rate."""
    sizes = {}
    for each in figures:
        sizes.setdefault(int(each["bits"]), []).append(each["tries"])
    rows = [
        {
            "bits": k,
            "attempts": len(tries),
            "mean_tries": round(statistics.fmean(tries), 1),
            "by_model": round(statistics.fmean(tries) / 2**k, 4),
            "allowed_deviation": round(2 / math.sqrt(len(tries)), 4),
        }
        for k, tries in sorted(sizes.items())
    ]
    relative = [each["tries_by_model"] for each in figures]
    rate = statistics.median(each["tries_per_second"] for each in figures if each["tries"] > 1000)
    return {
        "sizes": rows,
        "attempts": len(figures),
        "by_model": round(statistics.fmean(relative), 4),
        "allowed_deviation": round(2 / math.sqrt(len(figures)), 4),
        "slope": round(_slope([(row["bits"], math.log2(row["mean_tries"])) for row in rows]), 4),
        "keys_a_second": round(rate),
        "log2_core_years": {str(k): round(k - math.log2(rate * SECONDS_A_YEAR), 1) for k in STATED},
        "core_hours_for_32_bits": round(2**32 / rate / 3600, 1),
    }


def draw(found, path):
    """Mean tries over k with the model's line, and the line on to 128 bits."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    bits = [row["bits"] for row in found["sizes"]]
    measured = [math.log2(row["mean_tries"]) for row in found["sizes"]]
    errors = [1.44 * row["allowed_deviation"] for row in found["sizes"]]
    left.errorbar(bits, measured, errors, fmt="o", ms=4, label="measured mean, 95 %")
    left.plot(bits, bits, "k--", lw=1, label="model: 2^k")
    left.set(xlabel="bits of seed that agree", ylabel="log2 of tries", title="tried")
    left.legend()
    years = math.log2(found["keys_a_second"] * SECONDS_A_YEAR)
    right.plot([0, 256], [-years, 256 - years], "k--", lw=1)
    right.plot(bits, [value - years for value in measured], "o", ms=3)
    for k in STATED:
        right.plot([k], [k - years], "k.")
        beside = (8, -4) if k < max(STATED) else (-95, -4)
        right.annotate(
            f"{k} bits: 2^{k - years:.0f}", (k, k - years), textcoords="offset points", xytext=beside, fontsize=8
        )
    right.set(xlabel="bits of seed that agree", ylabel="log2 of years on one core", title="extrapolated")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _slope(points):
    x, y = (statistics.fmean(values) for values in zip(*points, strict=True))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/redteam"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    threat = next(each for each in grinding.THREATS if each.name == "grinding-seed")
    lines = read_lines(options.folder / "grinding-seed.jsonl", mark_of(threat, Lab(options.folder)))
    found = conclude([line.figures for line in lines.values()])
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if options.plot:
        draw(found, options.plot)


if __name__ == "__main__":
    main()
