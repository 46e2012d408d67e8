"""The picture of ``benchmarks.tail``: observed against predicted rates, both axes logarithmic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["plot"]


def plot(figures: dict[str, Any], path: Path) -> None:
    """Left what was counted, with its intervals; right what lies beyond, drawn as the extrapolation that it is."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (near, far) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    for (name, test), mark in zip(figures["tests"].items(), "osv", strict=True):
        lines = [line for line in test["counts"] if line["reached"]]
        below = [line["observed"] - line["low_95"] for line in lines]
        above = [line["high_95"] - line["observed"] for line in lines]
        near.errorbar(
            [line["rate"] for line in lines],
            [line["observed"] for line in lines],
            [below, above],
            fmt=mark,
            capsize=3,
            alpha=0.7,
            label=f"{name}, counted",
        )
        tail = [row for row in figures["beyond"] if row["test"] == name]
        far.plot(
            [row["formula_log2"] for row in tail],
            [row["weighted_log2"] for row in tail],
            mark,
            alpha=0.7,
            label=f"{name}, weighted draws",
        )
    seeds = figures["wrong_seeds"]
    near.plot([1e-7, 1], [1e-7, 1], "k-", linewidth=0.8, label="the formula")
    near.set(xscale="log", yscale="log", xlabel="rate by the formula", ylabel="observed rate")
    near.set_title(f"{seeds:,} wrong seeds, 95 % intervals")
    far.plot([-130, 0], [-130, 0], "k--", linewidth=0.8, label="the formula, extrapolated")
    far.axvspan(-math.log2(seeds), 0, alpha=0.15, label="range that was counted")
    far.set(xlabel="log2 of the rate by the formula", ylabel="log2 of the rate by weighted draws")
    far.set_title("beyond counting")
    for axes in (near, far):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
