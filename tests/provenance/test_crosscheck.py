"""The cross-check takes out what a thief put in, and nothing else; its rate stays exact."""

import numpy as np
import pytest

from provenance.calibration import Whitening
from provenance.correlation import cosine, dct2, idct2, log2_false_accept, whitened_cosine
from provenance.crosscheck import WHERE_IT_LIES, Place, cross_cosine, in_place, mean_latent, seek, undo_exchange

SHAPE = (4, 16, 16)


def noise(number):
    return np.random.default_rng(number).standard_normal(SHAPE).astype(np.float32)


def whitening():
    dice = np.random.default_rng(99)
    return Whitening(dice.normal(size=SHAPE).astype(np.float32), np.exp(dice.normal(size=SHAPE)).astype(np.float32))


def picture(known, seed_noise, share=0.4):
    """A latent whose whitened form holds this share of the noise."""
    rest = np.random.default_rng(7).standard_normal(SHAPE)
    white = share * dct2(seed_noise) + np.sqrt(1 - share**2) * rest
    return idct2(white / known.scale + known.mean)


@pytest.mark.parametrize("power", [-1, 0, 1])
def test_noise_that_was_put_in_with_a_weight_for_each_channel_is_taken_out_again(power):
    """Shaped (1 / scale), plain and least damage (scale): what the whitened, the plain and a gentle injection add."""
    known, author, thief = whitening(), noise(1), noise(2)
    honest = picture(known, author)
    weights = np.array([3.0, -1.0, 0.5, 8.0])[:, None, None]
    injected = honest + idct2(weights * known.scale.astype(np.float64) ** power * dct2(thief))
    before = cross_cosine(honest, author, thief, known)
    assert whitened_cosine(injected, author, known) < 0.7 * before
    assert cross_cosine(injected, author, thief, known) == pytest.approx(before, abs=1e-6)
    assert before == pytest.approx(0.4, abs=0.05)


def test_nothing_else_is_taken_out():
    known, author = whitening(), noise(1)
    found = [cross_cosine(picture(known, author), author, noise(number), known) for number in range(2, 12)]
    assert min(found) > whitened_cosine(picture(known, author), author, known) - 0.03


def test_without_a_whitening_the_noise_itself_is_taken_out():
    author, thief = noise(1), noise(2)
    share = [[[float((a * t).sum() / np.square(t).sum())]] for a, t in zip(author, thief, strict=True)]
    rest = author - np.array(share) * thief
    assert cross_cosine(author + 5 * thief, author, thief, None) == pytest.approx(cosine(rest, author), abs=1e-6)


def test_a_latent_of_nothing_but_the_own_noise_shows_nothing():
    assert cross_cosine(noise(1), noise(2), noise(1), None) == pytest.approx(0.0, abs=0.2)
    assert cross_cosine(np.zeros(SHAPE, np.float32), noise(2), noise(1), whitening()) == pytest.approx(0.0, abs=0.2)
    assert cross_cosine(noise(1), noise(2), np.zeros(SHAPE, np.float32), None) == pytest.approx(
        cosine(noise(1), noise(2))
    )


def test_fresh_seeds_do_as_the_formula_says():
    """Whatever was taken out, the rest is fixed: 1,000 fresh seeds, four places of the tail within 4 deviations."""
    known = whitening()
    latent = picture(known, noise(1)) + idct2(dct2(noise(2)))
    found = np.array([cross_cosine(latent, noise(100 + each), noise(2), known) for each in range(1000)])
    for bits in (1, 2, 4, 6):
        cut = next(t for t in np.linspace(0, 0.5, 5001) if -log2_false_accept(t, latent.size) >= bits)
        expected = 1000 * 2.0**-bits
        assert abs(np.count_nonzero(found >= cut) - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("power", [-1, 0, 1])
def test_an_exchange_of_noises_is_undone(power):
    known, author, thief = whitening(), noise(1), noise(2)
    honest = picture(known, author).astype(np.float32)
    ways = known.scale.astype(np.float64) ** power
    weights = np.array([0.3, 0.6, 0.1, 2.0])[:, None, None]
    exchanged = honest + idct2(weights * ways * (dct2(thief) - 0.7 * dct2(author)))
    undone = undo_exchange(exchanged.astype(np.float32), honest, thief, author, known)
    assert np.abs(exchanged - honest).max() > 0.1
    assert undone == pytest.approx(honest, abs=1e-3)


def test_of_two_works_that_have_nothing_to_do_with_each_other_hardly_anything_is_changed():
    known, author, other = whitening(), noise(1), noise(2)
    honest = picture(known, author).astype(np.float32)
    white = np.random.default_rng(8).standard_normal(SHAPE)
    stranger = idct2(white / known.scale + known.mean).astype(np.float32)
    undone = undo_exchange(stranger, honest, other, author, known)
    before, after = (dct2(each - honest) * known.scale for each in (stranger, undone))
    assert np.square(after).sum() > 0.8 * np.square(before).sum()


PLACES = [WHERE_IT_LIES, Place(mirrored=True), Place(down=3, across=-2), Place(mirrored=True, across=1), Place(down=8)]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_noise_is_found_where_the_latent_was_moved_to(place):
    known, author, thief = whitening(), noise(1), noise(2)
    honest = idct2(0.8 * dct2(author) + 0.6 * np.random.default_rng(7).standard_normal(SHAPE))
    away = np.roll(honest, (place.down, place.across), (1, 2))  # a picture that was moved, then whitened like any other
    moved = idct2(dct2(away[:, :, ::-1] if place.mirrored else away) / known.scale + known.mean)
    c, bits, found = seek(moved + idct2(dct2(thief) / known.scale), author, thief, known)
    assert found == place
    assert c > 0.7
    assert bits == pytest.approx(-log2_false_accept(c, moved.size) - place.cost(16, 16))
    assert np.allclose(in_place(away[:, :, ::-1] if place.mirrored else away, place), honest)


def test_the_words_of_all_places_are_a_code():
    for height, width in ((16, 16), (4, 64), (2, 2)):
        others = Place(down=1).cost(height, width)
        words = (1.0, 2.0, *[others] * (2 * height * width - 2))
        assert (WHERE_IT_LIES.cost(height, width), Place(mirrored=True).cost(height, width)) == words[:2]
        assert sum(2.0**-word for word in words) == pytest.approx(1.0)


def test_fresh_seeds_are_found_no_oftener_in_all_places_together():
    known = whitening()
    latent = picture(known, noise(1)) + idct2(dct2(noise(2)))
    bits = np.array([seek(latent, noise(100 + each), noise(2), known)[1] for each in range(1000)])
    for least in (1, 2, 4, 6):
        assert np.count_nonzero(bits >= least) <= 1000 * 2.0**-least + 4 * np.sqrt(1000 * 2.0**-least)
    assert np.count_nonzero(bits >= 1) > 100  # and the test is not empty


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_nothing_is_found_in_a_broken_latent(value):
    broken = np.full(SHAPE, value, np.float32)
    with np.errstate(all="ignore"):
        assert seek(broken, noise(1), np.zeros(SHAPE, np.float32), None) == (0.0, 0.0, WHERE_IT_LIES)


def test_the_mean_latent_is_the_middle_of_the_whitening():
    known = whitening()
    assert np.allclose(dct2(mean_latent(SHAPE, known)), known.mean, atol=1e-5)
    assert not mean_latent(SHAPE, None).any()


def test_a_picture_that_is_all_noise_of_its_seed_comes_out_of_nothing():
    known, author, thief = whitening(), noise(1), noise(2)
    pale = (idct2(known.mean) + idct2(0.4 * dct2(author) / known.scale)).astype(np.float32)
    nothing = mean_latent(SHAPE, known)
    assert undo_exchange(nothing, pale, thief, author, known) == pytest.approx(pale, abs=1e-4)
    honest = picture(known, author).astype(np.float32)
    left = (dct2(undo_exchange(nothing, honest, thief, author, known) - honest) * known.scale).ravel()
    assert left @ left > 0.7 * np.square(dct2(nothing - honest) * known.scale).sum()
