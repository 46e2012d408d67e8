"""The rules by which a dispute is settled, out of what each side holds and what it has to do with the other."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance.crossing import Crossing
    from provenance.side import Side

__all__ = ["Outcome", "settle"]


class Outcome(StrEnum):
    """What a dispute came to."""

    A = "A explains both"
    B = "B explains both"
    BOTH = "both stand"
    NEITHER = "neither"
    UNDETERMINED = "undetermined"


def settle(a: Side, b: Side, of_a: Crossing, of_b: Crossing) -> tuple[Outcome, str]:
    """The outcome, and the reason that decided it."""
    if a.broken and b.broken:
        return Outcome.NEITHER, "neither claim holds for its own picture (steps 2 and 3)"
    if _one_secret(a, b):
        return _settle_one_secret(a, b)
    related = of_a.explains or of_b.explains
    if not related:
        return _settle_unrelated(a, b, of_a, of_b)
    for winner, loser, own, other in ((a, b, of_a, Outcome.A), (b, a, of_b, Outcome.B)):
        if winner.sound and own.explains and loser.broken:
            how = "its noise is in both" if own.noise_found else "the other is a copy of its picture"
            return other, f"{winner.letter} holds and {how}, while {loser.letter} does not hold: {loser.fault}"
    if a.broken or b.broken:
        left = b if a.broken else a
        return Outcome.UNDETERMINED, (
            f"{(a if a.broken else b).letter} does not hold, and {left.letter} proves too little to explain both: "
            f"{left.claimed.reason}"
        )
    if of_a.noise_found != of_b.noise_found:
        return _settle_by_noise(a, b, of_a)
    if (
        a.regenerated
        and b.regenerated
        and not any(one.noise_found or one.same_pixels or one.near for one in (of_a, of_b))
    ):
        return Outcome.BOTH, (
            "each was made again from its own seed, neither noise is in the other, and they are no nearer to each "
            "other than pictures of one prompt can be"
        )
    if a.regenerated != b.regenerated and (of_a if a.regenerated else of_b).explains:
        better, weaker = (a, b) if a.regenerated else (b, a)
        own = of_a if a.regenerated else of_b
        said = f"{better.letter} was made again from its seed and {weaker.letter}"
        less = "was not" if not weaker.repeated else "was too, which proves less for it"
        if own.copied:
            how = "the very same" if own.same_pixels else "a near copy of it"
            if not (own.same_pixels or own.near):
                how = f"a copy of it with its noise left in it (2^-{own.bits:.0f})"
            hope = "" if weaker.repeated else f"; only making {weaker.letter} again could show otherwise"
            return (Outcome.A if a.regenerated else Outcome.B), (
                f"{said}, whose picture is {how}, {less}: {weaker.claimed.reason}{hope}"
            )
        hope = "" if weaker.repeated else f"; making {weaker.letter} again would decide"
        return Outcome.UNDETERMINED, f"{said} {less}: {weaker.claimed.reason}{hope}"
    return Outcome.UNDETERMINED, f"both explain as much; {_by_time(a, b)}"


def _settle_by_noise(a: Side, b: Side, of_a: Crossing) -> tuple[Outcome, str]:
    winner, loser, outcome = (a, b, Outcome.A) if of_a.noise_found else (b, a, Outcome.B)
    weight = "" if winner.regenerated else "; neither was regenerated here, which would weigh more"
    if loser.regenerated and not winner.regenerated:
        return Outcome.UNDETERMINED, (
            f"the noise of {winner.letter} is in both, but {loser.letter} alone was made again from its seed; making "
            f"{winner.letter} again would decide"
        )
    return outcome, (
        f"the noise of {winner.letter}'s seed is in both, that of {loser.letter}'s seed in {loser.letter} at "
        f"most{weight}"
    )


def _settle_unrelated(a: Side, b: Side, of_a: Crossing, of_b: Crossing) -> tuple[Outcome, str]:
    compared = of_a.comparison is not None or of_b.comparison is not None
    if a.broken or b.broken:
        left, gone = (b, a) if a.broken else (a, b)
        text = f"{gone.letter} does not hold: {gone.fault}; but nothing shows that its picture comes from"
        return Outcome.UNDETERMINED, f"{text} {left.letter}'s"
    if not compared:
        why = of_a.why_not or of_b.why_not
        return (
            Outcome.UNDETERMINED,
            f"neither noise is in the other's latent, and the pictures were not compared: {why}",
        )
    if a.sound and b.sound:
        return Outcome.BOTH, "independent works: each holds for its own picture, and neither is in the other"
    weak = b if a.sound else a
    return Outcome.UNDETERMINED, (
        f"neither is in the other, and {weak.letter} proves too little for its own picture: {weak.claimed.reason}"
    )


def _settle_one_secret(a: Side, b: Side) -> tuple[Outcome, str]:
    """Both claims are signed by who knows one and the same P."""
    if a.broken or b.broken:
        outcome = Outcome.B if a.broken else Outcome.A
        return outcome, "both name one secret, and only this claim holds"
    if set(a.claimed.work.claim.authors) == set(b.claimed.work.claim.authors):
        return Outcome.BOTH, f"one secret and the same authors: they claimed twice; {_by_time(a, b)}"
    return Outcome.UNDETERMINED, f"whoever made these two claims knows the same secret; {_by_time(a, b)}"


def _one_secret(a: Side, b: Side) -> bool:
    return a.claimed.work.claim.Y == b.claimed.work.claim.Y


def _by_time(a: Side, b: Side) -> str:
    """What the anchors say, as the end of a sentence."""
    if a.anchor is not None and b.anchor is not None and a.anchor != b.anchor:
        first = a if a.anchor < b.anchor else b
        return f"the earlier independent timestamp is {first.letter}'s"
    if a.place is not None and b.place is not None and a.place[0] == b.place[0]:
        first = a if a.place[1] < b.place[1] else b
        return f"in the log {a.place[0]} {first.letter} stands first; a log proves an order and no time"
    return "independent timestamps on both would decide which was first"
