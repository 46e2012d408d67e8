"""Cosignatures: those of public witnesses over public logs first, then what must be refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.checkpoint import open_checkpoint, parse_checkpoint, sign_checkpoint
from provenance.cosignature import Cosignature, add_cosignatures, cosign, open_cosignatures, take_cosignatures
from provenance.errors import EncodingError, ForgedError, InvalidError
from provenance.note import MAX_NOTE_BYTES, MAX_SIGNATURES, format_signature, sign_line, split_note
from provenance.notekey import KeyType, VerifierKey, new_signer

PUBLIC = json.loads((Path(__file__).parents[1] / "vectors" / "checkpoints.json").read_text())["cosigned"]
LOG = new_signer("log.example/1")
LOG_MLDSA = new_signer("log.example/1", KeyType.MLDSA44)
ROOT = bytes(range(32))
NOTE = sign_checkpoint(LOG.name, 7, ROOT, [LOG])
WITNESSES = [new_signer(f"witness.example/{n}", KeyType.COSIGNATURE) for n in range(2)]
WITNESS_MLDSA = new_signer("witness.example/0", KeyType.MLDSA44)
KEYS = [signer.verifier_key for signer in WITNESSES]


def lines(*signers, note=NOTE, time=99):
    return cosign(note, signers, time)


@pytest.mark.parametrize("case", PUBLIC, ids=["Ed25519", "ML-DSA-44"])
def test_cosignatures_of_public_witnesses_hold(case):
    note = case["note"].encode()
    keys = [key for key in map(VerifierKey.parse, case["keys"]) if key.kind is not KeyType.ED25519]
    found = open_cosignatures(note, keys)
    assert [cosignature.key for cosignature in found] == keys
    assert all(1_700_000_000 < cosignature.time < 1_800_000_000 for cosignature in found)
    size = str(parse_checkpoint(note).size)
    with pytest.raises(ForgedError):
        open_cosignatures(note.replace(size.encode(), b"42", 1), keys)


def test_a_public_log_verifies():
    keys = [VerifierKey.parse(text) for text in PUBLIC[0]["keys"]]
    own = [key for key in keys if key.kind is KeyType.ED25519]
    # Its own signature and its RFC 6962 one stand side by side; we know the first kind alone.
    assert open_checkpoint(PUBLIC[0]["note"].encode(), keys).signed_by == tuple(own)


def test_a_log_signs_with_two_kinds_of_keys():
    note = sign_checkpoint(LOG.name, 7, ROOT, [LOG, LOG_MLDSA])
    both = (LOG.verifier_key, LOG_MLDSA.verifier_key)
    assert open_checkpoint(note, both).signed_by == both
    for key in both:
        assert open_checkpoint(note, [key]).signed_by == (key,)


@pytest.mark.parametrize("position", [0, 1])
def test_one_broken_signature_of_the_log_spoils_the_note(position):
    note = sign_checkpoint(LOG.name, 7, ROOT, [LOG, LOG_MLDSA])
    other = sign_checkpoint(LOG.name, 8, ROOT, [LOG, LOG_MLDSA])
    text, signatures = split_note(note)
    signatures[position] = split_note(other)[1][position]
    mixed = f"{text}\n{''.join(map(format_signature, signatures))}".encode()
    with pytest.raises(ForgedError):
        open_checkpoint(mixed, [LOG.verifier_key, LOG_MLDSA.verifier_key])


def test_nobody_but_the_log_signs_a_checkpoint():
    for signers in ([], [LOG, WITNESSES[0]], [new_signer(LOG.name, KeyType.COSIGNATURE)]):
        with pytest.raises(EncodingError):
            sign_checkpoint(LOG.name, 7, ROOT, signers)
    as_log = new_signer(LOG.name, KeyType.COSIGNATURE)
    note = NOTE + format_signature(sign_line(split_note(NOTE)[0], as_log, 5)).encode()
    with pytest.raises(ForgedError):
        open_checkpoint(note, [as_log.verifier_key])  # a cosigner's key is not a log's, whatever its name


def test_cosignatures_are_counted_once_each_with_their_newest_time():
    note = add_cosignatures(NOTE, [lines(*WITNESSES), lines(WITNESSES[0], time=105), lines(WITNESSES[0], time=100)])
    assert open_cosignatures(note, KEYS) == (Cosignature(KEYS[0], 105), Cosignature(KEYS[1], 99))
    assert open_cosignatures(note, KEYS[1:]) == (Cosignature(KEYS[1], 99),)
    assert open_cosignatures(note, []) == ()
    assert open_checkpoint(note, [LOG.verifier_key]).size == 7


def test_a_witness_with_two_kinds_of_keys():
    note = add_cosignatures(NOTE, [lines(WITNESSES[0], WITNESS_MLDSA)])
    keys = [WITNESS_MLDSA.verifier_key, KEYS[0]]
    assert open_cosignatures(note, keys) == tuple(Cosignature(key, 99) for key in keys)


def test_a_cosignature_without_a_time_does_not_count():
    text = split_note(NOTE)[0]
    timeless = NOTE + format_signature(sign_line(text, WITNESS_MLDSA, 0)).encode()
    assert open_cosignatures(timeless, [WITNESS_MLDSA.verifier_key]) == ()


def test_a_log_is_not_its_own_witness():
    note = sign_checkpoint(LOG.name, 7, ROOT, [LOG, LOG_MLDSA])
    assert open_cosignatures(note, [LOG.verifier_key, LOG_MLDSA.verifier_key]) == ()
    timed = note + format_signature(sign_line(split_note(note)[0], LOG_MLDSA, 99)).encode()
    assert open_cosignatures(timed, [LOG_MLDSA.verifier_key]) == ()
    with pytest.raises(EncodingError):
        cosign(NOTE, [new_signer(LOG.name, KeyType.COSIGNATURE)], 99)


@pytest.mark.parametrize(("signer", "time"), [(LOG, 99), (new_signer("w.example"), 99), (WITNESSES[0], 0)])
def test_what_a_witness_cannot_sign_with(signer, time):
    with pytest.raises(EncodingError):
        cosign(NOTE, [signer], time)


def test_a_cosignature_moved_to_another_checkpoint_is_forged():
    other = sign_checkpoint(LOG.name, 8, ROOT, LOG)
    with pytest.raises(ForgedError):
        open_cosignatures(other + lines(WITNESSES[0]), KEYS)


def test_only_lines_of_keys_that_were_asked_for_are_taken_from_an_answer():
    answer = lines(*WITNESSES, WITNESS_MLDSA)
    assert take_cosignatures(NOTE, answer, KEYS[:1]) == [lines(WITNESSES[0])]
    assert take_cosignatures(NOTE, answer, [*KEYS, WITNESS_MLDSA.verifier_key]) == [
        line + b"\n" for line in answer[:-1].split(b"\n")
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"junk\n",
        b"ok",
        b"\xff\n",
        lines(WITNESSES[1]),
        lines(WITNESSES[0])[:-1],
        lines(WITNESSES[0], note=sign_checkpoint(LOG.name, 8, ROOT, LOG)),
        lines(WITNESSES[1]) * (MAX_SIGNATURES + 1),
    ],
)
def test_other_answers_of_a_witness_are_refused(answer):
    with pytest.raises(InvalidError):
        take_cosignatures(NOTE, answer, KEYS[:1])


def test_a_note_takes_no_more_lines_than_readers_accept():
    many = [new_signer(f"{n}.example", KeyType.MLDSA44) for n in range(3)]
    few = [lines(WITNESSES[0], time=n) for n in range(1, 30)]
    note = add_cosignatures(NOTE, few)
    assert len(split_note(note)[1]) == MAX_SIGNATURES
    assert add_cosignatures(note, few) == note
    assert add_cosignatures(NOTE, [few[0], few[0]]) == NOTE + few[0]
    longest = add_cosignatures(NOTE, [lines(signer, time=n) for n in range(1, 20) for signer in many])
    assert len(longest) <= MAX_NOTE_BYTES
    assert len(split_note(longest)[1]) == MAX_SIGNATURES


@given(st.binary(max_size=300))
def test_only_our_errors_leave(data):
    for attempt in (
        lambda: open_cosignatures(data, KEYS),
        lambda: open_cosignatures(NOTE + data, KEYS),
        lambda: add_cosignatures(NOTE, [data]),
        lambda: take_cosignatures(NOTE, data, KEYS),
        lambda: cosign(data, WITNESSES, 1),
    ):
        try:
            attempt()
        except InvalidError:
            continue
