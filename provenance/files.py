"""Reading with a bound, writing all or nothing."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

from provenance.errors import LimitError, OutputError, UsageError

__all__ = ["check_writable", "read_bounded", "write_atomic"]


def read_bounded(path: str | os.PathLike[str], what: str, *, limit: int) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes.

    Raises:
        UsageError: it cannot be opened, or is no regular file.
        LimitError: it is larger; nothing beyond the limit is read.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{what}: {path} is not a regular file")
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{what}: cannot read {path}: {error.strerror or error}") from error
    if len(data) > limit:
        raise LimitError(f"{what}: {path} is larger than the limit of {limit} bytes")
    return data


def check_writable(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse early what :func:`write_atomic` could not do later, before long work is lost.

    Raises:
        OutputError: the folder is missing or not writable, or the file exists and may not be replaced.
    """
    target = Path(path)
    if os.path.isdir(target):  # noqa: PTH112 - unlike Path.is_dir, never raises
        raise OutputError(f"{target} is a folder; name a file")
    if os.path.lexists(target) and not overwrite:  # a broken link is in the way as well
        raise OutputError(f"{target} exists; choose another name or pass --force")
    try:
        os.stat(target)  # noqa: PTH116 - finds names that are too long for this file system
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        handle, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
    except OSError as error:
        raise OutputError(f"cannot write to {target.parent}: {error.strerror or error}") from error
    os.close(handle)
    Path(name).unlink()


def write_atomic(path: str | os.PathLike[str], data: bytes, *, mode: int | None = None, overwrite: bool = True) -> None:
    """Write to a temporary file in the same folder, fsync, rename, fsync the folder.

    Without a ``mode`` the file gets what the umask leaves, as any new file does. A file with a mode, such as a secret's
    0600, is never more open than that, not even before it is complete.

    Raises:
        OutputError: anything went wrong; what stood at ``path`` before stands there still, and no temporary is left.
    """
    target = Path(path)
    temporary: str | None = None
    try:
        handle, temporary = _open_temporary(target, private=mode is not None)
        with os.fdopen(handle, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, target)  # noqa: PTH105 - the atomic call by its own name
        else:
            _move_to_new(temporary, target)
        temporary = None
    except FileExistsError as error:
        raise OutputError(f"{target} exists; choose another name or pass --force") from error
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}; nothing was changed") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
    _sync_folder(target.parent)


def _open_temporary(target: Path, *, private: bool) -> tuple[int, str]:
    """A new file beside ``target``: mode 0600, or what the umask leaves of 0666."""
    name = str(target.parent / f"{_prefix(target)}{secrets.token_hex(8)}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(name, flags, 0o600 if private else 0o666), name


def _move_to_new(temporary: str, target: Path) -> None:
    """Rename, but refuse an existing name."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as FAT: take the name, then replace what it holds
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(temporary, target)  # noqa: PTH105 - the atomic call by its own name
    else:
        Path(temporary).unlink()


def _sync_folder(folder: Path) -> None:
    # The file is whole and in its place. That some file systems cannot sync a folder must not turn that into a failure.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _prefix(target: Path) -> str:
    """Of temporaries: 40 characters of the name at most, so that a long name does not become too long."""
    return f".{target.name[:40]}."


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a pipe that nobody writes to would hang before it can be refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
