r"""Canonical JSON and its strict parsers; every limit has a name and a reason.

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
from typing import TYPE_CHECKING, NoReturn

import rfc8785

from provenance.errors import EncodingError, LimitError
from provenance.fields import Fields
from provenance.scalars import (
    MAX_DOCUMENT_BYTES,
    MAX_INTEGER,
    decimal_string,
    format_hex,
    parse_decimal,
    parse_hex,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

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

Json = dict[str, "Json"] | list["Json"] | str | int | bool | None

MAX_DEPTH = 16
"""Deepest nesting that is read; our own objects need 5. Checked before parsing: parsers recurse on the C stack."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_INTEGER_DIGITS = 16
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
    if "\\" in text:  # an escape may hide a lone surrogate; all else was refused above
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


def _encode(value: Json | Mapping[str, Json]) -> bytes:
    """RFC 8785 bytes of a value within our data model.

    The standard library escapes strings as RFC 8785 does, and sorts keys by code point. That is the order by UTF-16
    code units unless a key goes beyond U+D7FF; for those the slower library decides.
    """
    text = _ENCODER.encode(value)
    if text.isascii() or not _has_high_key(value):
        return text.encode()
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise EncodingError(f"cannot be encoded canonically: {error}") from error


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
    number = int(text)
    if abs(number) > MAX_INTEGER:
        raise EncodingError(f"number {text!r} has no canonical encoding here; use a decimal string")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_pairs, parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_parse_int
)
