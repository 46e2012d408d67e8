"""Master, words, derivation, and the file that keeps them."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import hmac
import json
import os
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic

from provenance import curve, derivation, keystore, sealedfile
from provenance.encoding import canonical
from provenance.errors import (
    CorruptKeystoreError,
    EncodingError,
    EnvironmentFault,
    MissingKeysError,
    OutputError,
    UnsupportedVersionError,
    UsageError,
    WrongPassphraseError,
)
from provenance.keystore import Master, Secrets

if TYPE_CHECKING:
    from pathlib import Path

MASTER = Master(bytes(range(32)))
NONCE = b"\x07" * 32
SECRETS = Secrets(MASTER, b"chain PEM\n", b"key PEM\n", b"root PEM\n", b"root key PEM\n")
PHRASE = "correct horse"

masters = st.binary(min_size=32, max_size=32).map(Master)


@pytest.fixture(autouse=True)
def cheap_kdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealedfile, "_MEMORY_KIB", 64)
    monkeypatch.setattr(sealedfile, "_ITERATIONS", 1)


def hkdf(master: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block of output, written out."""
    key = hmac.digest(salt or bytes(32), master, "sha256")
    return hmac.digest(key, info + b"\x01", "sha256")


# --- master and words


def test_new_masters_differ() -> None:
    assert len({keystore.new_master().reveal() for _ in range(4)}) == 4


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_master_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Master(bytes(size))


def test_a_master_cannot_be_changed_copied_or_pickled() -> None:
    with pytest.raises(AttributeError):
        MASTER.secret = b""  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        MASTER._Master__secret = bytes(32)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        del MASTER._Master__secret  # type: ignore[attr-defined]
    for secret in (MASTER, SECRETS):
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="copied nor pickled"):
                act(secret)


def test_masters_are_equal_by_value() -> None:
    assert Master(bytes(32)) == Master(bytes(32))
    assert Master(bytes(32)) != MASTER
    assert Master(bytes(32)) != bytes(32)
    assert hash(Master(bytes(32))) == hash(MASTER)


# BIP-39's own vectors for 256 bits of entropy (the ones published with the reference implementation).
@pytest.mark.parametrize(
    ("entropy", "text"),
    [
        ("00" * 32, "abandon " * 23 + "art"),
        ("7f" * 32, "legal winner thank year wave sausage worth useful " * 2 + "legal winner thank year wave sausage worth title"),
        ("80" * 32, "letter advice cage absurd amount doctor acoustic avoid " * 2 + "letter advice cage absurd amount doctor acoustic bless"),
        ("ff" * 32, "zoo " * 23 + "vote"),
    ],
)  # fmt: skip
def test_words_of_the_official_vectors(entropy: str, text: str) -> None:
    assert keystore.words(Master(bytes.fromhex(entropy))) == text
    assert keystore.master_from_words(text) == Master(bytes.fromhex(entropy))


@given(masters)
@settings(max_examples=40, deadline=None)
def test_words_lead_back_to_the_master(master: Master) -> None:
    text = keystore.words(master)
    assert len(text.split()) == 24
    assert keystore.master_from_words(text) == master


def test_words_may_be_written_untidily() -> None:
    text = keystore.words(MASTER)
    numbered = "\n".join(f"{place}. {word}" for place, word in enumerate(text.split(), 1))
    for untidy in (
        text.upper(),
        f"\n  {text.replace(' ', '   ')}\r\n",
        text.replace(" ", "\n"),
        text.title(),
        numbered,
    ):
        assert keystore.master_from_words(untidy) == MASTER


@pytest.mark.parametrize("count", [0, 1, 12, 23, 25])
def test_another_number_of_words_is_counted(count: int) -> None:
    with pytest.raises(UsageError, match=f"there are {count}"):
        keystore.master_from_words(" ".join(["abandon"] * count))


def test_unknown_words_are_told_by_position_and_none_is_repeated() -> None:
    text = keystore.words(MASTER).split()
    text[6], text[18] = "hunter2", "zzz"
    with pytest.raises(UsageError, match="number 7, 19;") as caught:
        keystore.master_from_words(" ".join(text))
    assert not set(text) & set(str(caught.value).replace(";", " ").split())
    assert caught.value.__context__ is None


def test_a_wrong_or_swapped_word_breaks_the_checksum() -> None:
    text = keystore.words(Master(hashlib.sha256(b"any").digest())).split()
    listed = Mnemonic("english").wordlist
    refused = 0
    for place in range(24):
        bent = text.copy()
        bent[place] = listed[(listed.index(bent[place]) + 1) % 2048]
        try:
            assert keystore.master_from_words(" ".join(bent)) != Master(hashlib.sha256(b"any").digest())
        except UsageError as error:
            assert "checksum" in str(error)  # noqa: PT017
            refused += 1
    assert refused >= 20  # 8 bits of checksum let one in 256 through


# --- derivation


def test_derivation_is_the_protocols() -> None:
    secret = MASTER.reveal()
    assert keystore.derive_work(MASTER, NONCE) == hkdf(secret, NONCE, b"seedproof/v1/kdf/work" + bytes(4))
    assert keystore.derive_author(MASTER) == hkdf(secret, b"", b"seedproof/v1/kdf/author" + bytes(4))
    assert keystore.derive_prompt_key(MASTER, NONCE) == hkdf(secret, NONCE, b"seedproof/v1/kdf/prompt")


@pytest.mark.parametrize("refused", [0, 1, 5])
def test_the_counter_goes_on_until_there_is_a_scalar(monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    answers = [False] * refused + [True]
    monkeypatch.setattr(derivation, "is_scalar", lambda _: answers.pop(0))
    expected = hkdf(MASTER.reveal(), NONCE, b"seedproof/v1/kdf/work" + refused.to_bytes(4, "big"))
    assert keystore.derive_work(MASTER, NONCE) == expected


def test_everything_derived_differs() -> None:
    other = Master(bytes(32))
    made = [
        act(master, nonce)
        for master in (MASTER, other)
        for nonce in (NONCE, bytes(32))
        for act in (keystore.derive_work, keystore.derive_prompt_key)
    ] + [keystore.derive_author(MASTER), keystore.derive_author(other)]
    assert len(set(made)) == len(made) == 10


@pytest.mark.parametrize("size", [0, 31, 33])
def test_nonces_have_32_bytes(size: int) -> None:
    for act in (keystore.derive_work, keystore.derive_prompt_key):
        with pytest.raises(ValueError, match="32 bytes"):
            act(MASTER, bytes(size))


# --- the file


@pytest.mark.parametrize("passphrase", [None, PHRASE, "ü" * 1024, "\0", " "])
def test_what_is_sealed_opens(passphrase: str | None) -> None:
    data = keystore.seal_keystore(SECRETS, passphrase)
    assert keystore.open_keystore(data, passphrase) == SECRETS
    assert keystore.needs_passphrase(data) is (passphrase is not None)
    assert keystore.author_key(data) == curve.public_key(keystore.derive_author(MASTER))
    assert keystore.certificate_chain(data) == SECRETS.certificate_chain


def test_the_document_is_canonical_and_its_checksum_can_be_recomputed() -> None:
    data = keystore.seal_keystore(SECRETS, PHRASE)
    document = json.loads(data)
    assert canonical(document) == data
    header = {name: item for name, item in document.items() if name not in {"ciphertext", "checksum"}}
    assert set(header) == {"kind", "v", "author", "certificates", "kdf", "aead"}
    expected = hashlib.sha256(canonical(header) + bytes.fromhex(document["ciphertext"])).hexdigest()
    assert document["checksum"] == expected


def test_sealing_twice_shares_no_salt_nonce_or_ciphertext() -> None:
    first, second = (json.loads(keystore.seal_keystore(SECRETS, PHRASE)) for _ in range(2))
    assert first["kdf"]["salt"] != second["kdf"]["salt"]
    assert first["aead"]["nonce"] != second["aead"]["nonce"]
    assert first["ciphertext"] != second["ciphertext"]


def test_by_default_argon2id_takes_64_mib_and_3_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    kdf = json.loads(keystore.seal_keystore(SECRETS, PHRASE))["kdf"]
    assert kdf.pop("salt")
    assert kdf == {"name": "argon2id", "memory_kib": 65536, "iterations": 3, "lanes": 4}


def test_an_encrypted_file_holds_no_secret_in_the_clear() -> None:
    data = keystore.seal_keystore(SECRETS, PHRASE)
    for secret in (MASTER.reveal().hex().encode(), SECRETS.certificate_key, SECRETS.root_key, PHRASE.encode()):
        assert secret.strip() not in data
        assert secret.hex().encode() not in data


def test_an_accent_may_be_composed_either_way() -> None:
    data = keystore.seal_keystore(SECRETS, "caf\u00e9")
    assert keystore.open_keystore(data, "cafe\u0301") == SECRETS


@pytest.mark.parametrize("passphrase", ["", "x" * 1025, "\ud800"])
def test_passphrases_that_are_none(passphrase: str) -> None:
    with pytest.raises(UsageError, match="passphrase"):
        keystore.seal_keystore(SECRETS, passphrase)


def test_needless_and_missing_passphrases_are_told_apart() -> None:
    with pytest.raises(UsageError, match="not encrypted"):
        keystore.open_keystore(keystore.seal_keystore(SECRETS, None), PHRASE)
    with pytest.raises(WrongPassphraseError, match="needed"):
        keystore.open_keystore(keystore.seal_keystore(SECRETS, PHRASE), None)


@pytest.mark.parametrize("version", [0, 2, 99])
def test_an_unknown_version_is_its_own_error(version: int) -> None:
    document = json.loads(keystore.seal_keystore(SECRETS, None))
    with pytest.raises(UnsupportedVersionError):
        keystore.open_keystore(canonical({**document, "v": version}), None)


def test_too_little_memory_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    data = keystore.seal_keystore(SECRETS, PHRASE)

    class Poor:
        def __init__(self, **_: object) -> None:
            raise MemoryError

    monkeypatch.setattr(sealedfile, "Argon2id", Poor)
    with pytest.raises(EnvironmentFault, match="KiB"):
        keystore.open_keystore(data, PHRASE)


@pytest.mark.parametrize("field", ["certificate_chain", "certificate_key", "root_certificate", "root_key"])
@pytest.mark.parametrize("pem", [b"\xff", b"x" * 16385])
def test_only_text_of_a_sane_size_is_sealed(field: str, pem: bytes) -> None:
    with pytest.raises(EncodingError):
        keystore.seal_keystore(dataclasses.replace(SECRETS, **{field: pem}), None)


# --- on disk


def test_written_for_the_owner_alone_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    keystore.write_keystore(path, b"data")
    assert path.stat().st_mode & 0o777 == 0o600
    assert keystore.read_keystore(path) == b"data"
    assert list(tmp_path.iterdir()) == [path]


def test_a_keystore_is_not_overwritten_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    keystore.write_keystore(path, b"old")
    with pytest.raises(UsageError, match="already"):
        keystore.write_keystore(path, b"new")
    assert keystore.read_keystore(path) == b"old"
    keystore.write_keystore(path, b"new", overwrite=True)
    assert keystore.read_keystore(path) == b"new"


def test_nor_when_it_appears_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keystore.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(OutputError):
        keystore.write_keystore(path, b"new")
    assert path.read_bytes() == b"old"


def test_symbolic_links_are_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    keystore.write_keystore(real, b"old")
    link.symlink_to(real)
    assert keystore.read_keystore(link) == b"old"
    with pytest.raises(UsageError, match="already"):
        keystore.write_keystore(link, b"new")
    keystore.write_keystore(link, b"new", overwrite=True)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_dangling_link_is_no_place_for_a_new_keystore(tmp_path: Path) -> None:
    link = tmp_path / "keystore.json"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match="already"):
        keystore.write_keystore(link, b"new")
    with pytest.raises(MissingKeysError):
        keystore.read_keystore(link)


def test_a_missing_keystore_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingKeysError, match="run: seedproof keys new"):
        keystore.read_keystore(tmp_path / "keystore.json")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError):
        keystore.read_keystore(tmp_path / "file" / "keystore.json")


def test_folders_and_giants_are_no_keystores(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    with pytest.raises(UsageError):
        keystore.read_keystore(folder)
    giant = tmp_path / "giant"
    keystore.write_keystore(giant, bytes(65537))
    with pytest.raises(CorruptKeystoreError, match="larger"):
        keystore.read_keystore(giant)
