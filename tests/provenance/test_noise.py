"""Seed -> noise: bit for bit, against RFC 8439 written by hand and against the quantiles themselves."""

import hashlib
import struct
import threading
from pathlib import Path

import mpmath
import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given, settings
from hypothesis import strategies as st

import provenance.noise
from provenance.errors import EnvironmentFault
from provenance.noise import MAX_STREAM_VALUES, TABLE_SHA256, gaussian

TABLE_FILE = Path(provenance.noise.__file__).parent / "data" / "normal-quantiles.f32"
TABLE = np.fromfile(TABLE_FILE, "<f4")
SEED = bytes(range(32))


def chacha_block(key, counter, nonce):
    """The block function of RFC 8439, section 2.3, word by word."""
    state = [
        *struct.unpack("<4I", b"expand 32-byte k"),
        *struct.unpack("<8I", key),
        counter,
        *struct.unpack("<3I", nonce),
    ]
    x = list(state)

    def quarter(a, b, c, d):
        for into, add, turn, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[into] = (x[into] + x[add]) & 0xFFFFFFFF
            x[turn] ^= x[into]
            x[turn] = (x[turn] << bits | x[turn] >> (32 - bits)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for diagonal in range(4):
            quarter(diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, state, strict=True)))


def by_hand(seed, count, stream=0):
    blocks = b"".join(chacha_block(seed, i, stream.to_bytes(12, "little")) for i in range(-(-2 * count // 64)))
    return TABLE[np.frombuffer(blocks[: 2 * count], "<u2")]


def test_the_hand_written_block_is_that_of_the_rfc():
    block = chacha_block(bytes(range(32)), 1, bytes.fromhex("000000090000004a00000000"))
    assert block.hex() == (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    )


@pytest.mark.parametrize("stream", [0, 1, 255, 2**32, 2**95 + 1])
def test_noise_by_hand(stream):
    assert gaussian(SEED, (5, 77), stream=stream).tobytes() == by_hand(SEED, 385, stream).tobytes()


@given(st.binary(min_size=32, max_size=32), st.integers(1, 3000), st.integers(0, 2**96 - 1))
@settings(max_examples=40)
def test_noise_by_another_path(seed, count, stream):
    key_stream = (
        Cipher(ChaCha20(seed, b"\0\0\0\0" + stream.to_bytes(12, "little")), None).encryptor().update(bytes(2 * count))
    )
    assert gaussian(seed, (count,), stream=stream).tobytes() == TABLE[np.frombuffer(key_stream, "<u2")].tobytes()


@pytest.mark.parametrize("count", [1, 2, 2**17 - 1, 2**17, 2**17 + 1, 2**18 + 3])
def test_chunk_borders(count):
    whole = gaussian(SEED, (2**18 + 7,))
    assert np.array_equal(gaussian(SEED, (count,)), whole[:count])
    key_stream = Cipher(ChaCha20(SEED, bytes(16)), None).encryptor().update(bytes(2 * whole.size))
    assert whole.tobytes() == TABLE[np.frombuffer(key_stream, "<u2")].tobytes()


def test_shape_is_in_C_order():
    assert np.array_equal(gaussian(SEED, (2, 3, 4)).ravel(), gaussian(SEED, (24,)))


def test_result_is_fresh_and_writable():
    first = gaussian(SEED, (2, 8))
    kept = first.copy()
    second = gaussian(SEED, (2, 8))
    second += 1
    assert np.array_equal(first, kept)
    assert np.array_equal(gaussian(SEED, (2, 8)), kept)
    assert (first.dtype, first.shape, first.flags.c_contiguous) == (np.float32, (2, 8), True)


@pytest.mark.parametrize("position", range(32))
def test_every_byte_of_the_seed_counts(position):
    other = bytearray(SEED)
    other[position] ^= 0x80
    assert not np.array_equal(gaussian(bytes(other), (64,)), gaussian(SEED, (64,)))


def test_streams_are_unrelated():
    streams = [gaussian(SEED, (4096,), stream=k) for k in range(8)]
    for i, a in enumerate(streams):
        for b in streams[:i]:
            assert abs(float(np.corrcoef(a, b)[0, 1])) < 0.09


def test_is_standard_normal():
    values = gaussian(SEED, (2**20,)).astype(np.float64)
    assert abs(values.mean()) < 0.005
    assert abs(values.std() - 1) < 0.004
    assert abs((values**4).mean() - 3) < 0.05


def test_threads_do_not_disturb_each_other():
    expected = [gaussian(bytes([k]) * 32, (200_000,)).tobytes() for k in range(6)]
    found = [None] * 6

    def work(k):
        found[k] = gaussian(bytes([k]) * 32, (200_000,)).tobytes()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


@pytest.mark.parametrize(
    ("seed", "shape", "stream"),
    [
        (b"", (4,), 0), (bytes(31), (4,), 0), (bytes(33), (4,), 0), (SEED, (), 0), (SEED, (0,), 0), (SEED, (4, 0), 0),
        (SEED, (-1, -4), 0), (SEED, (2**27 + 1,), 0), (SEED, (2**14, 2**14), 0), (SEED, (4,), -1), (SEED, (4,), 2**96),
    ],
)  # fmt: skip
def test_out_of_range(seed, shape, stream):
    with pytest.raises(ValueError):
        gaussian(seed, shape, stream=stream)
    assert MAX_STREAM_VALUES == 2**27


def test_the_table_is_the_pinned_one():
    assert hashlib.sha256(TABLE_FILE.read_bytes()).hexdigest() == TABLE_SHA256
    assert TABLE.shape == (65_536,)
    assert np.array_equal(TABLE, -TABLE[::-1])
    assert (np.diff(TABLE) > 0).all()


@pytest.mark.parametrize("j", [0, 1, 2, 77, 1000, 16_384, 32_767, 32_768, 40_000, 50_001, 65_534, 65_535])
def test_the_table_holds_the_nearest_floats(j):
    with mpmath.workdps(50):
        exact = mpmath.sqrt(2) * mpmath.erfinv(2 * (mpmath.mpf(j) + 0.5) / 65_536 - 1)
        below, above = np.nextafter(TABLE[j], np.float32(-9)), np.nextafter(TABLE[j], np.float32(9))
        gap = abs(mpmath.mpf(float(TABLE[j])) - exact)
        assert gap < abs(mpmath.mpf(float(below)) - exact)
        assert gap < abs(mpmath.mpf(float(above)) - exact)


def test_a_damaged_table_is_refused(monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    data = bytearray(TABLE_FILE.read_bytes())
    data[7] ^= 1
    (tmp_path / "data" / "normal-quantiles.f32").write_bytes(data)
    monkeypatch.setattr("provenance.noise.files", lambda _: tmp_path)
    provenance.noise._table.cache_clear()
    try:
        with pytest.raises(EnvironmentFault, match="damaged"):
            gaussian(SEED, (4,))
    finally:
        provenance.noise._table.cache_clear()
