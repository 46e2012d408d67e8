"""Mutation testing of the protocol's core with mutmut: ``python tools/mutation.py [MODULE ...]`` (make mutants).

mutmut breaks one expression of a module at a time and runs the tests that reach it; where they stay green, no test
minds. Each module has a work tree of its own in build/mutants, with the selection of tests that is meant to guard it.
A run may be stopped at any time and goes on where it was; --again tries those once more that no test minded.

    python tools/mutation.py                                  all modules, and the report
    python tools/mutation.py merkle --again                   after adding tests for merkle
    python tools/mutation.py --report --json benchmarks/results/mutants.json

Mutants that change nothing that can be observed are named, each with its reason, in tools/mutation_equivalent.toml, by
their change and not by their number, which shifts with every edit. mutmut changes the bodies of functions and of plain,
static and class methods; constants of a module, properties and other decorated functions are beyond it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "mutants"
EQUIVALENT = Path(__file__).with_name("mutation_equivalent.toml")

MODULES: dict[str, tuple[str, ...]] = {
    "proof": ("tests/provenance/test_proof.py",),
    "commitment": ("tests/provenance/test_commitment.py",),
    "merkle": ("tests/provenance/test_merkle.py",),
    "receipt": ("tests/provenance/test_receipt.py", "tests/attacks/test_receipt.py"),
    "claim": ("tests/provenance/test_claim.py",),
    "correlation": ("tests/provenance/test_correlation.py",),
    "verify": (
        "tests/provenance/test_verify.py",
        "tests/provenance/test_standing.py",
        "tests/provenance/test_stray.py",
    ),
}
"""Module of provenance -> the tests that must kill its mutants."""

KILLED, SURVIVED, UNTRIED, IGNORED = "killed", "survived", "not tried", "no test reaches it"
_STATUS = {0: SURVIVED, 5: IGNORED, 33: IGNORED, None: UNTRIED}
_SKIPPED = shutil.ignore_patterns("__pycache__", "node_modules", "*.pyc")
_CONFIG = """
[tool.mutmut]
source_paths = ["provenance"]
only_mutate = ["provenance/{module}.py"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:schemathesis", "--timeout", "120"]
process_isolation = "forkserver"
use_git_change_detection = false
track_dependencies = false
timeout_constant = 20.0
"""


@dataclass(frozen=True)
class Mutant:
    """One change: its name, what became of it, the function it stands in, and the lines taken out and put in."""

    name: str
    status: str
    function: str
    change: str


def main() -> None:
    """Run what was asked for and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all if none is named")
    parser.add_argument("--again", action="store_true", help="try survivors once more")
    parser.add_argument("--report", action="store_true", help="run nothing, tell what is known")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    unknown = set(options.modules) - set(MODULES)
    if unknown:
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    chosen = options.modules or list(MODULES)
    if not options.report:
        for module in chosen:
            _run(module, again=options.again)
    figures = {module: _tell(module) for module in chosen if _folder(module).exists()}
    if options.json:
        options.json.write_text(json.dumps(_document(figures), indent=2) + "\n")
    if not options.report and any(each["share_killed"] < 0.9 for each in figures.values()):  # noqa: PLR2004 - the target
        raise SystemExit(1)


def _run(module: str, *, again: bool) -> None:
    folder = _folder(module)
    tests = [test for test in MODULES[module] if (ROOT / test).exists()]
    _copy(folder)
    config = (ROOT / "pyproject.toml").read_text() + _CONFIG.format(module=module, tests=json.dumps(tests))
    (folder / "pyproject.toml").write_text(config)
    names = [mutant.name for mutant in _mutants(module) if mutant.status in (SURVIVED, IGNORED)] if again else []
    if again:
        if not names:
            return
        (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)  # which tests reach what is measured anew
    print(f"{module}: mutants in {folder}", flush=True)
    started = time.monotonic()
    environment = os.environ | {"PYTHONPATH": ".", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names]
    with (folder / "run.log").open("ab") as log:
        code = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode
    if code:
        raise SystemExit(f"{module}: mutmut ended with {code}; see {folder / 'run.log'}")
    print(f"{module}: {time.monotonic() - started:.0f} seconds", flush=True)


def _copy(folder: Path) -> None:
    """The sources and tests of today; mutmut keeps its own results as long as the module is the same."""
    for name in ("provenance", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=_SKIPPED, dirs_exist_ok=True)
    (folder / "mutants").mkdir(exist_ok=True)
    for name in ("generator", "ledger"):
        link = folder / "mutants" / name
        if not link.exists():
            link.symlink_to(ROOT / name)
    shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)
    for file in (folder / "provenance").rglob("*.py"):
        copy = folder / "mutants" / file.relative_to(folder)
        if copy.exists() and not Path(f"{copy}.meta").exists():
            shutil.copy2(file, copy)


def _folder(module: str) -> Path:
    return WORK / module


def _mutants(module: str) -> list[Mutant]:
    meta = _folder(module) / "mutants" / "provenance" / f"{module}.py.meta"
    if not meta.exists():
        return []
    codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    written = meta.with_name(f"{module}.py")
    lines = written.read_text().splitlines()
    spans = json.loads(Path(f"{written}.spans").read_text())["spans"]
    bodies = {name: lines[start - 1 : end] for name, (start, end) in spans.items()}
    return [_mutant(name, code, bodies) for name, code in codes.items()]


def _mutant(name: str, code: int | None, bodies: dict[str, list[str]]) -> Mutant:
    """What it changes, by comparing the function's two bodies in the file that mutmut wrote."""
    mangled = name.rpartition(".")[2]
    stem = mangled.rpartition("__mutmut_")[0]
    before, after = _lines(bodies, f"{stem}__mutmut_orig"), _lines(bodies, mangled)
    removed, added = before - after, after - before
    change = " | ".join([*(f"- {line}" for line in removed), *(f"+ {line}" for line in added)])
    function = stem.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return Mutant(name, _STATUS.get(code, KILLED), function, change)


def _lines(bodies: dict[str, list[str]], name: str) -> Counter[str]:
    text = "\n".join(bodies.get(name, ())).replace(name, "_")
    return Counter(line.strip() for line in text.splitlines() if line.strip())


def _tell(module: str) -> dict[str, object]:
    mutants = _mutants(module)
    excused = _excused(module)
    alike = [each for each in mutants if each.status in (SURVIVED, IGNORED) and (each.function, each.change) in excused]
    left = [each for each in mutants if each.status != KILLED and each not in alike]
    counts = Counter(each.status for each in mutants)
    judged = len(mutants) - len(alike) - counts[UNTRIED]
    share = counts[KILLED] / judged if judged else 0.0
    told = f"{counts[KILLED]} of {judged} killed ({share:.1%}), {len(alike)} equivalent, {counts[UNTRIED]} untried"
    print(f"{module}: {told}")
    for each in left:
        if each.status != UNTRIED:
            print(f"    {each.status}: {each.name.rpartition('_')[2]} {each.function}\n        {each.change}")
    unused = excused - {(each.function, each.change) for each in alike}
    for function, change in sorted(unused):
        print(f"    named as equivalent and not among the survivors: {function}: {change}")
    return {
        "mutants": len(mutants),
        "killed": counts[KILLED],
        "equivalent": len(alike),
        "survived": counts[SURVIVED] + counts[IGNORED] - len(alike),
        "not_tried": counts[UNTRIED],
        "share_killed": round(share, 4),
        "tests": list(MODULES[module]),
    }


def _excused(module: str) -> set[tuple[str, str]]:
    listed = tomllib.loads(EQUIVALENT.read_text()).get(module, [])
    if not all(item["reason"].strip() for item in listed):
        raise SystemExit(f"{EQUIVALENT}: an entry without a reason")
    return {(item["function"], item["change"]) for item in listed}


def _document(figures: dict[str, dict[str, object]]) -> dict[str, object]:
    from importlib.metadata import version

    return {
        "command": "python tools/mutation.py --report --json benchmarks/results/mutants.json",
        "tool": f"mutmut {version('mutmut')}",
        "target": "share_killed of 0.9 and more in every module",
        "counted": "share_killed = killed / (mutants - equivalent - not_tried); equivalent ones with their "
        "reasons in tools/mutation_equivalent.toml",
        "modules": figures,
    }


if __name__ == "__main__":
    main()
