"""Picture-book landscapes, drawn and described by our own code: the whole training set of the house model."""

from __future__ import annotations

from generator.house.scenes.compose import PICTURE, compose

__all__ = ["PICTURE", "compose"]
