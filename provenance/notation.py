"""Spellings that signed notes allow, each value in exactly one: base64, decimal counts, key names.

==========  ========================================================================================================
base64      RFC 4648, section 4: padded, zero trailing bits, nothing in between
count       decimal, ASCII digits, no sign and no leading zeros, at most 2^63 - 1
name        1 to 255 characters without Unicode spaces, plus and what cannot be printed
==========  ========================================================================================================
"""

from __future__ import annotations

import base64
import binascii
import re

from provenance.errors import EncodingError, LimitError

__all__ = ["MAX_COUNT", "MAX_NAME_CHARACTERS", "check_name", "format_base64", "parse_base64", "parse_size"]

MAX_COUNT = 2**63 - 1
"""Largest tree size, index or timestamp, as in the logs of others (a signed 64-bit integer)."""

MAX_NAME_CHARACTERS = 255
"""Longest key name; it is a host name with a path."""

_COUNT = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def parse_base64(text: str, what: str, *, size: int | None = None) -> bytes:
    """Bytes of canonical base64; of ``size`` bytes when that is given. ``what`` stands in the message.

    Raises:
        EncodingError: another alphabet, spelling or size.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise EncodingError(f"{what}: not base64") from error
    if format_base64(data) != text:
        raise EncodingError(f"{what}: base64, but not in its canonical spelling")
    if size is not None and len(data) != size:
        raise EncodingError(f"{what}: must be {size} bytes as base64, it has {len(data)}")
    return data


def format_base64(data: bytes) -> str:
    """Standard base64, padded."""
    return base64.b64encode(data).decode("ascii")


def parse_size(text: str, what: str) -> int:
    """A decimal count in its one spelling: "-5", "+1", "007", "4_2", " 1" and other digits than ASCII are refused.

    Raises:
        EncodingError: another spelling, or beyond MAX_COUNT.
    """
    if not _COUNT.fullmatch(text) or int(text) > MAX_COUNT:
        raise EncodingError(f"{what}: {text[:30]!r} is no decimal count without sign or leading zeros")
    return int(text)


def check_name(name: str, what: str) -> None:
    """Refuse what is no key name.

    Raises:
        EncodingError, LimitError: empty, a space, a plus, something that cannot be printed, or too long.
    """
    if not name or "+" in name or any(character.isspace() or not character.isprintable() for character in name):
        raise EncodingError(f"{what}: {name[:60]!r} is no key name (not empty, without spaces, plus and controls)")
    if len(name) > MAX_NAME_CHARACTERS:
        raise LimitError(f"{what}: a key name has at most {MAX_NAME_CHARACTERS} characters")
