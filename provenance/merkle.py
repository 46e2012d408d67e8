r"""Merkle trees of a transparency log: hashing, inclusion and consistency, after RFC 6962, section 2.1.

::

    leaf_hash(entry)       = SHA-256(0x00 || entry)
    node_hash(left, right) = SHA-256(0x01 || left || right)
    MTH([])                = SHA-256("")
    MTH(D[0:n])            = node_hash(MTH(D[0:k]), MTH(D[k:n])),  k the largest power of two below n

Only *complete* subtrees are ever stored: ``nodes(level, i)`` is the hash over the leaves [i 2^level, (i+1) 2^level).
They never change once they exist, so a log appends and proves in O(log n). Worked example, 7 leaves a..g::

                 root
               /      \
             h          m         complete: a..g (level 0); i j k at level 1, h at level 2
           /   \       / \        m = node_hash(k, g) is not complete: it is computed when needed
          i     j     k   g       inclusion path of e (index 4): [f, g, h]
         / \   / \   / \          consistency path 3 -> 7: [c, d, i, m]
        a   b c   d e   f
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provenance.errors import ForgedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Nodes = Callable[[int, int], bytes]

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "appended_nodes",
    "check_consistency",
    "check_inclusion",
    "consistency_path",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "nodes_of",
    "root",
    "tree_root",
]

HASH_SIZE = 32
"""Bytes of every hash in the tree."""

_INNER = hashlib.sha256(b"\x01")

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one leaf: the prefix 0x00 keeps leaves apart from inner nodes (second preimages)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node over its two children."""
    state = _INNER.copy()  # quicker than to begin one: OpenSSL looks the algorithm up each time
    state.update(left + right)
    return state.digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over these leaf hashes, computed from all of them."""
    return tree_root(nodes_of(hashes), len(hashes))


def nodes_of(hashes: Sequence[bytes]) -> Nodes:
    """Complete subtrees over a list of leaf hashes held in memory, each computed once."""
    levels: list[list[bytes]] = [list(hashes)]

    def node(level: int, index: int) -> bytes:
        while len(levels) <= level:
            below = levels[-1]
            levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
        return levels[level][index]

    return node


def tree_root(nodes: Nodes, size: int) -> bytes:
    """Root of the tree of ``size`` leaves; reads one stored node for each set bit of ``size``."""
    if size < 0:
        raise ForgedError(f"a tree cannot have {size} leaves")
    return EMPTY_ROOT if size == 0 else _range_hash(nodes, 0, size)


def appended_nodes(nodes: Nodes, index: int, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The complete subtrees that the new leaf at ``index`` finishes, as (level, index, hash), lowest first.

    The leaf itself is the first. An odd node completes its parent with the left sibling, which is already stored.
    """
    level, value = 0, leaf
    yield level, index, value
    while index & 1:
        value = node_hash(nodes(level, index - 1), value)
        level, index = level + 1, index >> 1
        yield level, index, value


def inclusion_path(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """PATH(index, D[0:size]) of RFC 6962, section 2.1.1: sibling hashes from the leaf to the root.

    Raises:
        ForgedError: ``index`` is no leaf of a tree of ``size`` leaves.
    """
    _check_index(index, size)
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_hash(nodes, middle, high))
            high = middle
        else:
            path.append(_range_hash(nodes, low, middle))
            low = middle
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash ``leaf`` stands at ``index`` in the tree of ``size`` leaves (RFC 9162, section 2.1.3.2).

    Raises:
        ForgedError: index out of range, a path of another length than this position has, or another root.
    """
    _check_index(index, size)
    # At each level the leaf's ancestor has a sibling, unless it is the last node of a level with an odd count.
    position, last = index, size - 1
    value = leaf
    rest = iter(path)
    while last > 0:
        if position & 1 or position < last:
            sibling = next(rest, None)
            if sibling is None or len(sibling) != HASH_SIZE:
                raise ForgedError("inclusion proof: the path is too short, or holds something that is no hash")
            value = node_hash(sibling, value) if position & 1 else node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    if next(rest, None) is not None:
        raise ForgedError("inclusion proof: the path is too long for this index and tree size")
    if value != root:
        raise ForgedError("inclusion proof: it does not lead to the root of the checkpoint")


def consistency_path(nodes: Nodes, first: int, size: int) -> list[bytes]:
    """PROOF(first, D[0:size]) of RFC 6962, section 2.1.2: that the tree of ``first`` leaves is a prefix.

    Raises:
        ForgedError: ``first`` is not between 1 and ``size``.
    """
    _check_prefix(first, size)
    path: list[bytes] = []
    low, high = 0, size
    # SUBPROOF: go down towards the right edge of the old tree. While low is 0 the verifier knows the old root himself.
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            path.append(_range_hash(nodes, middle, high))
            high = middle
        else:
            path.append(_range_hash(nodes, low, middle))
            low = middle
    if low > 0:
        path.append(_range_hash(nodes, low, high))
    return path[::-1]


def check_consistency(first: int, size: int, first_root: bytes, root: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree of ``first`` leaves is a prefix of that of ``size`` leaves (RFC 9162, section 2.1.4.2).

    Raises:
        ForgedError: sizes out of order, a path of another length, or either root does not follow from it.
    """
    _check_prefix(first, size)
    if first == size:
        if path or first_root != root:
            raise ForgedError("consistency proof: two checkpoints of one size must have one root and an empty proof")
        return
    if any(len(value) != HASH_SIZE for value in path):
        raise ForgedError("consistency proof: it holds something that is no hash")
    # A complete old tree is itself a node of the new one; the proof leaves it out.
    rest = iter([first_root, *path] if first & (first - 1) == 0 else path)
    position, last = first - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = next(rest, b"")
    while last > 0:
        if position & 1 or position < last:
            sibling = next(rest, None)
            if sibling is None:
                raise ForgedError("consistency proof: it is too short for these tree sizes")
            if position & 1:
                old, new = node_hash(sibling, old), node_hash(sibling, new)
            else:
                new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if next(rest, None) is not None:
        raise ForgedError("consistency proof: it is too long for these tree sizes")
    if old != first_root or new != root:
        raise ForgedError("consistency proof: the older tree is not a prefix of the newer one")


def _split(count: int) -> int:
    """The largest power of two below ``count`` >= 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hash(nodes: Nodes, low: int, high: int) -> bytes:
    """MTH(D[low:high]) for a range that the recursion of MTH produces: ``low`` is a multiple of its complete part."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, low >> level)
    middle = low + _split(count)
    return node_hash(_range_hash(nodes, low, middle), _range_hash(nodes, middle, high))


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise ForgedError(f"inclusion proof: a tree of {size} leaves has no leaf {index}")


def _check_prefix(first: int, size: int) -> None:
    if not 0 < first <= size:
        raise ForgedError(f"consistency proof: a tree of {size} leaves has no prefix of {first} leaves")
