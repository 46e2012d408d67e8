"""Running the service: the socket, one process or several, and their end.

One worker serves in this process. Several are processes of their own that share the listening socket, each with its own
log and pool (the database decides whose batch comes first); this process then only watches over them, replaces one that
died, and hands SIGTERM on. On SIGTERM or SIGINT a worker stops accepting, answers what it has begun, logs and publishes
what it has accepted, and ends.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import sys
import tempfile
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.supervisors import Multiprocess

from ledger.server.app import App
from ledger.server.connection import BoundedConnection
from ledger.server.journal import begin_journal
from ledger.server.lifespan import Lifespan
from ledger.server.metrics import SHARED_FOLDER
from ledger.server.service import Service
from ledger.server.settings import IDLE_SECONDS, STOP_SECONDS
from provenance.errors import EnvironmentFault, LedgerFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ledger.log import Log
    from ledger.server.settings import Settings

__all__ = ["announce", "listen", "open_settings", "serve"]

_BACKLOG = 2_048
_START_SECONDS = 60.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        EnvironmentFault: the address is taken, or is not this machine's.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=False)
    except OSError as error:
        raise EnvironmentFault(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def open_settings(settings: Settings, *, create: bool = False) -> Log:
    """The log that the settings name."""
    from ledger.log import open_log

    return open_log(
        settings.database,
        key_file=settings.key_file,
        tiles=settings.tiles,
        origin=settings.origin,
        create=create,
        read_only=settings.read_only,
    )


def serve(settings: Settings, log: Log, listener: socket.socket, *, verbose: bool, ready: Callable[[], None]) -> None:
    """Serve an open log until a signal comes. With several workers it is closed here and opened in each of them.

    ``ready`` is called when requests are answered.

    Raises:
        LedgerFault: the workers could not start.
    """
    begin_journal(verbose=verbose)
    if settings.workers == 1:
        app = App(functools.partial(_begin, settings, log))
        _run(_Server(_config(app, settings), ready), listener, app)
        return
    log.close()
    config = _config(functools.partial(_make_app, settings, verbose), settings, factory=True)
    with _shared_metrics():
        supervisor = _Supervisor(config, [listener], ready)
        supervisor.run()
    if supervisor.failed:
        raise LedgerFault("the workers did not start; the journal above says why")


def _run(server: _Server, listener: socket.socket, app: App) -> None:
    """Until a signal comes; uvicorn ends the process by itself where the application does not start."""
    try:
        server.run([listener])
    except SystemExit as end:
        if app.fault is None and end.code not in (None, 0):
            raise LedgerFault("the service did not start; the journal above says why") from end
    if app.fault is not None:
        raise app.fault


def _begin(settings: Settings, log: Log) -> Lifespan:
    return Lifespan(Service(settings, log))


def _make_app(settings: Settings, verbose: bool) -> App:
    """In a worker process."""
    begin_journal(verbose=verbose)
    return App(lambda: Lifespan(Service(settings, open_settings(settings)), orphaned=True))


def _config(app: object, settings: Settings, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        factory=factory,
        loop="auto",
        http=functools.partial(BoundedConnection, patience=settings.patience),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        workers=settings.workers,
        limit_concurrency=settings.connections,
        backlog=_BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
    )


class _Server(uvicorn.Server):
    """Says when it is ready, and ends without an error when it is told to end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()  # uvicorn would raise them again: SIGTERM is how a service ends


class _Supervisor(Multiprocess):
    """uvicorn's supervisor, which says when all workers are ready, and whether they failed to start."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._ready = ready
        self.failed = False

    def init_processes(self) -> None:
        super().init_processes()
        self.failed = not all(worker.wait_until_ready(_START_SECONDS, self.should_exit) for worker in self.processes)
        if self.failed:
            self.should_exit.set()
        else:
            self._ready()


@contextlib.contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder in which the workers keep their figures for each other."""
    folder = tempfile.mkdtemp(prefix="seedproof-metrics-")
    os.environ[SHARED_FOLDER] = folder
    try:
        yield
    finally:
        del os.environ[SHARED_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


def announce(listener: socket.socket) -> None:
    """One line on stderr that says where requests are answered."""
    host, port = listener.getsockname()[:2]
    sys.stderr.write(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}\n")
    sys.stderr.flush()
