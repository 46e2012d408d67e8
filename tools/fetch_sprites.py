"""Make the object sheet of the house model's training pictures from openly licensed registry packages.

    npm pack @iconify-json/noto@1.2.9 @lobehub/fluent-emoji-3d@1.1.0 cldr-annotations-full@48.2.0
    pip install resvg-py==0.5.0 pillow
    python tools/fetch_sprites.py FOLDER_WITH_THE_TGZ_FILES

writes ``generator/house/data/objects.png`` (one row of cells) and ``objects.json`` (for each object its place on the
sheet, names, package, version, hashes and licence). Both are committed: training needs neither network nor this tool.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from PIL import Image

CELL = 176
COLUMNS = 5
FAINT = 8
TARGET = Path(__file__).parents[1] / "generator" / "house" / "data"
PACKAGES = {
    "noto": ("@iconify-json/noto", "1.2.9", "Apache-2.0", "Google Inc", "iconify-json-noto-1.2.9.tgz"),
    "fluent": (
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "MIT",
        "Microsoft Corporation",
        "lobehub-fluent-emoji-3d-1.1.0.tgz",
    ),
    "cldr": ("cldr-annotations-full", "48.2.0", "Unicode-3.0", "Unicode, Inc.", "cldr-annotations-full-48.2.0.tgz"),
}

# kind: emoji, source, item, habitat, own colour, hues of the part that is painted anew (degrees from, to), words
OBJECTS: dict[str, tuple[str, str, str, str, str, tuple[int, int], tuple[str, ...], tuple[str, ...]]] = {
    "apple": ("🍎", "noto", "red-apple", "table", "red", (-30, 50), ("apple",), ("りんご",)),
    "whale": ("🐳", "fluent", "1f433", "water", "blue", (190, 260), ("whale",), ("クジラ",)),
    "sailboat": (
        "⛵",
        "noto",
        "sailboat",
        "water",
        "red",
        (-30, 45),
        ("sailboat", "sailing boat", "boat"),
        ("ヨット",),
    ),
    "castle": ("🏰", "fluent", "1f3f0", "land", "pink", (300, 400), ("castle",), ("城",)),
    "cat": ("🐱", "noto", "cat-face", "land", "yellow", (20, 60), ("cat",), ("ネコ", "猫")),
    "owl": ("🦉", "fluent", "1f989", "land", "brown", (-40, 34), ("owl", "owl", "bird"), ("フクロウ", "鳥")),
    "tree": ("🌳", "noto", "deciduous-tree", "land", "green", (60, 170), ("tree",), ("木",)),
    "fish": ("🐟", "fluent", "1f41f", "water", "blue", (180, 260), ("fish",), ("魚",)),
    "tulip": (
        "🌷",
        "fluent",
        "1f337",
        "land",
        "pink",
        (270, 375),
        ("tulip", "tulip", "flower"),
        ("チューリップ", "花"),
    ),
    "rocket": ("🚀", "fluent", "1f680", "sky", "pink", (320, 372), ("rocket",), ("ロケット",)),
    "car": ("🚗", "noto", "automobile", "land", "red", (-30, 30), ("car",), ("車", "自動車")),
    "house": ("🏠", "fluent", "1f3e0", "land", "red", (-20, 12), ("house",), ("家",)),
    "butterfly": ("🦋", "noto", "butterfly", "sky", "blue", (170, 240), ("butterfly",), ("チョウ", "蝶")),
    "snowman": ("⛄", "fluent", "26c4", "land", "blue", (190, 250), ("snowman",), ("雪だるま",)),
}


def main() -> None:
    """Read the three packages, write the sheet and its manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path)
    folder = parser.parse_args().packages
    archives = {name: (folder / about[4]).read_bytes() for name, about in PACKAGES.items()}
    annotations = {code: _annotations(archives["cldr"], code) for code in ("en", "ja")}
    icons = json.loads(_member(archives["noto"], "package/icons.json"))
    rows = -(-len(OBJECTS) // COLUMNS)
    sheet = Image.new("RGBA", (CELL * COLUMNS, CELL * rows))
    entries: list[dict[str, Any]] = []
    for place, (kind, (emoji, source, item, habitat, colour, hues, english, japanese)) in enumerate(OBJECTS.items()):
        raw = _svg(icons, item) if source == "noto" else _member(archives["fluent"], f"package/assets/{item}.webp")
        picture = _trim(_draw(raw) if source == "noto" else Image.open(io.BytesIO(raw)).convert("RGBA"))
        left, top = CELL * (place % COLUMNS), CELL * (place // COLUMNS)
        sheet.paste(picture, (left, top))
        names = {code: annotations[code][emoji] for code in annotations}
        entries.append(
            {
                "kind": kind,
                "box": [left, top, left + picture.width, top + picture.height],
                "habitat": habitat,
                "colour": colour,
                "hues": list(hues),
                "english": list(english),
                "japanese": list(japanese),
                "cldr": {code: [*found["tts"], *found["default"]] for code, found in names.items()},
                "source": source,
                "item": item,
                "sha256": hashlib.sha256(raw).hexdigest(),
            }
        )
    packages = {
        name: {
            "package": about[0],
            "version": about[1],
            "licence": about[2],
            "copyright": about[3],
            "sha256": hashlib.sha256(archives[name]).hexdigest(),
        }
        for name, about in PACKAGES.items()
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    sheet.save(TARGET / "objects.png", optimize=True)
    text = json.dumps({"packages": packages, "objects": entries}, ensure_ascii=False, indent=1)
    (TARGET / "objects.json").write_text(text + "\n", encoding="utf-8")


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = tar.extractfile(name)
        if found is None:
            raise SystemExit(f"{name} is not in the package; use the versions named in this tool")
        return found.read()


def _annotations(archive: bytes, code: str) -> dict[str, Any]:
    parsed = json.loads(_member(archive, f"package/annotations/{code}/annotations.json"))
    found: dict[str, Any] = parsed["annotations"]["annotations"]
    return found


def _svg(icons: dict[str, Any], item: str) -> bytes:
    icon = icons["icons"][item]
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}"'
    return f'{head} width="512" height="512">{icon["body"]}</svg>'.encode()


def _draw(svg: bytes) -> Image.Image:
    import resvg_py

    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg.decode())))).convert("RGBA")


def _trim(picture: Image.Image) -> Image.Image:
    """Cut away what is empty and fit the rest into a cell."""
    box = picture.getchannel("A").point(lambda a: 255 * (a > FAINT)).getbbox()
    cut = picture.crop(box)
    scale = CELL / max(cut.size)
    return cut.resize((round(cut.width * scale), round(cut.height * scale)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
