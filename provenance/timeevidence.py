"""What the RFC 3161 tokens of a receipt say together: "existed before T according to A and B".

Tokens are over the text of the receipt's checkpoint (:func:`stamped_text`): origin, size and root, without the
signature lines, so that cosignatures may join later. Tokens over the whole note, as earlier logs asked for, hold as
well; either way the root is what is stamped, and with it every entry below.

Each authority counts once, by the trusted certificate that its tokens chain to. Development authorities never count.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import InvalidError
from provenance.timestamp import Timestamp, check_timestamp, imprint_of, says_development

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

__all__ = ["TimeEvidence", "check_checkpoint_timestamp", "check_timestamps", "stamped_text"]

_TOGETHER_SECONDS = 60
"""Authorities that were asked about one checkpoint at one time answer within this."""

_DEVELOPMENT = "a timestamp by a development authority proves no time and is not counted"


@dataclass(frozen=True)
class TimeEvidence:
    """What the tokens of one checkpoint say together.

    Attributes:
        stamps: those that count, the earliest of each authority, oldest first.
        development: those of development authorities, which never count.
        remarks: one line on each token that does not count: false, from the future, or for development alone.
    """

    stamps: tuple[Timestamp, ...]
    development: tuple[Timestamp, ...]
    remarks: tuple[str, ...]

    @property
    def before(self) -> dt.datetime | None:
        """By this time it existed, as every authority in ``stamps`` vouches; None without any."""
        return max((stamp.time for stamp in self.stamps), default=None)

    def sentence(self) -> str:
        """``existed before T according to A and B``; with what the oldest says alone where that is much earlier."""
        if not self.stamps or self.before is None:
            return ""
        *others, last = [stamp.authority for stamp in self.stamps]
        names = f"{', '.join(others)} and {last}" if others else last
        text = f"existed before {_shown(self.before)} according to {names}"
        first = self.stamps[0]
        if (self.before - first.time).total_seconds() > _TOGETHER_SECONDS:
            text += f" (before {_shown(first.time)} according to {first.authority} alone)"
        return text


def stamped_text(note: bytes) -> bytes:
    """The bytes that authorities stamp: the signed text of a checkpoint note, without the signature lines."""
    text, gap, _ = note.rpartition(b"\n\n")
    return text + b"\n" if gap else note


def check_timestamps(tokens: Sequence[bytes], note: bytes, anchors: Sequence[bytes], now: dt.datetime) -> TimeEvidence:
    """What the tokens of a receipt over the checkpoint ``note`` say to somebody who trusts ``anchors``, at ``now``.

    A token that does not hold lowers nothing: anybody can add one.

    Raises:
        UsageError: ``anchors`` holds something that is no PEM certificate.
    """
    earliest: dict[bytes, Timestamp] = {}
    development: list[Timestamp] = []
    remarks: list[str] = []
    for token in tokens:
        try:
            stamp = check_checkpoint_timestamp(token, note, anchors)
        except InvalidError as error:
            remarks.append(_DEVELOPMENT if says_development(token) else f"a timestamp is not counted: {error}")
            continue
        if stamp.development:
            development.append(stamp)
            remarks.append(f"{_DEVELOPMENT} ({stamp.authority})")
        elif stamp.time > now:
            remarks.append(f"a timestamp by {stamp.authority} lies in the future and is not counted")
        elif stamp.anchor not in earliest or stamp.time < earliest[stamp.anchor].time:
            earliest[stamp.anchor] = stamp
    stamps = sorted(earliest.values(), key=lambda stamp: (stamp.time, stamp.authority))
    return TimeEvidence(tuple(stamps), tuple(development), tuple(dict.fromkeys(remarks)))


def check_checkpoint_timestamp(token_der: bytes, note: bytes, anchors: Sequence[bytes]) -> Timestamp:
    """Check one token over the text of a checkpoint note, or over the whole of it.

    Raises:
        InvalidError: see :func:`check_timestamp`. UsageError: the same.
    """
    whole = imprint_of(token_der) == hashlib.sha256(note).digest()
    return check_timestamp(token_der, note if whole else stamped_text(note), anchors)


def _shown(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
