"""Does a log of a million entries answer as fast as one of a thousand? Submissions, receipts, memory, bytes written.

At each size the log is measured in turn with a fresh small one beside it, so that a busy machine disturbs both alike;
what counts is the ratio, the median over the rounds of big against small within one round. Time is the processor time
of this process (and of the PostgreSQL server, where there is one); wall-clock time stands beside it. The entries that
fill the log are as long as real ones, with ids of their own, but their signatures are not made and not checked; so are
those of "bare submit in batches" and "submit one by one". What a service does for each claim is "submit, proofs
checked": real entries, parsed, their proofs checked, logged in batches. Receipts are read at random until the caches
are as full as those of a service that has run for a while; then they are measured.

Run from the root of the repository; it goes on where it was stopped::

    python -m benchmarks.ledger_growth --database sqlite --json benchmarks/results/ledger-growth-sqlite.json
    python -m benchmarks.ledger_growth --database postgresql --json benchmarks/results/ledger-growth-postgresql.json
    python -m benchmarks.ledger_growth --plot benchmarks/results/ledger-growth.png
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import RESULTS, options, write
from ledger.log import Log, Prepared, open_log, prepare
from provenance.claim import LatentRef, Output
from provenance.entry import AnyEntry, parse_any
from provenance.hashing import Tag, tagged_hash
from provenance.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
FILL, BATCH, BATCHES, SINGLES, RECEIPTS, ROUNDS = 512, 128, 4, 8, 200, 15
WARM_UP = 12_000
LIMIT = 1.2
SMALL = SIZES[0]


class Entries:
    """Entries like a real one, each with its own digests; not one of their signatures is."""

    def __init__(self, seed: int) -> None:
        from tests.support.entries import make_entry

        self._random = random.Random(seed)
        self._like = parse_any(make_entry("growth", authors=["somebody"]))
        claim = self._like.claim
        assert claim is not None
        assert claim.nonce is not None
        self._claim = claim
        old = [claim.Y, claim.nonce, claim.authors[0], claim.recipe, claim.pixels, claim.latent.digest]
        self._old = [value.hex().encode() for value in old]

    def next(self) -> Prepared:
        values = [self._random.randbytes(32) for _ in self._old]
        data = self._like.data
        for old, value in zip(self._old, values, strict=True):
            data = data.replace(old, value.hex().encode(), 1)
        Y, nonce, author, recipe, pixels, latent = values
        claim = replace(
            self._claim,
            Y=Y,
            nonce=nonce,
            authors=(author,),
            recipe=recipe,
            outputs=(Output("pixels", pixels),),
            latent=LatentRef(latent, self._claim.latent.shape, self._claim.latent.steps),
        )
        body = data[len(b'{"body":') : data.index(b',"kind":"claim","proofs"')]
        identifier = tagged_hash(Tag.CLAIM, body)
        return Prepared(
            AnyEntry("claim", identifier, identifier, None, None, (author,), claim, data, self._like.content),
            leaf_hash(data),
        )

    def take(self, count: int) -> list[Prepared]:
        return [self.next() for _ in range(count)]


def real(name: object) -> bytes:
    """A real entry, with its proofs."""
    from tests.support.entries import make_entry

    return make_entry(name, authors=["somebody"])


class Clock:
    """Processor time of this process and of others (by their ids), wall-clock time, bytes written."""

    def __init__(self, others: Callable[[], float]) -> None:
        self._others = others

    def measure(self, act: Callable[[], object]) -> dict[str, float]:
        before = self._now()
        act()
        after = self._now()
        return {name: after[name] - before[name] for name in after}

    def _now(self) -> dict[str, float]:
        written = 0
        with contextlib.suppress(OSError):
            text = Path("/proc/self/io").read_text(encoding="ascii")
            written = int(text.split("write_bytes: ")[1].split("\n")[0])
        return {"cpu": time.process_time() + self._others(), "wall": time.perf_counter(), "bytes": float(written)}


def rounds_at(big: Log, small: Log, entries: Entries, clock: Clock) -> dict[str, Any]:
    """Figures of both logs, measured in turn: medians of the rounds, per claim or receipt."""
    spent: dict[str, dict[str, list[dict[str, float]]]] = {}
    chance = random.Random(1)
    size = big.head().size
    for log in (big, small):
        for _ in range(WARM_UP):
            log.receipt(chance.randrange(log.head().size))
    for turn in range(ROUNDS):
        for name, log in (("big", big), ("small", small)):
            batches = [entries.take(BATCH) for _ in range(BATCHES)]
            singles = [entries.take(1) for _ in range(SINGLES)]
            indices = [chance.randrange(log.head().size) for _ in range(RECEIPTS)]
            whole = [real((name, size, turn, i)) for i in range(BATCH)]
            acts: dict[str, tuple[Callable[[], object], int]] = {
                "submit, proofs checked": (lambda w=whole, g=log: g.submit_batch([prepare(e) for e in w]), BATCH),
                "bare submit in batches": (
                    lambda b=batches, g=log: [g.submit_batch(batch) for batch in b],
                    BATCH * BATCHES,
                ),
                "submit one by one": (lambda b=singles, g=log: [g.submit_batch(batch) for batch in b], SINGLES),
                "receipt": (lambda i=indices, g=log: [g.receipt(index) for index in i], RECEIPTS),
                "find": (
                    lambda b=batches, g=log: [g.find(item.entry.id) for item in b[0][:RECEIPTS]],
                    RECEIPTS,
                ),
            }
            for act, (work, count) in acts.items():
                figures = {kind: value / count for kind, value in clock.measure(work).items()}
                spent.setdefault(act, {}).setdefault(name, []).append(figures)
    return {
        act: {name: _medians(values) for name, values in both.items()} | {"ratio": _ratio(both)}
        for act, both in spent.items()
    }


def _ratio(both: dict[str, list[dict[str, float]]]) -> float:
    """Median of the rounds' ratios: what disturbs the machine for a while disturbs both logs of a round."""
    return round(statistics.median(b["cpu"] / s["cpu"] for b, s in zip(both["big"], both["small"], strict=True)), 3)


def _medians(values: list[dict[str, float]]) -> dict[str, float]:
    return {
        "cpu_us": round(1e6 * statistics.median(v["cpu"] for v in values), 1),
        "wall_us": round(1e6 * statistics.median(v["wall"] for v in values), 1),
        "written_bytes": round(statistics.median(v["bytes"] for v in values)),
    }


@contextlib.contextmanager
def places(kind: str, folder: Path) -> Iterator[tuple[Callable[[str], str], Callable[[], float]]]:
    """Where databases of this kind are by name, and a clock for the processor time of their server."""
    if kind == "sqlite":
        yield lambda name: str(folder / f"{name}.db"), lambda: 0.0
        return
    import psutil

    from tests.support.postgres import Server

    data = folder / "pg" / "data"
    data.mkdir(parents=True, exist_ok=True)
    server = Server(folder / "pg")
    root = psutil.Process(int((data / "postmaster.pid").read_text(encoding="ascii").split("\n")[0]))
    gone: dict[int, float] = {}

    def spent() -> float:
        for process in (root, *root.children()):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                gone[process.pid] = times.user + times.system
        return sum(gone.values())

    def place(name: str) -> str:
        if not server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            server.execute(f'CREATE DATABASE "{name}"')
        return server.url(name)

    try:
        yield place, spent
    finally:
        server.stop()


def grow(kind: str, folder: Path, report: Path | None, sizes: tuple[int, ...]) -> None:
    done: list[dict[str, Any]] = []
    if report is not None and report.exists():
        done = json.loads(report.read_text(encoding="utf-8"))["sizes"]
    with places(kind, folder) as (place, spent):
        log = open_log(place("big"), key_file=folder / "big.key", create=True)
        entries = Entries(log.head().size)
        clock = Clock(spent)
        for target in sizes:
            if any(row["entries"] == target for row in done):
                continue
            filled = log.head().size
            started = time.process_time()
            while log.head().size < target:
                log.submit_batch(entries.take(min(FILL, target - log.head().size)))
            name = f"small_{target}"
            small = open_log(place(name), key_file=folder / f"{name}.key", create=True)
            small.submit_batch(entries.take(SMALL))
            figures = rounds_at(log, small, entries, clock)
            small.close()
            ratios = {act: f.pop("ratio") for act, f in figures.items()}
            done.append(
                {
                    "entries": target,
                    "memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                    "fill_cpu_s": round(time.process_time() - started, 1),
                    "filled_from": filled,
                    "ratio_of_cpu_to_small": ratios,
                    "figures": figures,
                }
            )
            print(
                f"{target:>9,} entries  {done[-1]['memory_mib']} MiB  "
                + "  ".join(f"{a} {r}" for a, r in ratios.items())
            )
            save(kind, report, done)
        log.close()


def save(kind: str, report: Path | None, done: list[dict[str, Any]]) -> None:
    last = done[-1]["ratio_of_cpu_to_small"]
    write(
        report,
        f"python -m benchmarks.ledger_growth --database {kind} --json benchmarks/results/ledger-growth-{kind}.json",
        {
            "database": kind,
            "filled_with": "entries as long as real ones; their signatures are not made, and not checked",
            "small_log": SMALL,
            "medians_of_rounds": ROUNDS,
            "batch": BATCH,
            "limit_of_ratio": LIMIT,
            "holds": {act: ratio <= LIMIT for act, ratio in last.items()},
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
            ratios = [row["ratio_of_cpu_to_small"][act] for row in rows]
            axes[0][column].plot(sizes, ratios, marker="o", label=act)
            absolute = [row["figures"][act]["big"]["cpu_us"] for row in rows]
            axes[1][column].plot(sizes, absolute, marker="o", label=act)
        axes[0][column].axhspan(1 / LIMIT, LIMIT, alpha=0.12)
        axes[0][column].set(title=kind, ylim=(0, 3), ylabel="processor time, ratio to a log of 1,000")
        axes[1][column].set(xscale="log", yscale="log", xlabel="entries", ylabel="processor time, microseconds")
        axes[0][column].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = options("ledger-growth", __doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--folder", type=Path, help="where the log is kept, to go on later; by default a temporary one")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the results that are there, and measure nothing"
    )
    chosen = parser.parse_args()
    if chosen.plot:
        plot(chosen.plot)
        return
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="seedproof-growth-"))
    folder.mkdir(parents=True, exist_ok=True)
    sizes = tuple(size for size in SIZES if size <= chosen.largest)
    try:
        grow(chosen.database, folder, chosen.json, sizes)
    finally:
        if chosen.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
