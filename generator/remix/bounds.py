"""Whether a remix of these works would still be read: what every verifier refuses is found out before it is made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from provenance.chunks import embedded_store
from provenance.errors import InvalidError
from provenance.jumbf import MAX_MANIFESTS, manifest_sizes
from provenance.library import MAX_KEPT_VALUES
from provenance.lineage import MAX_GENERATIONS, MAX_WORKS
from provenance.manifest import MAX_STORE_BYTES
from provenance.thumbnail import MAX_THUMBNAIL_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.remix.opened import Opened

__all__ = ["why_too_large"]

_ADVICE = "start from earlier works, or from fewer"
_OWN_BYTES = 2**18
"""Room for the child's own assertions, which hold its recipe and its claim, and for what surrounds them."""


def why_too_large(opened: Sequence[Opened]) -> str | None:
    """Why nobody would read a work that is made of these: too many ancestors, or manifests beyond what a file holds."""
    nearest = _generations(opened)
    if len(nearest) + 1 > MAX_WORKS:
        return f"with it the lineage has {len(nearest) + 1} works, and no more than {MAX_WORKS} are verified; {_ADVICE}"
    deepest = max(nearest.values(), default=0)
    if deepest > MAX_GENERATIONS:
        return f"its lineage would have {deepest} generations, and {MAX_GENERATIONS} are verified; {_ADVICE}"
    values = math.prod(opened[0].source.latent.shape)
    outside = sum(each.outside is not None for each in opened)
    if (len(nearest) + 1 + outside) * values > MAX_KEPT_VALUES:
        return f"the latents of its lineage have more than {MAX_KEPT_VALUES} values together; {_ADVICE}"
    manifests = _manifests(opened)
    if len(manifests) + 1 > MAX_MANIFESTS:
        return f"it would carry {len(manifests) + 1} manifests, and {MAX_MANIFESTS} are read; {_ADVICE}"
    data = [each.carried.work or each.outside or b"" for each in opened]
    size = sum(manifests.values()) + sum(map(len, data)) + len(opened) * MAX_THUMBNAIL_BYTES + 2 * values + _OWN_BYTES
    if size > MAX_STORE_BYTES:
        return f"it would carry about {size >> 10} KiB of manifests, and {MAX_STORE_BYTES >> 10} are read; {_ADVICE}"
    return None


def _generations(opened: Sequence[Opened]) -> dict[bytes, int]:
    """How far each ancestor would be from the child, by the shortest way; parents have 1."""
    found: dict[bytes, int] = {}
    for each in opened:
        if each.source.claim is None:
            continue
        found[each.source.claim] = 1
        made = each.material.recipe
        operation = None if made is None else made.operation
        if each.lineage is not None:
            further = [(node.identifier, node.generation + 1) for node in each.lineage.nodes.values()]
        else:
            further = [(parent, 2) for parent in (() if operation is None else operation.parents)]
        for identifier, generation in further:
            found[identifier] = min(generation, found.get(identifier, generation))
    return found


def _manifests(opened: Sequence[Opened]) -> dict[str, int]:
    """Bytes of every manifest in the works' files, by label: one that several carry is stored once."""
    found: dict[str, int] = {}
    for each in opened:
        store = None if each.carried.file is None else _store(each.carried.file, each.carried.media_type)
        if store is not None:
            found |= manifest_sizes(store)
    return found


def _store(file: bytes, media_type: str) -> bytes | None:
    try:
        return embedded_store(file, media_type)
    except InvalidError:
        return None
