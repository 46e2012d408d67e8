"""Somebody edits the log's database behind its back, without its key. Each attack is one statement."""

import shutil
import sqlite3

import pytest

from ledger import audit, keys
from ledger.local import open_ledger
from provenance.checkpoint import VerifierKey, sign_checkpoint
from provenance.errors import LedgerFault
from tests.support.entries import make_entry
from tests.support.logs import signer

SIZE = 7


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A log of seven entries, made once; each test edits its own copy."""
    folder = tmp_path_factory.mktemp("honest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDPROOF_HOME", str(folder / "home"))
        ledger = open_ledger(str(folder / "ledger.db"), create=True)
        for i in range(SIZE):
            ledger.submit(make_entry(i, authors=["ann"]))
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


def test_the_honest_log_passes(path):
    assert problems(path) == []


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        ("UPDATE head SET size = 6", ()),
        ("UPDATE head SET size = 8", ()),
        ("UPDATE head SET size = 0", ()),
        ("UPDATE head SET size = 'seven'", ()),
        ("UPDATE head SET origin = zeroblob(32)", ()),
        ("UPDATE head SET root = ?", (bytes(32),)),
        ("UPDATE head SET root = ?", (b"",)),
        ("UPDATE head SET root = ?", ("text",)),
        ("UPDATE head SET note = ?", (b"",)),
        ("UPDATE head SET note = ?", (b"\xff\n\n\n",)),
        (
            "UPDATE head SET note = replace(CAST(note AS TEXT), char(10) || '7' || char(10), char(10) || '6' || char(10))",
            (),
        ),
        ("UPDATE head SET origin = 'seedproof.local/0000000000000000'", ()),
        ("DELETE FROM head", ()),
        ("DELETE FROM nodes", ()),
        ("DELETE FROM nodes WHERE level = 2", ()),
        ("UPDATE nodes SET hash = ? WHERE level = 2", (bytes(32),)),
        ("UPDATE nodes SET hash = 'text' WHERE level = 2", ()),
        ("UPDATE leaves SET leaf_hash = ? WHERE leaf_index = 6", (bytes(32),)),
        ("DROP TABLE nodes", ()),
        ("DROP TABLE leaves", ()),
    ],
)
def test_a_tampered_head_or_tree_does_not_open(path, statement, arguments):
    edit(path, (statement, arguments))
    with pytest.raises(LedgerFault):
        open_ledger(str(path), create=True)


@pytest.mark.parametrize("index", range(SIZE))
def test_truncation_and_holes_do_not_open(path, index):
    edit(
        path,
        ("DELETE FROM authors WHERE leaf_index >= ?", (index,)),
        ("DELETE FROM leaves WHERE leaf_index >= ?", (index,)),
    )
    with pytest.raises(LedgerFault):
        open_ledger(str(path), create=True)


@pytest.mark.parametrize("index", range(SIZE))
def test_one_missing_entry_does_not_open(path, index):
    edit(
        path,
        ("DELETE FROM authors WHERE leaf_index = ?", (index,)),
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
    """Size and root of six entries, which are those of the stored tree; but the checkpoint is not of six."""
    from provenance.merkle import root

    connection = sqlite3.connect(path)
    hashes = [row[0] for row in connection.execute("SELECT leaf_hash FROM leaves ORDER BY leaf_index")]
    connection.close()
    edit(
        path,
        ("DELETE FROM leaves WHERE leaf_index = 6", ()),
        ("UPDATE head SET size = 6, root = ?", (root(hashes[:6]),)),
    )
    with pytest.raises(LedgerFault, match="differ"):
        open_ledger(str(path), create=True)


def test_an_entry_moved_behind_the_head_does_not_open(path):
    edit(path, ("UPDATE leaves SET leaf_index = 7 WHERE leaf_index = 2", ()))
    with pytest.raises(LedgerFault, match="entries"):
        open_ledger(str(path), create=True)


def test_an_entry_put_in_behind_the_head_does_not_open(path):
    edit(
        path,
        (
            "INSERT INTO leaves SELECT 7, entry, leaf_hash, ?, commitment, pixels, latent FROM leaves WHERE leaf_index = 0",
            (bytes(32),),
        ),
    )
    with pytest.raises(LedgerFault, match="entries"):
        open_ledger(str(path), create=True)


@pytest.mark.parametrize("index", range(SIZE))
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
    from provenance.merkle import leaf_hash

    other = make_entry("other")
    edit(path, ("UPDATE leaves SET entry = ?, leaf_hash = ? WHERE leaf_index = 2", (other, leaf_hash(other))))
    ledger = open_ledger(str(path), create=False)
    with pytest.raises(LedgerFault, match="tampered"):
        ledger.receipt(2)
    with pytest.raises(LedgerFault, match="tampered"):
        ledger.receipt(3)  # its sibling's path holds the wrong hash
    ledger.close()
    found = problems(path)
    assert any("claim_id" in line for line in found)
    assert any("root" in line for line in found)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE leaves SET commitment = zeroblob(32) WHERE leaf_index = 1", "commitment"),
        ("UPDATE leaves SET pixels = zeroblob(32) WHERE leaf_index = 1", "pixels"),
        ("UPDATE leaves SET latent = zeroblob(32) WHERE leaf_index = 1", "latent"),
        ("UPDATE leaves SET claim_id = zeroblob(32) WHERE leaf_index = 1", "claim_id"),
        ("DELETE FROM authors WHERE leaf_index = 1", "authors"),
        ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 1 AND position = 0", "stored tree"),
        ("INSERT INTO nodes VALUES (1, 3, zeroblob(32))", "stored tree"),
    ],
)
def test_the_audit_finds_what_opening_does_not(path, statement, what):
    edit(path, (statement, ()))
    assert any(what in line for line in problems(path))


def test_a_tree_changed_under_an_open_log_is_not_signed(path):
    ledger = open_ledger(str(path), create=False)
    edit(path, ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 2", ()))
    for call in (lambda: ledger.submit(make_entry("new")), lambda: ledger.receipt(0), ledger.head):
        with pytest.raises(LedgerFault):
            call()
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
        ("INSERT INTO stamps (size, authority, note, token) VALUES (7, 'http://x', ?, ?)", (note, b"0")),
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
            "INSERT INTO leaves SELECT 7, entry, leaf_hash, ?, commitment, pixels, latent FROM leaves WHERE leaf_index = 0",
            (bytes(32),),
        ),
    )
    found = audit.check_log(ledger.engine, [VerifierKey.parse(ledger.verifier_key)])
    assert found == ["8 entries are stored, the checkpoint says 7"]
    ledger.close()
