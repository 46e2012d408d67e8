"""Keys of notes: key lines of other programs, what each kind signs, and what must be refused."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from provenance.errors import EncodingError, LimitError
from provenance.notekey import KeyType, NoteSigner, VerifierKey, new_signer

TEXT = "log.example/1\n7\n" + base64.b64encode(bytes(range(32))).decode() + "\n"
OTHER = TEXT.replace("\n7\n", "\n8\n")
SIGNERS = {kind: new_signer("witness.example/w", kind) for kind in KeyType}
TIMES = {KeyType.ED25519: 0, KeyType.COSIGNATURE: 1_700_000_000, KeyType.MLDSA44: 1_700_000_000}


# The example of c2sp.org/signed-note, and keys that public witnesses publish.
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyType.ED25519),
        ("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", KeyType.COSIGNATURE),
        ("rgdd.se/poc-witness+db03732e+BCjJKlo6BU0xfIb8LutqerIFTWIXEA0L5n3tW3QyPFgG", KeyType.COSIGNATURE),
    ],
)
def test_published_keys_are_read(text, kind):
    key = VerifierKey.parse(text)
    assert key.kind is kind
    assert key.format() == text


def test_the_signed_note_example_verifies():
    key = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    line = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    data = base64.b64decode(line)
    assert data[:4] == key.key_id
    assert key.verify("This is an example message.\n", data[4:]) == 0
    assert key.verify("This is another message.\n", data[4:]) is None


@pytest.mark.parametrize("kind", KeyType)
def test_keys_are_written_and_read_again(kind):
    signer = SIGNERS[kind]
    again = NoteSigner.parse(signer.format())
    assert again.verifier_key == signer.verifier_key == VerifierKey.parse(signer.verifier_key.format())
    assert VerifierKey.parse(signer.verifier_key.format()).verify(TEXT, again.sign(TEXT, TIMES[kind])) == TIMES[kind]


@pytest.mark.parametrize("kind", KeyType)
def test_a_signature_is_for_one_text_one_key_and_one_time(kind):
    signer = SIGNERS[kind]
    signature = signer.sign(TEXT, TIMES[kind])
    key = signer.verifier_key
    assert key.verify(TEXT, signature) == TIMES[kind]
    assert key.verify(OTHER, signature) is None
    assert new_signer("witness.example/w", kind).verifier_key.verify(TEXT, signature) is None
    for changed in (
        signature[:-1],
        signature + b"x",
        b"",
        bytes([signature[7] ^ 1]).join([signature[:7], signature[8:]]),
    ):
        assert key.verify(TEXT, changed) is None


def test_what_is_signed_is_what_the_specification_says():
    """The messages put together by hand, and checked by the library alone."""
    root = bytes(range(32))
    key, signature = SIGNERS[KeyType.COSIGNATURE].verifier_key, SIGNERS[KeyType.COSIGNATURE].sign(TEXT, 99)
    assert signature[:8] == b"\0\0\0\0\0\0\0\x63"
    Ed25519PublicKey.from_public_bytes(key.public_key).verify(
        signature[8:], b"cosignature/v1\ntime 99\n" + TEXT.encode()
    )
    key, signature = SIGNERS[KeyType.MLDSA44].verifier_key, SIGNERS[KeyType.MLDSA44].sign(TEXT, 99)
    message = b"subtree/v1\n\0" + b"\x11witness.example/w" + bytes(7) + b"\x63" + b"\x0dlog.example/1"
    message += bytes(8) + bytes(7) + b"\x07" + root
    library = MLDSA44PublicKey.from_public_bytes(key.public_key)
    library.verify(signature[8:], message)
    with pytest.raises(InvalidSignature):
        library.verify(signature[8:], message[:-1] + b"\0")


def test_one_key_under_two_names_or_types_is_two_keys():
    secret = base64.b64encode(b"\x01" + bytes(32)).decode()
    ids = set()
    for kind in (b"\x01", b"\x04"):
        for name in ("a.example", "b.example"):
            public = SIGNERS[KeyType.ED25519].verifier_key.public_key
            ids.add(VerifierKey(name, public, KeyType(kind[0])).key_id)
    assert len(ids) == 4
    assert secret not in repr(SIGNERS[KeyType.ED25519])


@pytest.mark.parametrize(
    ("kind", "time"),
    [
        (KeyType.ED25519, 1),
        (KeyType.COSIGNATURE, 0),
        (KeyType.COSIGNATURE, -1),
        (KeyType.COSIGNATURE, 2**63),
        (KeyType.MLDSA44, -1),
        (KeyType.MLDSA44, 2**63),
    ],
)
def test_times_that_a_kind_cannot_have(kind, time):
    with pytest.raises(EncodingError):
        SIGNERS[kind].sign(TEXT, time)


def test_a_stated_time_beyond_the_bound_does_not_verify():
    signature = SIGNERS[KeyType.COSIGNATURE].sign(TEXT, 5)
    assert SIGNERS[KeyType.COSIGNATURE].verifier_key.verify(TEXT, (2**63).to_bytes(8, "big") + signature[8:]) is None


@pytest.mark.parametrize("text", ["", "x\n", "a\n1\n", "a\n-1\nAAAA\n", "a\n1\nAAAA\n", "a" * 256 + TEXT[1:]])
def test_mldsa_signs_checkpoints_alone(text):
    with pytest.raises(EncodingError):
        SIGNERS[KeyType.MLDSA44].sign(text, 1)
    assert SIGNERS[KeyType.MLDSA44].verifier_key.verify(text, bytes(2428)) is None


def change(text, *, kind=None, cut=0):
    name, key_id, data = text.removeprefix("PRIVATE+KEY+").split("+", 2)
    raw = base64.b64decode(data)
    raw = (bytes([raw[0] if kind is None else kind]) + raw[1:])[: len(raw) - cut]
    start = "PRIVATE+KEY+" if text.startswith("PRIVATE") else ""
    return f"{start}{name}+{key_id}+{base64.b64encode(raw).decode()}"


@pytest.mark.parametrize("kind", KeyType)
def test_keys_that_do_not_fit_are_refused(kind):
    public, secret = SIGNERS[kind].verifier_key.format(), SIGNERS[kind].format()
    for edit in (
        {"kind": 2},
        {"kind": 5},
        {"kind": 0xFF},
        {"cut": 1},
        {"kind": 1 if kind is not KeyType.ED25519 else 4},
    ):
        with pytest.raises(EncodingError):
            VerifierKey.parse(change(public, **edit))
        with pytest.raises(EncodingError):
            NoteSigner.parse(change(secret, **edit))
    for text in (public, secret[1:], secret + "\n", "PRIVATE+KEY+", secret.replace("witness", "other")):
        with pytest.raises(EncodingError):
            NoteSigner.parse(text)


def test_no_message_shows_a_secret():
    secret = SIGNERS[KeyType.ED25519].format()
    with pytest.raises(EncodingError) as caught:
        NoteSigner.parse(secret[:-2] + "AA")
    assert secret[-40:-4] not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "\u00a0", "a\n"])
def test_names_that_no_key_has(name):
    with pytest.raises(EncodingError):
        new_signer(name)
    with pytest.raises(LimitError):
        new_signer("x" * 256)
