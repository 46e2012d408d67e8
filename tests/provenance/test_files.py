"""Reading with a bound, writing all or nothing."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from provenance import files
from provenance.errors import LimitError, OutputError, UsageError
from provenance.files import check_writable, read_bounded, write_atomic

only_users = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_reads_up_to_the_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bounded(path, "thing", limit=5) == b"12345"
    with pytest.raises(LimitError, match=r"thing: .* larger than the limit of 4"):
        read_bounded(path, "thing", limit=4)


def test_reads_regular_files_alone(tmp_path):
    for path in (tmp_path, "/dev/zero", tmp_path / "missing", tmp_path / "x" / "y"):
        with pytest.raises(UsageError, match=r"^thing: "):
            read_bounded(path, "thing", limit=5)


@pytest.mark.timeout(20)
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        read_bounded(tmp_path / "pipe", "thing", limit=5)


@pytest.mark.parametrize("overwrite", [True, False])
def test_writes(tmp_path, overwrite):
    path = tmp_path / "a"
    write_atomic(path, b"data", mode=0o600, overwrite=overwrite)
    assert path.read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["a"]


def test_replaces_only_when_told(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"):
        write_atomic(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_a_file_without_a_mode_of_its_own_gets_what_the_umask_leaves(tmp_path, umask, overwrite):
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "a", b"public", overwrite=overwrite)
        write_atomic(tmp_path / "b", b"secret", mode=0o600, overwrite=overwrite)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600


def fail(number):
    def call(*_args, **_options):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("call", ["fsync", "fchmod", "replace"])
def test_a_failing_call_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, overwrite):
    path = tmp_path / "a"
    if overwrite:
        path.write_bytes(b"old")
    elif call == "replace":
        call, opens = "link", os.open
        monkeypatch.setattr(
            files.os, "open", lambda p, flags, *mode: opens(p, flags, *mode) if p != path else fail(errno.EIO)()
        )
    monkeypatch.setattr(files.os, call, fail(errno.ENOSPC))
    with pytest.raises(OutputError, match="nothing was changed"):
        write_atomic(path, b"new", mode=0o600, overwrite=overwrite)
    monkeypatch.undo()
    assert names(tmp_path) == (["a"] if overwrite else [])
    assert not overwrite or path.read_bytes() == b"old"


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "a", b"new")
    assert names(tmp_path) == []


def test_a_full_disk(tmp_path):
    """A real one: the kernel refuses to let the file grow."""
    (tmp_path / "a").write_bytes(b"old")
    code = (
        "import resource, sys\n"
        "from provenance.errors import OutputError\n"
        "from provenance.files import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_atomic(sys.argv[1], bytes(100_000))\n"
        "except OutputError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a"], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch):
    sync = os.fsync
    monkeypatch.setattr(
        files.os,
        "fsync",
        lambda handle: fail(errno.EINVAL)() if stat.S_ISDIR(os.fstat(handle).st_mode) else sync(handle),
    )
    write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_file_and_folder_are_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files.os, "fsync", lambda handle: synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    write_atomic(tmp_path / "a", b"new")
    assert synced == [False, True]


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "link", fail(errno.EPERM))
    write_atomic(tmp_path / "a", b"first", overwrite=False)
    with pytest.raises(OutputError, match="exists"):
        write_atomic(tmp_path / "a", b"second", overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "write", [lambda path: write_atomic(path, b""), lambda path: check_writable(path, overwrite=True)]
)
def test_places_where_nothing_can_be_written(tmp_path, write):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "no" / "a", tmp_path / "file" / "a", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(OutputError):
            write(path)
    assert names(tmp_path) == ["file"]


@only_users
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    for write in (lambda: write_atomic(tmp_path / "a", b""), lambda: check_writable(tmp_path / "a", overwrite=True)):
        with pytest.raises(OutputError, match="Permission denied"):
            write()
    tmp_path.chmod(0o700)
    assert names(tmp_path) == []


def test_a_folder_that_refuses_new_files(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "open", fail(errno.EROFS))
    for write in (lambda: write_atomic(tmp_path / "a", b""), lambda: check_writable(tmp_path / "a", overwrite=True)):
        with pytest.raises(OutputError, match="Read-only"):
            write()


def test_check_writable(tmp_path):
    path = tmp_path / "a"
    check_writable(path, overwrite=False)
    assert names(tmp_path) == []
    path.write_bytes(b"old")
    check_writable(path, overwrite=True)
    with pytest.raises(OutputError, match="--force"):
        check_writable(path, overwrite=False)
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(OutputError, match="exists"):
        check_writable(tmp_path / "link", overwrite=False)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a", "link"]


@pytest.mark.parametrize("name", ["x" * 255, "\u6d77" * 85, ".hidden", "a b", "-n"])
def test_unusual_names(tmp_path, name):
    check_writable(tmp_path / name, overwrite=False)
    write_atomic(tmp_path / name, b"data", overwrite=False)
    write_atomic(tmp_path / name, b"more")
    assert names(tmp_path) == [name]
