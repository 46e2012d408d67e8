"""What ``ledger_growth`` measures with: entries, clocks, places of databases, and a service that answers readers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import random
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ledger_service import serving
from ledger.log import Prepared
from ledger.server.proofs import Proofs
from ledger.server.tilecache import TileCache
from provenance.claim import LatentRef, Output
from provenance.entry import AnyEntry, parse_any
from provenance.hashing import Tag, tagged_hash
from provenance.merkle import leaf_hash
from provenance.tiles import FULL_WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.ledger_service import Service
    from ledger.log import Log

__all__ = ["POSTGRESQL", "ROUTES", "Clock", "Entries", "Prover", "Readers", "load_files", "places", "reading", "real"]

ROUTES = ("proofs", "receipts")
CLIENTS = 8

POSTGRESQL = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min"}
"""What an operator sets, where the defaults are for a machine with little memory."""


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
    """Processor time of this process and of others, wall-clock time, bytes written."""

    def __init__(self, others: Callable[[], float], *, own: bool = True) -> None:
        self._others = others
        self._own = own

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
        own = time.process_time() if self._own else 0.0
        return {"cpu": own + self._others(), "wall": time.perf_counter(), "bytes": float(written)}


def cpu_seconds(process: int) -> float:
    """Processor time of all threads of a process, to the nanosecond (proc(5), schedstat)."""
    spent = 0
    for task in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):
            spent += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return spent / 1e9


class Prover:
    """Inclusion paths as ``/v1/proofs/{index}`` makes them: out of tiles in memory, checked."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._proofs = Proofs(log, TileCache(), self)

    async def run(self, function: Callable[..., Any], *arguments: object) -> Any:
        return function(*arguments)

    def prove(self, indices: Sequence[int]) -> None:
        async def all_of_them() -> None:
            head = self._log.published()
            for index in indices:
                await self._proofs.path(index, head)

        asyncio.run(all_of_them())


class Readers:
    """A running service with one log, and clients that ask it at random. One connection measures, eight warm it up."""

    def __init__(self, service: Service, size: int) -> None:
        self.process = service.process.pid
        self._address = service.url.removeprefix("http://")
        self._size = size
        self._chance = random.Random(1)
        self._connection = http.client.HTTPConnection(self._address, timeout=60)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process)

    def ask(self, route: str, count: int) -> None:
        for _ in range(count):
            self._get(self._connection, route, self._chance.randrange(self._size))

    def warm_up(self, reads: int) -> None:
        """A proof out of each tile, and as many proofs and receipts at random, from eight connections."""

        def client(number: int) -> None:
            connection = http.client.HTTPConnection(self._address, timeout=60)
            for index in range(number * FULL_WIDTH, self._size, CLIENTS * FULL_WIDTH):
                self._get(connection, "proofs", index)
            for _ in range(reads // CLIENTS):
                for route in ROUTES:
                    self._get(connection, route, self._chance.randrange(self._size))
            connection.close()

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def memory(self) -> dict[str, float]:
        """MiB of the service: all resident pages, and those of them that are no file's."""
        lines = Path(f"/proc/{self.process}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
        found = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return {"resident": round(found["Rss"] / 1024, 1), "anonymous": round(found["Anonymous"] / 1024, 1)}

    def close(self) -> None:
        self._connection.close()

    def _get(self, connection: http.client.HTTPConnection, route: str, index: int) -> None:
        connection.request("GET", f"/v1/{route}/{index}")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"{route}: status {answer.status}: {body[:200]!r}")


@contextlib.contextmanager
def reading(folder: Path, database: str, size: int) -> Iterator[Readers]:
    """A service on the log in this folder (``log.key``, ``tiles``), which has published ``size`` entries."""
    with serving(folder, database) as service:
        readers = Readers(service, size)
        yield readers
        readers.close()


def load_files(folder: Path) -> None:
    """Have the system hold all files of a log in memory, as where a log has run for a while.

    Another process reads them: one that closes a file of SQLite loses its own locks on it (fcntl(2)).
    """
    files = [path for path in folder.rglob("*") if path.is_file()]
    code = "import sys\nfor path in sys.stdin.read().split('\\0'):\n    open(path, 'rb').read()"
    subprocess.run([sys.executable, "-c", code], input="\0".join(map(str, files)), text=True, check=True)


@contextlib.contextmanager
def places(kind: str, folder: Path) -> Iterator[tuple[Callable[[str], str], Callable[[], float]]]:
    """Where databases of this kind are by name, and a clock for the processor time of their server."""
    if kind == "sqlite":
        yield lambda name: f"sqlite:///{folder / name / 'log.db'}", lambda: 0.0
        return
    import psutil

    from tests.support.postgres import Server

    data = folder / "pg" / "data"
    data.mkdir(parents=True, exist_ok=True)
    server = Server(folder / "pg")
    server.execute(*(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in POSTGRESQL.items()))
    server.stop()
    server.start()
    root = psutil.Process(int((data / "postmaster.pid").read_text(encoding="ascii").split("\n")[0]))
    gone: dict[int, float] = {}

    def spent() -> float:
        for process in (root, *root.children()):
            with contextlib.suppress(OSError):
                gone[process.pid] = cpu_seconds(process.pid)
        return sum(gone.values())

    def place(name: str) -> str:
        if not server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            server.execute(f'CREATE DATABASE "{name}"')
        return server.url(name)

    try:
        yield place, spent
    finally:
        server.stop()
