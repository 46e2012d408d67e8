"""``python -m tests.fuzz``: an hour of the processor for all targets together, in turns; resumable; see docs/fuzzing.md.

The corpus and the account are in build/fuzz. A target gets its next turn when every other had as many; so a run that is
stopped and begun again goes on where it was. What is found is written to tests/fuzz/found, which pytest replays.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz.engine import keep_finding
from tests.fuzz.registry import TARGETS

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "fuzz"
TURN = 20.0
"""Seconds of the processor in one turn of one target, beside what its imports and seeds take."""


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="only these; --list names all")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the processor, in this run; 60 if not said")
    parser.add_argument(
        "--turn", type=float, default=TURN, help=f"seconds of one target in a row; {TURN:g} if not said"
    )
    parser.add_argument("--engine", choices=("auto", "atheris", "blind"), default="auto")
    parser.add_argument("--json", type=Path, help="write the account of all runs so far there")
    options = parser.parse_args()
    if options.list:
        print("\n".join(TARGETS))
        return
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    engine = options.engine
    if engine == "auto":
        engine = "atheris" if importlib.util.find_spec("atheris") else "blind"
    account = _Account(engine)
    left, findings = options.minutes * 60.0, 0
    while left > 0:
        name = account.next(options.targets or list(TARGETS))
        spent, found = _turn(account, name, min(options.turn, left), engine)
        left, findings = left - spent, findings + found
    print(account.summary())
    if options.json:
        options.json.write_text(json.dumps(account.document(options.minutes), indent=2) + "\n")
    if findings:
        raise SystemExit(1)


class _Account:
    """What every target has had so far, in build/fuzz/account.json."""

    def __init__(self, engine):
        self.engine = engine
        self.path = BUILD / "account.json"
        self.targets = json.loads(self.path.read_text()) if self.path.exists() else {}

    def of(self, name):
        empty = {"turns": 0, "runs": 0, "seconds": 0.0, "slowest": 0.0, "findings": 0, "engines": []}
        return self.targets.setdefault(name, empty)

    def next(self, names):
        return min(names, key=lambda name: self.of(name)["turns"])

    def add(self, name, turn):
        mine = self.of(name)
        mine["turns"] += 1
        mine["runs"] += turn["runs"]
        mine["seconds"] = round(mine["seconds"] + turn["seconds"], 1)
        mine["slowest"] = max(mine["slowest"], turn["slowest"])
        mine["findings"] += turn["findings"]
        mine["engines"] = sorted({*mine["engines"], self.engine})
        BUILD.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.targets, indent=1))

    def summary(self):
        had = [each for each in self.targets.values() if each["turns"]]
        minutes = sum(each["seconds"] for each in had) / 60
        return (
            f"{sum(each['runs'] for each in had)} inputs to {len(had)} targets in {minutes:.1f} minutes of the processor; "
            f"{sum(each['findings'] for each in had)} findings in all, slowest input {max(each['slowest'] for each in had)} s"
        )

    def document(self, minutes):
        had = {name: each for name, each in self.targets.items() if each["turns"]}
        return {
            "command": f"python -m tests.fuzz --minutes {minutes:g} --json benchmarks/results/fuzz.json",
            "date": datetime.now(UTC).date().isoformat(),
            "target": "no crash, no hang over 1 s of the processor, only errors of provenance/errors.py",
            "minutes": round(sum(each["seconds"] for each in had.values()) / 60, 1),
            "inputs": sum(each["runs"] for each in had.values()),
            "findings_before_they_were_mended": sum(each["findings"] for each in had.values()),
            "findings_left": None,
            "targets": had,
        }


def _turn(account, name, seconds, engine):
    """One turn in a process of its own; (seconds spent, findings)."""
    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "account.json").unlink(missing_ok=True)
    seed = str(1 + account.of(name)["turns"])
    command = [sys.executable, "-m", "tests.fuzz.engine", name, str(BUILD), str(seconds), seed, engine]
    environment = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as log:
        code = subprocess.run(command, cwd=ROOT, env=environment, stderr=log, check=False).returncode
    told = folder / "account.json"
    turn = json.loads(told.read_text()) if told.exists() else {"runs": 0, "seconds": 0.0, "slowest": 0.0, "findings": 0}
    now = folder / "now"
    if code and not now.exists():
        raise SystemExit(f"{name}: could not be fuzzed; see {folder / 'log'}")
    if code:
        keep_finding(name, now.read_bytes(), f"the process died with {code}; see {folder / 'log'}")
        turn["findings"] += 1
        now.unlink()
    account.add(name, turn)
    return max(turn["seconds"], 0.5), turn["findings"]


if __name__ == "__main__":
    main()
