"""Reading one JSON object field by field, so that none is forgotten and none is left over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from provenance.errors import EncodingError, LimitError, UnsupportedVersionError
from provenance.scalars import MAX_DOCUMENT_BYTES, MAX_INTEGER, parse_decimal, parse_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

__all__ = ["Fields"]

T = TypeVar("T")


class Fields:
    """Reads one object field by field and refuses what was not read: ``with Fields(value, "claim") as f: ...``.

    Raises EncodingError when the value is no object, a field is missing or has another type, or one is left over.
    """

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise EncodingError(f"{what}: must be an object")
        self._left: dict[str, object] = dict(value)
        self.what = what

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None and self._left:
            raise EncodingError(f"{self.what}: unknown field {min(self._left)!r:.60}")

    def take(self, name: str) -> object:
        """The raw value of a field that must be there."""
        if name not in self._left:
            raise EncodingError(f"{self.what}: field {name!r} is missing")
        return self._left.pop(name)

    def has(self, name: str) -> bool:
        """Whether the field is there and was not read yet."""
        return name in self._left

    def version(self, kind: str, supported: int = 1) -> None:
        """Check ``kind`` and ``v``. Another version is UnsupportedVersionError: newer, not wrong."""
        found = self.take("kind")
        if found != kind:
            raise EncodingError(f"{self.what}: kind must be {kind!r}, not {str(found)[:40]!r}")
        version = self.integer("v", low=0)
        if version != supported:
            raise UnsupportedVersionError(
                f"{self.what}: version {version} is not known to this program (it knows {supported}); update seedproof"
            )

    def text(self, name: str, *, limit: int, low: int = 0) -> str:
        """A string of ``low`` to ``limit`` code points."""
        value = self.take(name)
        if not isinstance(value, str):
            raise EncodingError(f"{self.what}: {name} must be a string")
        if not low <= len(value) <= limit:
            raise LimitError(f"{self.what}: {name} must have {low} to {limit} characters, it has {len(value)}")
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """A string that is one of ``allowed``."""
        value = self.take(name)
        if not isinstance(value, str) or value not in allowed:
            raise EncodingError(f"{self.what}: {name} must be one of {', '.join(allowed)}")
        return value

    def integer(self, name: str, *, low: int = 0, high: int = MAX_INTEGER) -> int:
        """An integer in [low, high]."""
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise EncodingError(f"{self.what}: {name} must be an integer from {low} to {high}")
        return value

    def binary(self, name: str, *, size: int | None = None, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
        """Bytes from lowercase hex; see :func:`parse_hex`."""
        return parse_hex(self.take(name), f"{self.what}: {name}", size=size, limit=limit)

    def decimal(self, name: str) -> Decimal:
        """An exact decimal; see :func:`parse_decimal`."""
        return parse_decimal(self.take(name), f"{self.what}: {name}")

    def array(self, name: str, read: Callable[[object, str], T], *, limit: int, low: int = 0) -> tuple[T, ...]:
        """An array of ``low`` to ``limit`` items, each read by ``read(item, where)``."""
        value = self.take(name)
        if not isinstance(value, list):
            raise EncodingError(f"{self.what}: {name} must be an array")
        if not low <= len(value) <= limit:
            raise LimitError(f"{self.what}: {name} must have {low} to {limit} items, it has {len(value)}")
        return tuple(read(item, f"{self.what}: {name}[{i}]") for i, item in enumerate(value))

    def object(self, name: str) -> Fields:
        """A nested object, to be read with ``with``."""
        return Fields(self.take(name), f"{self.what}: {name}")

    def optional(self, name: str) -> bool:
        """Whether the field is something else than null. A null is consumed; the field itself must be there."""
        if name not in self._left:
            raise EncodingError(f"{self.what}: field {name!r} is missing")
        if self._left[name] is None:
            del self._left[name]
            return False
        return True
