"""The Japanese half of the captions: each English phrase that the scenes use, and how a description becomes a phrase.

Names of objects come from the Unicode CLDR annotations (see ``generator/house/data/objects.json``); the rest is our own
list. Particles are few and regular, so that the tokenizer's greedy reading meets the same pieces again and again.
"""

# ruff: noqa: PLR2004, E501 - shares of styles; tables

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from generator.house.scenes.stage import one_of

if TYPE_CHECKING:
    import numpy as np

    from generator.house.scenes.actors import Thing
    from generator.house.scenes.description import Description

__all__ = ["COLOUR", "PLACE", "SEASON", "SKY", "TIME", "WEATHER", "describe", "describe_alone", "place_name", "words"]

TIME: dict[str, tuple[str, ...]] = {
    "day": ("昼", "昼間", "晴れた日"),
    "dawn": ("夜明け", "朝", "朝焼け"),
    "sunset": ("夕焼け", "夕方", "夕日"),
    "dusk": ("夕暮れ", "黄昏"),
    "night": ("夜", "夜", "真夜中"),
    "cloudy": ("曇りの日", "曇り", "曇り空"),
}
SEASON = {"spring": "春", "summer": "夏", "autumn": "秋", "winter": "冬"}
COLOUR = {
    "red": "赤い", "orange": "オレンジ色の", "yellow": "黄色い", "green": "緑の", "blue": "青い", "purple": "紫の",
    "pink": "ピンクの", "white": "白い", "black": "黒い", "grey": "灰色の", "brown": "茶色の", "turquoise": "青緑の",
    "golden": "金色の", "lilac": "薄紫の", "teal": "青緑の", "dark blue": "紺色の",
}  # fmt: skip
SKY = {
    "the sun": "太陽", "a large sun": "大きな太陽", "the moon": "月", "a full moon": "満月", "a large moon": "大きな月",
    "a crescent moon": "三日月", "stars": "星", "a starry sky": "星空", "northern lights": "オーロラ",
    "a rainbow": "虹", "clouds": "雲", "fluffy clouds": "白い雲", "long clouds": "長い雲", "a cloud": "雲",
}  # fmt: skip
WEATHER = {"falling snow": "雪", "rain": "雨", "fog": "霧", "mist": "霧"}
PLACE = {
    "the sea": "海", "the ocean": "海", "waves on the sea": "波のある海", "the sea with waves": "波のある海",
    "a calm sea": "静かな海", "a beach with palm trees": "ヤシの木のある浜辺", "palm trees on a beach": "ヤシの木のある浜辺",
    "a tropical beach": "南国の浜辺", "a beach": "浜辺", "a sandy beach": "砂浜", "the beach": "浜辺",
    "an island with palm trees": "ヤシの木のある島", "a palm island": "ヤシの木のある島", "a tropical island": "南国の島",
    "an island": "島", "an island in the sea": "海の島", "cliffs by the sea": "海の崖", "a rocky coast": "海の崖",
    "sea cliffs": "海の崖", "a city by the water": "水辺の街", "a city skyline by the water": "水辺の街",
    "a city skyline": "街", "a city": "街", "a skyline": "街", "a village": "村", "a small village": "小さな村",
    "a village in the hills": "丘の村", "houses in the hills": "丘の村", "a path through the hills": "丘の道",
    "a winding path": "道", "a road through fields": "畑の道", "a river": "川", "a winding river": "川",
    "a river in a valley": "谷の川", "the sky": "空", "clouds in the sky": "雲のある空", "above the clouds": "雲の上",
    "a sea of clouds": "雲海", "snowy mountains": "雪山", "mountains with snow": "雪の山", "mountains": "山",
    "a mountain range": "山", "a mountain valley": "山の谷", "a volcano by a lake": "湖の火山",
    "a mountain by a lake": "湖の山", "a mountain peak by a lake": "湖の山", "a volcano": "火山",
    "a mountain peak": "山頂", "a snowy mountain peak": "雪の山頂", "snowy hills": "雪の丘", "hills in winter": "冬の丘",
    "autumn hills": "秋の丘", "golden hills": "秋の丘", "hills in autumn": "秋の丘", "green hills": "緑の丘",
    "rolling hills": "丘", "a flower meadow": "花畑", "a snowy forest": "雪の森", "a forest in winter": "冬の森",
    "snowy pine trees": "雪の松", "an autumn forest": "秋の森", "a forest in autumn": "秋の森", "a pine forest": "松の森",
    "a forest": "森", "pine trees": "松の森", "a green forest": "緑の森", "trees": "森", "a mountain lake": "山の湖",
    "a lake in the mountains": "山の湖", "a lake": "湖", "a calm lake": "静かな湖", "a lake with trees": "木のある湖",
    "desert dunes": "砂漠", "a desert": "砂漠", "sand dunes": "砂丘", "a sandy desert": "砂漠",
    "a red rock canyon": "赤い岩の峡谷", "a canyon": "峡谷", "red rocks in a desert": "砂漠の赤い岩",
    "a snowy field": "雪原", "a snowy landscape": "雪景色", "a field of snow": "雪原",
}  # fmt: skip
_CROP = {"lavender": "ラベンダー", "wheat": "麦", "tulip": "チューリップ", "green": "緑の", "sunflower": "ひまわり"}
_GRAMMAR = ("の", "と", "ある", "絵", "背景", "大きな")


def place_name(phrase: str) -> str:
    """Return the Japanese of an English place phrase; KeyError for one that no scene uses."""
    if phrase in PLACE:
        return PLACE[phrase]
    words = phrase.split()
    if "flowers" in words:
        return COLOUR[next(word for word in words if word in COLOUR)] + "花畑"
    crop = next(word for word in words if word in _CROP)
    return _CROP[crop] + "畑"


def describe_alone(rng: np.random.Generator, thing: Thing, ground: str, colour: str) -> str:
    """Return a caption of one thing on a plain ground; ``ground`` and ``colour`` are told unless empty."""
    noun = _noun(rng, thing, colour)
    style = rng.random()
    if ground:
        return f"{COLOUR[ground]}背景の{noun}" if style < 0.6 else f"{noun}、{COLOUR[ground]}背景"
    return noun if style < 0.7 else f"{noun}の絵" if style < 0.85 else f"大きな{noun}"


def describe(
    rng: np.random.Generator,
    what: Description,
    place: str,
    time: str,
    extras: list[str],
    nouns: list[tuple[Thing, str]],
) -> str:
    """Return a caption of a landscape; empty parts are left out, extras are English sky and weather phrases."""
    where = place_name(place)
    season = SEASON[what.season] + "の" if what.season and rng.random() < 0.25 else ""
    when = one_of(rng, TIME[time]) if time else ""
    above = [_extra(extra) for extra in extras]
    names = [_noun(rng, thing, colour) for thing, colour in nouns]
    style = rng.random()
    if style < 0.55 or not (when or above or names):
        head = f"{when}の{season}{where}" if when else season + where
        parts = [*names, *above]
        if not parts:
            return head
        return f"{head}と{'と'.join(parts)}" if style < 0.3 else f"{head}の{'と'.join(parts)}"
    parts = [part for part in (season + where, when, *above, *names) if part]
    rng.shuffle(parts)
    return "、".join(parts)


def _extra(phrase: str) -> str:
    for table in (SKY, WEATHER):
        if phrase in table:
            return table[phrase]
    return COLOUR[phrase.removesuffix(" sky").split(" ", 1)[1]] + "空"


def _noun(rng: np.random.Generator, thing: Thing, colour: str) -> str:
    name = one_of(rng, thing.kind.japanese)
    if not colour:
        return name
    if thing.kind.part[1]:
        return f"{COLOUR[colour]}{thing.kind.part[1]}の{name}"
    return COLOUR[colour] + name


@cache
def words() -> tuple[str, ...]:
    """Return every piece that the tokenizer reads whole, longest first: what captions are made of, and their parts."""
    from generator.house.scenes.objects import KINDS

    pieces: set[str] = set(_GRAMMAR) | set(SEASON.values()) | set(WEATHER.values())
    pieces |= {word for names in TIME.values() for word in names}
    pieces |= {word for kind in KINDS.values() for word in (*kind.japanese, kind.part[1]) if word}
    for phrase in (*PLACE.values(), *SKY.values(), *COLOUR.values(), *_CROP.values()):
        for mark, apart in (("の", " "), ("ある", "ある "), ("な", "な "), ("い雲", "い 雲"), ("い岩", "い 岩")):
            phrase = phrase.replace(mark, apart)  # noqa: PLW2901
        pieces |= set(phrase.split())
    return tuple(sorted(pieces, key=lambda piece: (-len(piece), piece)))
