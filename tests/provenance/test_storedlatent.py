"""Stored latents: exact for every integer, small for smooth ones, strict and bounded when read."""

import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from provenance import storedlatent
from provenance.errors import EncodingError, InvalidError, LimitError, UsageError
from provenance.storedlatent import decode_latent, encode_latent

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
LATENTS = hnp.arrays(np.int16, SHAPES, elements=st.integers(-32768, 32767))


def stored(q, predictor, frame=None, *, shape=None, magic=b"SPL1"):
    """A stored form as the specification words it, value by value."""
    channels, height, width = q.shape
    codes = []
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                left = int(q[c, y, x - 1]) if x else 0
                up = int(q[c, y - 1, x]) if y else 0
                corner = int(q[c, y - 1, x - 1]) if x and y else 0
                guess = [0, left, up, left + up - corner][predictor % 4]
                residual = (int(q[c, y, x]) - guess) & 0xFFFF
                signed = residual - 0x10000 if residual & 0x8000 else residual
                codes.append(signed * 2 if signed >= 0 else -signed * 2 - 1)
    planes = bytes(code & 255 for code in codes) + bytes(code >> 8 for code in codes)
    frame = zstandard.ZstdCompressor().compress(planes) if frame is None else frame
    return magic + struct.pack(">BIII", predictor, *(shape or q.shape)) + frame


@given(LATENTS)
@settings(max_examples=200, deadline=None)
def test_round_trip_is_exact(q):
    back = decode_latent(encode_latent(q))
    assert back.dtype == np.int16
    assert np.array_equal(back, q)


@given(LATENTS, st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_every_predictor_is_read_as_the_specification_words_it(q, predictor):
    assert np.array_equal(decode_latent(stored(q, predictor)), q)


def test_the_whole_range_survives():
    q = np.arange(-32768, 32768, dtype=np.int16).reshape(4, 128, 128)
    for each in (q, q[:, ::-1, ::-1], np.roll(q, 7, axis=2)):
        assert np.array_equal(decode_latent(encode_latent(each)), each)


@pytest.mark.parametrize(("axes", "predictor"), [((), 0), ((2,), 1), ((1,), 2), ((1, 2), 3)])
def test_the_best_predictor_is_chosen(axes, predictor):
    walk = np.random.default_rng(0).integers(-3, 4, (2, 64, 64))
    for axis in axes:
        walk = walk.cumsum(axis=axis)
    assert encode_latent(walk.astype(np.int16))[4] == predictor


def test_noise_costs_its_entropy_and_smooth_latents_less():
    random = np.random.default_rng(0).standard_normal((4, 64, 64))
    rough = encode_latent(np.round(random * 8).astype(np.int16))
    assert len(rough) * 8 / random.size < 5.3  # entropy: 5.04 bits
    smooth = encode_latent(np.round(np.cumsum(np.cumsum(random, 1), 2)).astype(np.int16))
    assert len(smooth) * 8 / random.size < 4


@pytest.mark.parametrize(
    "q",
    [
        np.zeros((2, 2), np.int16),
        np.zeros((1, 2, 2), np.int32),
        np.zeros((0, 2, 2), np.int16),
        np.zeros((65, 1, 1), np.int16),
        np.zeros((1, 1025, 1), np.int16),
        np.zeros((64, 1024, 65), np.int16),
    ],
)
def test_other_arrays_are_refused(q):
    with pytest.raises(UsageError):
        encode_latent(q)


Q = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
FRAME = encode_latent(Q)[17:]
ZEROS = bytes(48)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EncodingError),
        (b"SPL1", EncodingError),
        (stored(Q, 0, magic=b"SPL2"), EncodingError),
        (stored(Q, 4), EncodingError),
        (stored(Q, 0, shape=(0, 3, 4)), LimitError),
        (stored(Q, 0, shape=(65, 1, 1)), LimitError),
        (stored(Q, 0, shape=(2**32 - 1, 2**32 - 1, 2**32 - 1)), LimitError),
        (stored(Q, 0, shape=(64, 1024, 65)), LimitError),
        (stored(Q, 0, shape=(2, 4, 4)), EncodingError),
        (stored(Q, 0, shape=(2, 3, 3)), EncodingError),
        (stored(Q, 0) + b"\0", EncodingError),
        (stored(Q, 0)[:-1], EncodingError),
        (stored(Q, 0) + zstandard.ZstdCompressor().compress(b"x"), EncodingError),
        (stored(Q, 0, b""), EncodingError),
        (stored(Q, 0, b"rubbish that is no frame"), EncodingError),
        (stored(Q, 0, zstandard.ZstdCompressor(write_content_size=False).compress(ZEROS)), EncodingError),
        (stored(Q, 0, b"\x50\x2a\x4d\x18" + struct.pack("<I", 48) + ZEROS), EncodingError),
    ],
    ids=[
        "empty", "no header", "magic", "predictor", "no channels", "channels", "huge", "values", "too short",
        "too long", "byte after", "cut off", "frame after", "no frame", "no zstd", "no size", "skippable frame",
    ],
)  # fmt: skip
def test_damaged_forms_are_refused(data, error):
    with pytest.raises(error):
        decode_latent(data)


def test_a_frame_that_unpacks_to_more_than_it_declares_is_refused():
    big = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(2**26))
    # A single-segment header that declares 48 bytes, in front of the blocks of 64 MiB.
    blocks = big[6:]
    with pytest.raises(EncodingError):
        decode_latent(stored(Q, 0, b"\x28\xb5\x2f\xfd\x20\x30" + blocks))


def test_a_window_beyond_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(storedlatent, "_MAX_WINDOW", 16)
    with pytest.raises(LimitError, match="window"):
        decode_latent(stored(Q, 0, zstandard.ZstdCompressor().compress(ZEROS)))


@given(st.binary(max_size=120), st.integers(0, 60), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_only_our_errors_leave_the_decoder(tail, at, byte):
    honest = bytearray(encode_latent(Q))
    honest[at % len(honest)] ^= byte
    for data in (tail, b"SPL1" + tail, bytes(honest[:17]) + tail, bytes(honest), bytes(honest) + tail[:1]):
        try:
            decode_latent(data)
        except InvalidError:
            continue
