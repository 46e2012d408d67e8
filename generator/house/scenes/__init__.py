"""Picture-book scenes, drawn and described by our own code: the whole training set of the house model."""

from __future__ import annotations

from generator.house.scenes.compose import PICTURE, Scene, compose, describe

__all__ = ["PICTURE", "Scene", "compose", "describe"]
