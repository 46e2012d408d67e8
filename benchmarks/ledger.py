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

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import options, write
from provenance import proof
from provenance.claim import Claim, Entry, LatentRef, Output, Terms, claim_id, format_entry
from provenance.commitment import commit
from provenance.hashing import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

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


# --- bare inserts ----------------------------------------------------------------------------------------------------


def bare_inserts(backend: str, folder: Path, url: str, claims: Path, batch: int) -> dict[str, Any]:
    """Durable rows a second into a table of one index and one unique id, in batches and one by one."""
    entries = claims.read_bytes().splitlines()[: 100 * batch + 300]
    rows = [(i, hashlib.sha256(entry).digest(), entry) for i, entry in enumerate(entries)]
    run = _bare_sqlite if backend == "sqlite" else _bare_postgres
    batches_, single = rows[300:], rows[:300]
    by_batch = run(folder, url, "batched", [batches_[i : i + batch] for i in range(0, len(batches_), batch)])
    return {
        f"in batches of {batch}": round(len(batches_) / by_batch, 1),
        "singly": round(300 / run(folder, url, "single", [[row] for row in single]), 1),
    }


def _bare_sqlite(folder: Path, _url: str, table: str, batches_: list[Any]) -> float:
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"CREATE TABLE {table} (i INTEGER PRIMARY KEY, id BLOB UNIQUE, entry BLOB)")
    start = time.perf_counter()
    for batch in batches_:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", batch)
        connection.execute("COMMIT")
    return time.perf_counter() - start


def _bare_postgres(_folder: Path, url: str, table: str, batches_: list[Any]) -> float:
    import psycopg

    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {table} (i bigint PRIMARY KEY, id bytea UNIQUE, entry bytea)")
        start = time.perf_counter()
        for batch in batches_:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s)", batch)
        return time.perf_counter() - start


# --- processes -------------------------------------------------------------------------------------------------------


class Service:
    """A running ``seedproof ledger serve``."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process

    def get(self, path: str, missing: tuple[int, ...] = ()) -> bytes | None:
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code in missing:
                return None
            raise

    def post(self, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))) * 1024


def batches(service: Service) -> tuple[float, float]:
    """Entries logged and batches committed so far."""
    figures = {}
    for line in (service.get("/metrics") or b"").decode().splitlines():
        name, _, value = line.rpartition(" ")
        if name in ("seedproof_batch_entries_sum", "seedproof_batch_entries_count"):
            figures[name] = float(value)
    return figures["seedproof_batch_entries_sum"], figures["seedproof_batch_entries_count"]


@contextlib.contextmanager
def serving(folder: Path, database_url: str, *more: str) -> Iterator[Service]:
    """A service on a free port, one worker, without rate limits."""
    command = [str(Path(sys.executable).with_name("seedproof")), "ledger", "serve", "--database", database_url]
    command += ["--key", str(folder / "log.key"), "--tiles", str(folder / "tiles"), "--listen", "127.0.0.1:0"]
    command += ["--write-rate", "0", "--read-rate", "0", *more]
    environment = {**os.environ, "SEEDPROOF_HOME": str(folder / "home")}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    try:
        yield Service(_await_ready(process), process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _await_ready(process: subprocess.Popen[bytes]) -> str:
    said = []
    for line in process.stderr or ():
        said.append(line.decode())
        if said[-1].startswith("listening on "):
            threading.Thread(target=(process.stderr or sys.stdin).read, daemon=True).start()
            return said[-1].removeprefix("listening on ").strip()
    raise SystemExit("".join(said))


@contextlib.contextmanager
def database(backend: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Addresses of a database for the service, and of one for bare inserts."""
    if backend == "sqlite":
        yield f"sqlite:///{folder / 'log.db'}", ""
        return
    from tests.support.postgres import start_server

    server = start_server()
    try:
        yield server.create(), server.create()
    finally:
        server.close()


# --- claims ----------------------------------------------------------------------------------------------------------


def sign_claims(path: Path, count: int) -> Path:
    """A file with a canonical claim entry on each line."""
    with path.open("wb") as file:
        for i in range(count):
            file.write(make_entry(str(i)) + b"\n")
    return path


def make_entry(name: str) -> bytes:
    """A claim of one author with both proofs, such as ``seedproof create`` makes."""
    work, author = secret("work", name), secret("author", str(len(name)))
    claim = Claim(
        Y=commit(work),
        index=0,
        nonce=digest("nonce", name),
        authors=(commit(author),),
        recipe=digest("recipe", name),
        outputs=(Output("pixels", digest("pixels", name)),),
        latent=LatentRef(digest("latent", name), (4, 16, 16), (Decimal("0.0625"),) * 4),
        parents=(),
        terms=Terms(),
    )
    identifier = claim_id(claim)
    possession, signature = proof.prove(Tag.POSSESSION, work, identifier), proof.prove(Tag.AUTHOR, author, identifier)
    return format_entry(Entry(claim, possession, (signature,)))


def digest(*parts: str) -> bytes:
    return hashlib.sha256("/".join(parts).encode()).digest()


def secret(*parts: str) -> bytes:
    return b"\x00" + digest(*parts)[1:]


if __name__ == "__main__":
    main()
