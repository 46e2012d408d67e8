"""A lineage as lines of text, and as a page or picture: places of works and the edges between them.

The input is the JSON form of a lineage (``provenance.descent``), whose titles and notices are a stranger's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Card", "Layout", "lay_out", "shares", "tree"]

WIDTH, HEIGHT, GAP = 232, 232, 28
"""Size of a card and the room between cards, in pixels."""

_PER_ROW = 8
_TERMS = {"allowed": "yes", "notAllowed": "no", "constrained": "ask"}


@dataclass(frozen=True)
class Card:
    """One work at its place: ``lines`` are what it says, ``tone`` is its standing."""

    claim: str
    x: int
    y: int
    lines: tuple[str, ...]
    tone: str


@dataclass(frozen=True)
class Layout:
    """Cards of ``width`` by ``height`` pixels in all, and edges from derivative to parent as pairs of card numbers."""

    width: int
    height: int
    cards: tuple[Card, ...]
    edges: tuple[tuple[int, int], ...]


def tree(lineage: Mapping[str, Any]) -> Iterator[str]:
    """The lineage as an indented tree, derivative above parents; a work that comes again is only named."""
    works = {work["claim"]: work for work in lineage["works"]}
    shown: set[str] = set()
    root = lineage["works"][0]["claim"]
    stack: list[tuple[str, str, str]] = [(root, "", "")]
    while stack:
        claim, lead, branch = stack.pop()
        again = claim in shown
        shown.add(claim)
        work = works.get(claim, {})
        yield f"{lead}{branch}{_line(claim, work)}{' (see above)' if again and work.get('parents') else ''}"
        if again:
            continue
        below = lead + {"": "", "├── ": "│   ", "└── ": "    "}[branch]
        parents = work.get("parents", [])
        stack += reversed(
            [(each, below, "└── " if place == len(parents) - 1 else "├── ") for place, each in enumerate(parents)]
        )
    for picture in lineage["outside"]:
        yield f"outside picture {picture['pixels'][:16]}..., whose author nobody proved"


def shares(lineage: Mapping[str, Any]) -> list[dict[str, object]]:
    """Which share comes from whom: every work with its authors, model and terms, the derived one first."""
    return [
        {
            "claim": work["claim"],
            "authors": work.get("authors", []),
            "model": work.get("model"),
            "operation": work.get("operation"),
            "terms": work.get("terms"),
            "standing": work["standing"],
        }
        for work in lineage["works"]
    ]


def describe_terms(terms: Mapping[str, str] | None) -> str:
    """Terms in one line."""
    if terms is None:
        return "terms not known"
    notice = f"; {terms['notice']}" if terms["notice"] else ""
    return f"training {_TERMS[terms['training']]}, derivation {_TERMS[terms['derivation']]}{notice}"


def lay_out(lineage: Mapping[str, Any]) -> Layout:
    """Generations from top to bottom, at most eight cards in a row."""
    rows: list[list[Mapping[str, Any]]] = []
    works = sorted(lineage["works"], key=lambda work: int(work["generation"]))
    for generation in dict.fromkeys(work["generation"] for work in works):
        peers = [work for work in works if work["generation"] == generation]
        rows += [peers[at : at + _PER_ROW] for at in range(0, len(peers), _PER_ROW)]
    widest = max(len(row) for row in rows)
    width = widest * (WIDTH + GAP) + GAP
    cards: list[Card] = []
    for number, row in enumerate(rows):
        margin = (width - len(row) * (WIDTH + GAP) + GAP) // 2
        y = GAP + number * (HEIGHT + 2 * GAP)
        cards += [_card(work, margin + place * (WIDTH + GAP), y) for place, work in enumerate(row)]
    index = {card.claim: place for place, card in enumerate(cards)}
    edges = [
        (index[work["claim"]], index[parent]) for work in works for parent in work.get("parents", []) if parent in index
    ]
    return Layout(width, len(rows) * (HEIGHT + 2 * GAP), tuple(cards), tuple(edges))


def _card(work: Mapping[str, Any], x: int, y: int) -> Card:
    authors = work.get("authors") or []
    author = f"author {authors[0][:16]}..." if authors else "author not named"
    made = work.get("operation") or ("from its seed" if work.get("model") else "not at hand")
    tone = work["standing"]
    return Card(work["claim"], x, y, (f"{made} · {tone}", f"{work['claim'][:16]}...", author), tone)


def _line(claim: str, work: Mapping[str, Any]) -> str:
    if not work.get("model"):
        reason = work.get("reason") or "; ".join(work.get("faults", ())) or "not looked for"
        return f"{claim[:16]}...  {work.get('standing', 'missing')}: {reason}"
    authors = work["authors"]
    author = f"by {authors[0][:16]}..." if authors else "by nobody named"
    parameters = ", ".join(f"{name} {value}" for name, value in work["parameters"].items())
    made = f"{work['operation']} ({parameters})" if work["operation"] else "from its seed"
    title = f'"{work["title"]}"  ' if work["title"] else ""
    parts = [f"{title}{claim[:16]}...", made, author, work["model"], describe_terms(work["terms"])]
    remarks = [*work["faults"], *work["remarks"]]
    if work["standing"] != "itself":
        parts.append(work["standing"])
    return "  ".join(parts) + (f"  ! {'; '.join(remarks)}" if remarks else "")
