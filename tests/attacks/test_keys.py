"""What a cheat does with keys, signatures and keystores."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import curve, keystore, proof, sealedfile
from provenance.encoding import canonical
from provenance.errors import (
    CorruptKeystoreError,
    ForgedError,
    SeedproofError,
    UnsupportedVersionError,
    UsageError,
    WrongPassphraseError,
)
from provenance.hashing import Tag, tagged_hash
from provenance.keystore import Master, Secrets, open_keystore

if TYPE_CHECKING:
    from pathlib import Path

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MASTER = Master(hashlib.sha256(b"the artist").digest())
NONCE, CLAIM = b"\x07" * 32, b"\x01" * 32
WORK, AUTHOR = keystore.derive_work(MASTER, NONCE), keystore.derive_author(MASTER)
THIEF = keystore.derive_author(Master(hashlib.sha256(b"the thief").digest()))
Y, AUTHOR_KEY = curve.public_key(WORK), curve.public_key(AUTHOR)
SECRETS = Secrets(MASTER, b"chain\n", b"-----KEY-----\n", b"root\n", b"-----ROOTKEY-----\n")
PHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def sealed() -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealedfile, "_MEMORY_KIB", 32)
        patch.setattr(sealedfile, "_ITERATIONS", 1)
        return keystore.seal_keystore(SECRETS, PHRASE)


@pytest.fixture(scope="module")
def plain() -> bytes:
    return keystore.seal_keystore(SECRETS, None)


# --- signatures


def test_a_proof_of_possession_by_another_key() -> None:
    with pytest.raises(ForgedError, match="possession"):
        proof.check(Tag.POSSESSION, Y, CLAIM, proof.prove(Tag.POSSESSION, THIEF, CLAIM), "possession")


def test_the_authors_key_does_not_prove_possession_of_the_work_nor_the_other_way_round() -> None:
    with pytest.raises(ForgedError):
        proof.check(Tag.POSSESSION, Y, CLAIM, proof.prove(Tag.POSSESSION, AUTHOR, CLAIM), "possession")
    with pytest.raises(ForgedError):
        proof.check(Tag.AUTHOR, AUTHOR_KEY, CLAIM, proof.prove(Tag.AUTHOR, WORK, CLAIM), "author")


def test_a_parity_flipped_secret_is_the_same_secret_to_everybody() -> None:
    """P and n - P share Y, so they share the seed and prove the same: one owner, two spellings, no second work."""
    flipped = (N - int.from_bytes(WORK, "big")).to_bytes(32, "big")
    assert flipped != WORK
    assert curve.public_key(flipped) == Y
    index = (0).to_bytes(4, "big")
    assert tagged_hash(Tag.SEED, curve.public_key(flipped) + index) == tagged_hash(Tag.SEED, Y + index)
    proof.check(Tag.POSSESSION, Y, CLAIM, proof.prove(Tag.POSSESSION, flipped, CLAIM), "possession")


def test_an_authors_signature_swapped_for_another_authors() -> None:
    with pytest.raises(ForgedError):
        proof.check(Tag.AUTHOR, AUTHOR_KEY, CLAIM, proof.prove(Tag.AUTHOR, THIEF, CLAIM), "author")


def test_an_authors_signature_moved_to_another_claim() -> None:
    with pytest.raises(ForgedError):
        proof.check(Tag.AUTHOR, AUTHOR_KEY, b"\x02" * 32, proof.prove(Tag.AUTHOR, AUTHOR, CLAIM), "author")


@pytest.mark.parametrize("made_for", sorted(proof.PURPOSES))
def test_a_signature_for_one_purpose_used_for_any_other(made_for: Tag) -> None:
    signature = proof.prove(made_for, WORK, CLAIM)
    for used_for in proof.PURPOSES - {made_for}:
        with pytest.raises(ForgedError):
            proof.check(used_for, Y, CLAIM, signature, "reused", second_opinion=False)


@given(st.integers(1, N - 1))
@settings(max_examples=30, deadline=None)
def test_a_malleated_signature(scalar: int) -> None:
    """Neither a negated s, nor a negated key, nor another representative of s makes a second signature."""
    signature = proof.prove(Tag.POSSESSION, scalar.to_bytes(32, "big"), CLAIM)
    key = curve.public_key(scalar.to_bytes(32, "big"))
    s = int.from_bytes(signature[32:], "big")
    variants = [N - s] + ([s + N] if s + N < 2**256 else [])
    for variant in variants:
        with pytest.raises(ForgedError):
            proof.check(Tag.POSSESSION, key, CLAIM, signature[:32] + variant.to_bytes(32, "big"), "possession")


# --- the keystore


def test_a_wrong_passphrase_is_told_from_damage(sealed: bytes) -> None:
    for wrong in ("Correct horse battery", PHRASE + " ", PHRASE[:-1], "x"):
        with pytest.raises(WrongPassphraseError):
            open_keystore(sealed, wrong)
    assert open_keystore(sealed, PHRASE) == SECRETS


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_damage_to_any_byte_never_yields_another_master(
    sealed: bytes, plain: bytes, encrypted: bool, mask: int
) -> None:
    data, passphrase = (sealed, PHRASE) if encrypted else (plain, None)
    for place in range(len(data)):
        bent = bytearray(data)
        bent[place] ^= mask
        with pytest.raises((CorruptKeystoreError, UnsupportedVersionError)) as caught:
            open_keystore(bytes(bent), passphrase)
        assert caught.type is CorruptKeystoreError or b'"v":1' not in bent


def test_truncation_anywhere_is_damage(sealed: bytes) -> None:
    for size in range(len(sealed)):
        with pytest.raises(CorruptKeystoreError):
            open_keystore(sealed[:size], PHRASE)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_rubbish_is_no_keystore(data: bytes) -> None:
    for act in (keystore.needs_passphrase, keystore.author_key, keystore.certificate_chain):
        with pytest.raises(CorruptKeystoreError):
            act(data)


def tampered(data: bytes, **changes: object) -> bytes:
    """The file with other fields and a checksum that fits again, as somebody with write access would make it."""
    document = {**json.loads(data), **changes}
    header = {name: item for name, item in document.items() if name not in {"ciphertext", "checksum"}}
    digest = hashlib.sha256(canonical(header) + bytes.fromhex(document["ciphertext"]))
    return canonical({**document, "checksum": digest.hexdigest()})


def test_the_helper_below_makes_files_that_open(sealed: bytes) -> None:
    assert tampered(sealed) == sealed


def test_a_header_changed_together_with_its_checksum(sealed: bytes) -> None:
    """The header is the cipher's associated data: nothing in it changes unseen, not even the public certificate."""
    document = json.loads(sealed)
    other = "00" * 16
    for change in (
        {"author": curve.public_key(THIEF).hex()},
        {"certificates": "the thief's\n"},
        {"kdf": {**document["kdf"], "salt": other}},
        {"kdf": {**document["kdf"], "iterations": 2}},
        {"aead": {**document["aead"], "nonce": "00" * 12}},
        {"ciphertext": document["ciphertext"][:-2] + ("00" if document["ciphertext"][-2:] != "00" else "01")},
    ):
        with pytest.raises(WrongPassphraseError):
            open_keystore(tampered(sealed, **change), PHRASE)


def test_another_author_key_over_the_same_secrets(plain: bytes) -> None:
    with pytest.raises(CorruptKeystoreError, match="do not fit"):
        open_keystore(tampered(plain, author=curve.public_key(THIEF).hex()), None)


def test_an_unencrypted_keystore_put_in_place_of_an_encrypted_one(plain: bytes) -> None:
    with pytest.raises(UsageError, match="not encrypted"):
        open_keystore(plain, PHRASE)


@pytest.mark.parametrize("plaintext", [b"", b"{}", b"null", b'{"kind":"secrets","v":1}', b"\xff", b"[" * 5000])
def test_hostile_contents(plain: bytes, plaintext: bytes) -> None:
    with pytest.raises(CorruptKeystoreError):
        open_keystore(tampered(plain, ciphertext=plaintext.hex()), None)


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 1024 * 1024 + 1}, {"memory_kib": 2**53 - 1}, {"memory_kib": 0}, {"memory_kib": 31}, {"memory_kib": -1},
        {"iterations": 17}, {"iterations": 0}, {"iterations": 2**32}, {"lanes": 17, "memory_kib": 4096}, {"lanes": 0}, {"lanes": "4"}, {"lanes": True},
        {"salt": ""}, {"salt": "00" * 15}, {"salt": "00" * 10_000}, {"name": "argon2d"}, {"name": None}, {"extra": 1},
    ],
    ids=str,
)  # fmt: skip
def test_hostile_key_derivation_is_refused_before_it_runs(
    sealed: bytes, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    monkeypatch.setattr(sealedfile, "Argon2id", lambda **_: pytest.fail("it ran"))
    with pytest.raises(CorruptKeystoreError):
        open_keystore(tampered(sealed, kdf={**json.loads(sealed)["kdf"], **change}), PHRASE)


def test_half_an_encryption_is_none(sealed: bytes, plain: bytes) -> None:
    """Neither a key without a cipher nor a cipher without a key: either would open in the clear what should not be."""
    whole, none, nonce = json.loads(sealed), {"name": "none"}, "00" * 12
    for change in ({"kdf": none}, {"aead": none}, {"aead": {"name": "none", "nonce": nonce}}):
        with pytest.raises(CorruptKeystoreError):
            open_keystore(tampered(sealed, **change), PHRASE)
    for change in ({"kdf": whole["kdf"]}, {"aead": whole["aead"]}, {"aead": {"name": "chacha20poly1305"}}):
        with pytest.raises(CorruptKeystoreError):
            open_keystore(tampered(plain, **change), None)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o601, 0o777])
def test_a_keystore_that_others_can_reach(tmp_path: Path, sealed: bytes, mode: int) -> None:
    path = tmp_path / "keystore.json"
    keystore.write_keystore(path, sealed)
    path.chmod(mode)
    with pytest.raises(CorruptKeystoreError, match=f"run: chmod 600 {path}"):
        keystore.read_keystore(path)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with pytest.raises(CorruptKeystoreError, match="chmod 600"):
        keystore.read_keystore(link)


# --- secrets that slip out

FORBIDDEN = [
    MASTER.reveal(), MASTER.reveal().hex().encode(), repr(MASTER.reveal()).encode(), PHRASE.encode(), b"-----KEY-----", b"-----ROOTKEY-----",
    keystore.words(MASTER).encode(), WORK.hex().encode(), AUTHOR.hex().encode(),
]  # fmt: skip


def holds_no_secret(text: str) -> None:
    for secret in FORBIDDEN:
        assert secret not in text.encode("utf-8", errors="backslashreplace")


def test_no_secret_in_repr_str_or_format() -> None:
    for value in (MASTER, SECRETS, [MASTER], {"secrets": SECRETS}, (SECRETS,)):
        holds_no_secret(repr(value) + str(value) + f"{value}" + f"{value!r:>100}")
    assert repr(MASTER) == "Master(hidden)"
    assert repr(SECRETS) == "Secrets(hidden)"
    assert not hasattr(MASTER, "__dict__")


def everything_about(error: BaseException) -> str:
    """The traceback with its locals, and the state of every exception in the chain."""
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [repr(seen), str(seen), repr(vars(seen)), repr(seen.args)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts + traceback.format_exception(error))


def test_no_secret_in_any_error_nor_in_what_caused_it(
    sealed: bytes, plain: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = keystore.words(MASTER).split()
    attempts = [
        lambda: open_keystore(sealed, "wrong"),
        lambda: open_keystore(sealed, None),
        lambda: open_keystore(sealed[:-1], PHRASE),
        lambda: open_keystore(plain, PHRASE),
        lambda: open_keystore(tampered(plain, author="00" * 32), None),
        lambda: open_keystore(
            tampered(plain, ciphertext=bytes.fromhex(json.loads(plain)["ciphertext"])[:-1].hex()), None
        ),
        lambda: keystore.seal_keystore(SECRETS, PHRASE * 100),
        lambda: keystore.seal_keystore(SECRETS, PHRASE + "\ud800"),
        lambda: keystore.master_from_words(" ".join(good[:-1])),
        lambda: keystore.master_from_words(" ".join([*good[:-1], "zzz"])),
        lambda: keystore.master_from_words(" ".join(good[1:] + good[:1])),
    ]
    with caplog.at_level(logging.DEBUG):
        for attempt in attempts:
            with pytest.raises(SeedproofError) as caught:
                attempt()
            holds_no_secret(everything_about(caught.value))
    holds_no_secret(caplog.text)
