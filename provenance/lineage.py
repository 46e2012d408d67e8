"""The graph of a derived work and its ancestors: which works it was made from, and what speaks against them (step 12).

An edge goes from a work to each claim that its operation starts from. Every work is looked at once, however many others
were made from it, so the time grows with the number of works. A claim's id is the hash of what it says, parents
included, so an honest graph has no circles; one is refused all the same.

What the embedded manifests have is the child's author's word and may condemn it; what was found elsewhere (other
files, a log) only helps: a bad find is passed over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provenance.latent import dequantise
from provenance.ports import Material
from provenance.recipe import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from provenance.library import Library
    from provenance.operation import Source
    from provenance.recipe import Recipe
    from provenance.work import Work

__all__ = ["MAX_GENERATIONS", "MAX_WORKS", "Lineage", "Node", "trace"]

MAX_GENERATIONS = 64
"""Longest way from a work to its ancestors that is followed."""

MAX_WORKS = 256
"""Most works in one lineage, the derived one included."""

_ADVICE = "its manifest is not in this file; name a folder with its file (--dir), or a log that has it (--ledger)"


@dataclass(frozen=True)
class Node:
    """One ancestor; where ``work`` is None, ``missing`` says what to do. ``generation`` 1 is a parent."""

    identifier: bytes
    work: Work | None
    generation: int
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    missing: str = ""

    @property
    def named(self) -> str:
        """How messages name it."""
        return self.identifier.hex()[:16]


@dataclass(frozen=True)
class Lineage:
    """A derived work with all its ancestors.

    Attributes:
        root: the derived work itself.
        nodes: ancestors by claim id, nearest first.
        order: their ids, each after everything that it was made from.
        outside: integers of outside pictures' latents that are at hand, by digest.
        strangers: works in the file that no recipe names.
    """

    root: Work
    nodes: Mapping[bytes, Node] = field(default_factory=dict)
    order: tuple[bytes, ...] = ()
    outside: Mapping[bytes, NDArray[np.int16]] = field(default_factory=dict)
    strangers: tuple[bytes, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that should hold of an ancestor and does not."""
        return tuple(f"{node.named}...: {fault}" for node in self.nodes.values() for fault in node.faults)

    @property
    def missing(self) -> tuple[Node, ...]:
        """Ancestors that are not at hand."""
        return tuple(node for node in self.nodes.values() if node.work is None and not node.faults)

    def all_works(self) -> Iterator[Work]:
        """The derived work, then its ancestors that are at hand."""
        yield self.root
        yield from (node.work for node in self.nodes.values() if node.work is not None)

    def outside_sources(self) -> tuple[Source, ...]:
        """Every outside picture that any of the works starts from."""
        return tuple(
            source
            for work in self.all_works()
            if work.recipe.operation is not None
            for source in work.recipe.operation.sources
            if source.claim is None
        )

    def materials(self, recipe: Recipe) -> tuple[tuple[Material, ...], str]:
        """What this recipe's operation starts from, in order; or nothing, and one line on what is lacking."""
        found: list[Material] = []
        for source in recipe.operation.sources if recipe.operation is not None else ():
            if source.claim is None:
                integers = self.outside.get(source.latent.digest)
                if integers is None:
                    return (), "the latent of an outside picture is not stored in the file"
                found.append(Material(dequantise(integers, source.latent.steps), None, None))
                continue
            node = self.nodes.get(source.claim)
            if node is None or node.work is None:
                reason = "" if node is None else f": {node.missing or 'it does not hold'}"
                return (), f"the parent {source.claim.hex()[:16]}... is missing{reason}"
            if node.work.integers is None:
                return (), f"the latent of the parent {node.named}... is not at hand"
            prompt = node.work.recipe.prompt
            known = prompt if isinstance(prompt, Prompt) else None
            found.append(Material(dequantise(node.work.integers, source.latent.steps), node.work.recipe, known))
        return tuple(found), ""


def trace(root: Work, library: Library, find: Callable[[bytes], tuple[Work | None, str]] | None = None) -> Lineage:
    """The lineage of a work. ``find`` looks elsewhere for claims that the file lacks: (work or None, why not)."""
    nodes: dict[bytes, Node] = {}
    waiting = deque((parent, 1) for parent in _parents(root))
    while waiting:
        identifier, generation = waiting.popleft()
        if identifier in nodes:
            continue
        if len(nodes) + 1 >= MAX_WORKS or generation > MAX_GENERATIONS:
            reason = f"the lineage goes beyond {MAX_WORKS} works or {MAX_GENERATIONS} generations and is not followed"
            nodes[identifier] = Node(identifier, None, generation, missing=reason)
            break
        node = _look_up(identifier, generation, library, find)
        nodes[identifier] = node
        if node.work is not None:
            waiting.extend((parent, generation + 1) for parent in _parents(node.work))
    for work in [root, *(node.work for node in nodes.values() if node.work is not None)]:
        for identifier, fault in _misfits(work, nodes):
            nodes[identifier] = replace(nodes[identifier], faults=(*nodes[identifier].faults, fault))
    order = _order(root, nodes)
    for identifier in nodes.keys() - set(order):
        nodes[identifier] = replace(nodes[identifier], faults=("it is among its own ancestors",))
    strangers = tuple(each for each in library.works if each not in nodes and each != root.identifier)
    return Lineage(root, nodes, order, library.outside, strangers)


def _look_up(
    identifier: bytes,
    generation: int,
    library: Library,
    find: Callable[[bytes], tuple[Work | None, str]] | None,
) -> Node:
    work = library.works.get(identifier)
    if work is not None and work.faults:
        return Node(identifier, work, generation, work.faults, work.remarks)
    if work is None and identifier in library.broken:
        return Node(identifier, None, generation, (f"it cannot be read: {library.broken[identifier]}",))
    if work is not None and work.integers is not None:
        return Node(identifier, work, generation, (), work.remarks)
    advice = library.newer.get(identifier, _ADVICE)
    found, reason = (None, "") if find is None else find(identifier)
    if found is not None and (found.identifier != identifier or found.faults):
        reason = "; ".join(found.faults) or "another work was found in its place"
        found = None
    if found is not None:
        return Node(identifier, found, generation, (), found.remarks)
    if work is not None:
        return Node(identifier, work, generation, (), (*work.remarks, "its latent is not at hand"))
    return Node(identifier, None, generation, missing=reason or advice)


def _misfits(work: Work, nodes: Mapping[bytes, Node]) -> Iterator[tuple[bytes, str]]:
    """What a work says about its parents that they do not bear out, as faults of those parents."""
    for source in work.recipe.operation.sources if work.recipe.operation is not None else ():
        parent = nodes.get(source.claim or b"")
        if parent is None or parent.work is None or source.claim is None:
            continue
        if parent.work.claim.latent != source.latent:
            yield source.claim, f"{work.named}... starts from another latent than the one that was claimed here"
        if parent.work.recipe.model.digest != work.recipe.model.digest:
            yield source.claim, f"its latent is of another model than that of {work.named}..."


def _order(root: Work, nodes: Mapping[bytes, Node]) -> tuple[bytes, ...]:
    """Ancestors first (Kahn's algorithm); what lies on a circle, or before one, is left out."""
    needed: dict[bytes, int] = {}
    children: dict[bytes, list[bytes]] = {}
    for identifier, node in nodes.items():
        parents = [each for each in ([] if node.work is None else _parents(node.work)) if each in nodes]
        needed[identifier] = len(parents) + (root.identifier in ([] if node.work is None else _parents(node.work)))
        for parent in parents:
            children.setdefault(parent, []).append(identifier)
    ready = deque(identifier for identifier, count in needed.items() if not count)
    order: list[bytes] = []
    while ready:
        identifier = ready.popleft()
        order.append(identifier)
        for child in children.get(identifier, ()):
            needed[child] -= 1
            if not needed[child]:
                ready.append(child)
    return tuple(order)


def _parents(work: Work) -> tuple[bytes, ...]:
    return () if work.recipe.operation is None else work.recipe.operation.parents
