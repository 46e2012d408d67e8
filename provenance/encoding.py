r"""Canonical JSON, strict parsers, hex and decimal strings; every limit has a name and a reason.

Canonical form is RFC 8785 over a small data model::

    value   = object | array | string | integer | true | false | null
    integer = JSON number without fraction or exponent, |n| <= 2^53 - 1
    decimal = string matching  -?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?  and not "-0"
    binary  = string of lowercase hexadecimal digits

Floats, duplicate keys, lone surrogates, a byte order mark and anything after the value are refused. Strings are kept
code point for code point: no Unicode normalisation. ``canonical(parse_canonical(x)) == x`` for every accepted ``x``.

Worked example: ``canonical({"v": 1, "a": "é"})`` is the 15 bytes ``{"a":"é","v":1}`` in UTF-8 plus one for the accent.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

import rfc8785

from provenance.errors import EncodingError, LimitError, UnsupportedVersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "MAX_DEPTH",
    "MAX_DOCUMENT_BYTES",
    "MAX_INTEGER",
    "Fields",
    "Json",
    "canonical",
    "decimal_string",
    "format_hex",
    "parse_canonical",
    "parse_decimal",
    "parse_hex",
    "parse_json",
]

T = TypeVar("T")
Json = dict[str, "Json"] | list["Json"] | str | int | bool | None

MAX_DOCUMENT_BYTES = 65_536
"""Default bound of one JSON document: a log entry must fit into 65,535 bytes (C2SP tlog-tiles)."""

MAX_DEPTH = 16
"""Deepest nesting that is read; our own objects need 5. Checked before parsing: parsers recurse on the C stack."""

MAX_INTEGER = 2**53 - 1
"""Largest magnitude that every JSON implementation keeps exact (RFC 8785 section 3.2.2.3)."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_INTEGER_DIGITS = 16
_DECIMAL_DIGITS = 40
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{0,39}[1-9])?", re.ASCII)
_HEX = re.compile(r"[0-9a-f]*", re.ASCII)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+["\\]?', re.DOTALL)  # takes an unfinished string as well: linear time


def canonical(value: Json | Mapping[str, Json]) -> bytes:
    """RFC 8785 bytes of ``value``.

    Raises:
        EncodingError: for floats, other types, integers beyond 2^53 - 1, or strings that are no Unicode scalars.
    """
    _check_model(value, 0)
    return _encode(value)


def parse_json(data: bytes, what: str, *, limit: int = MAX_DOCUMENT_BYTES) -> Json:
    """The value of one strictly parsed JSON document; its formatting is free. ``what`` names it in errors.

    Raises:
        LimitError: more than ``limit`` bytes, or nested deeper than MAX_DEPTH.
        EncodingError: anything that is not JSON in our data model.
    """
    if len(data) > limit:
        raise LimitError(f"{what}: {len(data)} bytes are more than the limit of {limit}")
    _check_depth(data, what)
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise EncodingError("starts with a byte order mark (BOM); save it as plain UTF-8")
        value: Json = _DECODER.decode(text)
    except EncodingError as error:
        raise EncodingError(f"{what}: {error}") from error
    except UnicodeDecodeError as error:
        raise EncodingError(f"{what}: not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise EncodingError(f"{what}: not JSON at byte {error.pos}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise EncodingError(f"{what}: not JSON that can be read") from error
    try:
        _check_model(value, 0)
    except EncodingError as error:
        raise EncodingError(f"{what}: {error}") from error
    return value


def parse_canonical(data: bytes, what: str, *, limit: int = MAX_DOCUMENT_BYTES) -> Json:
    """As :func:`parse_json`, and the bytes must be the canonical ones.

    Raises:
        LimitError, EncodingError: as for parse_json, and for any other spelling of the same value.
    """
    value = parse_json(data, what, limit=limit)
    if _encode(value) != data:
        raise EncodingError(f"{what}: not in canonical form (RFC 8785)")
    return value


def format_hex(data: bytes) -> str:
    """Lowercase hexadecimal digits."""
    return data.hex()


def parse_hex(text: object, what: str, *, size: int | None = None, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
    """Bytes of a lowercase hex string, of exactly ``size`` bytes when given, else at most ``limit``.

    Raises:
        EncodingError: not a string, odd length, a digit that is not in 0-9a-f, or another size.
    """
    if not isinstance(text, str):
        raise EncodingError(f"{what}: must be a hex string")
    if size is not None and len(text) != 2 * size:
        raise EncodingError(f"{what}: must be {size} bytes as {2 * size} lowercase hex digits")
    if len(text) > 2 * limit:
        raise LimitError(f"{what}: more than {limit} bytes")
    if len(text) % 2 or not _HEX.fullmatch(text):
        raise EncodingError(f"{what}: must be lowercase hex digits, two for each byte")
    return bytes.fromhex(text)


def decimal_string(value: float | Decimal | str) -> str:
    """The one spelling of a finite number, exactly: no exponent, no trailing zero. Of a float, the shortest decimal.

    Raises:
        EncodingError: NaN, infinity, or a magnitude that needs more than 40 digits on a side.
    """
    try:
        number = Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise EncodingError(f"not a number: {value!r:.60}") from error
    if not number.is_finite():
        raise EncodingError(f"not a finite number: {value!r:.60}")
    if not number:
        return "0"
    if abs(number.adjusted()) > _DECIMAL_DIGITS:  # before it is written out: 1E+999999 would fill the memory
        raise EncodingError(f"number {value!r:.60} needs more than {_DECIMAL_DIGITS} digits on a side of the point")
    text = format(number, "f")  # never normalize(): that rounds to the context's 28 digits
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    parse_decimal(text, "number")
    return text


def parse_decimal(text: object, what: str) -> Decimal:
    """The exact value of a decimal string.

    Raises:
        EncodingError: not a string of the grammar above ("2.0", "+1", "1e3", "-0" and ".5" are not).
    """
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text) or text == "-0":
        raise EncodingError(f'{what}: must be a canonical decimal string such as "2" or "0.125"')
    return Decimal(text)


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


def _encode(value: Json | Mapping[str, Json]) -> bytes:
    """RFC 8785 bytes of a value within our data model.

    The standard library escapes strings as RFC 8785 does, and sorts keys by code point. That is the order by UTF-16
    code units unless a key goes beyond U+D7FF; for those the slower library decides.
    """
    if _has_high_key(value):
        try:
            return rfc8785.dumps(value)
        except (rfc8785.CanonicalizationError, UnicodeError) as error:
            raise EncodingError(f"cannot be encoded canonically: {error}") from error
    return _ENCODER.encode(value).encode()


def _has_high_key(value: object) -> bool:
    if isinstance(value, dict):
        return any(not key.isascii() and max(key) > "\ud7ff" for key in value) or any(
            map(_has_high_key, value.values())
        )
    return isinstance(value, list | tuple) and any(map(_has_high_key, value))


def _check_model(value: object, depth: int) -> None:
    if depth >= MAX_DEPTH and isinstance(value, dict | list | tuple):
        raise EncodingError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        _check_string(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise EncodingError("object keys must be strings")
            _check_string(key)
            _check_model(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_model(item, depth + 1)
    elif value is not None and not isinstance(value, bool) and (not isinstance(value, int) or abs(value) > MAX_INTEGER):
        raise EncodingError(f"a {type(value).__name__} has no canonical encoding here; use a decimal string")


def _check_string(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodingError("a string holds a lone surrogate") from error


def _check_depth(data: bytes, what: str) -> None:
    depth = 0
    for byte in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise LimitError(f"{what}: nested deeper than {MAX_DEPTH}")
        elif byte in b"]}":
            depth -= 1


def _unique_pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise EncodingError(f"key {key[:60]!r} stands twice in one object")
            seen.add(key)
    return result


def _refuse_number(text: str) -> NoReturn:
    raise EncodingError(f"number {text[:30]!r} is no integer; numbers with a fraction are decimal strings")


def _parse_int(text: str) -> int:
    if text == "-0" or len(text.lstrip("-")) > _INTEGER_DIGITS:
        raise EncodingError(f"number {text[:30]!r} is not a canonical integer below 2^53")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_pairs, parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_parse_int
)
