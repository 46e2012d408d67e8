"""What the benchmarks share: the machine in words, timing, results as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS = Path(__file__).parent / "results"


def options(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with ``--json FILE``."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"also write the figures, as in results/{name}.json")
    return parser


def cpu_model() -> str:
    """The processor's name as the kernel gives it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def write(path: Path | None, command: str, figures: dict[str, Any], packages: Sequence[str]) -> None:
    """Write one result with the command and the machine that gave it."""
    if path is None:
        return
    report = {
        "command": command,
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in packages},
        **figures,
    }
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def rounds(acts: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each act, ``repeats`` times in turn, so that a busy neighbour disturbs all alike."""
    spent: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(repeats):
        for name, act in acts.items():
            start = time.perf_counter()
            act()
            spent[name].append(1e3 * (time.perf_counter() - start))
    return spent


def summary(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Minimum, median, mean and maximum."""
    return {
        "min": round(min(values), digits),
        "median": round(statistics.median(values), digits),
        "mean": round(statistics.fmean(values), digits),
        "max": round(max(values), digits),
    }
