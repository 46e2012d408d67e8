"""A running service for the benchmark, and the database below it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Service", "batches", "database", "serving"]


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
