"""The training pictures are reproducible, varied, fully painted, and described by what they show."""

import re

import numpy as np
import pytest

pytest.importorskip("skia")

from generator.house.scenes import PICTURE, compose
from generator.house.scenes.captions import Description, caption
from generator.house.scenes.compose import PLACES
from generator.house.scenes.lines import ABSCISSAE, envelope, fractal
from generator.house.scenes.palettes import PALETTES, TIME_PHRASES, TIME_WEIGHTS
from generator.house.scenes.sky import paint_sky
from generator.house.scenes.stage import set_stage


def test_the_same_seed_and_index_give_the_same_picture_and_caption():
    first, words = compose(3, 14)
    again, same = compose(3, 14)
    assert first.shape == (PICTURE, PICTURE, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert words == same


@pytest.mark.parametrize("other", [(3, 15), (4, 14)])
def test_another_seed_or_index_gives_another_picture(other):
    assert not np.array_equal(compose(3, 14)[0], compose(*other)[0])


def test_captions_are_plain_varied_words():
    captions = [compose(9, index)[1] for index in range(60)]
    assert all(re.fullmatch(r"[a-z]+(,? [a-z]+)*", words) for words in captions)
    assert len(set(captions)) > 50
    assert not any(re.search(r"\ba [aeiou]", words) for words in captions)


def test_layouts_differ_boldly():
    """Large regions decide how much a picture depends on its seed: thumbnails must not resemble each other."""
    small = np.stack([compose(5, i)[0].reshape(8, 16, 8, 16, 3).mean((1, 3)).ravel() for i in range(40)])
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


@pytest.mark.parametrize("time", sorted(TIME_PHRASES))
def test_a_caption_never_tells_another_time_of_day(time):
    own = set(TIME_PHRASES[time])
    foreign = {phrase for other, phrases in TIME_PHRASES.items() if other != time for phrase in phrases} - own - {""}
    rng = np.random.default_rng(0)
    what = Description(time, ("a lake",), ("a boat",), ("clouds",), "fog", "grey")
    for _ in range(100):
        words = caption(rng, what)
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
