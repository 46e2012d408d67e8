"""Where the tiles of a served log stand as files: in a folder, or in an object store (:mod:`ledger.objectstore`).

A tile, once there, is never replaced by another content; only the checkpoint changes, and only to a larger tree. So
several processes may publish into one store at once, and one that dies half-way leaves nothing that is wrong.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ledger.newest import supersedes
from provenance.errors import LedgerFault, SeedproofError
from provenance.files import read_bounded
from provenance.note import MAX_NOTE_BYTES
from provenance.tiles import CHECKPOINT_PATH, MAX_BUNDLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provenance.tiles import Tile

__all__ = ["DiskStore", "TileStore", "open_store"]

_STALE_SECONDS = 3_600
_AT_ONCE: int | None = getattr(os, "RWF_NOWAIT", None)


class TileStore(Protocol):
    """Tiles by their path (``provenance.tiles``). Every method may raise LedgerFault."""

    def put_new(self, path: str, data: bytes) -> None:
        """Keep a tile durably.

        Raises:
            LedgerFault: another content stands there: two trees were published under one name.
        """

    def get(self, path: str) -> bytes | None:
        """A tile's content."""

    def part(self, path: str, start: int, length: int, *, wait: bool = True) -> bytes | None:
        """That part of a tile, if it is cheap; without ``wait`` only if it is at hand. None says nothing, no fault."""

    def remove_partial(self, tile: Tile) -> None:
        """Forget the partial tiles at the place of a full one that is published."""

    def get_checkpoint(self) -> bytes | None:
        """The newest checkpoint."""

    def put_checkpoint(self, note: bytes, check: Callable[[bytes], None] | None = None) -> None:
        """Replace the checkpoint durably, unless the one that is there is of a larger tree.

        ``check`` is called with the one that would be replaced, and nothing is when it raises.

        Raises:
            LedgerFault: the one that is there is of another tree of this size.
        """


def open_store(location: str) -> TileStore:
    """The store at a folder or URL.

    Raises:
        LedgerFault: it cannot be opened.
    """
    if "://" in location:
        from ledger.objectstore import open_object_store

        return open_object_store(location)
    return DiskStore(Path(location).expanduser().absolute())


class DiskStore:
    """A folder that any web server can serve as it stands. Files are written beside, synced, and put in place."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._beside = root / ".new"
        with _faults(root):
            self._beside.mkdir(mode=0o755, parents=True, exist_ok=True)
            _remove_stale(self._beside)

    def put_new(self, path: str, data: bytes) -> None:
        """See :class:`TileStore`."""
        target = self._root / path
        with _faults(target):
            if target.exists():  # the usual case after a crash, or beside another process
                _compare(target, data)
                return
            self._make_folder(target.parent)
            temporary = self._written(data)
            try:
                os.link(temporary, target)
            except FileExistsError:
                _compare(target, data)
            finally:
                temporary.unlink()
            _sync(target.parent)

    def get(self, path: str) -> bytes | None:
        """See :class:`TileStore`."""
        return _read(self._root / path, MAX_BUNDLE_BYTES)

    def part(self, path: str, start: int, length: int, *, wait: bool = True) -> bytes | None:
        """See :class:`TileStore`. At hand is what the system holds in memory, where it tells that apart (Linux)."""
        if not wait and _AT_ONCE is None:
            return None
        try:
            handle = os.open(f"{self._root}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            found = os.pread(handle, length, start) if wait else _read_at_once(handle, length, start)
        except OSError:
            return None
        finally:
            os.close(handle)
        return found if len(found) == length else None

    def remove_partial(self, tile: Tile) -> None:
        """See :class:`TileStore`."""
        with contextlib.suppress(OSError):  # they do no harm where they are
            shutil.rmtree(self._root / f"{tile.full.path}.p")

    def get_checkpoint(self) -> bytes | None:
        """See :class:`TileStore`."""
        return _read(self._root / CHECKPOINT_PATH, MAX_NOTE_BYTES)

    def put_checkpoint(self, note: bytes, check: Callable[[bytes], None] | None = None) -> None:
        """See :class:`TileStore`."""
        target = self._root / CHECKPOINT_PATH
        with _faults(target), self._locked():
            present = self.get_checkpoint()
            if present is not None and check is not None:
                check(present)
            if supersedes(note, present):
                self._written(note).replace(target)
                _sync(self._root)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time compares and replaces; the lock goes with its process."""
        import fcntl

        handle = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, each durable in its parent."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o755)
            _sync(folder.parent)

    def _written(self, data: bytes) -> Path:
        """A durable temporary file in this file system."""
        handle, name = tempfile.mkstemp(dir=self._beside)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)


def _read_at_once(handle: int, length: int, start: int) -> bytes:
    found = bytearray(length)
    return bytes(found[: os.preadv(handle, [found], start, _AT_ONCE or 0)])


def _compare(target: Path, data: bytes) -> None:
    if target.read_bytes() != data:
        raise LedgerFault(f"tiles: {target} has another content; nothing was replaced. Run seedproof ledger fsck")


def _remove_stale(folder: Path) -> None:
    """What processes that were killed have left, long enough ago that none can still be writing it."""
    for left in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - _STALE_SECONDS:
                left.unlink()


def _read(path: Path, limit: int) -> bytes | None:
    try:
        return read_bounded(path, "tiles", limit=limit)
    except SeedproofError as error:
        if not path.exists():
            return None
        raise LedgerFault(f"tiles: {error}") from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _faults(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerFault(f"tiles: cannot write {target}: {error.strerror or error}; check the disk") from error
