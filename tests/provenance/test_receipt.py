"""Receipts: round trip, what a check tells, and properties of the parser. The attacks are in tests/attacks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.encoding import canonical
from provenance.errors import EncodingError, InvalidError, LimitError, UnsupportedVersionError
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
