"""A log publishes into one tile store; another one is refused until it is moved on purpose."""

import shutil

import pytest
from click.testing import CliRunner

from ledger import audit, cli_tiles
from ledger.backup import back_up, restore
from ledger.database import writing
from ledger.log import open_log, prepare
from ledger.storeid import STORE_ID_PATH, identify
from ledger.tilestore import DiskStore, open_store
from provenance.checkpoint import VerifierKey, parse_checkpoint
from provenance.errors import LedgerFault, UsageError
from tests.support.entries import make_entry


class Place:
    """A log and its places."""

    def __init__(self, database, folder):
        self.database, self.folder = database, folder
        self.key = folder / "log.key"

    def tiles(self, name="one"):
        return self.folder / name

    def open(self, tiles="one", **options):
        return open_log(self.database, key_file=self.key, tiles=str(self.tiles(tiles)), **options)

    def submit(self, *names, tiles="one"):
        log = self.open(tiles)
        log.submit_batch([prepare(make_entry(name)) for name in names])
        log.publish()
        log.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path, own_home):
    url = str(tmp_path / "log.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Place(url, tmp_path)
    made.open(create=True).close()
    made.submit(*range(260))
    return made


def test_two_hosts_with_a_folder_each_do_not_share_a_database(place):
    """Each would publish what the other lacks, and both show checkpoints without their tiles."""
    with pytest.raises(LedgerFault, match="not the store that the log publishes into") as caught:
        place.open("two")
    assert "move-tiles" in str(caught.value)
    assert not (place.tiles("two") / STORE_ID_PATH).exists()
    assert not (place.tiles("two") / "checkpoint").exists()
    place.submit("later")


def test_nor_do_readers_show_another_store(place):
    shutil.copytree(place.tiles(), place.tiles("two"))
    place.open("two", read_only=True).close()
    (place.tiles("two") / STORE_ID_PATH).write_bytes(b"0" * 32 + b"\n")
    for name in ("two", "three"):
        with pytest.raises(LedgerFault, match="not the store"):
            place.open(name, read_only=True)


def test_a_log_is_moved_on_purpose_and_whoever_stays_behind_is_refused(place):
    behind = place.open()
    arguments = ["--database", place.database, "--key", place.key, "--tiles", place.tiles("two")]
    result = CliRunner().invoke(cli_tiles.move_tiles, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "all 260 entries" in result.stderr
    behind.submit_batch([prepare(make_entry("behind"))])
    with pytest.raises(LedgerFault, match="not the store"):
        behind.publish()
    assert parse_checkpoint(behind.store.get_checkpoint()).size == 260, "nothing more is put into the former store"
    behind.close()
    with pytest.raises(LedgerFault, match="not the store"):
        place.open()
    log = place.open("two")
    keys = [VerifierKey.parse(line) for line in log.verifier_keys]
    assert log.published().size == 261
    assert audit.check_log(log.engine, keys, store=log.store) == []
    log.close()


def test_one_that_publishes_while_the_log_is_moved_does_not_take_it_back(place, monkeypatch):
    behind = place.open()
    behind.submit_batch([prepare(make_entry("behind"))])
    put = DiskStore.put_checkpoint

    def late(store, note, check=None):
        put(store, note, check)
        monkeypatch.undo()
        place.open("two", move=True).close()

    monkeypatch.setattr(DiskStore, "put_checkpoint", late)
    with pytest.raises(LedgerFault, match="not the store"):
        behind.publish()
    behind.close()
    log = place.open("two")
    assert log.published().size == 261
    log.close()


def test_a_lost_store_is_not_taken_for_an_empty_one(place):
    shutil.rmtree(place.tiles())
    with pytest.raises(LedgerFault, match="is lost"):
        place.open()
    place.open(move=True).close()
    place.submit("later")
    log = place.open()
    keys = [VerifierKey.parse(line) for line in log.verifier_keys]
    assert audit.check_log(log.engine, keys, store=log.store) == []
    log.close()


def test_a_store_that_was_copied_whole_is_the_same(place):
    shutil.move(place.tiles(), place.tiles("elsewhere"))
    place.submit("later", tiles="elsewhere")


def test_a_log_of_an_earlier_program_takes_the_store_that_it_has(place):
    log = place.open()
    with writing(log.engine) as connection:
        connection.exec_driver_sql("UPDATE published SET store = NULL")
    log.close()
    (place.tiles() / STORE_ID_PATH).unlink()
    place.open(read_only=True).close()
    assert not (place.tiles() / STORE_ID_PATH).exists()
    place.submit("later")
    with pytest.raises(LedgerFault, match="not the store"):
        place.open("two")


@pytest.mark.parametrize("data", [b"", b"x", b"0" * 32, b"0" * 33 + b"\n", b"G" * 32 + b"\n"])
def test_a_damaged_id_is_named(place, data):
    (place.tiles() / STORE_ID_PATH).write_bytes(data)
    with pytest.raises(LedgerFault, match="damaged"):
        place.open()


def test_restoring_takes_the_store_that_is_named(place, tmp_path):
    log = place.open()
    keys = [VerifierKey.parse(line) for line in log.verifier_keys]
    back_up(log, tmp_path / "log.backup", keys)
    log.close()
    shutil.copytree(place.tiles(), place.tiles("rescued"))
    (place.tiles("rescued") / STORE_ID_PATH).unlink()
    again = str(tmp_path / "again.db")
    restore(tmp_path / "log.backup", again, place.key, str(place.tiles("rescued")))
    restored = open_log(again, key_file=place.key, tiles=str(place.tiles("rescued")))
    assert restored.published().size == 260
    restored.close()
    with pytest.raises(LedgerFault, match="not the store"):
        open_log(again, key_file=place.key, tiles=str(place.tiles()))


def test_an_id_is_made_once(tmp_path):
    for store in (open_store(str(tmp_path / "x")), open_store("memory://")):
        assert identify(store, create=False) is None
        made = identify(store, create=True)
        assert len(made) == 32
        assert identify(store, create=True) == identify(store, create=False) == made


def test_of_two_that_begin_at_once_both_use_one_id(tmp_path):
    store = DiskStore(tmp_path / "x")

    class Slow(DiskStore):
        def put_new(self, path, data):
            identify(store, create=True)
            super().put_new(path, data)

    assert identify(Slow(tmp_path / "x"), create=True) == identify(store, create=False)


def test_the_command_takes_no_password(tmp_path):
    arguments = ["--database", "postgresql+psycopg://u:secret@h/x", "--tiles", str(tmp_path)]
    result = CliRunner().invoke(cli_tiles.move_tiles, arguments)
    assert isinstance(result.exception, UsageError)
    assert "secret" not in str(result.exception)
