import pytest

from ledger.local import open_ledger


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test touches the user's own folders."""
    home = tmp_path / "home"
    monkeypatch.setenv("SEEDPROOF_HOME", str(home))
    return home


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log" / "ledger.db"


@pytest.fixture
def ledger(path):
    opened = open_ledger(str(path), create=True)
    yield opened
    opened.close()
