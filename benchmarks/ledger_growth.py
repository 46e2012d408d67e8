"""Does a log of a million entries answer as fast as one of a thousand? Submissions, receipts, proofs, memory.

At each size the log is measured in turn with a fresh small one beside it, so that a busy machine disturbs both alike;
what counts is the ratio, the median over the rounds of big against small within one round. Time is the processor time
of this process (and of the PostgreSQL server, where there is one); wall-clock time stands beside it. The entries that
fill the log are as long as real ones, with ids of their own, but their signatures are not made and not checked; so are
those of "bare submit in batches" and "submit one by one". What a service does for each claim is "submit, proofs
checked": real entries, parsed, their proofs checked, logged in batches. What is read is chosen at random among all
published entries, once the caches are as full as those of a service that has run for a while, and the files of both
logs are in the system's memory. "receipt" is the whole receipt, "inclusion proof" the bare path as ``/v1/proofs`` makes
it out of the tiles of a folder, "consistency proof" one from a random size to the newest.

"proof over HTTP" and "receipt over HTTP" are what clients ask for: two running services, one on each log, with the
processor time of the service that answers. Memory is that of these services at the end, after as many proofs and
receipts as the log has entries, 12,000 at most: all resident pages, and those of them that are no file's.

Run from the root of the repository. With ``--folder`` the grown log is kept and need not be grown again; sizes that the
result has are not measured again::

    python -m benchmarks.ledger_growth --database sqlite --json benchmarks/results/ledger-growth-sqlite.json
    python -m benchmarks.ledger_growth --database postgresql --json benchmarks/results/ledger-growth-postgresql.json
    python -m benchmarks.ledger_growth --plot benchmarks/results/ledger-growth.png
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import RESULTS, options, write
from benchmarks.growthkit import POSTGRESQL, ROUTES, Clock, Entries, Prover, Readers, load_files, places, reading, real
from ledger.log import Log, open_log, prepare
from provenance.tiles import FULL_WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 10_000, 100_000, 300_000, 1_000_000)
FILL, BATCH, BATCHES, SINGLES, READ, ROUNDS, READS = 1_024, 128, 2, 8, 200, 15, 12_000
WRITES = 50_000
"""What is logged first where the log was grown earlier: the database has just been started, and a service has not."""

LIMIT = 1.2
SMALL = SIZES[0]
OVER_HTTP = {route: f"{route.removesuffix('s')} over HTTP" for route in ROUTES}
TARGETS = ("submit, proofs checked", *OVER_HTTP.values(), "receipt", "inclusion proof", "consistency proof")
"""What shall not grow by more than LIMIT; the other acts explain it."""

Act = tuple["Callable[[], object]", int]
Spent = dict[str, list[dict[str, float]]]


class Measured:
    """One log and what is done with it, a part of a second at a time."""

    def __init__(self, name: str, log: Log, entries: Entries) -> None:
        self.name = name
        self.log = log
        self._entries = entries
        self._prover = Prover(log)
        self._chance = random.Random(1)

    def warm_up(self) -> None:
        size = self.log.published().size
        reads = min(READS, size)
        self._prover.prove([*range(0, size, FULL_WIDTH), *self._random(reads)])
        for index in self._random(reads):
            self.log.receipt(index)

    def acts(self, turn: object) -> dict[str, Act]:
        """What is measured in one round, by name, and how often it is done; what was logged before is published."""
        log = self.log
        log.publish()
        batches = [self._entries.take(BATCH) for _ in range(BATCHES)]
        singles = [self._entries.take(1) for _ in range(SINGLES)]
        whole = [real((self.name, log.head().size, turn, i)) for i in range(BATCH)]
        indices, sizes = self._random(READ), self._random(READ)
        some = batches[0][:READ]
        pixels = [item.entry.claim.pixels for item in some if item.entry.claim]
        return {
            "submit, proofs checked": (lambda: log.submit_batch([prepare(entry) for entry in whole]), BATCH),
            "bare submit in batches": (lambda: [log.submit_batch(batch) for batch in batches], BATCH * BATCHES),
            "submit one by one": (lambda: [log.submit_batch(batch) for batch in singles], SINGLES),
            "receipt": (lambda: [log.receipt(index) for index in indices], READ),
            "inclusion proof": (lambda: self._prover.prove(indices), READ),
            "consistency proof": (lambda: self._consistency(sizes), READ),
            "find by id": (lambda: [log.find(item.entry.id) for item in some], len(some)),
            "find by pixels": (lambda: [log.search(pixels=value) for value in pixels], len(pixels)),
        }

    def _consistency(self, sizes: list[int]) -> None:
        newest = self.log.published().size
        for size in sizes:
            self.log.consistency(size + 1, newest)

    def _random(self, count: int) -> list[int]:
        size = self.log.published().size
        return [self._chance.randrange(size) for _ in range(count)]


def rounds_at(big: Measured, small: Measured, clock: Clock) -> dict[str, Any]:
    """Figures of both logs, measured in turn: medians of the rounds, per claim or answer."""
    spent: dict[str, Spent] = {}
    both = (big, small)
    for measured in both:
        measured.warm_up()
    for turn in range(ROUNDS):
        for measured in both if turn % 2 else both[::-1]:
            for act, (work, count) in measured.acts(turn).items():
                figures = {kind: value / count for kind, value in clock.measure(work).items()}
                spent.setdefault(act, {}).setdefault(measured.name, []).append(figures)
    return _figures(spent)


def rounds_over_http(big: Readers, small: Readers, others: Callable[[], float]) -> dict[str, Any]:
    """The same for what the services answer."""
    spent: dict[str, Spent] = {}
    for turn in range(ROUNDS):
        for name, readers in (("big", big), ("small", small))[:: 1 if turn % 2 else -1]:
            clock = Clock(lambda readers=readers: readers.cpu_seconds() + others(), own=False)
            for route, act in OVER_HTTP.items():
                figures = clock.measure(lambda route=route, readers=readers: readers.ask(route, READ))
                figures = {kind: value / READ for kind, value in figures.items()}
                spent.setdefault(act, {}).setdefault(name, []).append(figures)
    return _figures(spent)


def _figures(spent: dict[str, Spent]) -> dict[str, Any]:
    return {
        act: {name: _medians(values) for name, values in found.items()}
        | {"ratio": _ratio(found, "cpu"), "wall_ratio": _ratio(found, "wall")}
        for act, found in spent.items()
    }


def _ratio(found: Spent, kind: str) -> float:
    """Median of the rounds' ratios: what disturbs the machine for a while disturbs both logs of a round."""
    pairs = zip(found["big"], found["small"], strict=True)
    return round(statistics.median(big[kind] / small[kind] for big, small in pairs if small[kind]), 3)


def _medians(values: list[dict[str, float]]) -> dict[str, float]:
    return {
        "cpu_us": round(1e6 * statistics.median(v["cpu"] for v in values), 1),
        "wall_us": round(1e6 * statistics.median(v["wall"] for v in values), 1),
        "written_bytes": round(statistics.median(v["bytes"] for v in values)),
    }


def grow(kind: str, folder: Path, report: Path | None, sizes: tuple[int, ...], *, anew: bool) -> None:
    done: list[dict[str, Any]] = []
    if report is not None and report.exists() and not anew:
        done = json.loads(report.read_text(encoding="utf-8"))["sizes"]
    with places(kind, folder) as (place, spent):
        log = begin(folder, place, "big")
        entries = Entries(log.head().size)
        for target in sizes:
            if any(row["entries"] == target for row in done):
                continue
            started = time.monotonic()
            begun = log.head().size
            if begun > 1.2 * target:
                raise SystemExit(
                    f"the log in {folder} has {begun} entries already; name larger --sizes, or another folder"
                )
            while log.head().size < target:
                log.submit_batch(entries.take(min(FILL, target - log.head().size)))
            filled = time.monotonic() - started
            for _ in range(0 if begun < target else WRITES // FILL):
                log.submit_batch(entries.take(FILL))
            log.publish()
            row = {"entries": target, "stored": log.head().size, "filled_from": begun, "fill_s": round(filled, 1)}
            row |= measure(folder, place, log, entries, spent, f"small_{target}_{time.time_ns()}")
            row["seconds"] = round(time.monotonic() - started, 1)
            done = sorted([*done, row], key=lambda other: other["entries"])
            print(_line(row), flush=True)
            save(kind, report, done)
        log.close()


def begin(folder: Path, place: Callable[[str], str], name: str) -> Log:
    """The log of this name, as a service has it: with its tiles in a folder."""
    own = folder / name
    own.mkdir(exist_ok=True)
    return open_log(place(name), key_file=own / "log.key", tiles=str(own / "tiles"), create=True)


def measure(
    folder: Path, place: Callable[[str], str], log: Log, entries: Entries, spent: Callable[[], float], name: str
) -> dict[str, Any]:
    """The figures of the log beside a fresh small one, which is removed."""
    small = begin(folder, place, name)
    small.submit_batch(entries.take(SMALL))
    small.publish()
    for own in (folder / name, folder / "big"):
        load_files(own)
    figures = rounds_at(Measured("big", log, entries), Measured("small", small, entries), Clock(spent))
    sizes = [each.publish().size for each in (log, small)]
    small.close()
    with (
        reading(folder / "big", place("big"), sizes[0]) as of_big,
        reading(folder / name, place(name), sizes[1]) as of_small,
    ):
        for readers, size in ((of_big, sizes[0]), (of_small, sizes[1])):
            readers.warm_up(min(READS, size))
        figures |= rounds_over_http(of_big, of_small, spent)
        big_memory, small_memory = of_big.memory(), of_small.memory()
    shutil.rmtree(folder / name)
    return {
        "small_entries": [SMALL, sizes[1]],
        "memory_mib": {"big": big_memory, "small": small_memory},
        "ratio_of_memory_to_small": {kind: round(big_memory[kind] / small_memory[kind], 3) for kind in big_memory},
        "ratio_of_cpu_to_small": {act: found.pop("ratio") for act, found in figures.items()},
        "ratio_of_wall_to_small": {act: found.pop("wall_ratio") for act, found in figures.items()},
        "figures": figures,
    }


def _line(row: dict[str, Any]) -> str:
    ratios = "  ".join(f"{act} {ratio}" for act, ratio in row["ratio_of_cpu_to_small"].items())
    return f"{row['entries']:>9,} entries  {row['seconds']} s  memory {row['ratio_of_memory_to_small']}  {ratios}"


def save(kind: str, report: Path | None, done: list[dict[str, Any]]) -> None:
    last = done[-1]["ratio_of_cpu_to_small"]
    write(
        report,
        f"python -m benchmarks.ledger_growth --database {kind} --json benchmarks/results/ledger-growth-{kind}.json",
        {
            "database": kind,
            "settings": POSTGRESQL if kind == "postgresql" else {},
            "filled_with": "entries as long as real ones; their signatures are not made, and not checked",
            "medians_of_rounds": ROUNDS,
            "batch": BATCH,
            "limit_of_ratio": LIMIT,
            "holds": {act: last[act] <= LIMIT for act in TARGETS},
            "sizes": done,
        },
        ["sqlalchemy", "psycopg", "cryptography"],
    )


def plot(path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    kinds = [kind for kind in ("sqlite", "postgresql") if (RESULTS / f"ledger-growth-{kind}.json").exists()]
    figure, axes = plt.subplots(2, len(kinds), figsize=(5.2 * len(kinds), 6.4), sharex=True, squeeze=False)
    for column, kind in enumerate(kinds):
        rows = json.loads((RESULTS / f"ledger-growth-{kind}.json").read_text(encoding="utf-8"))["sizes"]
        sizes = [row["entries"] for row in rows]
        for act in rows[0]["figures"]:
            style = "-" if act in TARGETS else ":"
            ratios = [row["ratio_of_cpu_to_small"][act] for row in rows]
            axes[0][column].plot(sizes, ratios, style, marker="o", label=act)
            absolute = [row["figures"][act]["big"]["cpu_us"] for row in rows]
            axes[1][column].plot(sizes, absolute, style, marker="o", label=act)
        axes[0][column].axhspan(1 / LIMIT, LIMIT, alpha=0.12)
        axes[0][column].set(title=kind, ylim=(0, 2.5), ylabel="processor time, ratio to a log of 1,000")
        axes[1][column].set(xscale="log", yscale="log", xlabel="entries", ylabel="processor time, microseconds")
        axes[0][column].legend(fontsize=7, ncol=2, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = options("ledger-growth", __doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--folder", type=Path, help="where the log is kept, to go on later; by default a temporary one")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="entries, from small to large")
    parser.add_argument("--anew", action="store_true", help="measure sizes again that the result has")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the results that are there, and measure nothing"
    )
    chosen = parser.parse_args()
    if chosen.plot:
        plot(chosen.plot)
        return
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="seedproof-growth-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        grow(chosen.database, folder, chosen.json, tuple(sorted(chosen.sizes)), anew=chosen.anew)
    finally:
        if chosen.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
