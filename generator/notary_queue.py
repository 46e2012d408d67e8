"""Which claim is given up when too many wait for their recipe or latent: anybody can log claims that never get theirs.

Of the places one author has at most half, as have all claims without an author together: a flood by one of them leaves
the others theirs. Else those go first that were looked at most often: a new claim, whose blobs are on their way, is
looked at again however many others wait.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from generator.notary_state import Waiting

__all__ = ["next_given_up"]


def next_given_up(waiting: Mapping[bytes, Waiting]) -> bytes:
    """The id of the claim that makes room; of equals the one that was looked at longest ago, which stands first."""
    author, count = Counter(item.author for item in waiting.values()).most_common(1)[0]
    among = waiting.values() if 2 * count <= len(waiting) else [i for i in waiting.values() if i.author == author]
    return max(among, key=lambda item: item.tries).claim
