"""Thumbnails of parents: small whatever the picture, shown by readers of C2PA, and evidence of nothing."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from provenance.errors import UsageError
from provenance.kept import kept_remix
from provenance.manifest import read_container, read_data
from provenance.report import Verdict
from provenance.thumbnail import MAX_SIDE, MAX_THUMBNAIL_BYTES, thumbnail
from tests.support.remixes import blend, image_to_image, judge, original, remix


@pytest.mark.parametrize("size", [(1, 1), (128, 128), (700, 300), (8, 8192)])
def test_the_hardest_picture_stays_within_its_bounds(size):
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    made = thumbnail(noise)
    assert len(made) <= MAX_THUMBNAIL_BYTES
    image = Image.open(io.BytesIO(made))
    assert image.format == "JPEG"
    assert max(image.size) <= MAX_SIDE
    assert not image.getexif()


def test_a_picture_looks_like_itself():
    slope = np.linspace(0, 255, 128).astype(np.uint8)
    rgb = np.stack([np.tile(slope, (128, 1)), np.tile(slope[:, None], (1, 128)), np.full((128, 128), 90, np.uint8)], 2)
    shown = np.asarray(Image.open(io.BytesIO(thumbnail(rgb))).convert("RGB"))
    assert shown.shape == rgb.shape
    assert np.abs(shown.astype(int) - rgb).mean() < 3


def ingredients(data):
    store = read_container(data, "image/png", anchors_pem=None).store
    found = store["manifests"][store["active_manifest"]]["ingredients"]
    return [each for each in found if each["relationship"] != "inputTo"]


def test_readers_find_one_with_every_parent_and_keep_it_when_the_manifest_is_rebuilt():
    one, two = original(1), original(2)
    child = blend(3, one, two)
    uris = [each["thumbnail"]["identifier"] for each in ingredients(child.data)]
    shown = read_data(child.data, "image/png", uris)
    assert [shown[uri] for uri in uris] == [one.parent.thumbnail, two.parent.thumbnail]
    kept = kept_remix(child.data).parents
    assert [each.thumbnail for each in kept] == [one.parent.thumbnail, two.parent.thumbnail]
    again = remix(3, child.recipe.operation, [one, two], carried=kept, changes={"steps": 1})
    assert [each.thumbnail for each in kept_remix(again.data).parents] == [each.thumbnail for each in kept]


def test_a_false_thumbnail_changes_no_verdict():
    parent = original(1)
    black = thumbnail(np.zeros((64, 64, 3), np.uint8))
    child = image_to_image(2, parent, carried=(replace(parent.parent, thumbnail=black),))
    assert judge(child.data, deep=True).verdict is Verdict.AUTHENTIC


def test_one_without_bounds_is_not_signed():
    parent = original(1)
    with pytest.raises(UsageError, match="thumbnail"):
        image_to_image(2, parent, carried=(replace(parent.parent, thumbnail=bytes(MAX_THUMBNAIL_BYTES + 1)),))
