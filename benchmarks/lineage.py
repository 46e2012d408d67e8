"""Does a lineage verify in time linear in the number of works? Chains by depth, and blends of many parents.

Real files by the house model, each with all its ancestors' manifests inside. *Proofs* is ``verify --quick``: manifests,
signatures, claims and digests of every work, the median of several rounds. *Deep* is ``verify --deep``: every ancestor
is made again as well, with four wrong seeds and an inversion; a run in which none is, since its steps lie outside of
what its model was measured for, is refused. Processor time. A straight line is fitted through time
against works, and the growth beside it is the exponent b of time ~ works^b between the smaller half and the whole.
Measured points are kept in ``--work``, so that an interrupted run goes on.

python -m benchmarks.lineage --json benchmarks/results/lineage.json --plot benchmarks/results/lineage.png
"""

from __future__ import annotations

import json
import math
import statistics
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.common import options, write
from benchmarks.signedworks import Atelier, Signed, open_atelier
from generator.setups import HOUSE_STEPS
from provenance.chunks import embedded_store
from provenance.policy import default_policy
from provenance.report import Verdict
from provenance.verify import Depth, Request, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.policy import Policy

DEPTHS = tuple(range(1, 13))
WIDTHS = (2, 5, 10, 20, 30, 40, 50)
DEEP_DEPTHS, DEEP_WIDTHS = (1, 2, 4, 6, 8, 10, 12), (2, 10, 25, 50)
ROUNDS = 7


def chain(shop: Atelier, steps: int) -> list[Signed]:
    """A work, and remixes each of the one before it."""
    works = [shop.work("chain", "green hills at dawn", steps=steps)]
    for generation in range(1, max(DEPTHS) + 1):
        text = f"green hills {('by day', 'at sunset')[generation % 2]}"
        parameters = {"strength": Decimal("0.5")}
        works.append(shop.remix(f"chain {generation}", "image-to-image", works[-1:], text, parameters, steps=steps))
    return works


def blend(shop: Atelier, parents: list[Signed]) -> Signed:
    """A blend of these works."""
    share = Decimal(1) / 64
    weights = {f"w{place}": share for place in range(1, len(parents))}
    weights["w0"] = 1 - share * (len(parents) - 1)
    if len(parents) == 2:
        weights = {"weight": Decimal("0.5")}
    name, parameters = f"blend of {len(parents)}", {"mode": "spherical", **weights}
    return shop.remix(name, "blend", parents, "", parameters, steps=1, guidance=Decimal(0))


def measure(shop: Atelier, policy: Policy, made: Signed, *, deep: bool) -> dict[str, Any]:
    """Bytes, and the time of the proofs or of everything."""
    found: dict[str, Any] = {"store_bytes": len(embedded_store(made.data, "image/png") or b"")}
    now = datetime.now(UTC)
    if deep:
        whole = Request(policy=policy, now=now, regenerator=shop.regenerator, entropy=bytes(32), deep=True)
        spent, report = _timed(lambda: verify(made.data, whole))
        if report.verdict is Verdict.INVALID:
            raise ValueError(f"{report.verdict}: {report.reason}")
        works = (report.lineage or {}).get("works")
        standing = [work["standing"] for work in works] if isinstance(works, list) else []
        if "made again" not in standing:
            raise ValueError(f"no ancestor was made again: {report.reason}")
        return found | {
            "deep_ms": round(1e3 * spent, 1),
            "verdict": str(report.verdict),
            "made_again": standing.count("made again"),
        }
    quick = Request(policy=policy, now=now, depth=Depth.QUICK)
    times = [_timed(lambda: verify(made.data, quick))[0] for _ in range(ROUNDS)]
    return found | {"proofs_ms": round(1e3 * statistics.median(times), 2)}


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = act()
    return time.process_time() - start, result


def fit(points: list[tuple[int, float]]) -> dict[str, float]:
    """A straight line through (works, ms), how much of the variance it explains, and the exponent of the growth."""
    works, spent = (np.array(values, np.float64) for values in zip(*points, strict=True))
    slope, start = np.polyfit(works, spent, 1)
    left = float(np.square(spent - slope * works - start).sum())
    half = min(points, key=lambda point: abs(point[0] - works[-1] / 2))
    growth = math.log(spent[-1] / half[1]) / math.log(works[-1] / half[0])
    return {
        "ms_per_work": round(float(slope), 3),
        "ms_at_none": round(float(start), 2),
        "r2": round(1 - left / float(np.square(spent - spent.mean()).sum()), 5),
        "growth_exponent": round(growth, 3),
    }


def conclude(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Points and fits by shape and kind; a work counts with all its ancestors."""
    figures: dict[str, Any] = {}
    for shape in ("chain", "blend"):
        for kind in ("proofs_ms", "deep_ms"):
            points = sorted((row["works"], row[kind]) for row in rows if row["shape"] == shape and kind in row)
            if len(points) > 1:
                figures[f"{shape} {kind}"] = {"points": points, **fit(points)}
        sizes = {row["works"]: row["store_bytes"] for row in rows if row["shape"] == shape}
        figures[f"{shape} store_bytes"] = sorted(sizes.items())
    return figures


def plot(figures: dict[str, Any], path: Path) -> None:
    """Time against works, with the lines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for axis, kind, title in zip(axes, ("proofs_ms", "deep_ms"), ("proofs", "every ancestor made again"), strict=True):
        for shape, colour in (("chain", "tab:blue"), ("blend", "tab:orange")):
            found = figures.get(f"{shape} {kind}")
            if found is None:
                continue
            works, spent = zip(*found["points"], strict=True)
            label = f"{shape}: {found['ms_per_work']:g} ms a work, r² {found['r2']:.4f}"
            axis.plot(works, spent, "o", color=colour, label=label)
            line = [found["ms_at_none"] + found["ms_per_work"] * n for n in works]
            axis.plot(works, line, "-", color=colour, lw=1)
        axis.set_title(title)
        axis.set_xlabel("works")
        axis.set_ylabel("processor time, ms")
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.legend()
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = options("lineage", __doc__)
    parser.add_argument("--work", type=Path, default=Path("build/lineage.jsonl"), help="measured points")
    parser.add_argument("--steps", type=int, default=HOUSE_STEPS, help="sampler steps of every work")
    parser.add_argument("--plot", type=Path, help="figure to write")
    asked = parser.parse_args()
    shop, policy = open_atelier(), default_policy()
    stamp = f"{shop.base.model.digest.hex()} {asked.steps}"
    asked.work.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in asked.work.read_text().splitlines()] if asked.work.exists() else []
    rows = {(row["shape"], row["size"], row["deep"]): row for row in done if row["stamp"] == stamp}
    wanted = [("chain", n, False) for n in DEPTHS] + [("blend", n, False) for n in WIDTHS]
    wanted += [("chain", n, True) for n in DEEP_DEPTHS] + [("blend", n, True) for n in DEEP_WIDTHS]
    missing = [each for each in wanted if each not in rows]
    generations = chain(shop, asked.steps) if missing else []
    place = range(max(WIDTHS) if missing else 0)
    parents = [shop.work(f"blended {n}", "a mountain lake by day", steps=asked.steps) for n in place]
    for shape, size, deep in missing:
        made = generations[size] if shape == "chain" else blend(shop, parents[:size])
        found = {"shape": shape, "size": size, "deep": deep, "works": size + 1, "stamp": stamp}
        rows[shape, size, deep] = found | measure(shop, policy, made, deep=deep)
        with asked.work.open("a") as file:
            file.write(json.dumps(rows[shape, size, deep]) + "\n")
        print({name: value for name, value in rows[shape, size, deep].items() if name != "stamp"}, flush=True)
    figures = conclude(list(rows.values()))
    print(json.dumps(figures, indent=2))
    if asked.plot:
        plot(figures, asked.plot)
    command = (
        f"python -m benchmarks.lineage --steps {asked.steps} --json benchmarks/results/lineage.json "
        "--plot benchmarks/results/lineage.png"
    )
    told = {"model": shop.base.model.name, "steps": asked.steps, **figures}
    write(asked.json, command, told, ("torch", "c2pa-python", "numpy"))


if __name__ == "__main__":
    main()
