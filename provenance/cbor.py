"""A reader for the little CBOR that a C2PA signature needs (RFC 8949): definite lengths, no floats, no duplicate keys.

    head = major type (3 bits) | argument (5 bits, or the 1, 2, 4 or 8 bytes that follow)

Worked example: ``a1 01 26`` is ``{1: -7}``.
"""

from __future__ import annotations

from provenance.errors import EncodingError

__all__ = ["MAX_DEPTH", "Cbor", "decode_cbor"]

Cbor = dict["int | str | bytes", "Cbor"] | list["Cbor"] | str | bytes | int | bool | None

MAX_DEPTH = 16
"""Deepest nesting that is read: a signature needs 4, and Python recurses."""

_SIMPLE: dict[int, bool | None] = {20: False, 21: True, 22: None, 23: None}
_ONE_BYTE, _EIGHT_BYTES = 24, 27


def decode_cbor(data: bytes, *, tag: int | None = None) -> Cbor:
    """The one value that ``data`` holds. A leading ``tag`` may stand before it; other tags are dropped.

    Raises:
        EncodingError: cut off, something follows, or a form that is not read here.
    """
    reader = _Reader(data)
    if tag is not None and data[:1] and data[0] >> 5 == 6:  # noqa: PLR2004 - major type 6: a tag
        _, found = reader.head()
        if found != tag:
            raise EncodingError(f"CBOR: tag {found} where {tag} is expected")
    value = reader.value(0)
    if reader.at != len(data):
        raise EncodingError("CBOR: bytes follow the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise EncodingError("CBOR: cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self) -> tuple[int, int]:
        first = self.take(1)[0]
        major, short = first >> 5, first & 31
        if short < _ONE_BYTE:
            return major, short
        if short > _EIGHT_BYTES or major == 7:  # noqa: PLR2004 - floats and long simple values
            raise EncodingError("CBOR: indefinite lengths and floats are not read")
        return major, int.from_bytes(self.take(1 << (short - _ONE_BYTE)), "big")

    def value(self, depth: int) -> Cbor:
        if depth > MAX_DEPTH:
            raise EncodingError(f"CBOR: nested deeper than {MAX_DEPTH}")
        major, number = self.head()
        match major:
            case 0:
                return number
            case 1:
                return -1 - number
            case 2:
                return self.take(number)
            case 3:
                return _text(self.take(number))
            case 4:
                # A false count ends at the first missing item: every item takes a byte.
                return [self.value(depth + 1) for _ in range(number)]
            case 5:
                return self.map(number, depth)
            case 6:
                return self.value(depth + 1)
        if number not in _SIMPLE:
            raise EncodingError(f"CBOR: simple value {number} is not read")
        return _SIMPLE[number]

    def map(self, number: int, depth: int) -> Cbor:
        result: dict[int | str | bytes, Cbor] = {}
        for _ in range(number):
            key = self.value(depth + 1)
            if isinstance(key, bool) or not isinstance(key, int | str | bytes):
                raise EncodingError("CBOR: a map key must be a number or a string")
            if key in result:
                raise EncodingError("CBOR: a map has a key twice")
            result[key] = self.value(depth + 1)
        return result


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("CBOR: text is not UTF-8") from error
