"""secp256k1 through both implementations: the official BIP-340 vectors first, then properties."""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from btclib_secp256k1 import ssa
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import curve

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
P = 2**256 - 2**32 - 977
VECTORS = Path(__file__).parent.parent / "vectors" / "bip340.csv"
ROWS = list(csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()))
BOTH = pytest.mark.parametrize("verify", [curve.verify, curve.verify_independently])

scalars = st.integers(1, N - 1).map(lambda number: number.to_bytes(32, "big"))


def test_every_official_vector_is_there() -> None:
    assert [row["index"] for row in ROWS] == [str(index) for index in range(19)]
    assert {len(row["message"]) // 2 for row in ROWS} == {0, 1, 17, 32, 100}
    assert {row["verification result"] for row in ROWS} == {"TRUE", "FALSE"}


@BOTH
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["index"])
def test_official_vector_is_judged_as_published(row: dict[str, str], verify) -> None:
    found = verify(bytes.fromhex(row["public key"]), bytes.fromhex(row["message"]), bytes.fromhex(row["signature"]))
    assert found is (row["verification result"] == "TRUE")


@pytest.mark.parametrize("row", [row for row in ROWS if row["secret key"]], ids=lambda row: row["index"])
def test_official_secret_has_the_published_key(row: dict[str, str]) -> None:
    assert curve.public_key(bytes.fromhex(row["secret key"])) == bytes.fromhex(row["public key"])


@pytest.mark.parametrize("row", ROWS[:4], ids=lambda row: row["index"])
def test_the_library_that_we_sign_with_reproduces_the_published_signature(row: dict[str, str]) -> None:
    made = ssa.sign(
        bytes.fromhex(row["message"]), bytes.fromhex(row["secret key"]), bytes.fromhex(row["aux_rand"]), verify=True
    )
    assert made == bytes.fromhex(row["signature"])


@given(secret=scalars, message=st.binary(min_size=32, max_size=32))
@settings(max_examples=40, deadline=None)
def test_what_is_signed_verifies_in_both(secret: bytes, message: bytes) -> None:
    key, signature = curve.public_key(secret), curve.sign(secret, message)
    assert len(key) == 32
    assert len(signature) == 64
    assert curve.verify(key, message, signature)
    assert curve.verify_independently(key, message, signature)


@given(secret=scalars, bit=st.integers(0, 8 * (32 + 32 + 64) - 1))
@settings(max_examples=60, deadline=None)
def test_one_flipped_bit_anywhere_is_refused_by_both(secret: bytes, bit: int) -> None:
    key, message = curve.public_key(secret), bytes(32)
    whole = bytearray(key + message + curve.sign(secret, message))
    whole[bit // 8] ^= 1 << bit % 8
    key, message, signature = bytes(whole[:32]), bytes(whole[32:64]), bytes(whole[64:])
    assert not curve.verify(key, message, signature)
    assert not curve.verify_independently(key, message, signature)


@given(key=st.binary(max_size=70), message=st.binary(max_size=70), signature=st.binary(max_size=70))
@settings(deadline=None)
def test_rubbish_is_refused_without_an_exception(key: bytes, message: bytes, signature: bytes) -> None:
    assert not curve.verify(key, message, signature)
    assert not curve.verify_independently(key, message, signature)


@BOTH
def test_a_compressed_key_is_no_x_only_key(verify) -> None:
    secret, message = bytes(31) + b"\x05", bytes(32)
    key, signature = curve.public_key(secret), curve.sign(secret, message)
    assert verify(key, message, signature)
    assert not verify(b"\x02" + key, message, signature)
    assert not verify(key, message, signature + b"\0")
    assert not verify(key[:31], message, signature)


@BOTH
@pytest.mark.parametrize("excess", [N, P])
def test_numbers_beyond_their_range_have_no_second_spelling(verify, excess: int) -> None:
    row = ROWS[0]
    key, message = bytes.fromhex(row["public key"]), bytes.fromhex(row["message"])
    r, s = bytes.fromhex(row["signature"])[:32], bytes.fromhex(row["signature"])[32:]
    assert verify(key, message, r + s)
    for number, place in ((s, 1), (r, 0), (key, 2)):
        bigger = int.from_bytes(number, "big") + excess
        if bigger < 2**256:
            parts = [r, s, key]
            parts[place] = bigger.to_bytes(32, "big")
            assert not verify(parts[2], message, parts[0] + parts[1])


class FixedHash:
    """SHA-256 with one digest for everything: then signatures can be made to order, even under keys without secret."""

    def __init__(self, e: int) -> None:
        self.sha256 = lambda _: SimpleNamespace(digest=lambda: e.to_bytes(32, "big"))


def signature_to_order(x: int, s: int, e: int) -> bytes | None:
    """(x(R), s) with R = s*G - e*lift_x(x), when R has an even y."""
    y = pow(x**3 + 7, (P + 1) // 4, P)
    if (y * y - x**3 - 7) % P:
        return None
    secp256k1 = curve._py_ecc()  # imported by our function, which keeps the recursion limit
    minus_eP = secp256k1.multiply((x, y if y % 2 == 0 else P - y), N - e)
    R = secp256k1.add(secp256k1.multiply(secp256k1.G, s), minus_eP)
    return R[0].to_bytes(32, "big") + s.to_bytes(32, "big") if R[1] % 2 == 0 else None


def test_py_ecc_is_not_shown_numbers_beyond_their_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """x + p is no second spelling of a key x, nor s + n of s: both would hold modulo p and n."""
    monkeypatch.setattr(curve, "hashlib", FixedHash(12345))
    for x in range(1, 100):
        signature = signature_to_order(x, 6789, 12345)
        if signature is None:
            continue
        key, larger_key = x.to_bytes(32, "big"), (x + P).to_bytes(32, "big")
        larger_s = signature[:32] + (6789 + N).to_bytes(32, "big")
        assert curve.verify_independently(key, b"", signature)
        assert not curve.verify_independently(larger_key, b"", signature)
        assert not curve.verify_independently(key, b"", larger_s)
        break
    else:
        pytest.fail("no point found")


@BOTH
def test_zero_scalars_and_an_infinite_nonce_are_refused(verify) -> None:
    key, message = curve.public_key(bytes(31) + b"\x01"), bytes(32)
    assert not verify(key, message, bytes(64))
    assert not verify(key, message, key + bytes(32))
    assert not verify(bytes(32), message, bytes(64))


@pytest.mark.parametrize("number", [0, N, N + 1, 2**256 - 1])
def test_what_is_no_scalar_is_refused_by_all(number: int) -> None:
    secret = number.to_bytes(32, "big")
    assert not curve.is_scalar(secret)
    for act in (lambda: curve.public_key(secret), lambda: curve.sign(secret, bytes(32))):
        with pytest.raises(ValueError, match="not a secret") as caught:
            act()
        assert secret.hex() not in str(caught.value)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_sizes_are_checked(size: int) -> None:
    assert not curve.is_scalar(b"\x01" * size)
    with pytest.raises(ValueError, match="32 bytes"):
        curve.public_key(b"\x01" * size)
    with pytest.raises(ValueError, match=f"32 bytes, not {size}"):
        curve.sign(bytes(31) + b"\x01", bytes(size))


@pytest.mark.parametrize("number", [1, 2, N - 1])
def test_scalars_at_the_edges_are_taken(number: int) -> None:
    assert curve.is_scalar(number.to_bytes(32, "big"))


def test_signatures_of_one_message_differ_by_fresh_randomness() -> None:
    secret, message = bytes(31) + b"\x07", bytes(32)
    assert len({curve.sign(secret, message) for _ in range(8)}) == 8


def test_the_signature_is_verified_before_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    real = ssa.sign

    def spy(*args, **options):
        seen.update(options)
        seen["aux"] = args[2]
        return real(*args, **options)

    monkeypatch.setattr(ssa, "sign", spy)
    curve.sign(bytes(31) + b"\x07", bytes(32))
    assert seen == {"verify": True, "aux": None}


def test_py_ecc_leaves_the_recursion_limit_alone_and_is_not_loaded_before_it_is_needed() -> None:
    program = (
        "import sys; sys.setrecursionlimit(1234)\n"
        "from provenance import curve\n"
        "assert not any(name.startswith('py_ecc') for name in sys.modules)\n"
        f"key, signature = {curve.public_key(bytes(31) + bytes([9]))!r}, {curve.sign(bytes(31) + bytes([9]), bytes(32))!r}\n"
        "assert curve.verify_independently(key, bytes(32), signature)\n"
        "assert 'py_ecc.secp256k1' in sys.modules\n"
        "print(sys.getrecursionlimit())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1234"


def test_threads_verify_at_the_same_time() -> None:
    secret, message = bytes(31) + b"\x0b", bytes(32)
    key, signature = curve.public_key(secret), curve.sign(secret, message)
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(curve.verify_independently(key, message, signature)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8
