"""Where a user's things live."""

import stat
from pathlib import Path

import pytest

from provenance.errors import OutputError, UsageError
from provenance.home import find_home


def test_everything_under_one_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path))
    home = find_home()
    places = [home.keystore, home.root_certificate, home.ledger, home.policy, home.own_logs, home.journal]
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert len(set(places)) == len(places)
    assert not any(tmp_path.iterdir())


def test_the_users_own_folders(monkeypatch, tmp_path):
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("SEEDPROOF_HOME", raising=False)
        else:
            monkeypatch.setenv("SEEDPROOF_HOME", value)
        for name in ("CONFIG", "DATA", "STATE"):
            monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
        home = find_home()
        assert {home.config.parent.name, home.data.parent.name, home.state.parent.name} == {"CONFIG", "DATA", "STATE"}
        assert {home.config.name, home.data.name, home.state.name} == {"seedproof"}


def test_relative_and_tilde(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("here", "~/here"):
        monkeypatch.setenv("SEEDPROOF_HOME", text)
        assert find_home().data == Path(tmp_path) / "here" / "data"
    monkeypatch.setenv("SEEDPROOF_HOME", "~nobody-of-this-name/x")
    with pytest.raises(UsageError, match="no such home"):
        find_home()


def test_folders_are_private(monkeypatch, tmp_path):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "new"))
    home = find_home()
    for folder in (home.data, home.data, home.journal):
        assert home.make(folder) == folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_in_the_way(monkeypatch, tmp_path):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path))
    (tmp_path / "data").write_bytes(b"")
    home = find_home()
    for folder in (home.data, home.data / "deeper"):
        with pytest.raises(OutputError, match="cannot create"):
            home.make(folder)
