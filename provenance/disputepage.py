"""A dispute as one HTML page for somebody who is no engineer: pictures inline, no scripts, nothing from the network."""

from __future__ import annotations

import base64
import html
import shlex
from typing import TYPE_CHECKING

from provenance.coarse import opencv, resize, within
from provenance.disputetext import reasons_of
from provenance.pixels import encode_png
from provenance.settle import Outcome
from provenance.transformed import draw_difference

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    from numpy.typing import NDArray

    from provenance.crossing import Crossing
    from provenance.dispute import Dispute
    from provenance.side import Side

__all__ = ["dispute_page"]

LARGEST_SIDE = 768
"""Pictures on the page are made smaller than this; the files themselves are named with their digests."""

_MEANINGS = {
    Outcome.A: "Picture B is explained by the claim of A, and A's own picture too. B's claim explains less.",
    Outcome.B: "Picture A is explained by the claim of B, and B's own picture too. A's claim explains less.",
    Outcome.BOTH: "Neither claim speaks against the other.",
    Outcome.NEITHER: "Neither claim holds. Nothing is said about who made the pictures.",
    Outcome.UNDETERMINED: "What is at hand does not decide. The last words above say what would.",
}

_NOTHING_FROM_OUTSIDE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
body{font:17px/1.5 Georgia,'DejaVu Serif',serif;color:#1c1c1c;background:#fff}
body{max-width:62em;margin:2em auto;padding:0 1.5em}
h1{font-size:1.7em;margin:.2em 0}h2{font-size:1.2em;margin:2em 0 .5em;border-bottom:1px solid #bbb;padding-bottom:.2em}
.outcome{border-left:.4em solid #2b5d8a;background:#eef3f8;padding:.8em 1.2em;margin:1.2em 0}
.outcome.open{border-color:#a66b00;background:#fbf4e6}.outcome b{font-size:1.2em}
.pictures{display:flex;flex-wrap:wrap;gap:1.5em}figure{margin:0;flex:1 1 22em;max-width:30em}
img{width:100%;border:1px solid #999;display:block}
figcaption{font-size:.85em;margin-top:.4em;color:#333;overflow-wrap:anywhere}
li{margin-bottom:.9em}li>b{display:block}table{border-collapse:collapse;width:100%;font-size:.85em}
td,th{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}
td:not(:last-child),th{overflow-wrap:normal}
th{background:#f3f3f3;font-weight:600}
code,pre{font:.8em/1.5 'DejaVu Sans Mono',monospace;overflow-wrap:anywhere;white-space:pre-wrap}
.pass{color:#1b6b2f}.fail{color:#a31515}.warn{color:#8a5a00}.skip{color:#666}.small{font-size:.85em;color:#444}
@media print{body{margin:0;max-width:none}figure{break-inside:avoid}tr{break-inside:avoid}}
"""


def dispute_page(dispute: Dispute, now: dt.datetime, *, program: str) -> str:
    """The page, complete HTML. ``now``: UTC time that is printed on it; ``program``: name and version, likewise."""
    decided = dispute.outcome in (Outcome.A, Outcome.B, Outcome.BOTH)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_NOTHING_FROM_OUTSIDE}">',
        '<meta name="viewport" content="width=device-width"><title>Two claims compared</title>',
        f"<style>{_STYLE}</style></head><body>",
        "<h1>Two claims of authorship compared</h1>",
        f'<p class="small">Made by {_text(program)} on {now:%d %B %Y at %H:%M} UTC.</p>',
        f'<div class="outcome{"" if decided else " open"}"><b>{_text(_headline(dispute))}</b>',
        f"<br>{_text(_upper(dispute.reason))}.",
        f'<br><span class="small">{_text(_MEANINGS[dispute.outcome])}</span></div>',
        "<h2>The pictures</h2>",
        _pictures(dispute),
        "<h2>The reasons, in order</h2><ol>",
        *(_reason(each.name, each.sentences) for each in reasons_of(dispute)),
        "</ol><h2>What was checked of each claim</h2>",
        _checks(dispute),
        "<h2>The figures</h2>",
        _figures(dispute),
        "<h2>How to repeat this</h2>",
        _repeat(dispute),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _headline(dispute: Dispute) -> str:
    names = {
        Outcome.A: "A explains both pictures",
        Outcome.B: "B explains both pictures",
        Outcome.BOTH: "Both claims stand",
    }
    names |= {Outcome.NEITHER: "Neither claim holds", Outcome.UNDETERMINED: "Not determined"}
    return names[dispute.outcome]


def _pictures(dispute: Dispute) -> str:
    shown = [_side_figure(side) for side in (dispute.a, dispute.b)]
    crossings = ((dispute.a, dispute.b, dispute.of_a), (dispute.b, dispute.a, dispute.of_b))
    differences = [_difference_figure(one, other, crossing) for one, other, crossing in crossings]
    return f'<div class="pictures">{"".join(shown + differences)}</div>'


def _side_figure(side: Side) -> str:
    claim = side.claimed.work.claim
    author = claim.authors[0].hex() if claim.authors else "none named (anonymous)"
    caption = (
        f"<b>{side.letter}</b>: {_text(side.name)} ({side.kind})<br>verdict <b>{side.claimed.verdict}</b><br>"
        f"claim {claim_hex(side)}<br>author {author}"
    )
    if side.pixels is None:
        shown = f"<p>The picture of {side.letter} cannot be shown here.</p>"
        return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"
    return f"<figure>{_image(side.pixels, f'picture {side.letter}')}<figcaption>{caption}</figcaption></figure>"


def claim_hex(side: Side) -> str:
    """The claim's id in hex."""
    return side.claimed.work.identifier.hex()


def _difference_figure(one: Side, other: Side, crossing: Crossing) -> str:
    found, reference = crossing.comparison, one.claimed.reference
    if found is None or found.registration is None or found.changes is None or reference is None or not found.alike:
        return ""
    drawn = draw_difference(reference, found.registration, found.changes)
    caption = (
        f"Where {other.letter} differs from {one.letter}, once it lies over it ({_text(found.words)}). Grey: the same. "
        "Yellow to red: different. Dark: not in the other picture."
    )
    return f"<figure>{_image(drawn, 'difference')}<figcaption>{caption}</figcaption></figure>"


def _reason(name: str, sentences: tuple[str, ...]) -> str:
    return f"<li><b>{_text(_upper(name))}?</b>" + "<br>".join(_text(each) for each in sentences) + "</li>"


def _checks(dispute: Dispute) -> str:
    rows = []
    for side in (dispute.a, dispute.b):
        rows += [
            f"<tr><td>{side.letter}</td><td>{check.step}</td><td>{_text(check.name)}</td>"
            f'<td class="{check.status}">{check.status}</td><td>{_text(check.detail)}</td></tr>'
            for check in side.claimed.checks
        ]
    return (
        f"<table><tr><th>claim</th><th>step</th><th>what</th><th>result</th><th>found</th></tr>{''.join(rows)}</table>"
    )


def _figures(dispute: Dispute) -> str:
    rows = [
        f"<tr><td>{each.number}</td><td>{_text(name.replace('_', ' '))}</td><td>{_text(_shown(figure))}</td></tr>"
        for each in reasons_of(dispute)
        for name, figure in each.figures.items()
    ]
    return f"<table><tr><th>reason</th><th>figure</th><th>value</th></tr>{''.join(rows)}</table>"


def _repeat(dispute: Dispute) -> str:
    command = shlex.join(["seedproof", "dispute", dispute.a.name, dispute.b.name])
    files = "\n".join(f"{side.sha256}  {side.name}" for side in (dispute.a, dispute.b))
    return (
        "<p>Everything above follows from the two files and from public data. With the files and the program anybody "
        "gets the same; the seeds that serve as counter-check are drawn anew each time, so those figures vary.</p>"
        f"<pre>{_text(command)}</pre><p>SHA-256 of the files:</p><pre>{_text(files)}</pre>"
    )


def _image(pixels: NDArray[np.uint8], what: str) -> str:
    cv2 = opencv()
    small = within(cv2, pixels, LARGEST_SIDE)
    if max(small.shape[:2]) * 2 <= LARGEST_SIDE:  # small pictures look sharper when they are enlarged here
        factor = LARGEST_SIDE // max(small.shape[:2])
        small = resize(cv2, small, small.shape[1] * factor, small.shape[0] * factor)
    data = base64.b64encode(encode_png(small)).decode()
    return f'<img alt="{_text(what)}" src="data:image/png;base64,{data}">'


def _shown(figure: object) -> str:
    return "not available" if figure is None else f"{figure:.4g}" if isinstance(figure, float) else str(figure)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(text: str) -> str:
    return html.escape("".join(each if each.isprintable() else "?" for each in text), quote=True)
