import pytest

from ledger.local import LocalLedger, open_ledger
from ledger.log import open_log


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))


class Backend:
    """Where a log of one kind is, and how to open it."""

    def __init__(self, kind, location, folder):
        self.kind = kind
        self.location = location
        self.key_file = folder / "keys" / "log.key" if kind == "postgresql" else None
        self.folder = folder

    def open(self, *, create=False):
        """As the port that verify and publish use."""
        return (
            open_ledger(self.location, create=create) if self.kind == "sqlite" else LocalLedger(self.log(create=create))
        )

    def log(self, *, create=False, tiles=None, **options):
        """As the service opens it."""
        if self.key_file:
            self.key_file.parent.mkdir(exist_ok=True)
        return open_log(self.location, key_file=self.key_file, create=create, tiles=tiles, **options)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request, tmp_path):
    if request.param == "sqlite":
        return Backend("sqlite", str(tmp_path / "ledger.db"), tmp_path)
    return Backend("postgresql", request.getfixturevalue("postgres_url"), tmp_path)


@pytest.fixture
def ledger(backend):
    opened = backend.open(create=True)
    yield opened
    opened.close()
