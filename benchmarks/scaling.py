"""What 1, a thousand and a million claims a second cost: measured where one machine reaches, simulated beyond.

*Measured* here: bytes of an entry in the database, in tiles, in receipts; seconds of processor to check a claim;
seconds of a commit by the size of its batch (a + b n, least squares).

*Simulated* from these: one log with 1, 2 and 4 workers under Poisson arrivals, claim by claim. A worker checks proofs
one after the other, and its interpreter is busy with its commits, too; its batch goes once 512 claims are there or the
oldest has waited 5 ms; commits of all workers wait for each other (the locked head row). What one log carries with a
p99 below 0.5 s decides how many logs a rate needs.

*Computed*: storage, bandwidth of a monitor, objects that are written for tiles, lengths of proofs. docs/scaling.md
reads the outcome.

python -m benchmarks.scaling --json benchmarks/results/scaling.json
"""

from __future__ import annotations

import heapq
import math
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import options, write
from benchmarks.ledger_claims import make_entry
from ledger.log import Log, Prepared, open_log, prepare

RATES = (1, 1_000, 1_000_000)
CLAIMS = 12_000
BATCHES = (1, 8, 32, 128, 512)
MAX_BATCH, MAX_WAIT, PUBLISH_EVERY = 512, 0.005, 0.2
HTTP_SECONDS = 0.00025
"""Processor time of one submission beside its proofs: reading, answering, its share of the database driver."""
P99_SECONDS = 0.5
SIMULATED_CLAIMS = 60_000
HASH, FULL = 32, 256
DAY, YEAR = 86_400, 365 * 86_400
STAMPS_A_DAY, TOKEN_BYTES = 1_440, 3_000


def main() -> None:
    chosen = options("scaling", __doc__).parse_args()
    measured = measure()
    print(measured, flush=True)
    capacity = {str(workers): capacity_of(workers, measured) for workers in (1, 2, 4)}
    print(capacity, flush=True)
    best = max(found["claims_per_second"] for found in capacity.values())
    costs = {str(rate): cost(rate, best, measured) for rate in RATES}
    for rate, found in costs.items():
        print(rate, found, flush=True)
    result = {"measured": measured, "simulated_one_log": capacity, "cost_by_claims_per_second": costs}
    command = "python -m benchmarks.scaling --json benchmarks/results/scaling.json"
    write(chosen.json, command, result, ("seedproof", "sqlalchemy"))


# --- measured --------------------------------------------------------------------------------------------------------


def measure() -> dict[str, Any]:
    """Bytes and seconds of this machine, on SQLite."""
    entries = [make_entry(f"scaling {i}") for i in range(CLAIMS)]
    start = time.process_time()
    ready = [prepare(entry) for entry in entries]
    check = (time.process_time() - start) / CLAIMS
    with tempfile.TemporaryDirectory(prefix="seedproof-scaling-") as name:
        folder = Path(name)
        log = open_log(folder / "log.db", tiles=str(folder / "tiles"), origin="log.example/scaling", create=True)
        base, slope = commit_model(log, ready)
        log.publish()
        receipt, note = len(log.receipt(CLAIMS // 3)), len(log.checkpoint() or b"")
        log.close()
        stored = sum(file.stat().st_size for file in folder.glob("log.db*"))
        published = sum(file.stat().st_size for file in (folder / "tiles").rglob("*") if file.is_file())
    return {
        "entry_bytes": round(sum(map(len, entries)) / CLAIMS),
        "database_bytes_a_claim": round(stored / CLAIMS),
        "tile_bytes_a_claim": round(published / CLAIMS),
        "receipt_bytes": receipt,
        "checkpoint_bytes": note,
        "check_seconds": round(check, 6),
        "commit_seconds": round(base, 6),
        "commit_seconds_a_claim": round(slope, 7),
    }


def commit_model(log: Log, ready: list[Prepared]) -> tuple[float, float]:
    """a and b of a + b n, from wall-clock times of batches of several sizes, each at its lower quartile."""
    at = 0
    rounds = len(ready) // sum(BATCHES)
    spent: dict[int, list[float]] = {size: [] for size in BATCHES}
    for _ in range(rounds):
        for size in BATCHES:
            start = time.perf_counter()
            log.submit_batch(ready[at : at + size])
            spent[size].append(time.perf_counter() - start)
            at += size
    log.submit_batch(ready[at:])
    points = [(size, sorted(times)[len(times) // 4]) for size, times in spent.items()]
    mean_n, mean_t = (sum(values) / len(points) for values in zip(*points, strict=True))
    slope = sum((n - mean_n) * (t - mean_t) for n, t in points) / sum((n - mean_n) ** 2 for n, _ in points)
    return max(mean_t - slope * mean_n, 0.0001), slope


# --- simulated -------------------------------------------------------------------------------------------------------


def capacity_of(workers: int, measured: dict[str, Any]) -> dict[str, float]:
    """The largest rate (within 2 %) whose simulated p99 stays below P99_SECONDS."""
    low, high = 10.0, 100_000.0
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        if p99(middle, workers, measured) < P99_SECONDS:
            low = middle
        else:
            high = middle
    return {"claims_per_second": round(low), "p99_seconds_at_half": round(p99(low / 2, workers, measured), 4)}


def p99(rate: float, workers: int, measured: dict[str, Any]) -> float:
    """Seconds from arrival to durable answer, 99th percentile; infinite where the queue only grows."""
    chance = random.Random(1)
    base, slope = measured["commit_seconds"], measured["commit_seconds_a_claim"]
    check = measured["check_seconds"] + HTTP_SECONDS + slope
    free = [0.0] * workers  # when each worker's processor is free
    checked: list[list[tuple[float, float]]] = [[] for _ in range(workers)]
    now = 0.0
    for _ in range(SIMULATED_CLAIMS):
        now += chance.expovariate(rate)
        worker = chance.randrange(workers)
        free[worker] = max(now, free[worker]) + check
        checked[worker].append((free[worker], now))
    waits = _commit_all(checked, base, slope)
    if waits[-1] > 10 * P99_SECONDS:
        return math.inf
    return sorted(waits)[int(0.99 * len(waits))]


def _commit_all(checked: list[list[tuple[float, float]]], base: float, slope: float) -> list[float]:
    """Latencies, in the order of commits. One batch of each worker is on its way at a time, one of all is committed."""
    at = [0] * len(checked)
    idle_from = [0.0] * len(checked)
    head_free, waits = 0.0, []
    due = [(_ready(queue, 0, 0.0), worker) for worker, queue in enumerate(checked) if queue]
    heapq.heapify(due)
    while due:
        asks, worker = heapq.heappop(due)
        queue, first = checked[worker], at[worker]
        start = max(asks, head_free)
        last = first
        while last < len(queue) and last - first < MAX_BATCH and queue[last][0] <= asks:
            last += 1
        end = start + base + slope * (last - first)
        waits += [end - arrived for _, arrived in queue[first:last]]
        head_free = idle_from[worker] = end
        at[worker] = last
        if last < len(queue):
            heapq.heappush(due, (_ready(queue, last, end), worker))
    return waits


def _ready(queue: list[tuple[float, float]], first: int, idle_from: float) -> float:
    """When a worker asks for the head: MAX_WAIT after the first claim, or when the batch is full; never while busy."""
    full = queue[first + MAX_BATCH - 1][0] if first + MAX_BATCH <= len(queue) else math.inf
    return max(idle_from, min(queue[first][0] + MAX_WAIT, full))


# --- computed --------------------------------------------------------------------------------------------------------


def cost(rate: int, carried: float, measured: dict[str, Any]) -> dict[str, Any]:
    """What a rate needs, with logs that carry ``carried`` each at half their capacity."""
    logs = max(1, math.ceil(rate / (carried / 2)))
    each = rate / logs
    a_year = each * YEAR
    publications = min(each, 1 / PUBLISH_EVERY)
    written = objects_written(each, publications, a_year, measured)
    stamps = logs * STAMPS_A_DAY * TOKEN_BYTES
    return {
        "logs": logs,
        "claims_a_year": round(rate * YEAR),
        "database_gb_a_day": gigabytes(rate * DAY * measured["database_bytes_a_claim"]),
        "database_tb_a_year": round(rate * YEAR * measured["database_bytes_a_claim"] / 1e12, 2),
        "tiles_tb_a_year": round(rate * YEAR * measured["tile_bytes_a_claim"] / 1e12, 2),
        "ingress_mbit_a_second": round(rate * measured["entry_bytes"] * 8 / 1e6, 3),
        "receipts_mbit_a_second": round(rate * measured["receipt_bytes"] * 8 / 1e6, 3),
        "monitor_mbit_a_second": round(rate * (measured["entry_bytes"] + 2 + HASH * 257 / 256) * 8 / 1e6, 3),
        "tile_puts_a_second": round(logs * written["puts"], 1),
        "tile_mbit_written_a_second": round(logs * written["bytes"] * 8 / 1e6, 2),
        "stamps_gb_a_year": gigabytes(365 * stamps),
        "hashes_in_a_proof_after_a_year": math.ceil(math.log2(max(2, a_year))),
        "proof_bytes_after_a_year": 45 * math.ceil(math.log2(max(2, a_year))) + measured["checkpoint_bytes"],
        "cores_of_workers": round(
            rate * (measured["check_seconds"] + HTTP_SECONDS + measured["commit_seconds_a_claim"]), 2
        ),
    }


def objects_written(rate: float, publications: float, size: float, measured: dict[str, Any]) -> dict[str, float]:
    """Objects and bytes a second that one log puts into its tile store, partial ones among them.

    Each publication writes the partial bundle and the partial tile of each level anew, half full on average; full ones
    come as they fill.
    """
    levels = max(1, math.ceil(math.log(max(2.0, size), FULL)))
    entry = measured["entry_bytes"] + 2
    full = rate / FULL
    puts = publications * (levels + 2) + full * 2
    written = publications * (FULL / 2 * (entry + HASH * levels) + measured["checkpoint_bytes"])
    return {"puts": puts, "bytes": written + rate * (entry + HASH)}


def gigabytes(number: float) -> float:
    return round(number / 1e9, 2)


if __name__ == "__main__":
    main()
