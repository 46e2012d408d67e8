import pytest

from ledger.log import open_log


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))


class Place:
    """A log with a tile store, which any process may open."""

    def __init__(self, database, folder):
        self.database = database
        self.tiles = folder / "tiles"
        self.key_file = folder / "log.key"

    def open(self, *, create=False):
        return open_log(self.database, key_file=self.key_file, tiles=str(self.tiles), create=create)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return Place(str(tmp_path / "log.db"), tmp_path)
    return Place(request.getfixturevalue("postgres_url"), tmp_path)
