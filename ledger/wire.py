"""The JSON that a log's service answers with (its /openapi.json), read strictly and within bounds.

::

    submission = {"index":int,"id":hex32,"duplicate":bool}
    entry      = {"index":int,"id":hex32,"kind":str,"entry":<canonical JSON text>}
    page       = {"entries":[entry,...]}                          in log order; an empty one ends the list
    problem    = {"type":str,"title":str,"detail":str,...}        RFC 9457

A reader ignores fields that it does not know: services may say more. What is read here is unproved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.claim import MAX_ENTRY_BYTES
from provenance.encoding import Json, parse_hex, parse_json
from provenance.entry import parse_any
from provenance.errors import EncodingError, InvalidError, UnsupportedVersionError
from provenance.ports import LoggedEntry
from provenance.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.entry import AnyEntry

__all__ = [
    "MAX_ANSWER_BYTES",
    "MAX_ENTRY_ANSWER_BYTES",
    "MAX_PAGE_BYTES",
    "PAGE",
    "Submission",
    "problem_index",
    "problem_name",
    "read_entry",
    "read_page",
    "read_problem",
    "read_submission",
]

PAGE = 100
"""Entries that are asked for at once; a service may answer with fewer."""

_ESCAPED = 6
"""Bytes of a character that is written as an escape."""

MAX_ANSWER_BYTES = 65_536
"""A submission's answer, or a problem."""

MAX_ENTRY_ANSWER_BYTES = _ESCAPED * MAX_ENTRY_BYTES + 1_024
"""One entry with what is around it."""

MAX_PAGE_BYTES = _ESCAPED * 5 * 2**20
"""One page: services end it when its entries have more than 4 MiB."""

_URN = "urn:seedproof:problem:"
_ID_BYTES = 32
_MAX_DETAIL = 300


@dataclass(frozen=True)
class Submission:
    """Where an entry stands now, by its id; ``duplicate`` when an entry with this id stood there before."""

    index: int
    id: bytes
    duplicate: bool


def read_submission(data: bytes) -> Submission:
    """The answer to a submission.

    Raises:
        EncodingError: it is none.
    """
    fields = _object(parse_json(data, "answer", limit=MAX_ANSWER_BYTES), "answer")
    duplicate = fields.get("duplicate")
    if not isinstance(duplicate, bool):
        raise EncodingError("answer: duplicate must be true or false")
    return Submission(_index(fields), parse_hex(fields.get("id"), "answer: id", size=_ID_BYTES), duplicate)


def read_entry(data: bytes) -> tuple[LoggedEntry, AnyEntry]:
    """One entry, as bytes and parsed.

    Raises:
        InvalidError: it is none. UnsupportedVersionError: a kind or version that this program does not know.
    """
    return _entry(parse_json(data, "answer", limit=MAX_ENTRY_ANSWER_BYTES))


def read_page(data: bytes, after: int) -> Sequence[tuple[LoggedEntry, AnyEntry | None]]:
    """The entries of a page, which must be in log order, beyond ``after``, and at most PAGE.

    None stands for what an entry says whose kind or version this program does not know: of many that is no fault.
    """
    fields = _object(parse_json(data, "answer", limit=MAX_PAGE_BYTES), "answer")
    items = fields.get("entries")
    if not isinstance(items, list) or len(items) > PAGE:
        raise EncodingError(f"answer: entries must be a list of at most {PAGE}")
    found = [_listed(item) for item in items]
    for logged, _ in found:
        if logged.index <= after:
            raise EncodingError("answer: entries that are not in log order, or not beyond the index that was asked for")
        after = logged.index
    return found


def read_problem(data: bytes) -> str:
    """What a problem document says, on one line that can be shown; empty when it is none."""
    try:
        fields = _object(parse_json(data, "problem", limit=MAX_ANSWER_BYTES), "problem")
    except InvalidError:
        return ""
    parts = [fields.get("title"), fields.get("detail")]
    text = ": ".join(part for part in parts if isinstance(part, str) and part)
    return printable(text, limit=_MAX_DETAIL)


def problem_index(data: bytes) -> int:
    """The index in a problem about a conflict: where the entry stands that came first.

    Raises:
        EncodingError: there is none in it.
    """
    return _index(_object(parse_json(data, "problem", limit=MAX_ANSWER_BYTES), "problem"))


def problem_name(data: bytes) -> str:
    """The short name of a problem: what stands behind the last colon of its type; empty when it is none of ours."""
    try:
        kind = _object(parse_json(data, "problem", limit=MAX_ANSWER_BYTES), "problem").get("type")
    except InvalidError:
        return ""
    return kind.removeprefix(_URN) if isinstance(kind, str) and kind.startswith(_URN) else ""


def _listed(value: Json) -> tuple[LoggedEntry, AnyEntry | None]:
    try:
        return _entry(value)
    except UnsupportedVersionError:
        fields = _object(value, "entry")
        return LoggedEntry(_index(fields), _entry_bytes(fields)), None


def _entry(value: Json) -> tuple[LoggedEntry, AnyEntry]:
    fields = _object(value, "entry")
    data = _entry_bytes(fields)
    parsed = parse_any(data)
    if parse_hex(fields.get("id"), "entry: id", size=_ID_BYTES) != parsed.id:
        raise EncodingError("entry: it does not have the id that stands beside it")
    return LoggedEntry(_index(fields), data), parsed


def _entry_bytes(fields: dict[str, Json]) -> bytes:
    text = fields.get("entry")
    if not isinstance(text, str):
        raise EncodingError("entry: must be text")
    return text.encode()


def _object(value: Json, what: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise EncodingError(f"{what}: must be an object")
    return value


def _index(fields: dict[str, Json]) -> int:
    index = fields.get("index")
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise EncodingError("answer: index must be a count")
    return index
