"""Strict reading of paths and query strings: what is not understood is refused, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from ledger.server.problems import Problem
from provenance.encoding import MAX_INTEGER, parse_hex
from provenance.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

__all__ = ["Query", "path_digest", "path_index"]

_DIGEST_BYTES = 32
_MAX_QUERY_BYTES = 1_024

Choice = TypeVar("Choice", bound=str)


class Query:
    """The query of a request, read name by name: ``with Query(request) as query: ...``; leftovers are refused."""

    def __init__(self, request: Request) -> None:
        if len(request.scope["query_string"]) > _MAX_QUERY_BYTES:
            raise Problem("bad-request", f"the query has more than {_MAX_QUERY_BYTES} bytes")
        pairs = request.query_params.multi_items()
        self._left = dict(pairs)
        if len(self._left) != len(pairs):
            raise Problem("bad-request", "a name stands twice in the query")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None and self._left:
            raise Problem("bad-request", f"{min(self._left)[:60]!r} is not known in this query")

    def digest(self, name: str) -> bytes | None:
        """32 bytes as hex, None when not given."""
        text = self._left.pop(name, None)
        return None if text is None else _digest(text, name)

    def choice(self, name: str, known: Sequence[Choice]) -> Choice | None:
        """One of the ``known`` words, None when not given."""
        text = self._left.pop(name, None)
        found = next((word for word in known if word == text), None)
        if text is not None and found is None:
            raise Problem("bad-request", f"{name} must be one of {', '.join(known)}")
        return found

    def integer(self, name: str, *, default: int, low: int = -1, high: int = MAX_INTEGER) -> int:
        """A decimal number in [low, high]."""
        text = self._left.pop(name, None)
        return default if text is None else _integer(text, name, low, high)


def path_digest(request: Request, name: str) -> bytes:
    """32 bytes from the path."""
    return _digest(request.path_params[name], name)


def path_index(request: Request, name: str) -> int:
    """A number from the path."""
    return _integer(request.path_params[name], name, 0, MAX_INTEGER)


def _digest(text: str, name: str) -> bytes:
    try:
        return parse_hex(text, name, size=_DIGEST_BYTES)
    except EncodingError as error:
        raise Problem("bad-request", str(error)) from error


def _integer(text: str, name: str, low: int, high: int) -> int:
    """Of one spelling: no sign but that of -1, no leading zeros."""
    plain = text.isascii() and text.removeprefix("-").isdigit() and len(text) <= len(str(MAX_INTEGER))
    if not plain or str(int(text)) != text or not low <= int(text) <= high:
        raise Problem("bad-request", f"{name} must be a whole number from {low} to {high}")
    return int(text)
