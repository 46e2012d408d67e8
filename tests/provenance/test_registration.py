"""Laying pictures over each other: what was done is found again, what is unrelated stays unlike, the search is bounded."""

import math
import re

import numpy as np
import pytest

pytest.importorskip("cv2")

from provenance.affine import (
    cost,
    freedom,
    from_stretched,
    is_within_bounds,
    snap,
    with_picture_resized,
    with_reference_resized,
)
from provenance.errors import EnvironmentFault
from provenance.likeness import liken, rank
from provenance.registration import register
from provenance.transformed import describe, draw_difference, find_changes
from tests.support import landscapes as do

PICTURE = do.landscape(1)


@pytest.mark.parametrize(
    ("change", "scale", "turn", "covered"),
    [
        (lambda a: a, 1.0, 0.0, 1.0),
        (lambda a: do.jpeg(a, 50), 1.0, 0.0, 1.0),
        (lambda a: do.scaled(a, 0.5), 0.5, 0.0, 1.0),
        (lambda a: do.scaled(a, 2.0), 2.0, 0.0, 1.0),
        (lambda a: do.cropped(a, 0.2), 1.0, 0.0, 0.64),
        (lambda a: do.turned(a, 3), 1.0, -3.0, 0.95),
        (lambda a: do.turned(a, -5), 1.0, 5.0, 0.93),
        (lambda a: do.like_a_platform(do.cropped(a, 0.1)), 0.75, 0.0, 0.81),
        (do.framed, 1.0, 0.0, 1.0),
        (do.lettered, 1.0, 0.0, 1.0),
        (lambda a: np.clip(a * 0.8 + 20, 0, 255).astype(np.uint8), 1.0, 0.0, 1.0),
    ],
)
def test_what_was_done_to_a_picture_is_found_again(change, scale, turn, covered):
    found = register(PICTURE, change(PICTURE))
    assert found.scales == pytest.approx((scale, scale), rel=0.02)
    assert found.turn == pytest.approx(turn, abs=0.6)
    assert found.likeness.covered == pytest.approx(covered, abs=0.06)
    assert found.likeness.correlation > 0.9
    assert not found.mirrored


def test_a_mirror_image_is_told():
    found = register(PICTURE, do.mirrored(PICTURE))
    assert found.mirrored
    assert found.likeness.correlation > 0.99


def test_another_shape_of_the_picture():
    stretched = do.array(do.Image.fromarray(PICTURE).resize((180, 110)))
    found = register(PICTURE, stretched)
    assert found.scales == pytest.approx((180 / 128, 110 / 128), rel=0.02)
    assert "stretched" in describe(PICTURE, found, (110, 180), "PNG")


def test_unrelated_pictures_stay_far_below_copies():
    copy = register(PICTURE, do.like_a_platform(PICTURE)).likeness.bits
    chance = [register(do.landscape(seed), do.like_a_platform(PICTURE)) for seed in (2, 3, 4)]
    assert max(0.0 if each is None else each.likeness.bits for each in chance) < copy / 2


def test_a_flat_picture_lines_up_with_nothing():
    flat = np.full((64, 64, 3), 128, np.uint8)
    for a, b in ((PICTURE, flat), (flat, PICTURE)):
        found = register(a, b)
        assert found is None or found.likeness.bits < 0.1


def test_a_repainted_part_is_shown_where_it_is():
    painted = PICTURE.copy()
    painted[80:110, 20:60] = 255 - painted[80:110, 20:60]
    found = register(PICTURE, do.jpeg(painted, 85))
    changes = find_changes(PICTURE, found)
    left, top, right, bottom = changes.regions[0]
    assert abs(left - 20) < 10
    assert abs(top - 80) < 10
    assert abs(right - 60) < 10
    assert abs(bottom - 110) < 10
    assert 0.04 < changes.share < 0.15
    drawn = draw_difference(PICTURE, found, changes).astype(int)
    reddest = (drawn[..., 0] - drawn[..., 2]) > 60
    assert reddest[85:105, 25:55].mean() > 0.8
    assert reddest[:70].mean() < 0.05
    assert not find_changes(PICTURE, register(PICTURE, do.jpeg(PICTURE, 85))).regions


def test_words_for_a_copy():
    shown = do.cropped(do.scaled(PICTURE, 2.0), 0.2)
    text = describe(PICTURE, register(PICTURE, shown), shown.shape[:2], "JPEG")
    assert re.match(r"JPEG file, scaled (1\.99|2\.0)", text)
    assert "cropped" in text
    assert describe(PICTURE, register(PICTURE, PICTURE), (128, 128), "PNG") == "same size and place"
    framed = do.framed(PICTURE)
    assert "framed" in describe(PICTURE, register(PICTURE, framed), framed.shape[:2], "PNG")


# --- the set of maps ------------------------------------------------------------------------------------------------


def test_resizing_either_side_and_back_changes_nothing():
    matrix = np.array([[0.9, 0.1, 7.0], [-0.1, 1.1, -3.0]])
    assert np.allclose(with_picture_resized(with_picture_resized(matrix, 2, 3), 1 / 2, 1 / 3), matrix)
    assert np.allclose(with_reference_resized(with_reference_resized(matrix, 2, 3), 1 / 2, 1 / 3), matrix)


def test_snapped_maps_lie_on_a_grid_and_move_no_corner_by_more_than_an_eighth():
    sizes = (128, 128), (100, 150)
    matrix = from_stretched(np.array([[0.913, 0.02, 5.1], [-0.03, 1.07, -2.2]]), *sizes)
    snapped = snap(matrix, *sizes)
    corners = np.array([[0, 128, 0], [0, 0, 128], [1, 1, 1]])
    unit = np.array([[150 / 128], [100 / 128]])
    assert (np.abs((snapped - matrix) @ corners) <= unit * 0.1251).all()
    assert np.allclose(snap(snapped, *sizes), snapped)
    assert not np.allclose(snapped, matrix)


def test_all_registrations_are_of_the_counted_set():
    for shown in (PICTURE, do.cropped(PICTURE, 0.2), do.turned(PICTURE, 4), do.framed(PICTURE), do.landscape(9)):
        found = register(PICTURE, shown)
        if found is not None:
            sizes = (128, 128), shown.shape[:2]
            assert is_within_bounds(found.matrix, *sizes)
            assert np.allclose(snap(found.matrix, *sizes), found.matrix, atol=1e-6)


def test_the_count_of_maps_is_no_smaller_than_a_count_by_hand():
    """By hand: four steps a pixel over the box of each of six coordinates, and two mirror images."""
    box = [4.7 * 128, 4.7 * 128, 2.1 * 128, 2.1 * 128, 1.2 * 128, 1.2 * 128]
    assert freedom((128, 128)) >= 1 + sum(math.log2(4 * side) for side in box)
    assert freedom((128, 128)) < 64
    assert freedom((1024, 1024)) == pytest.approx(freedom((128, 128)) + 18, abs=0.1)


SIZES = (128, 128), (100, 150)


def test_the_words_of_all_maps_are_a_code():
    """Kraft: two whole maps; straight ones, counted by hand like the others; and all there are."""
    box = [4.7 * 128, 4.7 * 128, 2.1 * 128, 2.1 * 128]
    assert freedom((128, 128), straight=True) >= 1 + sum(math.log2(4 * side) for side in box)
    assert freedom((128, 128), straight=True) < 44
    words = [from_stretched(np.array(each, float), *SIZES) for each in (WHOLE, CUT, TURNED)]
    whole, cut, turned = (cost(each, *SIZES) for each in words)
    assert whole == 2.0
    assert (
        2 * 2.0**-whole + 2.0 ** (freedom((128, 128), straight=True) - cut) + 2.0 ** (freedom((128, 128)) - turned) <= 1
    )
    assert [cost(each, (100, 150), (128, 128)) == 2.0 for each in words] == [False] * 3  # a word is of its own sizes


WHOLE, CUT, TURNED = (
    [[1, 0, 0], [0, 1, 0]],
    [[0.8, 0, 12.25], [0, 1.2, -6]],
    [[1, 1 / 512, 0], [0, 1, 0]],
)


@pytest.mark.parametrize(
    ("change", "bits"),
    [
        (lambda a: do.jpeg(a, 50), 2),
        (lambda a: do.scaled(a, 0.5), 2),
        (lambda a: do.like_a_platform(a), 2),
        (do.mirrored, 2),
        (lambda a: do.cropped(a, 0.1), 46),
        (do.framed, 46),
        (lambda a: do.turned(a, 3), 65),
    ],
)
def test_what_was_hardly_moved_pays_little_for_its_map(change, bits):
    found = register(PICTURE, change(PICTURE))
    assert bits - 2 < found.cost <= bits
    assert found.cost == cost(found.matrix, (128, 128), change(PICTURE).shape[:2])


def test_a_simpler_map_is_taken_only_where_it_explains_nearly_as_much(monkeypatch):
    shown = do.turned(PICTURE, 1)
    assert register(PICTURE, shown).cost > 46
    monkeypatch.setattr("provenance.registration.NEARLY", 0.0)
    assert register(PICTURE, shown).cost == 2.0


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.3, 0, 0], [0, 1, 0]],
        [[1, 0, 0], [0, 2.6, 0]],
        [[1, 0.2, 0], [0, 1, 0]],
        [[-1, 0, 128], [0, 1, 0]],
        [[1, 0, 300], [0, 1, 0]],
        [[0.94, 0.34, 0], [-0.34, 0.94, 0]],
        [[math.nan, 0, 0], [0, 1, 0]],
    ],
)
def test_maps_beyond_the_bounds_are_refused(matrix):
    assert not is_within_bounds(np.array(matrix, float), (128, 128), (128, 128))


# --- likeness and rank ----------------------------------------------------------------------------------------------


def test_the_worst_fifth_does_not_count():
    seen = np.ones((128, 128), bool)
    spoilt = PICTURE.astype(np.float32)
    spoilt[:20, :70] = 255
    likeness, kept = liken(PICTURE, spoilt, seen)
    assert likeness.correlation > 0.9
    assert kept[:18, :64].mean() < 0.2
    assert liken(PICTURE, spoilt, np.zeros((128, 128), bool))[0].bits == 0.0


def test_less_overlap_is_less_evidence():
    seen = np.ones((128, 128), bool)
    half = seen.copy()
    half[:64] = False
    shown = do.noisy(PICTURE, 10).astype(np.float32)
    assert liken(PICTURE, shown, half)[0].bits < 0.6 * liken(PICTURE, shown, seen)[0].bits


def test_no_rate_is_smaller_than_the_draws_support():
    assert rank(3.0, [0.1] * 9).rate == 0.1
    assert rank(3.0, [0.1] * 99).rate == 0.01
    assert rank(3.0, [0.1, 3.0]).rate == 1.0
    assert rank(3.0, []).rate == 1.0


def test_without_opencv_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(EnvironmentFault, match=r"seedproof\[compare\]"):
        register(PICTURE, PICTURE)
