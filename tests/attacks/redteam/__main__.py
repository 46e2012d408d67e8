"""``python -m tests.attacks.redteam``: attack, count, and write the table. Exits with 1 where anything broke."""

import argparse
import sys
from pathlib import Path

from tests.attacks.redteam.lab import Lab
from tests.attacks.redteam.run import mark_of, read_lines, run_threat, summarise
from tests.attacks.redteam.table import merge, write_json, write_table
from tests.attacks.redteam.threat import all_threats

DEFAULT_ATTEMPTS = 10


def main(arguments=None, *, threats=None, lab=None):
    """The exit code: 0 nothing broke, 1 something did, 2 no such threat."""
    options = _parser().parse_args(arguments)
    known = all_threats() if threats is None else threats
    if options.list:
        for threat in known.values():
            print(f"{threat.name:28} {threat.kind:10} {threat.title}")
        return 0
    unknown = [name for name in options.only if name not in known]
    if unknown:
        print(f"no threat is called {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    lab = lab or Lab(options.folder)

    def show(text):
        return print(text, file=sys.stderr, flush=True)

    rows = []
    for name in options.only or known:
        threat = known[name]
        if not options.summary:
            attempts = threat.wanted if options.wanted else options.attempts
            run_threat(threat, lab, options.folder, attempts, show)
        lines = read_lines(options.folder / f"{name}.jsonl", mark_of(threat, lab))
        if lines:
            rows.append(summarise(threat, lab, list(lines.values())))
            show(_said(rows[-1]))
    shown = rows
    if options.json is not None:
        shown = merge(options.json, rows, {name: threat.edition for name, threat in known.items()})
        write_json(options.json, shown)
    if options.table is not None:
        write_table(options.table, shown)
    return 1 if any(row["breaks"] and row["prevented"] for row in rows) else 0


def _said(row):
    verdicts = ", ".join(f"{count} {name}" for name, count in row["verdicts"].items())
    bound = f"at most {100 * row['upper_bound_95']:.3g} %"
    return f"{row['name']}: {row['breaks']} of {row['attempts']} broke ({bound}, 95 %): {verdicts}"


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.redteam", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this threat; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the threats and do nothing")
    count = parser.add_mutually_exclusive_group()
    count.add_argument("--attempts", type=int, default=DEFAULT_ATTEMPTS, metavar="N", help="attempts in all, each")
    count.add_argument("--wanted", action="store_true", help="1,000, 300 or 30 attempts, as the threat's kind has it")
    count.add_argument("--summary", action="store_true", help="make no attempts; count those that were made")
    parser.add_argument("--folder", type=Path, default=Path("build/redteam"), help="where works and attempts are kept")
    parser.add_argument("--json", type=Path, help="write the results here, e.g. benchmarks/results/redteam.json")
    parser.add_argument("--table", type=Path, help="write the table here, e.g. docs/redteam.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
