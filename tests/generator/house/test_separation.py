"""The thresholds of the correlation test."""

import pytest

pytest.importorskip("scipy")

from generator.house.separation import threshold


@pytest.mark.parametrize(
    ("dimension", "bits", "cosine"), [(1024, 64, 0.2783), (1024, 128, 0.3919), (4096, 128, 0.2019)]
)
def test_thresholds_are_those_of_the_protocol(dimension, bits, cosine):
    assert threshold(dimension, bits) == pytest.approx(cosine, abs=1e-4)
