"""What lies below a C2PA manifest: the manifests of works that a picture was made from, and data of our own.

    title                      data of the ingredient
    seedproof-latent           the stored latent of the manifest in which it stands (protocol sections 5 and 11)
    seedproof-outside-latent   the latent of an outside picture, of which no manifest of ours tells
    seedproof-work             a parent that came without a file: its log entry, recipe and latent

The report that is read here repeats what a stranger wrote: nothing in it has any type before it was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provenance.assertion import LABEL
from provenance.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "DATA_TITLES",
    "LATENT_TITLE",
    "OUTSIDE_TITLE",
    "WORK_TITLE",
    "Ingredient",
    "Nested",
    "data_uris",
    "ingredients_below",
    "manifests_from",
    "our_assertion",
]

LATENT_TITLE = "seedproof-latent"
"""Title of the ingredient that carries the stored latent (protocol section 11)."""

OUTSIDE_TITLE = "seedproof-outside-latent"
WORK_TITLE = "seedproof-work"
DATA_TITLES = (LATENT_TITLE, OUTSIDE_TITLE, WORK_TITLE)
"""Ingredients that are data of ours and no works of their own."""

_MAX_INGREDIENTS = 1_000
_MAX_DATA = 1_000
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class Ingredient:
    """One manifest below the active one, ``depth`` 1 for its own ingredients, 2 for theirs.

    ``claim`` is the text of our claim in it, if any, ``assertion`` all that stands around it, ``latent`` what it
    stores. ``failures`` are C2PA codes found when it was taken in and now, by whatever manifest refers to it; a
    signature over an ingredient says that it was used, not that it was good. ``certificate_der`` as of a Container.
    """

    title: str | None
    relationship: str | None
    manifest: str | None
    depth: int
    claim: bytes | None
    failures: tuple[str, ...]
    assertion: dict[str, Any] | None = field(default=None, repr=False)
    latent: bytes | None = field(default=None, repr=False)
    certificate_der: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Nested:
    """What was read beside the report: data of ours by its URI, and signers' certificates by label of the manifest."""

    data: Mapping[str, bytes] = field(default_factory=dict)
    certificates: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reference:
    """One entry of the manifest ``owner``, which names the manifest ``label``, or None."""

    owner: str
    entry: Mapping[str, Any]
    label: str | None
    depth: int


def data_uris(manifests: object, active: str) -> dict[str, list[str]]:
    """URIs of our own data by title, in the active manifest and in all below it, each stored in its own manifest.

    Of a manifest that stores two latents neither counts.
    """
    known = as_object(manifests)
    found: dict[str, list[str]] = {title: [] for title in DATA_TITLES}
    for label in manifests_from(manifests, active):
        for title, uris in _stored(as_object(known.get(label)), label).items():
            if title != LATENT_TITLE or len(uris) == 1:
                found[title] += uris
    return {title: uris[:_MAX_DATA] for title, uris in found.items()}


def manifests_from(manifests: object, label: str) -> list[str]:
    """Labels of a manifest and of all below it, each once."""
    references = _references(as_object(manifests), label)
    return list(dict.fromkeys((label, *(each.label for each in references if each.label is not None))))


def ingredients_below(
    manifests: object, active: str, deltas: list[Mapping[str, Any]], nested: Nested
) -> tuple[Ingredient, ...]:
    """Every ingredient that is not data of ours; of a manifest that several name, the one nearest to the file."""
    known = as_object(manifests)
    found: list[Ingredient] = []
    place: dict[str, int] = {}
    for reference in _references(known, active):
        label, failures = reference.label, _failures(reference, deltas)
        if label is not None and label in place:
            first = found[place[label]]
            merged = tuple(dict.fromkeys((*first.failures, *failures)))
            found[place[label]] = replace(first, failures=merged)
            continue
        if len(found) >= _MAX_INGREDIENTS:
            break
        if label is not None:
            place[label] = len(found)
        found.append(_ingredient(reference, as_object(known.get(label or "")), failures, nested))
    return tuple(found)


def our_assertion(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The data of our assertion in a manifest, None without one that its signer calls his own.

    Raises:
        EncodingError: it stands there twice.
    """
    # Only an assertion that the signer marks as created is his statement (C2PA 2.x, section 10.3); others are hearsay.
    found = [each for each in map(as_object, as_list(manifest.get("assertions"))) if each.get("label") == LABEL]
    if len(found) > 1:
        raise EncodingError(f"manifest: {len(found)} assertions are labelled {LABEL}")
    if not found or found[0].get("created") is not True:
        return None
    return dict(as_object(found[0].get("data")))


def as_object(value: object) -> Mapping[str, Any]:
    """The value itself where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """The value itself where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """The value itself where it is a string."""
    return value if isinstance(value, str) else None


def codes_of(statuses: object) -> list[str]:
    """The status codes in a list of the report."""
    return [code for each in as_list(statuses) if (code := as_text(as_object(each).get("code"))) is not None]


def _references(known: Mapping[str, Any], active: str) -> Iterator[_Reference]:
    """Breadth first, into each manifest once: stores may be nested, and a hostile one may point in circles."""
    level, seen, depth = [active], set[str](), 1
    while level:
        below: list[str] = []
        for owner in level:
            for entry in map(as_object, as_list(as_object(known.get(owner)).get("ingredients"))):
                if entry.get("title") in DATA_TITLES:
                    continue
                label = as_text(entry.get("active_manifest"))
                yield _Reference(owner, entry, label, depth)
                if label is not None and label not in seen:
                    seen.add(label)
                    below.append(label)
        level, depth = below, depth + 1


def _ingredient(
    reference: _Reference, manifest: Mapping[str, Any], failures: tuple[str, ...], nested: Nested
) -> Ingredient:
    label = reference.label or ""
    try:
        assertion = our_assertion(manifest)
        claim = as_text((assertion or {}).get("claim"))
        data = None if claim is None else claim.encode("utf-8")
    except (EncodingError, UnicodeEncodeError):
        assertion = data = None
    latents = _stored(manifest, label).get(LATENT_TITLE, [])
    return Ingredient(
        title=as_text(reference.entry.get("title")),
        relationship=as_text(reference.entry.get("relationship")),
        manifest=reference.label,
        depth=reference.depth,
        claim=data,
        failures=failures,
        assertion=None if data is None else assertion,
        latent=nested.data.get(latents[0]) if len(latents) == 1 else None,
        certificate_der=nested.certificates.get(label),
    )


def _stored(manifest: Mapping[str, Any], label: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in map(as_object, as_list(manifest.get("ingredients"))):
        uri = as_text(as_object(entry.get("data")).get("identifier")) or ""
        title = entry.get("title")
        if isinstance(title, str) and title in DATA_TITLES and uri.startswith(f"self#jumbf=/c2pa/{label}/"):
            found.setdefault(title, []).append(uri)
    return found


def _failures(reference: _Reference, deltas: list[Mapping[str, Any]]) -> tuple[str, ...]:
    results = as_object(reference.entry.get("validation_results"))
    then = codes_of(as_object(results.get("activeManifest")).get("failure"))
    label = as_text(reference.entry.get("label"))
    where = f"self#jumbf=/c2pa/{reference.owner}/c2pa.assertions/{label}"
    now = [
        code
        for delta in deltas
        if label and delta.get("ingredientAssertionURI") == where
        for code in codes_of(as_object(delta.get("validationDeltas")).get("failure"))
    ]
    return tuple(dict.fromkeys(code for code in (*then, *now) if code != _UNTRUSTED))
