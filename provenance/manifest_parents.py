"""What the manifest of a derived picture says and carries of its parents: ingredients, actions, thumbnails.

Of a parent's file c2pa-rs takes in the manifest store; of one that came without a file our own data stand there (see
``provenance.ingredient``). Actions name the ingredients that they are about, so a viewer can draw the tree.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provenance.errors import UsageError
from provenance.ingredient import OUTSIDE_TITLE, WORK_TITLE
from provenance.thumbnail import MAX_THUMBNAIL_BYTES, MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DIGITAL_SOURCE",
    "Parent",
    "Remix",
    "add_parents",
    "carried",
    "data_ingredient",
    "edited",
    "place_of",
]

DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for a picture that a model made."""

_COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_PARENT = "seedproof-parent-"
_FORMAT = "application/octet-stream"


@dataclass(frozen=True)
class Parent:
    """One work that a picture was made from, as the manifest carries it: one of ``file``, ``store`` and ``work``, or by
    name alone, for an outside picture whose file is gone.

    Attributes:
        title: shown by viewers.
        media_type: of the parent's file.
        file: the whole file, which c2pa-rs validates while it is taken in.
        store: its manifest store alone, when it was taken in before, with what was found then (``results``).
        work: log entry, recipe and latent of a parent that came without a file (``provenance.bundle``).
        thumbnail: a small JPEG for viewers (``provenance.thumbnail``), or None.
    """

    title: str
    media_type: str
    file: bytes | None = None
    store: bytes | None = None
    results: Mapping[str, Any] | None = None
    work: bytes | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class Remix:
    """What a manifest says about how a derived picture was made.

    Attributes:
        description: the operation in words, for viewers.
        parents: the first was opened and edited, the others were placed into it.
        outside: stored latents of outside pictures.
    """

    description: str
    parents: tuple[Parent, ...]
    outside: tuple[bytes, ...] = ()


def data_ingredient(title: str, identifier: str) -> dict[str, Any]:
    """An ingredient that is data of ours, to be added as the resource ``identifier``."""
    return {
        "title": title,
        "format": _FORMAT,
        "relationship": "inputTo",
        "data": {"format": _FORMAT, "identifier": identifier},
    }


def edited(remix: Remix) -> list[dict[str, Any]]:
    """Actions of a derived picture (C2PA 2.x, section 18.15.4): its first parent was opened, the others were placed."""
    source = _COMPOSITE if remix.outside else DIGITAL_SOURCE
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.opened" if place == 0 else "c2pa.placed", "parameters": {"ingredientIds": [_label(place)]}}
        for place in range(len(remix.parents))
    ]
    actions.insert(1, {"action": "c2pa.edited", "digitalSourceType": source, "description": remix.description})
    return actions


def carried(remix: Remix | None) -> list[dict[str, Any]]:
    """Ingredients that stand in the definition: all but those that are taken in from a file."""
    if remix is None:
        return []
    entries: list[dict[str, Any]] = [
        data_ingredient(OUTSIDE_TITLE, f"{OUTSIDE_TITLE}-{place}") for place in range(len(remix.outside))
    ]
    for place, parent in enumerate(remix.parents):
        entry = {"title": parent.title, "format": parent.media_type, **_shown(place, parent)}
        if parent.work is not None:
            entries.append(data_ingredient(WORK_TITLE, f"{WORK_TITLE}-{place}") | _shown(place, parent))
        elif parent.store is not None:
            store = {"manifest_data": {"format": "application/c2pa", "identifier": f"store-{place}"}}
            results = {} if parent.results is None else {"validation_results": dict(parent.results)}
            entries.append({**entry, **store, **results})
        elif parent.file is None:
            entries.append(entry)
    return entries


def add_parents(builder: Any, remix: Remix | None) -> None:
    """Hand the c2pa ``builder`` everything that :func:`carried` names, and the parents' files.

    Raises:
        UsageError: a thumbnail of more than MAX_THUMBNAIL_BYTES.
    """
    if remix is None:
        return
    for place, latent in enumerate(remix.outside):
        builder.add_resource(f"{OUTSIDE_TITLE}-{place}", io.BytesIO(latent))
    for place, parent in enumerate(remix.parents):
        if parent.thumbnail is not None:
            if len(parent.thumbnail) > MAX_THUMBNAIL_BYTES:
                raise UsageError(f"thumbnail: must have at most {MAX_THUMBNAIL_BYTES} bytes")
            builder.add_resource(_thumbnail(place), io.BytesIO(parent.thumbnail))
        if parent.work is not None:
            builder.add_resource(f"{WORK_TITLE}-{place}", io.BytesIO(parent.work))
        elif parent.store is not None:
            builder.add_resource(f"store-{place}", io.BytesIO(parent.store))
        elif parent.file is not None:
            entry = {"title": parent.title, **_shown(place, parent)}
            builder.add_ingredient(entry, parent.media_type, io.BytesIO(parent.file))


def place_of(label: str) -> int | None:
    """The place of a parent among the parents by its ingredient's instance id, None for one that is none of ours."""
    place = label.removeprefix(_PARENT)
    known = label.startswith(_PARENT) and place.isascii() and place.isdecimal() and len(place) <= len("99")
    return int(place) if known else None


def _shown(place: int, parent: Parent) -> dict[str, Any]:
    label = _label(place)
    relation = {"relationship": "componentOf" if place else "parentOf", "label": label, "instance_id": label}
    if parent.thumbnail is None:
        return relation
    return {**relation, "thumbnail": {"format": MEDIA_TYPE, "identifier": _thumbnail(place)}}


def _label(place: int) -> str:
    return f"{_PARENT}{place}"


def _thumbnail(place: int) -> str:
    return f"thumbnail-{place}"
