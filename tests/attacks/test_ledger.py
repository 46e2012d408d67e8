"""Somebody edits the log's database behind its back, without its key. Each attack is one statement."""

import shutil
import sqlite3

import pytest

from ledger import audit, keys
from ledger.local import open_ledger
from provenance.checkpoint import VerifierKey, sign_checkpoint
from provenance.errors import LedgerFault
from provenance.merkle import leaf_hash, root
from tests.support.entries import make_entry
from tests.support.logs import signer

SIZE = 260
"""One full tile and four leaves beside it."""

SOME = (0, 1, 2, 100, 255, 256, 259)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A log, made once; each test edits its own copy."""
    folder = tmp_path_factory.mktemp("honest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDPROOF_HOME", str(folder / "home"))
        ledger = open_ledger(str(folder / "ledger.db"), create=True)
        ledger.submit_batch([make_entry(i, authors=["ann"] if i < 7 else ()) for i in range(SIZE)])
        ledger.close()
    return folder / "ledger.db"


@pytest.fixture
def path(honest, tmp_path):
    target = tmp_path / "ledger.db"
    shutil.copy(honest, target)
    shutil.copy(keys.key_path(honest), keys.key_path(target))
    return target


def edit(path, *statements):
    connection = sqlite3.connect(path)
    for statement, arguments in statements:
        assert connection.execute(statement, arguments).rowcount != 0, "the attack must change something"
    connection.commit()
    connection.close()


def problems(path):
    ledger = open_ledger(str(path), create=False)
    try:
        return audit.check_log(ledger.engine, [VerifierKey.parse(ledger.verifier_key)])
    finally:
        ledger.close()


def other_note(path, size, root):
    name = keys.load_keys(keys.key_path(path))[0].name
    return sign_checkpoint(name, size, root, signer(name, 77))


def leaves_of(path):
    connection = sqlite3.connect(path)
    rows = [row[0] for row in connection.execute("SELECT leaf_hash FROM leaves ORDER BY leaf_index")]
    connection.close()
    return rows


def head_of(path):
    connection = sqlite3.connect(path)
    row = connection.execute("SELECT size, root, note FROM head").fetchone()
    connection.close()
    return row


def test_the_honest_log_passes(path):
    assert problems(path) == []


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        ("UPDATE head SET size = 259", ()),
        ("UPDATE head SET size = 261", ()),
        ("UPDATE head SET size = 0", ()),
        ("UPDATE head SET size = 'seven'", ()),
        ("UPDATE head SET origin = zeroblob(32)", ()),
        ("UPDATE head SET root = ?", (bytes(32),)),
        ("UPDATE head SET root = ?", (b"",)),
        ("UPDATE head SET root = ?", ("text",)),
        ("UPDATE head SET note = ?", (b"",)),
        ("UPDATE head SET note = ?", (b"\xff\n\n\n",)),
        (
            "UPDATE head SET note = replace(CAST(note AS TEXT), char(10) || '260' || char(10), char(10) || '259' || char(10))",
            (),
        ),
        ("UPDATE head SET origin = 'seedproof.local/0000000000000000'", ()),
        ("DELETE FROM head", ()),
        ("DELETE FROM tiles", ()),
        ("UPDATE tiles SET root = ?", (bytes(32),)),
        ("UPDATE tiles SET root = 'text'", ()),
        ("UPDATE tiles SET position = 1", ()),
        ("UPDATE leaves SET leaf_hash = ? WHERE leaf_index = 259", (bytes(32),)),
        ("UPDATE leaves SET leaf_hash = 'text' WHERE leaf_index = 256", ()),
        ("DROP TABLE tiles", ()),
        ("DROP TABLE leaves", ()),
    ],
)
def test_a_tampered_head_or_tree_does_not_open(path, statement, arguments):
    edit(path, (statement, arguments))
    with pytest.raises(LedgerFault):
        open_ledger(str(path), create=True)


@pytest.mark.parametrize("index", SOME)
def test_truncation_and_holes_do_not_open(path, index):
    edit(
        path,
        ("DELETE FROM leaves WHERE leaf_index >= ?", (index,)),
    )
    with pytest.raises(LedgerFault):
        open_ledger(str(path), create=True)


@pytest.mark.parametrize("index", SOME)
def test_one_missing_entry_does_not_open(path, index):
    edit(
        path,
        ("DELETE FROM leaves WHERE leaf_index = ?", (index,)),
    )
    with pytest.raises(LedgerFault):
        open_ledger(str(path), create=True)


def test_a_head_signed_by_another_key_does_not_open(path):
    connection = sqlite3.connect(path)
    size, root = connection.execute("SELECT size, root FROM head").fetchone()
    connection.close()
    edit(path, ("UPDATE head SET note = ?", (other_note(path, size, root),)))
    with pytest.raises(LedgerFault, match="does not verify"):
        open_ledger(str(path), create=True)


def test_a_head_set_back_to_an_older_tree_does_not_open(path):
    """Size and root of 259 entries, which are those of the stored tree; but the checkpoint is not of so many."""
    connection = sqlite3.connect(path)
    hashes = [row[0] for row in connection.execute("SELECT leaf_hash FROM leaves ORDER BY leaf_index")]
    connection.close()
    edit(
        path,
        ("DELETE FROM leaves WHERE leaf_index = 259", ()),
        ("UPDATE head SET size = 259, root = ?", (root(hashes[:259]),)),
    )
    with pytest.raises(LedgerFault, match="differ"):
        open_ledger(str(path), create=True)


def test_an_entry_moved_behind_the_head_does_not_open(path):
    edit(path, ("UPDATE leaves SET leaf_index = 260 WHERE leaf_index = 2", ()))
    with pytest.raises(LedgerFault, match="entries"):
        open_ledger(str(path), create=True)


def test_an_entry_put_in_behind_the_head_does_not_open(path):
    edit(
        path,
        (
            "INSERT INTO leaves SELECT 260, kind, ?, leaf_hash, 1, 1, 1, NULL, NULL, entry FROM leaves WHERE leaf_index = 0",
            (bytes(32),),
        ),
    )
    with pytest.raises(LedgerFault, match="entries"):
        open_ledger(str(path), create=True)


@pytest.mark.parametrize("index", SOME)
def test_a_replaced_entry_gets_no_receipt_and_is_not_returned(path, index):
    other = make_entry("other")
    edit(path, ("UPDATE leaves SET entry = ? WHERE leaf_index = ?", (other, index)))
    ledger = open_ledger(str(path), create=False)
    for call in (lambda: ledger.receipt(index), ledger.search):
        with pytest.raises(LedgerFault):
            call()
    assert audit.check_log(ledger.engine, [VerifierKey.parse(ledger.verifier_key)])
    ledger.close()


def test_a_replaced_entry_with_its_hash_gets_no_receipt(path):
    other = make_entry("other")
    edit(path, ("UPDATE leaves SET entry = ?, leaf_hash = ? WHERE leaf_index = 2", (other, leaf_hash(other))))
    ledger = open_ledger(str(path), create=False)
    with pytest.raises(LedgerFault, match="tampered"):
        ledger.receipt(2)
    ledger.close()
    found = problems(path)
    assert any("entry_id" in line for line in found)
    assert any("root" in line for line in found)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE leaves SET commitment = 1 WHERE leaf_index = 1", "commitment"),
        ("UPDATE leaves SET pixels = NULL WHERE leaf_index = 1", "pixels"),
        ("UPDATE leaves SET latent = 1 WHERE leaf_index = 1", "latent"),
        ("UPDATE leaves SET subject = 1 WHERE leaf_index = 1", "subject"),
        ("UPDATE leaves SET slot = zeroblob(32) WHERE leaf_index = 1", "slot"),
        ("UPDATE leaves SET kind = 'transfer' WHERE leaf_index = 1", "kind"),
        ("UPDATE leaves SET entry_id = zeroblob(32) WHERE leaf_index = 1", "entry_id"),
        ("UPDATE leaves SET leaf_hash = zeroblob(32) WHERE leaf_index = 1", "leaf_hash"),
        ("DELETE FROM new_keys WHERE leaf_index = 1", "entry 1: the keys"),
        ("INSERT INTO keys VALUES (1, 1)", "other keys"),
        ("INSERT INTO recent_keys VALUES (1, 1)", "other keys"),
        ("INSERT INTO keys SELECT key, leaf_index FROM new_keys WHERE leaf_index = 1", "other keys"),
        ("UPDATE tiles SET hashes = zeroblob(8192)", "stored tree"),
        ("UPDATE tiles SET middle = zeroblob(512)", "stored tree"),
        ("INSERT INTO tiles VALUES (0, 3, zeroblob(32), zeroblob(512), zeroblob(8192))", "stored tree"),
    ],
)
def test_the_audit_finds_what_opening_does_not(path, statement, what):
    edit(path, (statement, ()))
    assert any(what in line for line in problems(path))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leaves SET leaf_hash = zeroblob(32) WHERE leaf_index = 258",
        "UPDATE tiles SET root = zeroblob(32)",
        "UPDATE tiles SET hashes = zeroblob(8192)",
    ],
)
def test_a_tree_changed_under_an_open_log_is_not_signed(path, statement):
    """What is signed next continues the true tree; what was changed gets no receipt, and the log does not open again."""
    ledger = open_ledger(str(path), create=False)
    hashes = leaves_of(path)
    edit(path, (statement, ()))
    new = make_entry("new")
    ledger.submit(new)
    assert ledger.head().root == root([*hashes, leaf_hash(new)])
    with pytest.raises(LedgerFault):
        ledger.receipt(258 if "leaves" in statement else 0)
    assert audit.check_log(ledger.engine, [VerifierKey.parse(ledger.verifier_key)])
    ledger.close()
    if "hashes" not in statement:
        with pytest.raises(LedgerFault):
            open_ledger(str(path), create=False)


@pytest.mark.parametrize("statement", ["UPDATE head SET root = zeroblob(32)", "UPDATE head SET size = 259"])
def test_a_head_changed_under_an_open_log_is_noticed(path, statement):
    ledger = open_ledger(str(path), create=False)
    edit(path, (statement, ()))
    for call in (lambda: ledger.submit(make_entry("new")), lambda: ledger.receipt(0), ledger.head):
        with pytest.raises(LedgerFault):
            call()
    ledger.close()


def test_an_older_head_put_back_under_an_open_log_is_noticed(path):
    """Rolled back with its entries, as by restoring a backup while the service runs: sound in itself, and older."""
    ledger = open_ledger(str(path), create=False)
    before = head_of(path)
    ledger.submit(make_entry("new"))
    edit(
        path,
        ("DELETE FROM leaves WHERE leaf_index = 260", ()),
        ("UPDATE head SET size = ?, root = ?, note = ?", before),
    )
    with pytest.raises(LedgerFault, match="went back"):
        ledger.submit(make_entry("other"))
    ledger.close()


def test_a_checkpoint_smuggled_in_as_stamped_is_refused(path):
    note = other_note(path, 3, bytes(32))
    edit(path, ("INSERT INTO stamps (size, authority, note, token) VALUES (3, 'http://x', ?, ?)", (note, b"0")))
    ledger = open_ledger(str(path), create=False)
    with pytest.raises(LedgerFault):
        ledger.receipt(0)
    ledger.close()
    assert any("stamped" in line for line in problems(path))


@pytest.mark.parametrize("column", ["size", "note", "token"])
def test_stamps_of_other_types_are_refused(path, column):
    connection = sqlite3.connect(path)
    note = connection.execute("SELECT note FROM head").fetchone()[0]
    connection.close()
    edit(
        path,
        ("INSERT INTO stamps (size, authority, note, token) VALUES (260, 'http://x', ?, ?)", (note, b"0")),
        (f"UPDATE stamps SET {column} = 'text'", ()),
    )
    ledger = open_ledger(str(path), create=False)
    with pytest.raises(LedgerFault):
        ledger.receipt(0)
    ledger.close()


@pytest.mark.parametrize(
    "content", [b"", b"not a database", b"SQLite format 3\x00" + bytes(84), b"\x89PNG\r\n\x1a\n" + bytes(100)]
)
def test_other_files_are_refused_and_left_alone(tmp_path, content):
    file = tmp_path / "picture.db"
    file.write_bytes(content)
    for create in (True, False) if content else (False,):
        with pytest.raises(LedgerFault):
            open_ledger(str(file), create=create)
    assert file.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE head (id INTEGER)")
    connection.commit()
    connection.close()
    before = file.read_bytes()
    with pytest.raises(LedgerFault, match="not a ledger"):
        open_ledger(str(file), create=True)
    assert file.read_bytes() == before
    assert not keys.key_path(file).exists()


def test_addresses_and_folders_are_refused(tmp_path):
    for location in ("http://log.example", "sqlite:///x.db", str(tmp_path)):
        with pytest.raises(LedgerFault):
            open_ledger(location, create=True)


@pytest.mark.parametrize("keep", [100, 4096, 5000, 12288])
def test_a_file_cut_short_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(LedgerFault):
        open_ledger(str(path), create=True)


def test_the_audit_counts_entries_behind_the_head(path):
    """Put in while the log was open, so that opening could not refuse it."""
    ledger = open_ledger(str(path), create=False)
    edit(
        path,
        (
            "INSERT INTO leaves SELECT 260, kind, ?, leaf_hash, 1, 1, 1, NULL, NULL, entry FROM leaves WHERE leaf_index = 0",
            (bytes(32),),
        ),
    )
    found = audit.check_log(ledger.engine, [VerifierKey.parse(ledger.verifier_key)])
    assert found == ["261 entries are stored, the checkpoint says 260"]
    ledger.close()
