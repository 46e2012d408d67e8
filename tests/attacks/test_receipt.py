"""Receipts that somebody tampered with. Each is one edit of an honest receipt, named after the fault it tries."""

import base64
import json
from dataclasses import replace

import pytest

from provenance import merkle
from provenance.checkpoint import sign_checkpoint
from provenance.encoding import canonical
from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError
from provenance.receipt import Receipt, check_receipt, parse_receipt
from tests.support.logs import MemoryLog, signer

LOG = MemoryLog(7)
INDEX = 4
ENTRY = LOG.entries[INDEX]
HONEST = LOG.receipt_bytes(INDEX)


def check(data, entry=ENTRY, keys=(LOG.key,)):
    return check_receipt(parse_receipt(data), entry, keys)


def edited(edit):
    """The honest receipt with its proof text edited."""
    fields = json.loads(HONEST)
    changed = edit(fields["proof"])
    assert changed != fields["proof"], "the attack must change something"
    return canonical({**fields, "proof": changed})


def with_note(note, index=INDEX, path=None):
    """A receipt as an attacker assembles it, without the checks of make_receipt."""
    path = LOG.path(INDEX) if path is None else path
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *(base64.b64encode(p).decode() for p in path), "", ""]
    return canonical({"kind": "receipt", "v": 1, "proof": "\n".join(lines) + note.decode(), "timestamps": []})


def test_the_honest_receipt_holds():
    assert check(HONEST).known
    assert with_note(LOG.checkpoint()) == HONEST


@pytest.mark.parametrize("other", [i for i in range(7) if i != INDEX])
def test_receipt_for_another_leaf(other):
    with pytest.raises(ForgedError):
        check(LOG.receipt_bytes(other))


def test_receipt_of_an_inner_node_passed_off_as_a_leaf():
    left, right = LOG.hashes[4], LOG.hashes[5]
    with pytest.raises(ForgedError):
        check(with_note(LOG.checkpoint(), index=2, path=LOG.path(INDEX)[1:]), entry=left + right)


@pytest.mark.parametrize("index", [7, 8, 12, 20, 4 + 8, 2**62])
def test_index_beyond_the_tree(index):
    with pytest.raises(ForgedError):
        check(with_note(LOG.checkpoint(), index=index))


@pytest.mark.parametrize("index", [0, 5, 6])
def test_another_index_with_the_same_path(index):
    with pytest.raises(ForgedError):
        check(with_note(LOG.checkpoint(), index=index))


@pytest.mark.parametrize("size", [1, 5, 6])
def test_genuine_checkpoint_of_another_size(size):
    with pytest.raises(ForgedError):
        check(with_note(LOG.checkpoint(size)))


@pytest.mark.parametrize("size", [5, 6, 9, 12, 100])
def test_checkpoint_of_another_size_with_the_right_root_by_an_unknown_log(size):
    """Sizes with another path length or shape at this index must fail even where nobody vouches for the root."""
    with pytest.raises(ForgedError):
        check(with_note(LOG.checkpoint(size, root=merkle.root(LOG.hashes))), keys=())


def test_checkpoint_size_changed_after_signing():
    with pytest.raises(ForgedError, match="does not hold"):
        check(edited(lambda proof: proof.replace("\n7\n", "\n8\n")))


@pytest.mark.parametrize("index", ["-4", "+4", "04", "4_0", " 4", "4 ", "", "0x4", "4.0", "4e0", "٤"])
def test_non_canonical_index(index):
    with pytest.raises(EncodingError):
        check(edited(lambda proof: proof.replace("index 4", f"index {index}")))


@pytest.mark.parametrize("size", ["-5", "4_2", "007", "+1", "7 "])
def test_non_canonical_size(size):
    with pytest.raises(EncodingError):
        check(edited(lambda proof: proof.replace("\n7\n", f"\n{size}\n")))


@pytest.mark.parametrize("junk", ["é" * 44, "A", "A" * 43, "====", "\x00" * 44, "A" * 45, "AAAA", "!" * 44])
def test_bad_base64_is_refused_as_our_error(junk):
    first = base64.b64encode(LOG.path(INDEX)[0]).decode()
    with pytest.raises(EncodingError):
        check(edited(lambda proof: proof.replace(first, junk)))
    with pytest.raises(EncodingError):
        check(edited(lambda proof: proof[: proof.rindex(" ") + 1] + junk + "\n"))


def test_another_spelling_of_the_same_base64():
    first = base64.b64encode(LOG.path(INDEX)[0]).decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = first[:42] + alphabet[alphabet.index(first[42]) ^ 1] + "="
    assert base64.b64decode(other) == base64.b64decode(first)
    with pytest.raises(EncodingError, match="canonical"):
        check(edited(lambda proof: proof.replace(first, other)))


def test_signature_by_another_key_with_the_same_name():
    impostor = MemoryLog(7, signer(seed=66))
    with pytest.raises(ForgedError, match="not signed by its known key"):
        check(impostor.receipt_bytes(INDEX))


def test_signature_by_another_key_under_the_id_of_the_known_one():
    impostor = MemoryLog(7, signer(seed=66))
    good, bad = LOG.checkpoint().decode(), impostor.checkpoint().decode()
    blob = LOG.key.key_id + base64.b64decode(bad.split(" ")[-1])[4:]
    note = good[: good.rindex(" ") + 1] + base64.b64encode(blob).decode() + "\n"
    with pytest.raises(ForgedError, match="does not hold"):
        check(with_note(note.encode()))


def test_known_name_signed_by_a_key_of_another_name():
    note = LOG.checkpoint().decode().replace("— log.example/1", "— evil.example")
    with pytest.raises(ForgedError):
        check(with_note(note.encode()))


def test_log_unknown_to_us_cannot_borrow_the_trust_of_a_known_line():
    """An unknown log's own checkpoint, with the known log's genuine signature line pasted below."""
    stranger = MemoryLog(7, signer("stranger.example", 5))
    pasted = stranger.checkpoint() + LOG.checkpoint().rpartition(b"\n\n")[2]
    assert not check(with_note(pasted)).known


def test_unknown_log_with_a_root_that_does_not_hold():
    stranger = MemoryLog(7, signer("stranger.example", 5))
    with pytest.raises(ForgedError):
        check(with_note(stranger.checkpoint(root=bytes(32))))


def test_path_too_short():
    with pytest.raises(ForgedError):
        check(with_note(LOG.checkpoint(), path=LOG.path(INDEX)[:-1]))


def test_path_too_long():
    with pytest.raises(ForgedError):
        check(with_note(LOG.checkpoint(), path=[*LOG.path(INDEX), bytes(32)]))


def test_path_of_unreasonable_length():
    with pytest.raises(LimitError):
        check(with_note(LOG.checkpoint(), path=[bytes(32)] * 64))


@pytest.mark.parametrize("tail", [" ", "\n", "\n\n", "x", "— w AAAA\n", "\x00"])
def test_trailing_garbage_in_the_proof(tail):
    with pytest.raises(EncodingError):
        check(edited(lambda proof: proof + tail))


@pytest.mark.parametrize("tail", [b" ", b"\n", b"{}", b"\x00"])
def test_trailing_garbage_after_the_receipt(tail):
    with pytest.raises(InvalidError):
        check(HONEST + tail)


@pytest.mark.parametrize(
    "edit",
    [
        lambda proof: proof.replace("@v1", "@v2"),
        lambda proof: proof.replace("index 4", "extra AAAA\nindex 4"),
        lambda proof: proof.replace("index 4", "Index 4"),
        lambda proof: proof.replace("index 4\n", ""),
        lambda proof: proof.replace("\n", "\r\n"),
        lambda proof: "\n" + proof,
    ],
)
def test_other_headers(edit):
    with pytest.raises(EncodingError):
        check(edited(edit))


def test_fields_beside_the_signed_bytes_are_not_believed():
    """Whoever builds a Receipt by hand cannot make its parsed checkpoint say something else than the note."""
    honest = parse_receipt(HONEST)
    larger = sign_checkpoint("log.example/1", 9, merkle.root(LOG.hashes), signer())
    lie = Receipt(honest.index, honest.path, replace(honest.checkpoint, note=larger))
    with pytest.raises(ForgedError):
        check_receipt(lie, ENTRY, [LOG.key])
