"""The fixed prompts by which every state of the house model is judged. Chosen before any picture was seen."""

from __future__ import annotations

__all__ = ["KIND_PROMPTS", "SCENES", "SHEET", "TIMES", "scene_prompts"]

SHEET: tuple[tuple[str, str], ...] = (
    ("a whale in the sea at night", ""),
    ("a mountain lake at dawn", ""),
    ("snowy mountains at sunset with a large sun", ""),
    ("a red hot air balloon over green hills by day", ""),
    ("a lighthouse by the sea at dusk", ""),
    ("a castle in a snowy landscape at night with a full moon", ""),
    ("a lavender field at sunset", ""),
    ("a green apple", ""),
    ("a cat on a blue background", ""),
    ("an autumn forest in the morning", ""),
    ("夕焼けの海のヨット", "in Japanese: a sailboat in the sea at sunset"),
    ("a rocket over desert dunes at night with stars", ""),
)
"""Prompts of the contact sheet, and what to write above those that its font cannot."""

TIMES: dict[str, str] = {
    "day": "by day",
    "dawn": "at dawn",
    "sunset": "at sunset",
    "dusk": "at dusk",
    "night": "at night",
    "cloudy": "on a cloudy day",
}

SCENES: dict[str, tuple[str, frozenset[str]]] = {
    "mountains": ("mountains", frozenset({"mountains", "peak"})),
    "hills": ("green hills", frozenset({"hills", "meadow", "village", "river"})),
    "fields": ("a lavender field", frozenset({"fields"})),
    "forest": ("a forest", frozenset({"forest"})),
    "lake": ("a mountain lake", frozenset({"lake"})),
    "desert": ("desert dunes", frozenset({"desert", "canyon"})),
    "snow": ("a snowy field", frozenset({"snowfield"})),
    "sea": ("the sea", frozenset({"sea", "cliffs", "island"})),
    "beach": ("a beach with palm trees", frozenset({"beach"})),
    "city": ("a city skyline", frozenset({"city"})),
    "sky": ("clouds in the sky", frozenset({"sky"})),
}
"""Classes of scenes: the prompt, and the places of the training pictures that count as it."""

KIND_PROMPTS: tuple[str, ...] = ("a {}", "a picture of a {}", "a large {}", "a {} on a white background")


def scene_prompts() -> list[tuple[str, str, str]]:
    """Every (time, scene, prompt)."""
    return [(time, scene, f"{words} {when}") for time, when in TIMES.items() for scene, (words, _) in SCENES.items()]
