"""What the service does under load: submissions, receipts and reads, on SQLite and PostgreSQL, beside bare inserts.

Every claim is real, signed by its P and an author before the run, and submitted once; the service checks every proof,
and answers when the entry is durable. wrk (Debian: ``apt install wrk``), service and database share the machine.

::

    submit      128 connections, one worker; the receipt of an own claim is polled for meanwhile, ten times a second
    bare        the same entries as rows of one table, committed in batches of the size that the service had, and singly
    reads       a second process that only reads, 128 connections, random indices

python -m benchmarks.ledger --json benchmarks/results/ledger.json
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.common import options, write
from benchmarks.ledger_bare import bare_inserts
from benchmarks.ledger_claims import make_entry, sign_claims
from benchmarks.ledger_service import Service, batches, database, serving

LUA = Path(__file__).parent / "wrk"
CONNECTIONS = 128
WARM_UP_SECONDS = 2
READ_SECONDS = 5
MOST_A_SECOND = 3_000
PROBES_A_SECOND = 10
PROBES = 2_000
TARGETS = {
    "sqlite": {"submissions_per_second": 1_000, "p99_ms": 500},
    "postgres": {"submissions_per_second": 700, "p99_ms": 500},
    "receipt_seconds": 1.0,
    "reads_per_second": 3_000,
}


def main() -> None:
    parser = options("ledger", __doc__)
    parser.add_argument("--seconds", type=int, default=20, help="of each submission run")
    parser.add_argument("--backend", choices=["sqlite", "postgres"], action="append", help="both by default")
    chosen = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; install it (Debian: apt install wrk)")
    backends = chosen.backend or ["sqlite", "postgres"]
    needed = (chosen.seconds + WARM_UP_SECONDS) * MOST_A_SECOND
    with tempfile.TemporaryDirectory(prefix="seedproof-bench-") as name:
        folder = Path(name)
        print(f"signing {needed + PROBES} claims", flush=True)
        claims, probes = sign_claims(folder / "claims", needed), [make_entry(f"probe {i}") for i in range(PROBES)]
        figures = {backend: measure(backend, folder / backend, claims, probes, chosen.seconds) for backend in backends}
    seconds = "" if chosen.seconds == parser.get_default("seconds") else f" --seconds {chosen.seconds}"
    result = {
        "connections": CONNECTIONS,
        "workers": 1,
        "wrk": wrk_version(),
        "targets": TARGETS,
        **figures,
    }
    command = f"python -m benchmarks.ledger --json benchmarks/results/ledger.json{seconds}"
    write(chosen.json, command, result, ("seedproof", "uvicorn", "starlette", "sqlalchemy", "psycopg"))


def measure(backend: str, folder: Path, claims: Path, probes: list[bytes], seconds: int) -> dict[str, Any]:
    """All figures of one database."""
    folder.mkdir()
    with database(backend, folder) as (url, bare_url), serving(folder, url) as service:
        submit = submissions(service, claims, probes, seconds)
        print(f"{backend}: {json.dumps(submit)}", flush=True)
        with serving(folder, url, "--read-only") as reader:
            read = reads(reader, folder, int(submit["logged"]))
        print(f"{backend}: {json.dumps(read)}", flush=True)
        bare = bare_inserts(backend, folder, bare_url, claims, max(1, round(float(submit["entries_a_batch"]))))
        print(f"{backend}: {json.dumps(bare)}", flush=True)
    return {"submit": submit, "bare_inserts_per_second": bare, "reads": read}


# --- load ------------------------------------------------------------------------------------------------------------


def submissions(service: Service, claims: Path, probes: list[bytes], seconds: int) -> dict[str, Any]:
    """Submit for ``seconds``, and ask for receipts meanwhile."""
    warm = wrk(service, "submit.lua", WARM_UP_SECONDS, "/v1/claims", str(claims), "0")
    receipts, stop = [], threading.Event()
    prober = threading.Thread(target=probe_receipts, args=(service, probes, receipts, stop))
    before, cpu = batches(service), service.cpu_seconds()
    prober.start()
    first = str(warm["requests"] + 2 * CONNECTIONS)
    done = wrk(service, "submit.lua", seconds, "/v1/claims", str(claims), first)
    spent = service.cpu_seconds() - cpu
    stop.set()
    prober.join()
    after = batches(service)
    if done["refused"] or done["failed"]:
        raise SystemExit(f"{done['refused']} refused, {done['failed']} failed: the figures would mean nothing")
    logged = json.loads(service.get("/health"))["size"]
    return {
        "submissions_per_second": round(done["requests"] / done["seconds"], 1),
        **{name: value for name, value in done.items() if name.endswith("_ms")},
        "seconds": round(done["seconds"], 2),
        "logged": logged,
        "entries_a_batch": round((after[0] - before[0]) / max(1, after[1] - before[1]), 1),
        "service_cpu_us_a_submission": round(spent / done["requests"] * 1e6),
        "service_peak_mib": round(service.peak_bytes() / 2**20),
        "receipt_seconds": {
            "count": len(receipts),
            "p50": round(statistics.median(receipts), 3),
            "p99": round(sorted(receipts)[int(0.99 * (len(receipts) - 1))], 3),
            "max": round(max(receipts), 3),
        },
    }


def probe_receipts(service: Service, probes: list[bytes], found: list[float], stop: threading.Event) -> None:
    """Seconds from acceptance to the receipt."""
    for entry in probes:
        if stop.is_set():
            return
        accepted = json.loads(service.post("/v1/claims", entry))
        start = time.monotonic()
        while service.get(f"/v1/entries/{accepted['id']}/receipt", missing=(503,)) is None:
            time.sleep(0.02)
        found.append(time.monotonic() - start)
        stop.wait(1 / PROBES_A_SECOND)


def reads(service: Service, folder: Path, size: int) -> dict[str, Any]:
    """Requests a second for each kind of read."""
    choose = random.Random(1)
    indices = [choose.randrange(size) for _ in range(20_000)]
    full = size // 256
    kinds = {
        "inclusion proof": [f"/v1/proofs/{index}" for index in indices],
        "tile of hashes": [f"/log/tile/0/{tile_name(index // 256 % full)}" for index in indices],
        "bundle of entries": [f"/log/tile/entries/{tile_name(index // 256 % full)}" for index in indices],
        "checkpoint": ["/log/checkpoint"],
        "receipt": [f"/v1/receipts/{index}" for index in indices],
    }
    result = {}
    for kind, paths in kinds.items():
        file = folder / "paths"
        file.write_text("\n".join(paths) + "\n", encoding="ascii")
        done = wrk(service, "read.lua", READ_SECONDS, "/", str(file))
        if done["refused"] or done["failed"]:
            raise SystemExit(f"{kind}: {done['refused']} refused, {done['failed']} failed")
        result[kind] = {"per_second": round(done["requests"] / done["seconds"], 1), "p99_ms": done["p99_ms"]}
    return result


def tile_name(index: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


def wrk(service: Service, script: str, seconds: int, path: str, *arguments: str) -> dict[str, Any]:
    """One run; wrk's figures."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", str(LUA / script)]
    done = subprocess.run([*command, service.url + path, "--", *arguments], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    raise SystemExit(f"wrk: {done.stderr.strip() or done.stdout.strip()}")


def wrk_version() -> str:
    done = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.split(" [")[0]


if __name__ == "__main__":
    main()
