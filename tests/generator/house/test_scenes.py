"""The training pictures are reproducible, varied, fully painted, and described by what they show."""

import re

import numpy as np
import pytest

pytest.importorskip("skia")

from generator.house.scenes import PICTURE, compose, describe, japanese
from generator.house.scenes.captions import captions
from generator.house.scenes.compose import PLACES
from generator.house.scenes.description import Description
from generator.house.scenes.frames import frame
from generator.house.scenes.lines import ABSCISSAE, envelope, fractal
from generator.house.scenes.palettes import PALETTES, TIME_PHRASES, TIME_WEIGHTS
from generator.house.scenes.sky import paint_sky
from generator.house.scenes.stage import set_stage

PHRASES = {
    phrase
    for place, (paint, _) in PLACES.items()
    for seed in range(60)
    for phrase in paint(set_stage(np.random.default_rng([seed, len(place)])))
}


@pytest.fixture(scope="module")
def scenes():
    return [compose(9, index) for index in range(120)]


def test_the_same_seed_and_index_give_the_same_picture_and_captions():
    first, again = compose(3, 14), compose(3, 14)
    assert first.picture.shape == (PICTURE, PICTURE, 3)
    assert first.picture.dtype == np.uint8
    assert np.array_equal(first.picture, again.picture)
    assert first.what == again.what
    assert describe(3, 14, first.what) == describe(3, 14, again.what)


@pytest.mark.parametrize("other", [(3, 15), (4, 14)])
def test_another_seed_or_index_gives_another_picture(other):
    assert not np.array_equal(compose(3, 14).picture, compose(*other).picture)


def test_captions_are_plain_varied_words_in_two_languages(scenes):
    english, other = zip(*(describe(9, index, scene.what) for index, scene in enumerate(scenes)), strict=True)
    flat = [words for row in english for words in row]
    assert all(re.fullmatch(r"[a-z]+(,? [a-z]+)*", words) for words in flat)
    assert len(set(flat)) > 200
    assert not any(re.search(r"\ba [aeiou]", words) for words in flat)
    assert not any(re.search(r"\ban [^aeiou]", words) for words in flat)
    assert all(re.fullmatch(r"[^a-zA-Z ]+", words) for row in other for words in row)


def test_a_repainted_thing_is_always_told_with_its_colour(scenes):
    told = 0
    for index, scene in enumerate(scenes):
        things = [thing for thing in scene.what.things if thing.colour]
        if scene.place or not things:
            continue
        english, other = describe(9, index, scene.what)
        assert all(things[0].colour in words.split() for words in english)
        assert all(japanese.COLOUR[things[0].colour] in words for words in other)
        told += 1
    assert told > 5


def test_all_kinds_of_pictures_appear(scenes):
    alone = sum(not scene.place for scene in scenes)
    peopled = sum(bool(scene.place and scene.what.things) for scene in scenes)
    assert 20 < alone < 60
    assert 15 < peopled < 60
    assert all(scene.what.things[0].share >= 0.4 for scene in scenes if not scene.place)


def test_layouts_differ_boldly():
    """Large regions decide how much a picture depends on its seed: thumbnails must not resemble each other."""
    small = np.stack([compose(5, i).picture.reshape(8, 16, 8, 16, 3).mean((1, 3)).ravel() for i in range(40)])
    small -= small.mean(0)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    alike = np.abs(small @ small.T)[np.triu_indices(40, 1)]
    assert alike.mean() < 0.45


@pytest.mark.parametrize("place", sorted(PLACES))
def test_each_place_paints_over_the_sky_and_leaves_no_hole(place):
    for seed in range(4):
        stage = set_stage(np.random.default_rng(seed))
        paint_sky(stage)
        before = stage.sheet.pixels.copy()
        names = PLACES[place][0](stage)
        assert names
        assert all(names)
        assert (stage.sheet.pixels[..., 3] == 255).all()
        changed = (stage.sheet.pixels != before).any(-1).mean()
        assert changed > 0.03
        frame(stage)
        assert (stage.sheet.pixels[..., 3] == 255).all()


def test_a_sun_that_the_land_hides_is_not_told():
    hidden = shown = 0
    for index in range(400):
        scene = compose(21, index)
        if scene.place not in {"forest", "city", "mountains"} or scene.what.time not in {"sunset", "day"}:
            continue
        told = any("sun" in word for word in scene.what.sky)
        shown += told
        hidden += not told
    assert shown > 5
    assert hidden > 3


@pytest.mark.parametrize("phrase", sorted(PHRASES))
def test_every_place_has_a_japanese_name(phrase):
    assert japanese.place_name(phrase)


def test_every_word_has_a_japanese_one():
    assert set(japanese.TIME) == set(TIME_PHRASES)
    words = {palette.word for palettes in PALETTES.values() for palette in palettes}
    assert words <= set(japanese.COLOUR)


@pytest.mark.parametrize("time", sorted(TIME_PHRASES))
def test_a_caption_never_tells_another_time_of_day(time):
    own = set(TIME_PHRASES[time])
    foreign = {phrase for other, phrases in TIME_PHRASES.items() if other != time for phrase in phrases} - own
    rng = np.random.default_rng(0)
    what = Description(time, ("a lake",), (), ("clouds",), "fog", "grey")
    for _ in range(60):
        for words in captions(rng, what)[0]:
            assert not any(re.search(rf"\b{phrase}\b", words) for phrase in foreign)


def test_every_time_of_day_has_paint_words_and_weight():
    assert set(PALETTES) == set(TIME_PHRASES) == set(TIME_WEIGHTS)
    assert sum(TIME_WEIGHTS.values()) == pytest.approx(1.0)


def test_lines_stay_in_their_range():
    rng = np.random.default_rng(1)
    for _ in range(50):
        assert envelope(rng).shape == ABSCISSAE.shape
        assert 0.0 <= envelope(rng).min() <= envelope(rng).max() + 1.0 <= 2.0
        assert np.abs(fractal(rng, 3.0)).max() == pytest.approx(1.0)
