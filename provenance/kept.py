"""What a signed file says about its parents, for signing it anew: ``publish`` rebuilds the manifest around a receipt.

The parents' files are not at hand any more. Their manifests are taken over byte for byte, with what was found when they
were first taken in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from provenance.chunks import embedded_store
from provenance.errors import InvalidError
from provenance.ingredient import (
    DATA_TITLES,
    OUTSIDE_TITLE,
    WORK_TITLE,
    as_list,
    as_object,
    as_text,
    data_uris,
    manifests_from,
)
from provenance.jumbf import part_of_store
from provenance.manifest import read_container, read_data
from provenance.manifest_parents import Parent, Remix, place_of
from provenance.pixels import media_type_of
from provenance.thumbnail import MAX_THUMBNAIL_BYTES, MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["kept_remix"]


def kept_remix(data: bytes) -> Remix | None:
    """The parents of a signed picture as its manifest carries them, None for a picture that was created.

    Raises:
        InvalidError: the manifest cannot be read, or a parent's place in it cannot be told.
    """
    media_type = media_type_of(data) or ""
    container, store = read_container(data, media_type, anchors_pem=None), embedded_store(data, media_type)
    if container is None or store is None:
        return None
    manifests = as_object(container.store.get("manifests"))
    active = as_text(container.store.get("active_manifest")) or ""
    manifest = as_object(manifests.get(active))
    entries = [as_object(entry) for entry in as_list(manifest.get("ingredients"))]
    stored = read_data(data, media_type, filter(None, (_thumbnail_uri(entry, active) for entry in entries)))
    own = [uri for uri in data_uris(manifests, active)[OUTSIDE_TITLE] if uri.startswith(f"self#jumbf=/c2pa/{active}/")]
    placed: dict[int, Parent] = {}
    for entry in entries:
        title = as_text(entry.get("title")) or ""
        if title in DATA_TITLES and title != WORK_TITLE:
            continue
        place = place_of(as_text(entry.get("instance_id")) or "")
        if place is None or place in placed:
            raise InvalidError("manifest: an ingredient of another program, which cannot be taken over")
        thumbnail = stored.get(_thumbnail_uri(entry, active) or "", b"")
        shown = thumbnail if 0 < len(thumbnail) <= MAX_THUMBNAIL_BYTES else None
        placed[place] = replace(_parent(entry, title, manifests, store, stored), thumbnail=shown)
    if not placed:
        return None
    parents = tuple(placed[place] for place in sorted(placed))
    return Remix(_description(manifest), parents, tuple(stored[uri] for uri in own))


def _parent(
    entry: Mapping[str, Any], title: str, manifests: Mapping[str, Any], store: bytes, stored: Mapping[str, bytes]
) -> Parent:
    media_type = as_text(entry.get("format")) or "application/octet-stream"
    if title == WORK_TITLE:
        return Parent(title, media_type, work=stored[as_text(as_object(entry.get("data")).get("identifier")) or ""])
    label = as_text(entry.get("active_manifest"))
    if label is None:
        return Parent(title, media_type)
    below = manifests_from(manifests, label)
    results = as_object(entry.get("validation_results")) or None
    return Parent(title, media_type, store=part_of_store(store, [*below[1:], label]), results=results)


def _thumbnail_uri(entry: Mapping[str, Any], active: str) -> str | None:
    """Where the active manifest itself keeps this ingredient's thumbnail, if it has one of the kind that we make."""
    told = as_object(entry.get("thumbnail"))
    uri = as_text(told.get("identifier")) or ""
    ours = told.get("format") == MEDIA_TYPE and uri.startswith(f"self#jumbf=/c2pa/{active}/c2pa.assertions/")
    return uri if ours else None


def _description(manifest: Mapping[str, Any]) -> str:
    for assertion in map(as_object, as_list(manifest.get("assertions"))):
        for action in map(as_object, as_list(as_object(assertion.get("data")).get("actions"))):
            if action.get("action") == "c2pa.edited":
                return as_text(action.get("description")) or ""
    return ""
