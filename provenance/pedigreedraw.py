"""Drawing a lineage: SVG, PNG, and a page of HTML that needs nothing but itself. Strangers' words are escaped."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

from provenance.pedigree import HEIGHT, WIDTH, Card, Layout, describe_terms
from provenance.pixels import encode_png

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Thumbnails = Mapping[str, NDArray[np.uint8]]

__all__ = ["draw_html", "draw_png", "draw_svg", "shrink"]

THUMBNAIL = 160
"""Longest side of a thumbnail."""

_TONES = {
    "itself": "#1d4ed8",
    "made again": "#15803d",
    "proofs hold": "#64748b",
    "missing": "#b45309",
    "fails": "#b91c1c",
}
_INK, _PAPER, _LINE = "#0f172a", "#ffffff", "#94a3b8"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#0f172a}table{border-collapse:collapse;margin-top:1rem}"
    "td,th{border-bottom:1px solid #cbd5e1;padding:.35rem .8rem;text-align:left;vertical-align:top}"
    "code{font-size:.9em;overflow-wrap:anywhere}svg{max-width:100%;height:auto}"
)


def shrink(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture uint8 (H, W, 3), at most THUMBNAIL on its longest side."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(rgb)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.array(image, np.uint8)


def draw_svg(layout: Layout, thumbnails: Thumbnails) -> str:
    """The lineage as one SVG document with its thumbnails inside."""
    size = f'width="{layout.width}" height="{layout.height}" viewBox="0 0 {layout.width} {layout.height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui,sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
    ]
    for child, parent in layout.edges:
        x1, y1, x2, y2 = _edge(layout.cards[child], layout.cards[parent])
        middle = (y1 + y2) // 2
        path = f"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}"
        parts.append(f'<path d="{path}" fill="none" stroke="{_LINE}" stroke-width="2"/>')
    parts += [_svg_card(card, thumbnails.get(card.claim)) for card in layout.cards]
    return "\n".join([*parts, "</svg>\n"])


def draw_html(layout: Layout, thumbnails: Thumbnails, lineage: Mapping[str, Any], title: str) -> str:
    """A page with the drawing and, below, every work with its author, model, licence and terms."""
    head = "<tr><th>work<th>made<th>author<th>model<th>terms and licence<th>standing</tr>"
    rows = "".join(_row(work) for work in lineage["works"])
    outside = "".join(
        f"<p>An outside picture with the pixels <code>{escape(each['pixels'])}</code>: nobody proved its author.</p>"
        for each in lineage["outside"]
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{draw_svg(layout, thumbnails)}<table>{head}{rows}</table>{outside}</html>\n"
    )


def draw_png(layout: Layout, thumbnails: Thumbnails) -> bytes:
    """The lineage as a PNG file."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (layout.width, layout.height), _PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    for child, parent in layout.edges:
        pen.line(_edge(layout.cards[child], layout.cards[parent]), fill=_LINE, width=2)
    for card in layout.cards:
        box = (card.x, card.y, card.x + WIDTH, card.y + HEIGHT)
        pen.rounded_rectangle(box, 10, fill=_PAPER, outline=_TONES[card.tone], width=2)
        rgb = thumbnails.get(card.claim)
        if rgb is not None:
            left, top = _place(card, rgb)
            image.paste(Image.fromarray(rgb), (left, top))
        for number, line in enumerate(card.lines):
            pen.text((card.x + 12, _text_y(card, number) - 12), line, fill=_INK, font=font)
    return encode_png(np.array(image, np.uint8))


def _svg_card(card: Card, rgb: NDArray[np.uint8] | None) -> str:
    tone = _TONES[card.tone]
    box = f'<rect x="{card.x}" y="{card.y}" width="{WIDTH}" height="{HEIGHT}" rx="10"'
    parts = [f'<g>{box} fill="{_PAPER}" stroke="{tone}" stroke-width="2"/>']
    if rgb is not None:
        left, top = _place(card, rgb)
        data = base64.b64encode(_plain_png(rgb)).decode("ascii")
        size = f'x="{left}" y="{top}" width="{rgb.shape[1]}" height="{rgb.shape[0]}"'
        parts.append(f'<image {size} href="data:image/png;base64,{data}"/>')
    for number, line in enumerate(card.lines):
        parts.append(f'<text x="{card.x + 12}" y="{_text_y(card, number)}" fill="{_INK}">{escape(line)}</text>')
    return "".join([*parts, "</g>"])


def _row(work: Mapping[str, Any]) -> str:
    authors = "<br>".join(f"<code>{escape(key)}</code>" for key in work.get("authors", [])) or "not named"
    remarks = "".join(f"<br>{escape(each)}" for each in (*work["faults"], *work["remarks"]))
    cells = (
        f"{escape(work.get('title') or '')} <code>{escape(work['claim'])}</code>",
        escape(work.get("operation") or "from its seed"),
        authors,
        escape(work.get("model") or "not known"),
        escape(describe_terms(work.get("terms"))),
        escape(work["standing"]) + remarks,
    )
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>"


def _edge(child: Card, parent: Card) -> tuple[int, int, int, int]:
    return child.x + WIDTH // 2, child.y + HEIGHT, parent.x + WIDTH // 2, parent.y


def _place(card: Card, rgb: NDArray[np.uint8]) -> tuple[int, int]:
    return card.x + (WIDTH - rgb.shape[1]) // 2, card.y + 10 + (THUMBNAIL - rgb.shape[0]) // 2


def _text_y(card: Card, number: int) -> int:
    return card.y + THUMBNAIL + 30 + 16 * number


def _plain_png(rgb: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return out.getvalue()
