"""What ``ledger_growth`` measures with: entries, clocks, places of databases, and the memory of a process that reads.

python -m benchmarks.growthkit DATABASE KEY_FILE    one line of JSON: memory of a process that reads this log at random
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.log import Log, Prepared, open_log
from ledger.server.proofs import Proofs
from ledger.server.tilecache import TileCache
from provenance.claim import LatentRef, Output
from provenance.entry import AnyEntry, parse_any
from provenance.hashing import Tag, tagged_hash
from provenance.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Clock", "Entries", "Prover", "memory_of", "places", "real"]

READS = 12_000


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


class Prover:
    """Inclusion paths as ``/v1/proofs/{index}`` makes them: out of tiles in memory, checked."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._proofs = Proofs(log, TileCache(), self)

    async def run(self, function: Callable[..., Any], *arguments: object) -> Any:
        return function(*arguments)

    def prove(self, indices: Sequence[int]) -> None:
        async def all_of_them() -> None:
            head = self._log.head()
            for index in indices:
                await self._proofs.path(index, head)

        asyncio.run(all_of_them())


def memory_of(database: str, key_file: Path) -> dict[str, float]:
    """MiB of a process of its own after it has read this log at random until its caches are full."""
    command = [sys.executable, "-m", "benchmarks.growthkit", database, str(key_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _read_at_random(log: Log) -> None:
    chance, size = random.Random(1), log.head().size
    prover = Prover(log)
    prover.prove([chance.randrange(size) for _ in range(READS)])
    for _ in range(READS):
        log.receipt(chance.randrange(size))


def _memory() -> dict[str, float]:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    found = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return {"resident": round(found["Rss"] / 1024, 1), "anonymous": round(found["Anonymous"] / 1024, 1)}


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


def main() -> None:
    database, key_file = sys.argv[1:]
    log = open_log(database, key_file=Path(key_file))
    _read_at_random(log)
    print(json.dumps(_memory()))
    log.close()


if __name__ == "__main__":
    main()
