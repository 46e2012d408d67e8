"""The arithmetic of the generator's benchmarks: what counts as provenance's own, and curves that go the right way."""

import math
from itertools import pairwise

import numpy as np
import pytest

from benchmarks import besidebare, common, latent_curve
from provenance.latent import relative_steps

RNG = np.random.default_rng(3)


class Clock:
    """A clock that stands still unless it is moved."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def process_time(self):
        return self.now / 2

    def act(self, sampling, decoding, outside):
        """Something that takes these milliseconds, half of them of the processor, and tells of the first two."""

        def done(_count):
            self.now += (sampling + decoding + outside) / 1e3
            inside = (sampling + decoding) / 1e3
            return besidebare.Inside(sampling / 1e3, decoding / 1e3, inside / 2)

        return done


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(common, "time", clock)
    monkeypatch.setattr(besidebare, "time", clock)
    return clock


def test_what_is_outside_of_sampler_and_decoder_is_provenances_own_less_the_bare_png(clock):
    found = besidebare._in_turn(clock.act(300, 20, 5), clock.act(310, 22, 14), 1, 3)
    assert found["bare_ms"]["median"] == 325
    assert found["ours_ms"]["median"] == 346
    assert found["ours_minus_bare_ms"] == 21
    assert found["provenance_ms"] == 9
    assert found["provenance_processor_ms"] == 4.5
    assert found["provenance_share"] == pytest.approx(9 / 325, abs=1e-5)
    assert found["of_that_decoding_alone_ms"] == 0


def test_in_a_batch_each_pictures_share_counts_and_that_it_is_decoded_alone(clock):
    found = besidebare._in_turn(clock.act(1000, 60, 20), clock.act(1000, 68, 56), 4, 2)
    assert found["bare_ms"]["median"] == 270
    assert found["of_that_decoding_alone_ms"] == 2
    assert found["provenance_ms"] == 11
    assert found["ours_minus_bare_ms"] == 11


def test_a_watched_pipeline_tells_its_times_once_and_is_else_what_it_was(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(besidebare, "time", clock)

    class Pipeline:
        max_tokens = 77

        def sample(self, noise, *, steps):
            clock.now += steps
            return noise + 1

        def decode(self, latent):
            clock.now += 0.5
            raise ValueError(latent)

    watched = besidebare.Watched(Pipeline())
    assert watched.max_tokens == 77
    assert watched.sample(1, steps=3) == 2
    with pytest.raises(ValueError, match="9"):
        watched.decode(9)
    assert watched.take() == besidebare.Inside(3, 0.5, 1.75)
    assert watched.take() == besidebare.Inside()


@pytest.fixture(scope="module")
def curve():
    latents = [latent_curve.natural_field(RNG.standard_normal((3, 24, 24)).astype(np.float32)) for _ in range(2)]
    quantisers = {
        "relative": lambda latent: relative_steps(latent, latent_curve.RELATIVE),
        "one step": latent_curve.one_step,
    }
    return latent_curve.curve(latents, quantisers, latent_curve.signal_to_noise)


@pytest.mark.parametrize("name", ["relative", "one step"])
def test_coarser_steps_cost_fewer_bits_and_more_decibels(curve, name):
    rows = [row for row in curve if row["quantiser"] == name]
    assert [row["factor"] for row in rows] == list(latent_curve.FACTORS)
    for finer, coarser in pairwise(rows):
        assert finer["db"] > coarser["db"]
        for coder in latent_curve.coders():
            assert finer["bits"][coder] > coarser["bits"][coder]


def test_decibels_are_those_of_an_even_error_within_a_step(curve):
    """Noise of a quantiser with step s is s^2 / 12."""
    usual = next(row for row in curve if row["quantiser"] == "relative" and row["factor"] == 1.0)
    assert usual["db"] == pytest.approx(10 * math.log10(12 / latent_curve.RELATIVE**2), abs=0.3)


def test_of_smooth_latents_our_coder_needs_least(curve):
    for row in curve[:-1]:
        ours = row["bits"]["ours"]
        assert all(ours < row["bits"][other] for other in ("zstd", "zlib", "lzma"))


def test_half_precision_is_the_last_row_and_costs_most(curve):
    assert curve[-1]["quantiser"] == "float16"
    assert curve[-1]["bits"]["zstd"] > max(row["bits"]["ours"] for row in curve[:-1])


def test_entropy_of_single_values():
    values = np.repeat(np.array([1, 2, 3, 4], np.int16), 8)
    assert latent_curve._entropy(values) == 64
    assert latent_curve._entropy(np.zeros(9, np.int16)) == 0


def test_scaled_steps_are_exact():
    steps = relative_steps(np.ones((2, 4, 4), np.float32) * np.arange(16).reshape(4, 4), 0.1)
    assert [str(step) for step in latent_curve.scaled(steps, 0.7)] == [str(step * 7 / 10) for step in steps]


def test_a_field_of_natural_amplitudes_has_unit_spread_and_smooth_neighbours():
    white = RNG.standard_normal((2, 32, 32)).astype(np.float32)
    field = latent_curve.natural_field(white)
    assert field.std(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-5)
    assert np.abs(np.diff(field, axis=2)).mean() < 0.7 * np.abs(np.diff(white, axis=2)).mean()


def test_a_plot_is_drawn(curve, tmp_path):
    latent_curve.plot({"a": curve, "b": curve}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
