"""The real service for tests: ``seedproof ledger serve`` as a process of its own, on a free port of 127.0.0.1.

::

    with serving(tmp_path) as service:                       SQLite in tmp_path/log.db, tiles beside it
    with serving(tmp_path, "--workers", "2", database=url):  PostgreSQL (tests.support.postgres has the url)
        service.url, service.request("GET", "/health"), service.submit(entry), service.stop(), service.kill()

Rate limits are off unless an option sets them. ``stop`` sends SIGTERM and returns the exit code; the journal is in
``service.journal()``. A service that is still running at the end is stopped.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

START_SECONDS = 30
STOP_SECONDS = 30


@dataclass
class Answer:
    """What the service said."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The short name of a problem document; fails on anything else."""
        assert self.headers["content-type"] == "application/problem+json", (self.status, self.headers, self.body[:200])
        document = self.json()
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        return document["type"].removeprefix("urn:seedproof:problem:")


@dataclass
class Service:
    """A running service; see the module."""

    folder: Path
    database: str
    options: tuple = ()
    environment: dict = field(default_factory=dict)
    url: str = ""
    process: subprocess.Popen | None = None

    def start(self, port=0):
        """Start the process and wait until it answers."""
        stderr = self.folder / f"service-{time.monotonic_ns()}.journal"
        command = [sys.executable, "-m", "tests.support.run_cli", "ledger", "serve", "--database", self.database]
        command += ["--listen", f"127.0.0.1:{port}", *self._defaults(), *self.options]
        environment = {**os.environ, "SEEDPROOF_HOME": str(self.folder / "home"), **self.environment}
        with stderr.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                cwd=Path(__file__).parents[2],
            )
        self._stderr = stderr
        self.url = self._await_ready()
        return self

    def _defaults(self):
        given = set(self.options)
        defaults = {"--write-rate": "0", "--read-rate": "0"}
        if "://" in self.database and not self.database.startswith("sqlite:///"):
            defaults |= {"--tiles": str(self.folder / "tiles"), "--key": str(self.folder / "log.key")}
        return [word for name, value in defaults.items() if name not in given for word in (name, value)]

    def _await_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in self._stderr.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("listening on "):
                    return line.removeprefix("listening on ")
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        code = self.process.poll()
        if code is None:
            self.kill()
        raise StartError(code, self._stderr.read_text(encoding="utf-8", errors="replace"))

    @property
    def address(self):
        parts = urlsplit(self.url)
        return parts.hostname, parts.port

    def request(self, method, path, body=None, headers=None, timeout=30):
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, headers=None, **more):
        return self.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})}, **more)

    def submit(self, entry):
        """Submit an entry where its kind belongs."""
        return self.post("/v1/claims" if json.loads(entry)["kind"] == "claim" else "/v1/follow-ups", entry)

    def receipt(self, identifier, timeout=5.0):
        """The receipt of an entry, as soon as it is published."""
        deadline = time.monotonic() + timeout
        while True:
            answer = self.get(f"/v1/entries/{identifier.hex()}/receipt")
            if answer.status != 503 or time.monotonic() > deadline:
                assert answer.status == 200, answer.body
                return answer.body
            time.sleep(0.05)

    def logged(self):
        """How many entries are logged, published or not."""
        lines = self.get("/metrics").body.decode().splitlines()
        return int(float(next(line.split()[1] for line in lines if line.startswith("seedproof_log_size "))))

    def stop(self, how=signal.SIGTERM):
        """End the process with a signal; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS)

    def kill(self):
        """SIGKILL: what is not durable is lost."""
        self.stop(signal.SIGKILL)

    def journal(self):
        """The lines of the journal so far, without the one that names the address and the warnings before it."""
        return [json.loads(line) for line in self._lines() if not line.startswith(("listening on ", "warning: "))]

    def warnings(self):
        """What the command said before it served."""
        return [line for line in self._lines() if line.startswith("warning: ")]

    def _lines(self):
        return self._stderr.read_text(encoding="utf-8").splitlines()


class StartError(Exception):
    """The service did not start: (exit code or None, what it wrote)."""

    @property
    def code(self):
        return self.args[0]

    @property
    def text(self):
        return self.args[1]


@contextlib.contextmanager
def serving(folder, *options, database=None, port=0, environment=None):
    """A running service; see the module."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    service = Service(folder, database or f"sqlite:///{folder / 'log.db'}", options, environment or {})
    service.start(port)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            try:
                service.stop()
            except subprocess.TimeoutExpired:
                service.kill()
                raise
