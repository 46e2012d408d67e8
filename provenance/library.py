"""The works that a manifest store carries below its own, each checked once and kept within bounds of memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from provenance.claim import claim_id, parse_claim
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.latent import latent_digest
from provenance.storedlatent import decode_latent
from provenance.work import work_of_bundle, work_of_ingredient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from provenance.container import Container
    from provenance.work import Work

__all__ = ["MAX_KEPT_VALUES", "Library", "Room", "read_library"]

MAX_KEPT_VALUES = 2**27
"""Most latent values of all works together that are kept (256 MiB): a kilobyte of zeros unpacks to eight MiB."""


@dataclass(frozen=True)
class Library:
    """What a file carries of works below its own.

    Attributes:
        works: by claim id; of several copies the best one.
        broken: claims that are there and are not what they must be, with the reason.
        newer: claims of a version that this program does not know.
        outside: integers of outside pictures' latents, by digest.
    """

    works: Mapping[bytes, Work] = field(default_factory=dict)
    broken: Mapping[bytes, str] = field(default_factory=dict)
    newer: Mapping[bytes, str] = field(default_factory=dict)
    outside: Mapping[bytes, NDArray[np.int16]] = field(default_factory=dict)


def read_library(container: Container) -> Library:
    """Every work in a manifest store, each checked once (``provenance.work``). What cannot be read is noted."""
    works: dict[bytes, Work] = {}
    broken: dict[bytes, str] = {}
    newer: dict[bytes, str] = {}
    room = Room()
    carried: list[tuple[bytes | None, Callable[[], Work | None]]] = [
        *((each.claim, partial(work_of_ingredient, each)) for each in container.ingredients),
        *((None, partial(work_of_bundle, data)) for data in container.works),
    ]
    for claim, read in carried:
        try:
            work = read()
        except (InvalidError, UnsupportedVersionError) as error:
            identifier = _identifier(claim)
            if identifier is not None:
                (broken if isinstance(error, InvalidError) else newer)[identifier] = str(error)
            continue
        if work is not None and (work.identifier not in works or _worth(work) > _worth(works[work.identifier])):
            works[work.identifier] = room.take(work)
    return Library(works, broken, newer, _read_outside(container.outside, room))


class Room:
    """Memory for latents: what does not fit any more is not kept."""

    def __init__(self) -> None:
        self._left = MAX_KEPT_VALUES

    def fits(self, values: int) -> bool:
        """Whether there is room for so many values, which are then taken."""
        if values > self._left:
            return False
        self._left -= values
        return True

    def take(self, work: Work) -> Work:
        """The work, without its latent where that does not fit."""
        if work.integers is None or self.fits(work.integers.size):
            return work
        remark = f"its latent is left out, all of them have more than {MAX_KEPT_VALUES} values"
        return replace(work, integers=None, remarks=(*work.remarks, remark))


def _worth(work: Work) -> tuple[bool, bool, int]:
    """Of several copies in one file: one that holds, with its latent, with the fewest remarks."""
    return not work.faults, work.integers is not None, -len(work.remarks)


def _identifier(claim: bytes | None) -> bytes | None:
    try:
        return None if claim is None else claim_id(parse_claim(claim))
    except (InvalidError, UnsupportedVersionError):
        return None


def _read_outside(stored: tuple[bytes, ...], room: Room) -> dict[bytes, NDArray[np.int16]]:
    found: dict[bytes, NDArray[np.int16]] = {}
    for data in stored:
        try:
            integers = decode_latent(data)
        except InvalidError:
            continue
        if room.fits(integers.size):
            found[latent_digest(integers)] = integers
    return found
