"""Tiles in an object store (S3 and what speaks like it, Google, Azure, or memory for tests), through obstore.

Tiles are put only where nothing stands yet (a conditional put), the checkpoint only over the one that was compared (by
its entity tag). So the store itself refuses what two processes must not both do.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ledger.newest import supersedes
from provenance.errors import LedgerFault
from provenance.note import MAX_NOTE_BYTES
from provenance.tiles import CHECKPOINT_PATH, MAX_BUNDLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provenance.tiles import Tile

__all__ = ["ObjectStore", "open_object_store"]

RETRY_SECONDS = 10.0
"""How long a request is tried again before it is a fault; publishing itself is tried again after that."""

_ATTEMPTS = 8
_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}
_MUTABLE = {"Cache-Control": "no-cache"}


def open_object_store(location: str) -> ObjectStore:
    """The store at ``s3://bucket/prefix`` and the like; credentials and endpoint come from the environment, as for all
    programs that use that store (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and so on).

    Raises:
        LedgerFault: obstore is not installed, or knows no such store.
    """
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise LedgerFault(
            "tiles: an object store needs the package obstore; install seedproof[objectstore], or name a folder"
        ) from error
    with _faults(location):
        parts = urlsplit(location)
        options: dict[str, Any] = {}
        if parts.scheme != "memory":
            timeouts = {"allow_http": True, "timeout": "10s", "connect_timeout": "5s"}
            retries = {"max_retries": 5, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
            options = {"client_options": timeouts, "retry_config": retries}
        return ObjectStore(from_url(location, **options), location)


class ObjectStore:
    """See :class:`ledger.tilestore.TileStore`."""

    def __init__(self, store: Any, location: str) -> None:
        self._store = store
        self._location = location

    def put_new(self, path: str, data: bytes) -> None:
        """See :class:`~ledger.tilestore.TileStore`."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with _faults(self._location):
            try:
                obstore.put(self._store, path, data, mode="create", attributes=_HEADERS)
            except AlreadyExistsError:
                if self.get(path) != data:
                    raise LedgerFault(
                        f"tiles: {self._location} has another content of {path}; nothing was replaced. "
                        "Run seedproof ledger fsck"
                    ) from None

    def get(self, path: str) -> bytes | None:
        """See :class:`~ledger.tilestore.TileStore`."""
        found = self._get(path, MAX_BUNDLE_BYTES)
        return None if found is None else found[0]

    def part(self, _path: str, _start: int, _length: int, *, wait: bool = True) -> bytes | None:  # noqa: ARG002
        """See :class:`~ledger.tilestore.TileStore`: a request for a part costs as much as one for the whole."""
        return None

    def remove_partial(self, tile: Tile) -> None:
        """See :class:`~ledger.tilestore.TileStore`."""
        import obstore

        with contextlib.suppress(LedgerFault), _faults(self._location):  # they do no harm where they are
            paths = [item["path"] for page in obstore.list(self._store, f"{tile.full.path}.p/") for item in page]
            if paths:
                obstore.delete(self._store, paths)

    def get_checkpoint(self) -> bytes | None:
        """See :class:`~ledger.tilestore.TileStore`."""
        found = self._get(CHECKPOINT_PATH, MAX_NOTE_BYTES)
        return None if found is None else found[0]

    def put_checkpoint(self, note: bytes, check: Callable[[bytes], None] | None = None) -> None:
        """See :class:`~ledger.tilestore.TileStore`."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, NotFoundError, PreconditionError

        for _ in range(_ATTEMPTS):
            present = self._get(CHECKPOINT_PATH, MAX_NOTE_BYTES)
            if present is not None and check is not None:
                check(present[0])
            if not supersedes(note, None if present is None else present[0]):
                return
            mode: Any = "create" if present is None else {"e_tag": present[1]}
            with _faults(self._location), contextlib.suppress(AlreadyExistsError, PreconditionError, NotFoundError):
                obstore.put(self._store, CHECKPOINT_PATH, note, mode=mode, attributes=_MUTABLE)
                return
        raise LedgerFault(f"tiles: {self._location}: others replace the checkpoint all the time; try again")

    def _get(self, path: str, limit: int) -> tuple[bytes, str | None] | None:
        import obstore
        from obstore.exceptions import NotFoundError

        with _faults(self._location):
            try:
                result = obstore.get(self._store, path)
            except (FileNotFoundError, NotFoundError):
                return None
            if result.meta["size"] > limit:
                raise LedgerFault(f"tiles: {self._location} has a {path} that is larger than {limit} bytes")
            return bytes(result.bytes()), result.meta.get("e_tag")


@contextlib.contextmanager
def _faults(location: str) -> Iterator[None]:
    try:
        yield
    except LedgerFault:
        raise
    except Exception as error:
        from obstore.exceptions import BaseError

        if isinstance(error, BaseError | OSError | ValueError | NotImplementedError):
            reason = str(error).strip().split("\n", 1)[0][:300]
            raise LedgerFault(f"tiles: {location} cannot be used: {reason}; check the store and its keys") from error
        raise
