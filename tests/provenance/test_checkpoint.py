"""Signed notes and checkpoints: public vectors first, then what must be refused, then properties."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.checkpoint import (
    Checkpoint,
    NoteSigner,
    VerifierKey,
    open_checkpoint,
    parse_checkpoint,
    parse_size,
    sign_checkpoint,
)
from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError
from provenance.note import MAX_NOTE_BYTES, open_note, parse_base64, sign_note

# The example of the Go package golang.org/x/mod/sumdb/note (its documentation and note_test.go).
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
PETER_NOTE = f"{PETER_TEXT}\n{PETER_SIGNATURE}".encode()

# The example of c2sp.org/tlog-checkpoint. Its key is not published with it: it parses, unauthenticated.
SOFA = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
).encode()

SIGNER = NoteSigner("log.example/1", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = NoteSigner("log.example/1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
KEY = SIGNER.verifier_key
ROOT = b"\xfb\xff" + bytes(range(30))
NOTE = sign_checkpoint(SIGNER.name, 7, ROOT, SIGNER)
ROOT64 = base64.b64encode(ROOT).decode()


def signed(text):
    """A genuine signature of the log over any text at all."""
    return sign_note(text, SIGNER)


def line_of(signer, text="x\n"):
    return sign_note(text, signer).decode().rpartition("\n\n")[2]


def test_go_example_verifies():
    text, signed_by = open_note(PETER_NOTE, [VerifierKey.parse(PETER_KEY)])
    assert text == PETER_TEXT
    assert [key.name for key in signed_by] == ["PeterNeumann"]
    assert VerifierKey.parse(PETER_KEY).format() == PETER_KEY


def test_go_example_with_another_text_is_forged():
    with pytest.raises(ForgedError):
        open_note(PETER_NOTE.replace(b"your problem", b"my problem"), [VerifierKey.parse(PETER_KEY)])


def test_c2sp_example_parses():
    checkpoint = parse_checkpoint(SOFA)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert base64.b64encode(checkpoint.root) == b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    assert checkpoint.signed_by == ()


def test_round_trip():
    assert open_checkpoint(NOTE, [OTHER.verifier_key, KEY]) == Checkpoint(SIGNER.name, 7, ROOT, NOTE, (KEY,))
    assert sign_checkpoint(SIGNER.name, 7, ROOT, SIGNER) == NOTE  # Ed25519 is deterministic: one note for one tree


def test_an_empty_tree_has_size_zero():
    assert open_checkpoint(sign_checkpoint(SIGNER.name, 0, ROOT, SIGNER), [KEY]).size == 0


@pytest.mark.parametrize(
    "size", ["-5", "4_2", "007", "+1", "", " 1", "1 ", "0x1", "1.0", "1e3", "٣", "²", "9" * 19, "9" * 400, "-0", "00"]
)
def test_a_size_has_one_spelling(size):
    with pytest.raises(EncodingError):
        open_checkpoint(signed(f"{SIGNER.name}\n{size}\n{ROOT64}\n"), [KEY])
    with pytest.raises(EncodingError):
        parse_size(size, "size")


@pytest.mark.parametrize(
    "root",
    [
        ROOT64[:-1],
        ROOT64[:-2] + "9=",  # trailing bits that are not zero
        ROOT64.replace("+", "-"),
        ROOT64 + "=",
        ROOT64 + "AAAA",
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        "A" * 43,
        "é" * 44,
        "",
        " " + ROOT64,
        "!" + ROOT64[1:],
    ],
)
def test_a_root_is_canonical_base64_of_32_bytes(root):
    with pytest.raises(EncodingError):
        open_checkpoint(signed(f"{SIGNER.name}\n7\n{root}\n"), [KEY])


@pytest.mark.parametrize(
    "text",
    [
        f"{SIGNER.name}\n7\n{ROOT64}\nextension\n",
        f"{SIGNER.name}\n7\n",
        f"\n7\n{ROOT64}\n",
        f"{SIGNER.name}\r\n7\n{ROOT64}\n",
        f"{SIGNER.name}\x00\n7\n{ROOT64}\n",
        f"log example\n7\n{ROOT64}\n",
        f"log+example\n7\n{ROOT64}\n",
        f"{'o' * 256}\n7\n{ROOT64}\n",
    ],
)
def test_other_texts_are_no_checkpoints_even_when_signed(text):
    with pytest.raises(InvalidError):
        parse_checkpoint(signed(text))


@pytest.mark.parametrize(
    "line",
    [
        "— log.example/1 AAAA\n",
        "— log.example/1 AAAAAA==\n",  # a key id and nothing after it
        "— log.example/1  " + base64.b64encode(bytes(68)).decode() + "\n",
        "—log.example/1 " + base64.b64encode(bytes(68)).decode() + "\n",
        "- log.example/1 " + base64.b64encode(bytes(68)).decode() + "\n",
        "— log+example " + base64.b64encode(bytes(68)).decode() + "\n",
        "— w " + base64.b64encode(bytes(68)).decode().rstrip("=") + "\n",
        "— w " + base64.b64encode(bytes(68)).decode() + " more\n",
        "— w " + base64.b64encode(bytes(4 + 4097)).decode() + "\n",
        "junk\n",
        "— w " + base64.b64encode(bytes(68)).decode(),  # no newline at the end
    ],
)
def test_malformed_signature_lines_are_refused_not_skipped(line):
    with pytest.raises(EncodingError):
        open_checkpoint(NOTE + line.encode(), [KEY])


def test_lines_of_strangers_are_tolerated_and_mean_nothing():
    both = NOTE + line_of(WITNESS).encode()
    assert open_checkpoint(both, [KEY]).signed_by == (KEY,)
    assert open_checkpoint(both, [KEY, WITNESS.verifier_key]).signed_by == (KEY,)  # another name is not this log


def test_lines_of_strangers_are_bounded():
    assert open_checkpoint(NOTE + line_of(WITNESS).encode() * 15, [KEY])
    with pytest.raises(LimitError):
        open_checkpoint(NOTE + line_of(WITNESS).encode() * 16, [KEY])
    with pytest.raises(LimitError):
        parse_checkpoint(NOTE + b"x" * MAX_NOTE_BYTES)


def test_a_broken_line_of_a_known_key_is_forged_even_beside_a_good_one():
    with pytest.raises(ForgedError):
        open_checkpoint(NOTE + line_of(SIGNER, "other\n").encode(), [KEY])


def test_a_signature_over_another_size_is_forged():
    with pytest.raises(ForgedError, match="does not hold"):
        open_checkpoint(NOTE.replace(b"\n7\n", b"\n8\n"), [KEY])


def test_another_key_of_the_same_name_is_forged():
    with pytest.raises(ForgedError, match="not signed by its known key"):
        open_checkpoint(NOTE, [OTHER.verifier_key])


def test_the_origin_must_be_the_name_of_the_key():
    note = sign_note(f"other.example\n7\n{ROOT64}\n", SIGNER)
    with pytest.raises(ForgedError, match="not among the known"):
        open_checkpoint(note, [KEY])
    with pytest.raises(EncodingError):
        sign_checkpoint("other.example", 7, ROOT, SIGNER)


@pytest.mark.parametrize(("size", "root"), [(-1, ROOT), (2**63, ROOT), (7, ROOT[:31])])
def test_nothing_is_signed_that_could_not_be_read(size, root):
    with pytest.raises(EncodingError):
        sign_checkpoint(SIGNER.name, size, root, SIGNER)


@pytest.mark.parametrize("keys", [[], [WITNESS.verifier_key]])
def test_without_the_logs_key_nothing_opens(keys):
    with pytest.raises(ForgedError):
        open_checkpoint(NOTE, keys)
    with pytest.raises(ForgedError):
        open_note(PETER_NOTE, keys)


@pytest.mark.parametrize("text", ["a\x00b\n", "a\r\n", "\x1b[2J\n", "\t\n"])
def test_control_characters_are_refused_in_any_note(text):
    with pytest.raises(EncodingError, match="control"):
        open_note(sign_note(text, SIGNER), [KEY])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PETER_KEY[:-1],
        PETER_KEY.replace("c74f20a3", "c74f20a4"),
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        PETER_KEY.replace("Peter", "Pater"),
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER_KEY + "\n",
        PETER_KEY.replace("ARpc", "BRpc"),
    ],
)
def test_verifier_keys_are_read_strictly(text):
    with pytest.raises(EncodingError):
        VerifierKey.parse(text)


def test_base64_reads_back():
    assert parse_base64("+/8=", "x", size=2) == b"\xfb\xff"


@given(st.binary(max_size=400))
def test_only_our_errors_leave_the_parsers(data):
    for note in (data, NOTE[: len(NOTE) // 2] + data, data + NOTE, NOTE + data):
        try:
            checkpoint = open_checkpoint(note, [KEY])
        except InvalidError:
            continue
        assert (checkpoint.size, checkpoint.root) == (7, ROOT)


@given(st.text(max_size=100))
def test_only_our_errors_leave_the_key_parser(text):
    for candidate in (text, f"{text}+c74f20a3+{text}", f"PeterNeumann+c74f20a3+{text}"):
        try:
            assert VerifierKey.parse(candidate).format() == candidate
        except InvalidError:
            continue


@given(st.integers(0, len(NOTE) - 1), st.integers(0, 255))
def test_no_byte_of_a_checkpoint_can_be_changed(position, value):
    changed = NOTE[:position] + bytes([value]) + NOTE[position + 1 :]
    if changed != NOTE:
        with pytest.raises(InvalidError):
            open_checkpoint(changed, [KEY])
