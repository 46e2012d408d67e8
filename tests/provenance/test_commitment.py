"""F: secret -> Y -> seed."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.commitment import MAX_INDEX, commit, seed, wrong_seed

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
G_X = bytes.fromhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
scalars = st.integers(1, ORDER - 1)
keys = st.binary(min_size=32, max_size=32)


def test_one_commits_to_the_generator():
    assert commit((1).to_bytes(32, "big")) == G_X


@given(scalars)
def test_parity_does_not_reach_the_seed(secret):
    Y = commit(secret.to_bytes(32, "big"))
    assert commit((ORDER - secret).to_bytes(32, "big")) == Y
    assert len(seed(Y)) == 32


@pytest.mark.parametrize("secret", [bytes(32), ORDER.to_bytes(32, "big"), b"\xff" * 32, b"", bytes(31), bytes(33)])
def test_no_scalar_no_commitment(secret):
    with pytest.raises(ValueError):
        commit(secret)


def test_the_seed_by_hand():
    tag = hashlib.sha256(b"seedproof/v1/seed").digest()
    assert seed(G_X, 258) == hashlib.sha256(tag + tag + G_X + b"\x00\x00\x01\x02").digest()
    assert seed(G_X) == seed(G_X, 0)


@given(keys, st.integers(0, MAX_INDEX), st.integers(0, 255), st.integers(0, MAX_INDEX))
def test_every_bit_of_Y_and_the_index_count(Y, index, bit, other):
    flipped = (int.from_bytes(Y, "big") ^ 1 << bit).to_bytes(32, "big")
    assert seed(flipped, index) != seed(Y, index)
    assert (seed(Y, other) == seed(Y, index)) == (other == index)


@pytest.mark.parametrize(
    ("Y", "index"), [(b"", 0), (bytes(31), 0), (bytes(33), 0), (bytes(32), -1), (bytes(32), 2**32)]
)
def test_out_of_range(Y, index):
    with pytest.raises(ValueError, match=r"^Y must be 32 bytes and the index fit into 32 bits$"):
        seed(Y, index)


def test_the_last_index():
    tag = hashlib.sha256(b"seedproof/v1/seed").digest()
    assert seed(G_X, 2**32 - 1) == hashlib.sha256(tag + tag + G_X + b"\xff" * 4).digest()


def test_a_wrong_seed_by_hand():
    tag = hashlib.sha256(b"seedproof/v1/wrong-seed").digest()
    claim, entropy = bytes(range(32)), b"\x07" * 32
    assert wrong_seed(claim, entropy, 258) == hashlib.sha256(tag + tag + claim + b"\0\0\1\2" + entropy).digest()


def test_wrong_seeds_cannot_be_foreseen():
    claim, entropy = bytes(range(32)), bytes(32)
    wrong = [wrong_seed(claim, entropy, j) for j in range(100)]
    assert len({*wrong, *(seed(G_X, index) for index in range(100))}) == 200
    assert wrong_seed(claim, b"\x01" * 32, 0) != wrong[0]
    assert wrong_seed(bytes(32), entropy, 0) != wrong[0]
    assert wrong_seed(claim, entropy, 0) == wrong[0]
