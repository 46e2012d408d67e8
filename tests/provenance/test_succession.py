"""Successions of a log's keys: the grammar, and who may lead to whom."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.checkpoint import open_checkpoint
from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError, UnsupportedVersionError
from provenance.note import sign_note
from provenance.notekey import KeyType, NoteSigner, new_signer
from provenance.succession import (
    MAX_SUCCESSIONS,
    MAX_SUCCESSIONS_BYTES,
    follow,
    format_successions,
    leading_keys,
    parse_succession,
    parse_successions,
    sign_succession,
)

NAME = "log.example/1"


def pair(name=NAME):
    return [new_signer(name), new_signer(name, KeyType.MLDSA44)]


def keys_of(signers):
    return tuple(one.verifier_key for one in signers)


OLD, NEW, THIRD, THIEF = pair(), pair(), pair(), pair()
ADDED = sign_succession(7, keys_of([*NEW, *OLD]), (), OLD)
RETIRED = sign_succession(9, keys_of(NEW), keys_of(OLD), [*NEW, *OLD])


def chain(*notes):
    return parse_successions(format_successions(notes))


def test_one_reads_back():
    found = parse_succession(RETIRED)
    assert (found.origin, found.size, found.keys, found.retired) == (NAME, 9, keys_of(NEW), keys_of(OLD))
    assert found.note == RETIRED
    assert [item.note for item in chain(ADDED, RETIRED)] == [ADDED, RETIRED]
    assert chain() == ()


def test_the_text_is_that_of_the_protocol():
    [key] = OLD[:1]
    note = sign_succession(7, keys_of([key]), keys_of(NEW[:1]), [key])
    lines = [NAME, f"key {key.verifier_key.format()}", f"retired {NEW[0].verifier_key.format()}"]
    rest = "".join(f"{line}\n" for line in lines)
    digest = base64.b64encode(hashlib.sha256(rest.encode()).digest()).decode()
    assert note.startswith(f"seedproof/v1/keys\n7\n{digest}\n{rest}\n— {NAME} ".encode())


@pytest.mark.parametrize("known", [OLD, OLD[:1], OLD[1:]])
def test_either_kind_of_key_leads_on(known):
    assert follow(keys_of(known), chain(ADDED)) == keys_of([*NEW, *OLD])
    assert follow(keys_of(known), chain(ADDED, RETIRED)) == keys_of(NEW)


def test_who_slept_through_two_changes_follows_both():
    third = sign_succession(20, keys_of([*THIRD, *NEW]), keys_of(OLD), NEW)
    last = sign_succession(30, keys_of(THIRD), keys_of([*NEW, *OLD]), [*THIRD, *NEW])
    assert follow(keys_of(OLD), chain(ADDED, RETIRED, third, last)) == keys_of(THIRD)
    assert follow(keys_of(NEW), chain(ADDED, RETIRED, third, last)) == keys_of(THIRD)
    assert follow(keys_of(THIRD), chain(ADDED, RETIRED, third, last)) == keys_of(THIRD)
    assert follow(keys_of(OLD), chain(third, last)) == keys_of(OLD), "what leads to NEW was left out"


def test_what_is_known_already_changes_nothing():
    both = keys_of([*NEW, *OLD])
    assert follow(both, chain(ADDED)) == both
    assert follow(keys_of(NEW), chain(ADDED, RETIRED)) == keys_of(NEW)


def test_a_succession_is_no_checkpoint_and_a_checkpoint_no_succession():
    with pytest.raises(InvalidError):
        open_checkpoint(ADDED, keys_of(OLD))
    with pytest.raises(EncodingError, match="must begin with"):
        parse_succession(sign_note(f"{NAME}\n7\n{base64.b64encode(bytes(32)).decode()}\n", OLD))


def test_the_newest_of_each_kind_leads():
    assert leading_keys(keys_of([*NEW, *OLD])) == keys_of(NEW)
    assert leading_keys(keys_of([NEW[0], *OLD])) == keys_of([NEW[0], OLD[1]])


# --- attacks --------------------------------------------------------------------------------------------------------


def test_a_stranger_names_no_successor():
    forged = sign_succession(7, keys_of(THIEF), (), THIEF)
    assert follow(keys_of(OLD), chain(forged)) == keys_of(OLD)


def test_a_thief_of_an_old_key_leads_nobody_who_knows_its_successor():
    mine = sign_succession(8, keys_of([*THIEF, *OLD]), keys_of(NEW), OLD)
    assert follow(keys_of([*NEW, *OLD]), chain(mine)) == keys_of([*NEW, *OLD])
    assert follow(keys_of(NEW), chain(mine)) == keys_of(NEW)
    assert follow(keys_of(OLD), chain(ADDED, RETIRED, sign_succession(9, keys_of(THIEF), (), OLD))) == keys_of(NEW)


def test_a_thief_of_an_old_key_leads_who_has_slept_since_before_it_was_retired():
    """What no note can help, and docs/threat-model.md says."""
    assert follow(keys_of(OLD), chain(sign_succession(8, keys_of(THIEF), (), OLD))) == keys_of(THIEF)


def test_the_succession_of_another_log_is_refused():
    other = pair("log.example/2")
    with pytest.raises(ForgedError, match=r"of the log log\.example/2"):
        follow(keys_of(OLD), chain(sign_succession(7, keys_of(other), (), OLD)))


def test_a_changed_note_is_refused():
    text = ADDED.decode()
    for changed in (text.replace("\n7\n", "\n8\n", 1), text.replace(f"\n{NAME}\n", "\nlog.example/2\n", 1)):
        with pytest.raises(InvalidError):
            follow(keys_of(OLD), chain(changed.encode()))


def test_another_key_under_a_signed_digest_is_refused():
    """A key of type 06 signs the digest alone."""
    forged = ADDED.decode().replace(NEW[0].verifier_key.format(), THIEF[0].verifier_key.format(), 1)
    lines = [line for line in forged.split("\n") if not line.startswith("— ")]
    kept = [line for line in forged.split("\n") if line.startswith("— ")][1:]
    with pytest.raises(ForgedError, match="digest"):
        parse_succession("\n".join([*lines[:-1], *kept, ""]).encode())


@pytest.mark.parametrize("cut", [1, 40, 400, 2_000])
def test_a_truncated_note_is_refused(cut):
    with pytest.raises(InvalidError):
        follow(keys_of(OLD), chain(ADDED[:-cut]))


def body(*lines, size="7", digest=None, header="seedproof/v1/keys"):
    rest = "".join(f"{line}\n" for line in lines)
    digest = base64.b64encode(hashlib.sha256(rest.encode()).digest()).decode() if digest is None else digest
    return sign_note(f"{header}\n{size}\n{digest}\n{rest}", OLD[0])


KEY, POST_QUANTUM, OTHER = (one.verifier_key.format() for one in (*OLD, NEW[0]))
WITNESS = new_signer(NAME, KeyType.COSIGNATURE).verifier_key.format()


@pytest.mark.parametrize(
    "note",
    [
        body(NAME),
        body(NAME, f"key {KEY}", f"key {KEY}"),
        body(NAME, f"key {KEY}", f"retired {KEY}"),
        body(NAME, f"retired {OTHER}", f"key {KEY}"),
        body(NAME, f"retired {KEY}"),
        body(NAME, f"key {POST_QUANTUM}"),
        body(NAME, f"key {WITNESS}", f"key {KEY}"),
        body(NAME, f"key  {KEY}"),
        body(NAME, KEY),
        body(NAME, f"key {KEY}", "also"),
        body(NAME, f"key {KEY[:-3]}"),
        body("other.example", f"key {KEY}"),
        body("a b", f"key {KEY}"),
        body(NAME, f"key {KEY}", size="07"),
        body(NAME, f"key {KEY}", size="-1"),
        body(NAME, f"key {KEY}", digest=base64.b64encode(bytes(32)).decode()),
        body(NAME, f"key {KEY}", digest="x"),
        body(NAME, f"key {KEY}", header="seedproof/v2/keys"),
        body(NAME, *(f"key {new_signer(NAME).verifier_key.format()}" for _ in range(17))),
    ],
)
def test_what_is_not_in_the_grammar_is_refused(note):
    with pytest.raises(InvalidError):
        parse_succession(note)
    with pytest.raises(InvalidError):
        parse_successions(format_successions([note]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"kind":"successions","v":1}',
        b'{"kind":"successions","v":1,"notes":[7]}',
        b'{"kind":"successions","v":1,"notes":[],"more":1}',
        b'{"kind":"evidence","v":1,"notes":[]}',
        b'{"kind":"successions","v":1,"notes":["' + b"x" * 70_000 + b'"]}',
        b" " * (MAX_SUCCESSIONS_BYTES + 1),
    ],
)
def test_documents_that_are_none(data):
    with pytest.raises(InvalidError):
        parse_successions(data)


def test_a_newer_document_is_not_called_invalid():
    with pytest.raises(UnsupportedVersionError):
        parse_successions(b'{"kind":"successions","v":2,"notes":[]}')


def test_notes_of_several_logs_or_out_of_order_are_refused():
    other = pair("log.example/2")
    for notes in ([ADDED, sign_succession(9, keys_of(other), (), other)], [RETIRED, ADDED]):
        with pytest.raises(EncodingError):
            chain(*notes)


def test_nothing_is_signed_that_nobody_could_read():
    with pytest.raises(InvalidError):
        sign_succession(7, (), (), OLD)
    with pytest.raises(InvalidError):
        sign_succession(7, keys_of([OLD[0], new_signer("log.example/2")]), (), OLD)


def test_of_many_the_newest_stay():
    notes = [sign_succession(i, keys_of(OLD[:1]), (), OLD[:1]) for i in range(MAX_SUCCESSIONS + 3)]
    assert [item.size for item in chain(*notes)] == list(range(3, MAX_SUCCESSIONS + 3))
    ring = [one for _ in range(8) for one in pair()]
    note = sign_succession(7, keys_of(ring), (), ring)
    data = format_successions([note] * MAX_SUCCESSIONS)
    assert len(data) <= MAX_SUCCESSIONS_BYTES
    assert 20 < len(parse_successions(data)) < MAX_SUCCESSIONS
    with pytest.raises(LimitError):
        parse_successions(b'{"kind":"successions","v":1,"notes":[' + b'"x",' * 40 + b'"x"]}')


@given(st.binary(max_size=300))
def test_junk_is_refused_and_nothing_else_escapes(data):
    for read in (parse_succession, parse_successions):
        with pytest.raises((InvalidError, UnsupportedVersionError)):
            read(data)


def test_a_key_may_not_sign_twice_under_two_names():
    moved = NoteSigner("log.example/2", OLD[0].private_key)
    note = sign_succession(7, keys_of(NEW), (), [moved])
    assert follow(keys_of(OLD), chain(note)) == keys_of(OLD)
