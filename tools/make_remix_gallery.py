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

from benchmarks.remixkit import GUIDANCE, Workshop, open_workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from provenance.ports import Material

PARENTS = {
    "boat": (43, "a sailboat on the sea at sunset"),
    "apple": (45, "a red apple"),
    "balloon": (42, "a red hot air balloon over green hills by day"),
    "castle": (46, "a castle in a snowy landscape at night with a full moon"),
    "lake": (40, "a mountain lake at dawn"),
    "lighthouse": (42, "a lighthouse by the sea at dusk"),
    "hills": (42, "green hills by day"),
    "lavender": (32, "a lavender field at sunset"),
}
"""Works that the sheets start from: seed and prompt."""

SAMPLED = Decimal("0.3")
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


def parent(shop: Workshop, name: str) -> Material:
    """One of PARENTS."""
    return shop.work(*PARENTS[name])


def image_to_image(shop: Workshop, path: Path) -> None:
    """Strengths from 0 to 1, one child's seed for each row."""
    rows = []
    edits = (
        ("boat", "a sailboat on the sea at night"),
        ("balloon", "a red hot air balloon over a lavender field by day"),
    )
    for k, (name, new) in enumerate(edits):
        work = parent(shop, name)
        cells = [
            (f"strength {s}", shop.remix("image-to-image", [work], new, seed=key(k), strength=Decimal(s)))
            for s in ("0", "0.2", "0.4", "0.6", "0.8", "1")
        ]
        rows.append((f"{name} -> {new}", cells))
    sheet(shop, rows, path)


def inpaint(shop: Workshop, path: Path) -> None:
    """Parent, the part that may change (grey), and three children."""
    rows = []
    painted = (
        ("hills", "a red hot air balloon over green hills by day", (1, 12, 3, 13)),
        ("lake", "a sailboat on a mountain lake at dawn", (5, 15, 2, 13)),
    )
    for name, new, (top, bottom, left, right) in painted:
        work = parent(shop, name)
        cells = np.zeros(shop.shape[1:], bool)
        cells[top:bottom, left:right] = True
        shown = [("parent", work.latent), ("may change", np.where(cells, np.float32(0), work.latent))]
        bits = np.packbits(cells.ravel()).tobytes()
        for n in range(3):
            child = shop.remix("inpaint", [work], new, seed=key(21 + n), mask=bits, strength=Decimal(1), mode="blend")
            shown.append((f"seed {n + 1}", child))
        rows.append((f"{name} -> {new}", shown))
    sheet(shop, rows, path)


def flow_edit(shop: Workshop, path: Path) -> None:
    """Strength along three rows; the share of plainly sampled steps along the last one."""
    rows = []
    edits = (
        ("boat", "a sailboat on the sea at night"),
        ("apple", "a green apple"),
        ("lake", "a mountain lake at night with stars"),
    )
    told = {"guidance": 1.6 * GUIDANCE, "average": 1, "source_guidance": Decimal(str(GUIDANCE))}
    for k, (name, new) in enumerate(edits):
        work = parent(shop, name)
        cells = [("parent", work.latent)]
        for s in ("0.5", "0.65", "0.75", "0.9", "1"):
            child = shop.remix("flow-edit", [work], new, seed=key(k), strength=Decimal(s), sampled=SAMPLED, **told)
            cells.append((f"strength {s}", child))
        rows.append((f"{name} -> {new}", cells))
    work, new = parent(shop, "boat"), edits[0][1]
    cells = [("parent", work.latent)]
    for s in ("0", "0.15", "0.3", "0.5", "0.7"):
        plain = {"sampled": Decimal(s)} if s != "0" else {}
        child = shop.remix("flow-edit", [work], new, seed=key(0), strength=Decimal("0.9"), **plain, **told)
        cells.append((f"sampled {s}", child))
    rows.append((f"boat -> {new}, strength 0.9", cells))
    sheet(shop, rows, path)


def plug_and_play(shop: Workshop, path: Path) -> None:
    """Share of steps with the parent's attention along the row, with its features down."""
    work = parent(shop, "boat")
    rows = []
    for features in ("0", "0.4", "0.8"):
        cells = [("parent", work.latent)]
        for attention in ("0", "0.25", "0.5", "1"):
            child = shop.remix(
                "plug-and-play", [work], "a sailboat on the sea at night", attention=Decimal(attention),
                features=Decimal(features), trajectory="rerun",
            )  # fmt: skip
            cells.append((f"attention {attention}", child))
        rows.append((f"boat -> night, features {features}", cells))
    sheet(shop, rows, path)


def style(shop: Workshop, path: Path) -> None:
    """Strength along the row; three styles on one content."""
    content = parent(shop, "lighthouse")
    rows = []
    for name in ("boat", "lavender", "lake"):
        painted = parent(shop, name)
        cells = [("content", content.latent), ("style", painted.latent)]
        for s in ("0.25", "0.5", "0.75", "1"):
            child = shop.remix(
                "style", [content, painted], "", guidance=1.0, gamma=Decimal("0.75"), temperature=Decimal("1.5"),
                strength=Decimal(s), **RERUN,
            )  # fmt: skip
            cells.append((f"strength {s}", child))
        rows.append((f"in the style of {PARENTS[name][1]}", cells))
    sheet(shop, rows, path)


def blend(shop: Workshop, path: Path) -> None:
    """Weights along the row, arc and line."""
    both = [parent(shop, "lighthouse"), parent(shop, "boat")]
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
