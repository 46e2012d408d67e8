"""Calibrations: one encoding, pinned by digest, numbers that make sense."""

import dataclasses
import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.calibration import (
    MAX_CALIBRATION_BYTES,
    Calibration,
    Thresholds,
    Whitening,
    calibration_id,
    format_calibration,
    parse_calibration,
)
from provenance.encoding import canonical
from provenance.errors import InvalidError, LimitError, UnsupportedVersionError

SHAPE = (2, 3, 4)


def make(**changes):
    rng = np.random.default_rng(0)
    whitening = Whitening(
        rng.standard_normal(SHAPE).astype(np.float32), np.exp(rng.standard_normal(SHAPE)).astype(np.float32)
    )
    made = Calibration(
        bytes(32), SHAPE, (Decimal("0.125"), Decimal("0.25")), whitening, Thresholds(0.25, 3.5), '{"pictures":256}'
    )
    return dataclasses.replace(made, **changes)


def edited(**changes):
    return canonical(json.loads(format_calibration(make())) | changes)


def floats(*values):
    return np.array(values, "<f4").tobytes().hex()


def test_survives():
    data = format_calibration(make())
    again = parse_calibration(data)
    assert format_calibration(again) == data
    assert np.array_equal(again.whitening.mean, make().whitening.mean)
    assert np.array_equal(again.whitening.scale, make().whitening.scale)
    assert (again.thresholds, again.steps, again.measured) == (make().thresholds, make().steps, make().measured)
    assert len(calibration_id(data)) == 32


@settings(max_examples=40)
@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_thresholds_survive(a, b):
    if a == b:
        return
    made = make(thresholds=Thresholds(min(a, b), max(a, b)))
    assert parse_calibration(format_calibration(made)).thresholds == made.thresholds


def test_every_part_is_bound_by_the_id():
    scale = make().whitening.scale
    variants = [
        {"model": b"\x01" * 32},
        {"steps": (Decimal("0.125"), Decimal("0.5"))},
        {"thresholds": Thresholds(0.25, 3.75)},
        {"whitening": Whitening(scale, scale)},
        {"measured": "{}"},
    ]
    assert len({calibration_id(format_calibration(make(**change))) for change in ({}, *variants)}) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": {"accept": "3.5", "reject": "0.25"}},
        {"thresholds": {"accept": "1", "reject": "1"}},
        {"thresholds": {"accept": "0", "reject": "1"}},
        {"thresholds": {"accept": "-1", "reject": "1"}},
        {"thresholds": {"accept": "0.1000000000000000055511151231257827", "reject": "1"}},
        {"thresholds": {"accept": "0.5"}},
        {"whitening": {"mean": floats(*[0] * 24), "scale": floats(*[1] * 23, 0)}},
        {"whitening": {"mean": floats(*[0] * 24), "scale": floats(*[1] * 23, -1)}},
        {"whitening": {"mean": floats(*[0] * 24), "scale": floats(*[1] * 23, np.inf)}},
        {"whitening": {"mean": floats(*[0] * 23, np.nan), "scale": floats(*[1] * 24)}},
        {"whitening": {"mean": floats(*[0] * 23), "scale": floats(*[1] * 24)}},
        {"whitening": {"mean": floats(*[0] * 24)}},
        {"shape": [2, 3, 5]},
        {"steps": ["0.1"]},
        {"model": "ab"},
        {"more": 1},
        {"kind": "claim"},
    ],
)
def test_refused(changes):
    with pytest.raises(InvalidError):
        parse_calibration(edited(**changes))
    assert parse_calibration(edited())


def test_a_newer_version_is_unsupported():
    with pytest.raises(UnsupportedVersionError):
        parse_calibration(edited(v=2, more=1))


def test_formatting_is_not_free():
    with pytest.raises(InvalidError):
        parse_calibration(format_calibration(make()) + b"\n")


def test_size_is_limited():
    assert parse_calibration(edited(measured={"notes": "n" * 100_000}))
    with pytest.raises(LimitError):
        parse_calibration(b" " * (MAX_CALIBRATION_BYTES + 1))


def test_what_was_measured_survives_whatever_its_length():
    data = edited(measured={"notes": "n" * 100_000})
    assert format_calibration(parse_calibration(data)) == data


@settings(max_examples=40)
@given(st.data())
def test_mutated_bytes_raise_only_our_errors(data):
    raw = bytearray(format_calibration(make()))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        accepted = parse_calibration(bytes(raw))
    except (InvalidError, UnsupportedVersionError):
        return
    assert format_calibration(accepted) == bytes(raw)
