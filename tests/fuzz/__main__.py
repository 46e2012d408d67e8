"""``python -m tests.fuzz``: an hour of the processor for all targets together, in turns; resumable; see docs/fuzzing.md.

The corpus and the account are in build/fuzz. A target gets its next turn when every other had as many; so a run that is
stopped and begun again goes on where it was. What is found is written to tests/fuzz/found, which pytest replays.
"""

import argparse
import importlib
import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz.engine import FOUND, keep_finding, prepare, turn

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "fuzz"
TURN = 10.0
"""Seconds of the processor in one turn of one target."""


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="only these; all if none is named")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the processor, in this run; 60 if not said")
    parser.add_argument(
        "--turn", type=float, default=TURN, help=f"seconds of one target in a row; {TURN:g} if not said"
    )
    parser.add_argument("--engine", choices=("auto", "atheris", "blind"), default="auto")
    parser.add_argument("--report", action="store_true", help="run nothing, tell what was done so far")
    parser.add_argument("--json", type=Path, help="write the account of all runs so far there")
    options = parser.parse_args()
    engine = options.engine
    if engine == "auto":
        engine = "atheris" if importlib.util.find_spec("atheris") else "blind"
    account = _Account(engine)
    if options.report:
        account.tell(importlib.import_module("tests.fuzz.registry").TARGETS, options.json)
        return
    try:
        ready = prepare(engine, options.targets)
    except KeyError as error:
        parser.error(f"no such target: {error.args[0]}; see tests/fuzz/targets_*.py")
    left, findings = options.minutes * 60.0, 0
    while left > 0:
        name = account.next(list(ready))
        spent, found = _turn(account, name, ready, min(options.turn, left), engine)
        left, findings = left - spent, findings + found
    account.tell(importlib.import_module("tests.fuzz.registry").TARGETS, options.json)
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

    def tell(self, names, file):
        print(self.summary())
        if file:
            file.write_text(json.dumps(self.document(names), indent=2) + "\n")

    def summary(self):
        had = [each for each in self.targets.values() if each["turns"]]
        minutes = sum(each["seconds"] for each in had) / 60
        return (
            f"{sum(each['runs'] for each in had)} inputs to {len(had)} targets in {minutes:.1f} minutes of the processor; "
            f"{sum(each['findings'] for each in had)} findings in all, slowest input {max((each['slowest'] for each in had), default=0)} s"
        )

    def document(self, names):
        had = {name: each for name, each in self.targets.items() if each["turns"]}
        return {
            "command": "make fuzz",
            "date": datetime.now(UTC).date().isoformat(),
            "target": "no crash, no hang over 1 s of the processor, only errors of provenance/errors.py",
            "minutes": round(sum(each["seconds"] for each in had.values()) / 60, 1),
            "inputs": sum(each["runs"] for each in had.values()),
            "findings": sum(each["findings"] for each in had.values()),
            "inputs_that_were_found_once_and_are_replayed": sum(path.is_file() for path in FOUND.rglob("*")),
            "not_yet_run": sorted(name for name in names if name not in had),
            "targets": had,
        }


def _turn(account, name, ready, seconds, engine):
    """One turn; (seconds spent, findings)."""
    folder = BUILD / name
    code, told = turn(*ready[name], folder, seconds=seconds, seed=1 + account.of(name)["turns"], engine=engine)
    done = told or {"runs": 0, "seconds": 0.0, "slowest": 0.0, "findings": 0}
    now = folder / "now"
    if code and not now.exists():
        raise SystemExit(f"{name}: could not be fuzzed; see {folder / 'log'}")
    if code:
        keep_finding(name, now.read_bytes(), f"the process died with {code}; see {folder / 'log'}")
        done["findings"] += 1
        now.unlink()
    account.add(name, done)
    return max(done["seconds"], 0.5), done["findings"]


if __name__ == "__main__":
    main()
