"""Which words of a prompt the house model knows. Imports neither torch nor transformers.

``unknown_words(Path("generator/house/model"), "a zebra in the sea")`` gives ``["zebra"]``.
"""

# ruff: noqa: E501 - tables

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

__all__ = ["ALIASES", "UNKNOWN", "known_words", "unknown_words"]

UNKNOWN = "<unknown>"

ALIASES: dict[str, str] = {
    "gray": "grey", "seas": "sea", "oceans": "ocean", "lakes": "lake", "forests": "forest",
    "deserts": "desert", "cities": "city", "town": "village", "villages": "village", "beaches": "beach",
    "rivers": "river", "islands": "island", "volcanoes": "volcano", "meadows": "meadow",
    "apples": "apple", "whales": "whale", "sailboats": "sailboat", "boats": "boat", "yacht": "sailboat",
    "ship": "boat", "ships": "boat", "castles": "castle", "cats": "cat", "kitten": "cat", "kitty": "cat",
    "owls": "owl", "birds": "bird", "fishes": "fish", "tulips": "tulip", "blossom": "flower", "rockets": "rocket",
    "spaceship": "rocket", "cars": "car", "automobile": "car", "cottage": "house", "hut": "house", "home": "house",
    "butterflies": "butterfly", "snowmen": "snowman", "balloons": "balloon", "lighthouses": "lighthouse",
    "sunrise": "dawn", "snowing": "snow", "raining": "rain", "rainy": "rain", "foggy": "fog", "misty": "mist",
    "rainbows": "rainbow", "moonlight": "moon", "sunshine": "sun", "violet": "purple",
    "fall": "autumn", "snowfall": "snow", "daytime": "day", "nighttime": "night", "dune": "dunes", "cliff": "cliffs",
    "pines": "pine", "palms": "palm", "hill": "hills", "coast": "coast", "shore": "beach",
}  # fmt: skip
"""English words that are read as another one: plurals and near synonyms of what the captions say."""

JAPANESE_ALIASES: dict[str, str] = {
    "鯨": "クジラ", "くじら": "クジラ", "リンゴ": "りんご", "林檎": "りんご", "ねこ": "猫", "子猫": "猫", "船": "ヨット",
    "帆船": "ヨット", "お城": "城", "梟": "フクロウ", "ふくろう": "フクロウ", "小鳥": "鳥", "樹": "木", "サカナ": "魚",
    "さかな": "魚", "お花": "花", "自動車": "車", "お家": "家", "ちょう": "蝶", "蝶々": "蝶", "バルーン": "気球",
    "夜空": "夜の空", "青空": "青い空", "夕空": "夕方の空", "海辺": "浜辺", "ビーチ": "浜辺", "海岸": "浜辺",
    "都会": "街", "都市": "街", "町": "街", "山々": "山", "夕陽": "夕日", "お月様": "月", "お日様": "太陽",
    "グレー": "灰色", "ブルー": "青い", "レッド": "赤い", "緑色": "緑", "紫色": "紫", "黄色の": "黄色い", "赤色": "赤い",
    "青色": "青い", "ピンク色": "ピンク", "森林": "森", "丘陵": "丘",
    "にいる": "の", "に見える": "の", "に浮かぶ": "の", "に立つ": "の", "が降る": "と", "に": "の", "で": "の", "が": "と",
    "は": "と", "を": "と", "や": "と",
}  # fmt: skip

EMOJI: dict[str, str] = {
    "🍎": "red apple", "🍏": "green apple", "🐳": "whale", "🐋": "whale", "⛵": "sailboat", "🏰": "castle",
    "🐱": "cat", "🐈": "cat", "🦉": "owl", "🌳": "tree", "🌲": "pine trees", "🐟": "fish", "🐠": "fish", "🌷": "tulip",
    "🚀": "rocket", "🚗": "red car", "🏠": "house", "🦋": "butterfly", "⛄": "snowman", "🎈": "balloon", "🌙": "moon",
    "🌕": "full moon", "☀": "sun", "⭐": "stars", "🌈": "rainbow", "🏔": "snowy mountains", "🌊": "sea", "🌴": "palm trees",
    "🏝": "island", "🌋": "volcano", "🏜": "desert", "🌃": "city at night", "🌧": "rain", "❄": "snow", "☁": "clouds",
}  # fmt: skip
"""Emoji that are read as words."""


@cache
def _tokenizer(file: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(file))


def known_words(model: Path) -> list[str]:
    """Words that the model folder's tokenizer knows, sorted, without its markers."""
    vocabulary = _tokenizer(model / "tokenizer" / "tokenizer.json").get_vocab()
    return sorted(word for word in vocabulary if not word.startswith("<"))


def unknown_words(model: Path, prompt: str) -> list[str]:
    """The parts of a prompt that the model folder's tokenizer does not know, as written, in order, each once."""
    found = _tokenizer(model / "tokenizer" / "tokenizer.json").encode(prompt, add_special_tokens=False)
    unknown = (
        prompt[start:end] for token, (start, end) in zip(found.tokens, found.offsets, strict=True) if token == UNKNOWN
    )
    return list(dict.fromkeys(unknown))
