"""Step 12 in words and figures, and how high a derived work's ancestors let its verdict go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.operation import replaces_source
from provenance.report import Check, Status, Verdict

if TYPE_CHECKING:
    from provenance.ancestors import Ancestry
    from provenance.encoding import Json
    from provenance.lineage import Lineage, Node
    from provenance.report import Figure
    from provenance.work import Work

__all__ = ["check_lineage", "describe_lineage", "verdict_bound"]

_SHOWN = 3
"""Remarks that a sentence repeats; all of them are in the JSON form."""


def check_lineage(lineage: Lineage, ancestry: Ancestry, *, vouched: bool) -> Check:
    """Step 12. A bad ancestor fails the file only where its author vouches for the container that carries it."""
    recipe = lineage.root.recipe
    strangers = f"{len(lineage.strangers)} works are in the manifest that the recipe does not name"
    if recipe.operation is None:
        remarks = [strangers] if lineage.strangers else []
        if recipe.parents:
            remarks.append(f"{len(recipe.parents)} parents are named, but no operation that uses them")
        text = "; ".join(["made from its seed and prompt alone", *(remarks or ["no parents"])])
        return Check(12, Status.WARN if remarks else Status.PASS, text)
    faults = [*lineage.faults, *(f"{key.hex()[:16]}...: {fault}" for key, fault in ancestry.faults.items())]
    figures = _figures(lineage, ancestry, faults)
    head = _headline(lineage, ancestry)
    if faults:
        text = f"{head}; {_some(faults)}"
        return Check(12, Status.FAIL if vouched else Status.WARN, text, figures)
    remarks = [f"{node.named}... is missing: {node.missing}" for node in lineage.missing]
    remarks += [f"{key.hex()[:16]}... {said}" for key, said in ancestry.withdrawn.items()]
    remarks += [
        f"{work.named}... holds nothing of {unused}" for work in lineage.all_works() if (unused := _unused(work))
    ]
    remarks += [f"{key.hex()[:16]}... {said}" for key, said in ancestry.repainted.items()]
    remarks += [_term(parent, derivative) for parent, derivative in _bound_by_terms(lineage)]
    remarks += [f"{node.named}...: {remark}" for node in lineage.nodes.values() for remark in node.remarks]
    remarks += [strangers] if lineage.strangers else []
    outside = len(lineage.outside_sources())
    if outside:
        remarks.insert(0, f"{outside} outside pictures, whose authors nobody proved")
    text = "; ".join([head, _some(remarks)]) if remarks else head
    return Check(12, Status.WARN if remarks else Status.PASS, text, figures)


def verdict_bound(lineage: Lineage, ancestry: Ancestry) -> tuple[Verdict, str] | None:
    """The highest verdict that the ancestors of a derived work allow, and why; None where they allow any."""
    faults = [*lineage.faults, *ancestry.faults.values()]
    if faults:
        return Verdict.CLAIMED, f"an ancestor does not hold: {faults[0]}"
    if lineage.missing:
        node = lineage.missing[0]
        return Verdict.CLAIMED, f"its ancestor {node.named}... is missing: {node.missing}"
    if lineage.outside_sources():
        return Verdict.CONSISTENT, "it goes back to an outside picture, whose author nobody proved"
    unsound = [identifier for identifier in lineage.nodes if identifier not in ancestry.sound]
    if unsound:
        reason = ancestry.open.get(unsound[0], "it was not made again here")
        return Verdict.CONSISTENT, (
            f"of its ancestors {len(unsound)} out of {len(lineage.nodes)} were not shown to come from their own seeds "
            f"({unsound[0].hex()[:16]}...: {reason}); verify --deep makes them again"
        )
    return None


def describe_lineage(lineage: Lineage, ancestry: Ancestry) -> dict[str, Json]:
    """Every work with author, model, terms and standing: the documented JSON form (docs/report.md)."""
    root = lineage.root
    works: list[Json] = [{**_work(root), "generation": 0, "standing": "itself", "faults": [], "remarks": []}]
    for identifier, node in lineage.nodes.items():
        fault = ancestry.faults.get(identifier)
        said = (ancestry.withdrawn.get(identifier), ancestry.repainted.get(identifier))
        remarks = [*node.remarks, *filter(None, said)]
        works.append(
            {
                **({"claim": identifier.hex()} if node.work is None else _work(node.work)),
                "generation": node.generation,
                "standing": _standing(node, ancestry),
                "reason": ancestry.sound.get(identifier) or ancestry.open.get(identifier) or node.missing or None,
                "faults": [*node.faults, *([fault] if fault else [])],
                "remarks": [*remarks],
            }
        )
    outside = {source.pixels.hex(): source.latent.digest.hex() for source in lineage.outside_sources() if source.pixels}
    return {
        "works": works,
        "outside": [{"pixels": pixels, "latent": latent} for pixels, latent in outside.items()],
        "not_named": [each.hex() for each in lineage.strangers],
    }


def _work(work: Work) -> dict[str, Json]:
    claim, recipe = work.claim, work.recipe
    operation = recipe.operation
    return {
        "claim": work.identifier.hex(),
        "title": work.title,
        "authors": [key.hex() for key in claim.authors],
        "model": recipe.model.name,
        "model_digest": recipe.model.digest.hex(),
        "operation": None if operation is None else operation.name,
        "parameters": {} if operation is None else {name: str(value) for name, value in operation.parameters.items()},
        "parents": [parent.hex() for parent in (() if operation is None else operation.parents)],
        "terms": {
            "training": claim.terms.training,
            "derivation": claim.terms.derivation,
            "notice": claim.terms.notice,
        },
        "found": work.origin,
    }


def _standing(node: Node, ancestry: Ancestry) -> str:
    if node.faults or node.identifier in ancestry.faults:
        return "fails"
    if node.work is None:
        return "missing"
    return "made again" if node.identifier in ancestry.sound else "proofs hold"


def _headline(lineage: Lineage, ancestry: Ancestry) -> str:
    operation = lineage.root.recipe.operation
    name = "" if operation is None else operation.name
    count = len(lineage.nodes)
    if not count:
        return f"made by {name} from an outside picture"
    depth = max(node.generation for node in lineage.nodes.values())
    works = f"{count} ancestor{'s' if count > 1 else ''} in {depth} generation{'s' if depth > 1 else ''}"
    again = sum(identifier in ancestry.sound for identifier in lineage.nodes)
    tail = "every one made again or attested" if again == count else f"their proofs were checked, {again} made again"
    return f"made by {name}; {works}: {tail}"


def _figures(lineage: Lineage, ancestry: Ancestry, faults: list[str]) -> dict[str, Figure]:
    bound = _bound_by_terms(lineage)
    operation = lineage.root.recipe.operation
    return {
        "operation": "" if operation is None else operation.name,
        "parents": 0 if operation is None else len(operation.parents),
        "ancestors": len(lineage.nodes),
        "generations": max((node.generation for node in lineage.nodes.values()), default=0),
        "missing": len(lineage.missing),
        "failing": len(faults),
        "made_again": len(ancestry.sound),
        "outside": len(lineage.outside_sources()),
        "not_named": len(lineage.strangers),
        "withdrawn": len(ancestry.withdrawn),
        "derivation_not_allowed": sum(parent.claim.terms.derivation == "notAllowed" for parent, _ in bound),
        "derivation_constrained": sum(parent.claim.terms.derivation == "constrained" for parent, _ in bound),
    }


def _bound_by_terms(lineage: Lineage) -> list[tuple[Work, Work]]:
    """(parent, derivative) where the parent's author did not simply allow derivatives, and is not their author too."""
    found: list[tuple[Work, Work]] = []
    for work in lineage.all_works():
        for identifier in () if work.recipe.operation is None else work.recipe.operation.parents:
            node = lineage.nodes.get(identifier)
            parent = None if node is None else node.work
            if parent is None or parent.claim.terms.derivation == "allowed":
                continue
            if not parent.claim.authors or parent.claim.authors != work.claim.authors:
                found.append((parent, work))
    return found


def _unused(work: Work) -> str:
    """Which sources of a work have no share in it, though it names them; "" where all have one."""
    operation = work.recipe.operation
    if operation is None:
        return ""
    if replaces_source(operation, work.recipe.steps):
        return "its source at this strength"
    if operation.name != "blend":
        return ""
    weights = [value for name, value in operation.parameters.items() if name != "mode"]
    none = sum(not weight for weight in weights) + (len(weights) == 1 and weights[0] == 1)
    return f"{none} of its sources, whose weight is 0" if none else ""


def _term(parent: Work, derivative: Work) -> str:
    terms = parent.claim.terms
    says = "allows no derivatives" if terms.derivation == "notAllowed" else "allows derivatives only as he agrees to"
    notice = f": {terms.notice}" if terms.notice else ""
    return f"the author of {parent.named}... {says}, and {derivative.named}... is one{notice}"


def _some(sentences: list[str]) -> str:
    more = f"; and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    return "; ".join(sentences[:_SHOWN]) + more
