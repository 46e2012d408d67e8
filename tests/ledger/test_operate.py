"""Backups, restoring with what the tiles have since, changing keys, and the full check: by the commands themselves."""

import json
import shutil

import pytest
from click.testing import CliRunner

from ledger import audit, cli_operate, cli_tiles, keys
from ledger.log import open_log, prepare
from provenance.checkpoint import VerifierKey, open_checkpoint
from provenance.errors import LedgerFault, UsageError
from provenance.receipt import check_receipt, parse_receipt
from tests.support.entries import make_entry

WITH_PASSWORD = ("postgresql+psycopg://ann:hunter2@db.example/log", "postgresql://ann@db.example/log?password=hunter2")
BATCH = [make_entry(i, authors=["ann"]) for i in range(260)]


class Log:
    """A log and its places."""

    def __init__(self, database, folder):
        self.database, self.folder = database, folder
        self.key, self.tiles = folder / "log.key", folder / "tiles"

    def open(self, **options):
        return open_log(self.database, key_file=self.key, tiles=str(self.tiles), **options)

    def submit(self, *entries):
        log = self.open()
        outcomes = log.submit_batch([prepare(entry) for entry in entries])
        log.publish()
        log.close()
        return [item.index for item in outcomes]

    def run(self, command, *arguments, error=None, database=None):
        options = ["--database", database or self.database, "--key", self.key]
        result = CliRunner().invoke(command, [str(item) for item in (*arguments, *options)])
        if error:
            assert isinstance(result.exception, error), result.output
        else:
            assert result.exit_code == 0, (result.output, result.exception)
        return result


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request, tmp_path, own_home):
    url = str(tmp_path / "log.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Log(url, tmp_path)
    made.open(create=True).close()
    made.submit(*BATCH)
    return made


@pytest.fixture
def elsewhere(log, tmp_path, request):
    """An empty database of the same kind."""
    if log.database.startswith("postgresql"):
        server = request.getfixturevalue("postgres_server")
        url = server.create()
        yield url
        server.drop(url)
    else:
        yield str(tmp_path / "restored" / "log.db")


def holds(log, database, size):
    opened = open_log(database, key_file=log.key, tiles=str(log.tiles))
    found = [VerifierKey.parse(line) for line in opened.verifier_keys]
    assert audit.check_log(opened.engine, found, store=opened.store) == []
    assert opened.head().size == opened.published().size == size
    opened.close()


def test_fsck_reads_the_log_and_its_tiles(log):
    result = log.run(cli_operate.fsck, "--tiles", log.tiles)
    assert "all 260 entries hold" in result.stdout


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/001.p/4", "tile/1/000.p/1", "tile/0/001.p/4"])
def test_fsck_finds_a_tile_that_was_changed_or_lost(log, path):
    file = log.tiles / path
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    result = log.run(cli_operate.fsck, "--tiles", log.tiles, "--json", error=LedgerFault)
    assert json.loads(result.stdout)["problems"] == [f"the tile store has another content of {path}"]
    file.unlink()
    result = log.run(cli_operate.fsck, "--tiles", log.tiles, "--json", error=LedgerFault)
    assert json.loads(result.stdout)["problems"] == [f"the tile store lacks {path}"]


def test_fsck_needs_no_private_key(log, tmp_path):
    public = tmp_path / "public"
    public.write_text("".join(f"{key.format()}\n" for key in keys.load_verifiers(log.key)))
    log.key = public
    log.run(cli_operate.fsck, "--tiles", log.tiles)


def test_a_backup_is_restored(log, elsewhere, tmp_path):
    target = tmp_path / "log.backup"
    assert "260 entries" in log.run(cli_operate.backup, "-o", target).stderr
    assert target.stat().st_mode & 0o777 == 0o600
    result = log.run(cli_operate.restore, target, "--tiles", log.tiles, "--json", database=elsewhere)
    assert json.loads(result.stdout) == {"version": 1, "entries_of_backup": 260, "entries": 260}
    holds(log, elsewhere, 260)


def test_what_may_have_been_withdrawn_since_is_not_restored(log, elsewhere, tmp_path):
    opened = open_log(log.database, key_file=log.key)
    opened.add_api_key("gallery", bytes(32))
    opened.close()
    log.run(cli_operate.backup, "-o", tmp_path / "log.backup")
    log.run(cli_operate.restore, tmp_path / "log.backup", "--tiles", log.tiles, database=elsewhere)
    opened = open_log(elsewhere, key_file=log.key)
    assert opened.api_keys() == {}
    with opened.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM blobs").scalar_one() == 0
    opened.close()


def test_what_was_published_after_the_backup_comes_out_of_the_tiles(log, elsewhere, tmp_path):
    """The disk with the database is lost. Nothing that anybody has seen is, and every index stays."""
    target = tmp_path / "log.backup"
    log.run(cli_operate.backup, "-o", target)
    later = [make_entry(("later", i)) for i in range(300)]
    log.submit(*later)
    shown = (log.tiles / "checkpoint").read_bytes()
    result = log.run(cli_operate.restore, target, "--tiles", log.tiles, "--json", database=elsewhere)
    assert json.loads(result.stdout) == {"version": 1, "entries_of_backup": 260, "entries": 560}
    log.database = elsewhere
    assert log.submit(later[7], make_entry("new")) == [267, 560]
    verifiers = keys.load_verifiers(log.key)
    assert open_checkpoint(shown, verifiers).size == 560
    holds(log, elsewhere, 561)


def test_a_log_is_made_again_from_its_tiles_and_keys_alone(log, elsewhere):
    log.run(cli_operate.restore, "--tiles", log.tiles, database=elsewhere)
    holds(log, elsewhere, 260)


def test_an_older_state_than_was_shown_is_not_restored(log, elsewhere, tmp_path):
    """Tiles beyond the backup that do not hold cannot be caught up with; to go on without them would sign a fork."""
    target = tmp_path / "log.backup"
    log.run(cli_operate.backup, "-o", target)
    log.submit(make_entry("later"))
    bundle = log.tiles / "tile/entries/001.p/5"
    whole = bundle.read_bytes()
    for data in (whole[:-1], whole.replace(b'"notice":""', b'"notice":"x"'), None):
        bundle.unlink()
        if data is not None:
            bundle.write_bytes(data)
        log.run(cli_operate.restore, target, "--tiles", log.tiles, database=elsewhere, error=LedgerFault)
        if data is None:
            break
    bundle.write_bytes(whole)
    log.run(cli_operate.restore, target, "--tiles", log.tiles, database=elsewhere)
    holds(log, elsewhere, 261)


def test_a_backup_older_than_what_lies_beside_the_keys_is_refused(log, tmp_path):
    target = tmp_path / "log.backup"
    log.run(cli_operate.backup, "-o", target)
    log.submit(make_entry("later"))
    if log.database.startswith("postgresql"):
        pytest.skip("the same file beside the key; the empty database would be another")
    for file in tmp_path.glob("log.db*"):
        if not file.name.endswith(".newest"):
            file.unlink()
    log.run(cli_operate.restore, target, error=LedgerFault)
    log.run(cli_operate.restore, target, "--tiles", log.tiles)
    holds(log, log.database, 261)


def test_a_log_is_not_restored_over(log, tmp_path):
    target = tmp_path / "log.backup"
    log.run(cli_operate.backup, "-o", target)
    result = log.run(cli_operate.restore, target, error=LedgerFault)
    assert "only an empty database" in str(result.exception)
    log.run(cli_operate.backup, "-o", target, error=UsageError)
    log.run(cli_operate.restore, error=UsageError)
    log.run(cli_operate.restore, tmp_path / "none", error=UsageError)


def test_a_damaged_backup_is_refused(log, elsewhere, tmp_path):
    import sqlite3

    target = tmp_path / "log.backup"
    log.run(cli_operate.backup, "-o", target)
    with sqlite3.connect(target) as connection:
        connection.execute("UPDATE leaves SET entry = x'00' WHERE leaf_index = 5")
    connection.close()
    result = log.run(cli_operate.restore, target, database=elsewhere, error=LedgerFault)
    assert "entry 5" in str(result.exception)


def test_a_backup_does_not_hold_the_keys(log, tmp_path):
    target = tmp_path / "log.backup"
    log.run(cli_operate.backup, "-o", target)
    for signer in keys.load_keys(log.key):
        assert signer.private_key.private_bytes_raw() not in target.read_bytes()


def test_keys_change_without_a_break(log, elsewhere, tmp_path):
    """Old and new keys sign side by side; then the old secrets go, and what they signed still verifies."""
    old = keys.load_verifiers(log.key)
    opened = log.open()
    opened.add_stamp(260, opened.published().note, "http://tsa.example", b"token")
    opened.close()
    added = log.run(cli_operate.rotate_key).stdout.split()
    assert len(added) == len(old) == 2
    assert [key.format() for key in keys.load_verifiers(log.key)[:2]] == added
    log.submit(make_entry("between"))
    between = (log.tiles / "checkpoint").read_bytes()
    for known in (old, [VerifierKey.parse(line) for line in added]):
        assert open_checkpoint(between, known).size == 261
    retired = log.run(cli_operate.rotate_key, "--retire").stdout.split()
    assert retired == [key.format() for key in old]
    assert [signer.verifier_key.format() for signer in keys.load_keys(log.key)] == added
    assert log.key.stat().st_mode & 0o777 == 0o600
    assert log.submit(make_entry("after")) == [261]
    after = (log.tiles / "checkpoint").read_bytes()
    assert open_checkpoint(after, [VerifierKey.parse(line) for line in added]).size == 262
    assert not any(f"— {key.name} {key.key_id}" in after.decode() for key in old)
    opened = log.open()
    assert list(opened.verifier_keys) == added + retired
    receipt = parse_receipt(opened.receipt(3))
    assert (receipt.checkpoint.size, receipt.timestamps) == (260, (b"token",))
    assert check_receipt(receipt, BATCH[3], [VerifierKey.parse(line) for line in opened.verifier_keys]).known
    opened.close()
    log.run(cli_operate.fsck, "--tiles", log.tiles)
    log.run(cli_operate.rotate_key, "--retire", error=LedgerFault)
    shutil.rmtree(log.tiles)
    result = log.run(cli_tiles.move_tiles, "--tiles", log.tiles, "--json")
    assert json.loads(result.stdout)["entries"] == 262
    holds(log, log.database, 262)


def test_commands_of_the_operator_refuse_addresses(log):
    for command, more in ((cli_operate.fsck, ()), (cli_operate.backup, ("-o", "x")), (cli_operate.rotate_key, ())):
        log.run(command, *more, database="https://log.example", error=UsageError)


@pytest.mark.parametrize("address", WITH_PASSWORD)
@pytest.mark.parametrize("command", ["fsck", "backup", "restore", "rotate_key"])
def test_no_command_takes_a_password_in_the_address_of_its_database(tmp_path, command, address):
    """Every user of the machine can read it there."""
    output = ["-o", str(tmp_path / "x")] if command == "backup" else []
    result = CliRunner().invoke(getattr(cli_operate, command), ["--database", address, *output])
    assert isinstance(result.exception, UsageError)
    assert "PGPASSFILE" in str(result.exception)
    assert "hunter2" not in str(result.exception) + result.output


def test_tiles_beside_a_sqlite_file_are_not_overlooked(tmp_path, own_home):
    """Where serve puts them by itself, fsck and restore find them by themselves."""
    path = tmp_path / "claims.db"
    made = open_log(str(path), key_file=tmp_path / "log.key", tiles=f"{path}.tiles", create=True)
    made.submit_batch([prepare(entry) for entry in BATCH[:3]])
    made.publish()
    made.close()
    log = Log(f"sqlite:///{path}", tmp_path)
    copy = tmp_path / "early.backup"
    log.run(cli_operate.backup, "-o", copy)
    made = open_log(str(path), key_file=tmp_path / "log.key", tiles=f"{path}.tiles")
    made.submit_batch([prepare(entry) for entry in BATCH[3:5]])
    made.publish()
    made.close()
    for part in ("", "-wal", "-shm"):
        (tmp_path / f"claims.db{part}").unlink(missing_ok=True)
    assert "5 entries restored, 2 of them out of the tiles" in log.run(cli_operate.restore, copy).output
    tile = tmp_path / "claims.db.tiles" / "tile" / "0" / "000.p" / "5"
    tile.write_bytes(bytes(160))
    log.run(cli_operate.fsck, error=LedgerFault)
