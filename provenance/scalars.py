r"""Single values inside our documents: binary as lowercase hex, numbers as decimal strings, and the bounds of both.

Grammar::

    decimal = string matching  -?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?  and not "-0"
    binary  = string of lowercase hexadecimal digits, two for each byte
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from provenance.errors import EncodingError, LimitError

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "MAX_INTEGER",
    "decimal_string",
    "format_hex",
    "parse_decimal",
    "parse_hex",
]

MAX_DOCUMENT_BYTES = 65_536
"""Default bound of one JSON document: a log entry must fit into 65,535 bytes (C2SP tlog-tiles)."""

MAX_INTEGER = 2**53 - 1
"""Largest magnitude that every JSON implementation keeps exact (RFC 8785 section 3.2.2.3)."""

_DECIMAL_DIGITS = 40
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{0,39}[1-9])?", re.ASCII)
_HEX = re.compile(r"[0-9a-f]*", re.ASCII)


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
