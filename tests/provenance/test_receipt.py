"""Receipts: round trip, what a check tells, and properties of the parser. The attacks are in tests/attacks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.encoding import canonical
from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError, UnsupportedVersionError
from provenance.receipt import check_receipt, format_receipt, make_receipt, parse_receipt
from tests.support.logs import MemoryLog, signer

LOG = MemoryLog(7)
DATA = LOG.receipt_bytes(4, [b"token"])


def test_round_trip():
    receipt = parse_receipt(DATA)
    assert receipt == LOG.receipt(4, [b"token"])
    assert format_receipt(receipt) == DATA
    assert (receipt.index, receipt.checkpoint.size, receipt.timestamps) == (4, 7, (b"token",))


def test_the_proof_is_a_tlog_proof():
    lines = json.loads(DATA)["proof"].split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 4"]
    assert lines[5:8] == ["", "log.example/1", "7"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33])
def test_every_leaf_has_a_receipt(size):
    log = MemoryLog(size)
    for index in range(size):
        check = check_receipt(parse_receipt(log.receipt_bytes(index)), log.entries[index], [log.key])
        assert check.known
        assert check.key == log.key
        assert (check.log, check.index, check.size) == ("log.example/1", index, size)
        assert check.note == log.checkpoint()


@pytest.mark.parametrize("keys", [[], [signer("another.example").verifier_key]])
def test_an_unknown_log_is_no_forgery(keys):
    check = check_receipt(parse_receipt(DATA), LOG.entries[4], keys)
    assert not check.known
    assert check.key is None
    assert check.log == "log.example/1"


def test_several_keys_of_one_name_are_a_rotation():
    check = check_receipt(parse_receipt(DATA), LOG.entries[4], [signer(seed=9).verifier_key, LOG.key])
    assert check.key == LOG.key


def test_another_version_is_unsupported_not_invalid():
    with pytest.raises(UnsupportedVersionError):
        parse_receipt(DATA.replace(b'"v":1', b'"v":2'))


@pytest.mark.parametrize(
    "change",
    [{"extra": 1}, {"proof": None}, {"timestamps": ["0G"]}, {"timestamps": "00"}, {"timestamps": None}, {"kind": "x"}],
)
def test_fields_are_read_strictly(change):
    with pytest.raises(EncodingError):
        parse_receipt(canonical({**json.loads(DATA), **change}))


def test_a_receipt_must_be_canonical():
    with pytest.raises(EncodingError):
        parse_receipt(json.dumps(json.loads(DATA)).encode())


def test_attestations_survive_and_their_field_is_left_out_without_any():
    receipt = make_receipt(4, LOG.path(4), LOG.checkpoint(), [b"token"], [b"one", b"two"])
    data = format_receipt(receipt)
    assert parse_receipt(data) == receipt
    assert json.loads(data)["attestations"] == [b"one".hex(), b"two".hex()]
    assert check_receipt(receipt, LOG.entries[4], [LOG.key]).attestations == (b"one", b"two")
    assert "attestations" not in json.loads(DATA)


@pytest.mark.parametrize("change", [[], ["0G"], None, "00", [1], ["00"] * 9, ["00" * 4_097]])
def test_attestations_are_read_strictly(change):
    with pytest.raises(InvalidError):
        parse_receipt(canonical({**json.loads(DATA), "attestations": change}))


def test_limits():
    with pytest.raises(LimitError):
        parse_receipt(canonical({**json.loads(DATA), "timestamps": ["00"] * 9}))
    with pytest.raises(LimitError):
        make_receipt(4, [bytes(32)] * 64, LOG.checkpoint())
    with pytest.raises(LimitError):
        make_receipt(4, LOG.path(4), LOG.checkpoint(), [bytes(33_000)])


@given(st.binary(max_size=300))
def test_only_our_errors_leave_the_parser(data):
    for candidate in (data, DATA[:40] + data, b" " + data + DATA):
        with pytest.raises(InvalidError):
            parse_receipt(candidate)


@given(st.text(max_size=200))
def test_only_our_errors_leave_the_proof_parser(text):
    for proof in (text, f"c2sp.org/tlog-proof@v1\nindex {text}", f"c2sp.org/tlog-proof@v1\nindex 1\n{text}\n\n{text}"):
        with pytest.raises(InvalidError):
            parse_receipt(canonical({"kind": "receipt", "v": 1, "proof": proof, "timestamps": []}))


@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_what_is_read_reads_back(position, value):
    changed = DATA[:position] + bytes([value]) + DATA[position + 1 :]
    try:
        receipt = parse_receipt(changed)
    except (InvalidError, UnsupportedVersionError):
        return
    assert format_receipt(receipt) == changed


HEADER = "c2sp.org/tlog-proof@v1"
NOTE = LOG.checkpoint().decode()


def with_proof(proof):
    return canonical({**json.loads(DATA), "proof": proof})


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"[", EncodingError, r"receipt: not JSON at byte "),
        (b"[]", EncodingError, r"receipt: must be an object$"),
        (with_proof(f"other\nindex 4\n\n{NOTE}"), EncodingError, f"receipt: the proof must start with {HEADER} and "),
        (with_proof(f"{HEADER}\nindex 4\n"), EncodingError, f"receipt: the proof must start with {HEADER} and "),
        (with_proof(f"{HEADER}\n\n{NOTE}"), EncodingError, r"receipt: the second line of the proof must be its index$"),
        (
            with_proof(f"{HEADER}\nplace 4\n\n{NOTE}"),
            EncodingError,
            r"receipt: the second line of the proof must be its",
        ),
        (with_proof(f"{HEADER}\nindex 04\n\n{NOTE}"), EncodingError, r"receipt: index"),
        (with_proof(f"{HEADER}\nindex 4\nAAAA\n\n{NOTE}"), EncodingError, r"receipt: inclusion path"),
        (
            with_proof("\n".join([HEADER, "index 4", *["A" * 43 + "="] * 64]) + f"\n\n{NOTE}"),
            LimitError,
            r"receipt: an inclusion path has at most 63 hashes$",
        ),
        (canonical({**json.loads(DATA), "attestations": ["0G"]}), EncodingError, r"receipt: attestations\[0\]: "),
    ],
)
def test_what_is_wrong_is_said(data, error, reason):
    with pytest.raises(error, match=f"^{reason}"):
        parse_receipt(data)


def test_a_path_may_have_as_many_hashes_as_any_tree_is_high():
    hashes = [bytes([n]) * 32 for n in range(63)]
    assert make_receipt(4, hashes, LOG.checkpoint()).path == tuple(hashes)


def test_one_attestation_is_enough_and_none_is_none():
    assert make_receipt(4, LOG.path(4), LOG.checkpoint(), (), [b"one"]).attestations == (b"one",)
    assert parse_receipt(DATA).attestations == ()


def test_a_check_tells_all_that_is_in_the_receipt():
    check = check_receipt(parse_receipt(DATA), LOG.entries[4], [LOG.key])
    assert check.root == parse_receipt(DATA).checkpoint.root
    assert check.timestamps == (b"token",)
    assert check.attestations == ()


def test_a_log_that_was_met_is_known_by_its_key_and_nobody_is_a_forger_because_of_it():
    receipt, entry, stranger = parse_receipt(DATA), LOG.entries[4], signer(seed=9).verifier_key
    assert check_receipt(receipt, entry, [], met=[LOG.key]).key == LOG.key
    assert check_receipt(receipt, entry, [], met=[stranger, LOG.key]).key == LOG.key  # whichever holds
    assert check_receipt(receipt, entry, [], met=[stranger]).key is None  # bears the name, did not sign
    assert check_receipt(receipt, entry, [signer("another.example").verifier_key], met=[LOG.key]).key == LOG.key


def test_what_a_policy_names_comes_before_what_was_met():
    with pytest.raises(ForgedError):
        check_receipt(parse_receipt(DATA), LOG.entries[4], [signer(seed=9).verifier_key], met=[LOG.key])
