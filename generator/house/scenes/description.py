"""What a composed picture shows, in words of our own: the truth from which its captions are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.house.scenes.actors import Thing

__all__ = ["Description"]


@dataclass(frozen=True)
class Description:
    """What a picture shows. Empty ``places`` mean one thing alone on a plain ``ground``."""

    time: str = ""
    places: tuple[str, ...] = ()
    things: tuple[Thing, ...] = ()
    sky: tuple[str, ...] = ()
    weather: str = ""
    sky_word: str = ""
    season: str = ""
    ground: str = ""
