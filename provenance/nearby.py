"""Picture files in folders that a person names, opened only when an ancestor is missing from the file at hand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from provenance.chunks import MAX_FILE_BYTES
from provenance.errors import InvalidError, LimitError, UsageError
from provenance.files import read_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from provenance.work import Work

__all__ = ["MAX_PICTURES", "works_in"]

MAX_PICTURES = 10_000
"""Most picture files of a folder that are opened."""

_SUFFIXES = (".png", ".webp")


def works_in(folders: Sequence[Path]) -> Callable[[], Mapping[bytes, Work]] | None:
    """Opens every work in the PNG and WebP files of these folders, not of those below; None where none is named.

    Raises:
        UsageError: one is no folder. The function that is returned raises LimitError for more than MAX_PICTURES files.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--dir: {folder} is no folder")
    return partial(_collect, tuple(folders)) if folders else None


def _collect(folders: Sequence[Path]) -> Mapping[bytes, Work]:
    from provenance.lineagesearch import collect_works

    paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
    if len(paths) > MAX_PICTURES:
        raise LimitError(f"--dir: {len(paths)} pictures are more than {MAX_PICTURES}; name a smaller folder")
    return collect_works(_read(paths))


def _read(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        try:
            yield path.name, read_bounded(path, "picture", limit=MAX_FILE_BYTES)
        except (InvalidError, UsageError):
            continue
