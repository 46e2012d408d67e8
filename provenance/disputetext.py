"""A dispute in plain sentences, numbered as in :mod:`provenance.dispute`, with the figures that decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.correlation import REQUIRED_BITS
from provenance.report import Status

if TYPE_CHECKING:
    from provenance.copies import Comparison
    from provenance.crossing import Crossing
    from provenance.dispute import Dispute
    from provenance.report import Figure
    from provenance.side import Side

__all__ = ["REASONS", "Reason", "dispute_json", "reasons_of"]

DISPUTE_VERSION = 1
"""Version of the JSON form; grows when a field changes its meaning or leaves."""

REASONS = {
    1: "which claim existed first",
    2: "who stands behind each claim",
    3: "does each seed make its own picture",
    4: "is the noise of one in the other",
    5: "what do the pictures share",
}


@dataclass(frozen=True)
class Reason:
    """One numbered reason: a sentence for each side or for both, and the figures."""

    number: int
    sentences: tuple[str, ...]
    figures: dict[str, Figure] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is about."""
        return REASONS[self.number]


def reasons_of(dispute: Dispute) -> tuple[Reason, ...]:
    """All five, in order."""
    return _anchors(dispute), _proofs(dispute), _regeneration(dispute), _noise(dispute), _shared(dispute)


def dispute_json(dispute: Dispute) -> dict[str, object]:
    """The documented JSON form (docs/disputes.md)."""
    return {
        "version": DISPUTE_VERSION,
        "outcome": str(dispute.outcome),
        "reason": dispute.reason,
        "sides": [
            {
                "letter": side.letter,
                "file": side.name,
                "sha256": side.sha256,
                "kind": side.kind,
                **side.report().to_json(),
            }
            for side in (dispute.a, dispute.b)
        ],
        "reasons": [
            {"number": each.number, "name": each.name, "sentences": list(each.sentences), "figures": each.figures}
            for each in reasons_of(dispute)
        ],
    }


def _anchors(dispute: Dispute) -> Reason:
    sentences, figures = [], dict[str, "Figure"]()
    for side in (dispute.a, dispute.b):
        anchor, place = side.anchor, side.place
        figures[f"existed_before_{side.letter}"] = None if anchor is None else f"{anchor:%Y-%m-%dT%H:%M:%SZ}"
        figures[f"log_{side.letter}"] = None if place is None else f"{place[0]} entry {place[1]}"
        where = "" if place is None else f" It stands in the log {place[0]} at entry {place[1]}."
        if anchor is not None:
            time = f"{anchor:%d %B %Y, %H:%M:%S} UTC"
            text = f"{side.letter} existed before {time}, as independent authorities vouch.{where}"
        else:
            text = f"No independent authority whom the policy trusts vouches for any time of {side.letter}.{where}"
        sentences.append(text)
    a, b = dispute.a, dispute.b
    if a.anchor is not None and b.anchor is not None and a.anchor != b.anchor:
        sentences.append(f"The earlier of the two times is {(a if a.anchor < b.anchor else b).letter}'s.")
    elif a.place is not None and b.place is not None and a.place[0] == b.place[0]:
        first = a if a.place[1] < b.place[1] else b
        sentences.append(f"In their log {first.letter} stands first. A log proves an order, not a time.")
    return Reason(1, tuple(sentences), figures)


def _proofs(dispute: Dispute) -> Reason:
    sentences = []
    for side in (dispute.a, dispute.b):
        failed = [check for check in side.claimed.checks if check.step <= 6 and check.status is Status.FAIL]  # noqa: PLR2004 - steps 1 to 6
        if failed:
            sentences.append(f"{side.letter} fails at step {failed[0].step}, {failed[0].name}: {failed[0].detail}.")
            continue
        who = (
            f"author {side.claimed.work.claim.authors[0].hex()[:16]}..."
            if side.claimed.work.claim.authors
            else "anonymous"
        )
        sentences.append(
            f"{side.letter} ({who}): somebody knows the secret of its public key, and its seed follows from it."
        )
    return Reason(2, tuple(sentences))


def _regeneration(dispute: Dispute) -> Reason:
    sentences, figures = [], dict[str, "Figure"]()
    for side in (dispute.a, dispute.b):
        check = next((each for each in side.claimed.checks if each.step == 9), None)  # noqa: PLR2004
        verdict = side.claimed.verdict
        figures[f"verdict_{side.letter}"] = str(verdict)
        figures[f"distance_{side.letter}"] = None if check is None else check.figures.get("distance")
        if side.regenerated:
            text = f"{side.letter}'s picture was made again from its seed: {verdict}."
        elif check is not None and check.status is Status.FAIL:
            text = f"{side.letter}'s seed makes another picture than the one it claims: {verdict}."
        else:
            text = f"{side.letter} reads {verdict}: {side.claimed.reason}."
        sentences.append(text)
    return Reason(3, tuple(sentences), figures)


def _noise(dispute: Dispute) -> Reason:
    sentences, figures = [], dict[str, "Figure"]()
    for one, other, crossing in _crossings(dispute):
        figures[f"cosine_{one.letter}_in_{other.letter}"] = (
            None if crossing.cosine is None else round(crossing.cosine, 4)
        )
        figures[f"bits_{one.letter}_in_{other.letter}"] = round(crossing.bits, 1)
        if crossing.cosine is None:
            sentences.append(f"The noise of {one.letter} cannot be looked for in {other.letter}'s latent: other sizes.")
            continue
        found = "is" if crossing.bits >= REQUIRED_BITS else "is not"
        sentences.append(
            f"The noise of {one.letter}'s seed {found} in {other.letter}'s latent, {other.letter}'s own noise being "
            f"taken out as far as that goes ({_placed(crossing)}cosine {crossing.cosine:.3f}; "
            f"a fresh seed does as well with probability 2^-{crossing.bits:.0f}, 2^-{REQUIRED_BITS} is needed)."
        )
    return Reason(4, tuple(sentences), figures)


def _placed(crossing: Crossing) -> str:
    """Where in the latent the noise lies, if not in its place."""
    place, words = crossing.place, []
    if place.mirrored:
        words.append("mirrored")
    if place.down or place.across:
        words.append(f"moved by {place.across} cells across and {place.down} down")
    return f"{' and '.join(words)}; " if words else ""


def _shared(dispute: Dispute) -> Reason:
    sentences, figures = [], dict[str, "Figure"]()
    for one, other, crossing in _crossings(dispute):
        found, tag = crossing.comparison, f"{other.letter}_on_{one.letter}"
        if found is None:
            sentences.append(f"{other.letter}'s picture was not laid over {one.letter}'s: {crossing.why_not}.")
            continue
        if found.registration is None or found.rank is None:
            sentences.append(
                f"{other.letter}'s picture does not line up with {one.letter}'s in any way that was tried."
            )
            continue
        figures[f"likeness_{tag}"] = round(found.rank.tested, 3)
        figures[f"nearest_chance_{tag}"] = round(found.rank.nearest, 3)
        figures[f"false_accept_rate_{tag}"] = found.rank.rate
        figures[f"net_bits_{tag}"] = None if found.noise is None else round(found.noise.net, 1)
        verb = f"shows the same picture ({found.words})" if found.alike else "is not shown to be the same picture"
        sentences.append(
            f"Laid over {one.letter}'s picture, {other.letter}'s {verb}: {found.rank.tested:.2f} bits a value agree; "
            f"{found.rank.count} pictures of wrong seeds, and other pictures, reach {found.rank.nearest:.2f} at most"
            f"{_chance(found)}."
        )
        if crossing.restored is not None:
            figures[f"restored_{tag}"] = round(crossing.restored.bits, 3)
            figures[f"from_nothing_{tag}"] = round(crossing.restored.from_nothing, 3)
            sentences.append(
                f"With {other.letter}'s noise taken out of {other.letter}'s latent and {one.letter}'s put back, as far "
                f"as the two latents differ by them, {crossing.restored.bits:.2f} bits a value agree; the same done to "
                f"no picture at all makes {crossing.restored.from_nothing:.2f} agree."
            )
        if found.changes is not None and found.changes.regions and found.alike:
            sentences.append(f"About {100 * found.changes.share:.0f} % of it was painted over or added.")
    return Reason(5, tuple(sentences), figures)


def _chance(found: Comparison) -> str:
    """What so few draws are worth, where the pictures count as the same by them alone."""
    drawn = next((check.figures["wrong_seeds"] for check in found.checks if "wrong_seeds" in check.figures), None)
    if not isinstance(drawn, int) or drawn == 0 or not found.alike or found.linked:
        return ""
    return f"; so much by chance in 1 of {drawn + 1} at most (--draws for more of them)"


def _crossings(dispute: Dispute) -> tuple[tuple[Side, Side, Crossing], ...]:
    return (dispute.a, dispute.b, dispute.of_a), (dispute.b, dispute.a, dispute.of_b)
