"""The best of many ground seeds against the analytic curve, extrapolated to the threshold: docs/redteam-grinding.png.

``python -m tests.attacks.redteam.grinding_figures --pictures 6 --json benchmarks/results/redteam-grinding.json --plot
docs/redteam-grinding.png``. Needs no regeneration: noise and arithmetic alone.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from provenance.correlation import REQUIRED_BITS, threshold
from tests.attacks.redteam.grinding_pictures import MOST, expected_best, grind, key_of
from tests.attacks.redteam.injection_figures import save
from tests.attacks.redteam.lab import Lab
from tests.attacks.redteam.painter import calibration, painted


def measure(lab, pictures, most, show=print):
    """Best plain and whitened cosines after 1, 2, 4... keys for each picture, and the keys a second."""
    rows, began = [], time.perf_counter()
    for number in range(pictures):
        work = painted(lab, number)
        best, _ = grind(work, calibration(lab), [key_of(f"curve {number}", key) for key in range(2**most)])
        rows.append({"plain": best[0].round(5).tolist(), "whitened": best[1].round(5).tolist()})
        show(f"{number + 1} of {pictures}")
    rate = pictures * 2**most / (time.perf_counter() - began)
    d = painted(lab, 0).integers.size
    expected = [round(expected_best(2**k, d), 5) for k in range(most + 1)]
    return {
        "model": lab.model.hex(),
        "pictures": rows,
        "expected_median": expected,
        "dimensions": d,
        "threshold": round(threshold(d), 5),
        "keys_a_second_on_this_machine": round(rate),
        "log2_keys_at_threshold": REQUIRED_BITS,
        "log2_years_at_threshold": round(REQUIRED_BITS - float(np.log2(rate * 31_557_600)), 1),
        "mean_excess_at_most": round(float(np.mean([row["whitened"][-1] for row in rows])) - expected[-1], 5),
    }


def draw(result, path):
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    d = result["dimensions"]
    figure, axis = plt.subplots(figsize=(7, 4.2))
    for name, colour in (("plain", "#7f7f7f"), ("whitened", "#1f77b4")):
        for place, row in enumerate(result["pictures"]):
            label = f"{name}, best of 2^k own seeds" if place == 0 else None
            axis.plot(range(len(row[name])), row[name], color=colour, lw=0.9, alpha=0.7, label=label)
    reach = np.arange(1, REQUIRED_BITS + 5, 1.0)
    axis.plot(
        reach, [threshold(d, k) for k in reach], color="black", ls="--", lw=1, label="analytic tail, extrapolated"
    )
    axis.axhline(result["threshold"], color="#d62728", lw=1)
    axis.text(2, result["threshold"] + 0.004, "needed by verify", color="#d62728", fontsize=8)
    axis.set(
        xlabel="log2 of the seeds tried",
        ylabel="cosine with the victim's latent",
        xlim=(0, REQUIRED_BITS + 4),
        ylim=(-0.05, 0.32),
    )
    axis.legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    save(figure, path, 110)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.redteam.grinding_figures", description=__doc__)
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--most", type=int, default=MOST, help="log2 of the keys for each picture")
    parser.add_argument("--folder", type=Path, default=Path("build/redteam"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args(arguments)
    result = measure(Lab(chosen.folder), chosen.pictures, chosen.most)
    result["command"] = (
        f"python -m tests.attacks.redteam.grinding_figures --pictures {chosen.pictures} --most {chosen.most}"
    )
    print(json.dumps({name: value for name, value in result.items() if name != "pictures"}))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if chosen.plot:
        draw(result, chosen.plot)


if __name__ == "__main__":
    main()
