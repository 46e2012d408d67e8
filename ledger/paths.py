"""Inclusion paths for many leaves of one tree: what they have in common is worked out once.

A tree of ``size`` leaves is a row of complete subtrees, one for each bit of ``size``. The path of a leaf has three
parts: its siblings within its own complete subtree; one hash over all that stands right of that, the *tail*; the
complete subtrees left of it, the nearest first. Only the tail takes hashing, and there is one for each bit of ``size``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance import merkle

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.merkle import Nodes

    Siblings = Callable[[int, int, int], list[bytes]]

__all__ = ["Tails", "consistency_path", "inclusion_path"]

_KEPT = 1_024


class Tails:
    """Hashes over the leaves from ``start`` to ``size``, of trees of any size; may be shared between threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bytes] = {}

    def hash(self, nodes: Nodes, start: int, size: int) -> bytes:
        """The hash over the complete subtrees from ``start``, which ends one of them, to ``size``."""
        found = self._known.get((start, size))
        if found is None:
            level = (size - start).bit_length() - 1
            end = start + (1 << level)
            found = nodes(level, start >> level)
            if end < size:
                found = merkle.node_hash(found, self.hash(nodes, end, size))
            if len(self._known) >= _KEPT:
                self._known = {}
            self._known[start, size] = found
        return found


def inclusion_path(
    nodes: Nodes, index: int, size: int, tails: Tails, *, siblings: Siblings | None = None, above: int = 0
) -> list[bytes]:
    """What :func:`provenance.merkle.inclusion_path` gives; ``tails`` are those of this one log.

    ``siblings`` gives the hashes beside the way of a leaf from one height to another, for those who have them at hand;
    by default ``nodes`` is asked for each. With ``above`` it is only what lies above the complete subtree of that
    height which has the leaf.

    Raises:
        ForgedError: ``index`` is no leaf of a tree of ``size`` leaves.
    """
    if not 0 <= index < size:
        return merkle.inclusion_path(nodes, index, size)
    low, level = 0, size.bit_length() - 1
    left: list[bytes] = []
    while index >= low + (1 << level):
        left.append(nodes(level, low >> level))
        low += 1 << level
        level = (size - low).bit_length() - 1
    if siblings is None:
        path = [nodes(height, (index >> height) ^ 1) for height in range(above, level)]
    else:
        path = siblings(index, above, level)
    end = low + (1 << level)
    if end < size:
        path.append(tails.hash(nodes, end, size))
    return path + left[::-1]


def consistency_path(
    nodes: Nodes, first: int, size: int, tails: Tails, *, siblings: Siblings | None = None
) -> list[bytes]:
    """What :func:`provenance.merkle.consistency_path` gives; ``tails`` and ``siblings`` are as above.

    The last leaf of the tree of ``first`` leaves ends a complete subtree of it, the smallest one that the proof needs:
    it has that subtree, and the way from there to the root of the tree of ``size`` leaves.

    Raises:
        ForgedError: ``first`` is not between 1 and ``size``.
    """
    if not 0 < first < size:
        return merkle.consistency_path(nodes, first, size)
    height = (first & -first).bit_length() - 1
    way = inclusion_path(nodes, first - 1, size, tails, siblings=siblings, above=height)
    return way if first == 1 << height else [nodes(height, (first >> height) - 1), *way]
