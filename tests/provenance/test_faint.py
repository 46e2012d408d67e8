"""What is said of a picture that holds less of its noise than honest ones do."""

import json
from types import SimpleNamespace

import pytest

from provenance.faint import faintness, least_honest


def measured(value):
    return SimpleNamespace(measured=json.dumps({"whitened_cosine": {"min": value}}))


def test_the_least_cosine_of_the_calibrations_pictures_is_read():
    assert least_honest(measured("0.4536")) == 0.4536


@pytest.mark.parametrize(
    "text", ["{}", "[]", "3", '{"whitened_cosine":"none"}', '{"whitened_cosine":{"min":null}}', "no JSON"]
)
def test_a_calibration_that_does_not_say_is_no_fault(text):
    assert least_honest(SimpleNamespace(measured=text)) is None


@pytest.mark.parametrize("value", ["nan", "inf", "-0.2", "0", "1.5"])
def test_nonsense_is_no_bound(value):
    assert least_honest(measured(value)) is None


def test_faint_noise_is_told_and_honest_noise_is_not():
    assert "fainter (cosine 0.284) than in any honest picture of the calibration (0.454)" in faintness(
        {"cosine": 0.284, "honest_least": 0.4536}
    )
    assert faintness({"cosine": 0.5, "honest_least": 0.4536}) == ""
    assert faintness({"cosine": 0.1, "honest_least": None}) == ""
    assert faintness({}) == ""
