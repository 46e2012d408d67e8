"""The pictures of docs/remix.md: one sheet for each operation, with sweeps of its parameters, by the embedded model.

python -m tools.make_remix_gallery            # writes docs/remix-*.png
"""

from __future__ import annotations

import argparse
import textwrap
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.remixkit import Workshop, open_workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

LAKE, NIGHT = "a mountain lake at dawn", "a mountain lake at night"
HILLS, DUNES = "green hills by day", "desert dunes at sunset"
LABEL, HEAD = 106, 18
RERUN = {"content_trajectory": "rerun", "style_trajectory": "rerun"}


def sheet(shop: Workshop, rows: Sequence[tuple[str, Sequence[tuple[str, NDArray[np.float32]]]]], path: Path) -> None:
    """Rows of (label, [(caption, latent), ...]) as one picture."""
    side = shop.side
    columns = max(len(cells) for _, cells in rows)
    whole = Image.new("RGB", (LABEL + columns * side, len(rows) * (side + HEAD)), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(12)
    for row, (label, cells) in enumerate(rows):
        top = row * (side + HEAD)
        draw.multiline_text((4, top + HEAD + 4), textwrap.fill(label, 15), fill="black", font=font)
        for column, (caption, latent) in enumerate(cells):
            left = LABEL + column * side
            draw.text((left + 3, top + 2), caption, fill="black", font=font)
            levels = (shop.picture(latent) * 255 + 0.5).clip(0, 255).astype(np.uint8)
            whole.paste(Image.fromarray(levels), (left, top + HEAD))
    whole.save(path, optimize=True)
    print(path)


def image_to_image(shop: Workshop, path: Path) -> None:
    """Strengths from 0 to 1, two prompts, one child's seed each."""
    rows = []
    for k, (old, new) in enumerate(((LAKE, NIGHT), (HILLS, DUNES))):
        parent = shop.work(11 + k, old)
        cells = [
            (f"strength {s}", shop.remix("image-to-image", [parent], new, seed=key(k), strength=Decimal(s)))
            for s in ("0", "0.2", "0.4", "0.6", "0.8", "1")
        ]
        rows.append((f"{old} -> {new}", cells))
    sheet(shop, rows, path)


def inpaint(shop: Workshop, path: Path) -> None:
    """Parent, the part that may change (grey), and three children."""
    _, height, width = shop.shape
    cells = np.zeros((height, width), bool)
    cells[height // 3 : -1, width // 4 : -width // 4] = True
    bits = np.packbits(cells.ravel()).tobytes()
    rows = []
    for k, (old, new) in enumerate(((LAKE, "a house on an island"), (HILLS, "a forest in autumn"))):
        parent = shop.work(11 + k, old)
        shown = [
            ("parent", parent.latent),
            ("may change", np.where(cells, np.float32(0), parent.latent)),
        ]
        for n in range(3):
            child = shop.remix(
                "inpaint", [parent], new, seed=key(20 + n), guidance=3.0, mask=bits, strength=Decimal(1), mode="blend"
            )
            shown.append((f"seed {n + 1}", child))
        rows.append((f"{old} -> {new}", shown))
    sheet(shop, rows, path)


def flow_edit(shop: Workshop, path: Path) -> None:
    """Strength along the row, guidance down."""
    parent = shop.work(11, LAKE)
    rows = []
    for guidance in (2.0, 4.0, 6.0):
        cells = [("parent", parent.latent)]
        for s in ("0.25", "0.5", "0.75", "0.9", "1"):
            child = shop.remix(
                "flow-edit", [parent], NIGHT, seed=key(3), guidance=guidance, strength=Decimal(s), average=1,
                source_guidance=Decimal(2),
            )  # fmt: skip
            cells.append((f"strength {s}", child))
        rows.append((f"{LAKE} -> {NIGHT} guidance {guidance:g}", cells))
    sheet(shop, rows, path)


def plug_and_play(shop: Workshop, path: Path) -> None:
    """Share of steps with the parent's attention along the row, with its features down."""
    parent = shop.work(12, HILLS)
    rows = []
    for features in ("0", "0.4", "0.8"):
        cells = [("parent", parent.latent)]
        for attention in ("0", "0.25", "0.5", "1"):
            child = shop.remix(
                "plug-and-play", [parent], "green hills at night", attention=Decimal(attention),
                features=Decimal(features), trajectory="rerun",
            )  # fmt: skip
            cells.append((f"attention {attention}", child))
        rows.append((f"{HILLS} -> night, features {features}", cells))
    sheet(shop, rows, path)


def style(shop: Workshop, path: Path) -> None:
    """Strength along the row; three styles on one content."""
    content = shop.work(11, LAKE)
    rows = []
    for k, text in enumerate((DUNES, "the sea at night", "a lavender field at sunset")):
        painted = shop.work(30 + k, text)
        cells = [("content", content.latent), ("style", painted.latent)]
        for s in ("0.25", "0.5", "0.75", "1"):
            child = shop.remix(
                "style", [content, painted], "", guidance=1.0, gamma=Decimal("0.75"), temperature=Decimal("1.5"),
                strength=Decimal(s), **RERUN,
            )  # fmt: skip
            cells.append((f"strength {s}", child))
        rows.append((f"in the style of {text}", cells))
    sheet(shop, rows, path)


def blend(shop: Workshop, path: Path) -> None:
    """Weights along the row, arc and line."""
    both = [shop.work(11, LAKE), shop.work(30, DUNES)]
    rows = []
    for mode in ("spherical", "linear"):
        cells = [
            (f"weight {w}", shop.remix("blend", both, "", mode=mode, weight=Decimal(w)))
            for w in ("0", "0.2", "0.4", "0.6", "0.8", "1")
        ]
        rows.append((mode, cells))
    sheet(shop, rows, path)


SHEETS: dict[str, Callable[[Workshop, Path], None]] = {
    "image-to-image": image_to_image,
    "inpaint": inpaint,
    "flow-edit": flow_edit,
    "plug-and-play": plug_and_play,
    "style": style,
    "blend": blend,
}


def key(number: int) -> bytes:
    """A child's seed."""
    return np.random.default_rng(1000 + number).bytes(32)


def main() -> None:
    """Make the sheets that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("names", nargs="*", choices=[[], *SHEETS], help="which sheets; by default all")
    asked = parser.parse_args()
    shop = open_workshop()
    for name in asked.names or SHEETS:
        SHEETS[name](shop, asked.out / f"remix-{name}.png")


if __name__ == "__main__":
    main()
