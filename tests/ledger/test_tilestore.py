"""Stores of tiles: a folder, memory, and S3 over HTTP. What is there is never replaced by something else."""

import contextlib
import itertools
import multiprocessing
import os
import time

import pytest

from ledger import tilestore
from ledger.log import open_log, prepare
from ledger.tilestore import open_store
from provenance.checkpoint import sign_checkpoint
from provenance.errors import LedgerFault
from provenance.receipt import parse_receipt
from provenance.tiles import Tile, bundle_path, format_bundle, new_tiles, parse_bundle, tile_path
from tests.support.entries import make_entry
from tests.support.logs import MemoryLog, signer
from tests.support.s3 import make_bucket, s3_server

_NUMBERS = itertools.count(1)
LOG = MemoryLog(300)


@pytest.fixture(scope="module")
def s3_url():
    with s3_server() as url:
        yield url


@pytest.fixture(params=["folder", "memory", "s3"])
def location(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return str(tmp_path / "tiles")
    if request.param == "memory":
        return "memory://"
    name = f"bucket{next(_NUMBERS)}"
    for key, value in make_bucket(request.getfixturevalue("s3_url"), name).items():
        monkeypatch.setenv(key, value)
    return f"s3://{name}/logs/one"


@pytest.fixture
def store(location):
    return open_store(location)


def test_a_tile_is_kept_and_not_replaced(store):
    path = tile_path(0, 1_234_067, 5)
    assert store.get(path) is None
    store.put_new(path, b"a" * 160)
    store.put_new(path, b"a" * 160)
    with pytest.raises(LedgerFault, match="another content"):
        store.put_new(path, b"b" * 160)
    assert store.get(path) == b"a" * 160
    assert store.get(tile_path(0, 1_234_067)) is None
    assert store.get(bundle_path(0)) is None


@pytest.mark.parametrize("wait", [True, False])
def test_a_part_of_a_tile_is_that_part_or_nothing(tmp_path, wait):
    """What is at hand may be nothing at any time; what is there is never something else."""
    store = open_store(str(tmp_path / "tiles"))
    data = os.urandom(8_192)
    store.put_new("tile/0/000", data)
    (tmp_path / "tiles/tile/0/001").symlink_to(tmp_path / "tiles/tile/0/000")
    for start in (0, 512, 7_680):
        assert store.part("tile/0/000", start, 512, wait=wait) in (
            (data[start : start + 512],) if wait else (data[start : start + 512], None)
        )
    for path, start in (
        ("tile/0/000", 7_681),
        ("tile/0/000", 9_000),
        ("tile/0/001", 0),
        ("tile/0/002", 0),
        ("tile/0", 0),
    ):
        assert store.part(path, start, 512, wait=wait) is None
    assert open_store("memory://").part("tile/0/000", 0, 512, wait=wait) is None


def test_partial_tiles_go_when_the_full_one_is_there(store):
    full, other = tile_path(0, 7), tile_path(0, 7, 5).replace("007", "008")
    for width in (5, 6, 255):
        store.put_new(tile_path(0, 7, width), bytes(32 * width))
    store.put_new(full, bytes(8192))
    store.put_new(other, bytes(160))
    store.remove_partial(Tile(0, 7))
    assert [store.get(tile_path(0, 7, width)) for width in (5, 6, 255)] == [None] * 3
    assert store.get(full) == bytes(8192)
    assert store.get(other) == bytes(160)
    store.remove_partial(Tile(0, 7))
    store.put_new(tile_path(0, 7, 9), bytes(288))  # by a process that is behind
    assert store.get(tile_path(0, 7, 9)) == bytes(288)


def test_a_checkpoint_never_goes_back(store):
    assert store.get_checkpoint() is None
    store.put_checkpoint(LOG.checkpoint(5))
    store.put_checkpoint(LOG.checkpoint(9))
    store.put_checkpoint(LOG.checkpoint(7))
    assert store.get_checkpoint() == LOG.checkpoint(9)
    with pytest.raises(LedgerFault, match="another tree"):
        store.put_checkpoint(LOG.checkpoint(9, root=bytes(32)))
    with pytest.raises(LedgerFault, match="another log"):
        store.put_checkpoint(sign_checkpoint("other", 10, bytes(32), signer("other", 3)))
    assert store.get_checkpoint() == LOG.checkpoint(9)


def test_a_checkpoint_gains_cosignatures_and_does_not_lose_them(store):
    plain = LOG.checkpoint(9)
    cosigned = plain + plain.rpartition(b"\n\n")[2].replace(b"log.example/1", b"witness/1")
    for note in (plain, cosigned, plain):
        store.put_checkpoint(note)
    assert store.get_checkpoint() == cosigned


def test_a_damaged_checkpoint_is_replaced(store, location, tmp_path):
    if location.startswith(("s3", "memory")):
        pytest.skip("a folder is what somebody edits")
    store.put_checkpoint(LOG.checkpoint(5))
    (tmp_path / "tiles" / "checkpoint").write_bytes(b"junk")
    store.put_checkpoint(LOG.checkpoint(6))
    assert store.get_checkpoint() == LOG.checkpoint(6)


def test_a_log_is_published_into_it(location, tmp_path, own_home):
    log = open_log(tmp_path / "l.db", create=True, tiles=location)
    entries = [make_entry(i) for i in range(300)]
    for part in (entries[:3], entries[3:255], entries[255:256], entries[256:]):
        log.submit_batch([prepare(entry) for entry in part])
        log.publish()
    store = log.store
    assert store.get_checkpoint() == log.published().note
    assert parse_bundle(store.get(bundle_path(0)), 256) == entries[:256]
    assert store.get(bundle_path(1, 44)) == format_bundle(entries[256:])
    for tile in new_tiles(0, 300):
        assert len(store.get(tile.path)) == 32 * tile.width
    assert store.get(tile_path(0, 0, 3)) is None, "partial tiles are removed once they are full"
    assert log.tile(tile_path(0, 0, 3)) == store.get(tile_path(0, 0))[:96]
    assert parse_bundle(log.tile(bundle_path(0, 3)), 3) == entries[:3]
    for nothing in (tile_path(5, 0), bundle_path(9), "tile/0/0", "../secret", "checkpoint", ".lock"):
        assert log.tile(nothing) is None
    log.close()


def test_a_lost_store_is_filled_again(tmp_path, own_home):
    log = open_log(tmp_path / "l.db", create=True, tiles=str(tmp_path / "one"))
    log.submit_batch([prepare(make_entry(i)) for i in range(260)])
    log.publish()
    before = {path: log.tile(path) for path in (tile_path(0, 0), bundle_path(0), bundle_path(1, 4))}
    log.close()
    log = open_log(tmp_path / "l.db", tiles=str(tmp_path / "two"), move=True)
    assert {path: log.tile(path) for path in before} == before
    assert (tmp_path / "two" / "checkpoint").read_bytes() == log.published().note
    log.close()


def test_a_store_that_is_ahead_of_its_database_is_not_gone_on_from(tmp_path, own_home):
    """The database was restored from a backup: to go on would sign a fork."""
    import shutil

    tiles = str(tmp_path / "tiles")
    log = open_log(tmp_path / "l.db", create=True, tiles=tiles)
    log.submit_batch([prepare(make_entry(1))])
    log.publish()
    log.close()
    shutil.copy(tmp_path / "l.db", tmp_path / "backup.db")
    log = open_log(tmp_path / "l.db", tiles=tiles)
    log.submit_batch([prepare(make_entry(2))])
    log.publish()
    log.close()
    shutil.copy(tmp_path / "backup.db", tmp_path / "l.db")
    (tmp_path / "l.db.newest").unlink()
    with pytest.raises(LedgerFault, match="older copy"):
        open_log(tmp_path / "l.db", tiles=tiles)


def test_the_store_of_another_log_is_refused(tmp_path, own_home):
    tiles = str(tmp_path / "tiles")
    open_log(tmp_path / "a.db", create=True, tiles=tiles).close()
    with pytest.raises(LedgerFault, match="not this log's"):
        open_log(tmp_path / "b.db", create=True, tiles=tiles)


def test_another_content_in_the_store_stops_publishing(tmp_path, own_home):
    log = open_log(tmp_path / "l.db", create=True, tiles=str(tmp_path / "tiles"))
    log.store.put_new(bundle_path(0, 1), format_bundle([b"other"]))
    log.submit_batch([prepare(make_entry(1))])
    with pytest.raises(LedgerFault, match="another content"):
        log.publish()
    assert log.published().size == 0
    log.close()


def test_files_are_whole_and_readable_by_a_web_server(tmp_path):
    store = open_store(str(tmp_path / "tiles"))
    store.put_new("tile/0/000", bytes(8192))
    store.put_checkpoint(LOG.checkpoint(5))
    for path in ("tile/0/000", "checkpoint"):
        assert (tmp_path / "tiles" / path).stat().st_mode & 0o777 == 0o644
    assert list((tmp_path / "tiles" / ".new").iterdir()) == []


def test_what_a_killed_process_left_is_swept_away_later(tmp_path):
    root = tmp_path / "tiles"
    open_store(str(root))
    old, new = root / ".new" / "old", root / ".new" / "new"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    past = time.time() - tilestore._STALE_SECONDS - 1
    os.utime(old, (past, past))
    open_store(str(root))
    assert not old.exists()
    assert new.exists()


def test_a_full_disk_is_a_fault_and_leaves_nothing(tmp_path, monkeypatch):
    store = open_store(str(tmp_path / "tiles"))

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ledger.tilestore.os.fsync", full)
    with pytest.raises(LedgerFault, match="No space"):
        store.put_new("tile/0/000", bytes(8192))
    with pytest.raises(LedgerFault, match="No space"):
        store.put_checkpoint(LOG.checkpoint(5))
    monkeypatch.undo()
    assert store.get("tile/0/000") is None
    assert store.get_checkpoint() is None
    assert list((tmp_path / "tiles" / ".new").iterdir()) == []
    store.put_new("tile/0/000", bytes(8192))


@pytest.mark.parametrize("location", ["nowhere://x", "s3://", "http://127.0.0.1:9/x"])
def test_stores_that_cannot_be_opened_are_refused(location, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(LedgerFault, match="tiles"):
        open_store(location).put_new("tile/0/000", b"")


def test_a_store_that_is_away_is_a_fault(monkeypatch):
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "x"}
    for key, value in (environment | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}).items():
        monkeypatch.setenv(key, value)
    from ledger import objectstore

    monkeypatch.setattr(objectstore, "RETRY_SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(LedgerFault, match="cannot be used"):
        open_store("s3://bucket/x").get("tile/0/000")
    assert time.monotonic() - started < 20


def put_many(location, start):
    """In a process of its own: checkpoints of every third size, and the same tiles as the others."""
    store = open_store(location)
    for size in range(start, 300, 3):
        store.put_checkpoint(LOG.checkpoint(size))
        store.put_new(tile_path(0, size), bytes(8192))
        store.put_new(tile_path(1, size // 10), bytes([size // 10]) * 8192)


def test_processes_share_a_store(location):
    if location == "memory://":
        pytest.skip("memory belongs to one process")
    context = multiprocessing.get_context("fork" if not location.startswith("s3") else "spawn")
    processes = [context.Process(target=put_many, args=(location, start)) for start in (1, 2, 3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert open_store(location).get_checkpoint() == LOG.checkpoint(299)


def test_a_damaged_file_of_a_tile_is_not_in_the_way_of_what_the_database_has(tmp_path):
    path, tiles = str(tmp_path / "claims.db"), tmp_path / "tiles"
    with contextlib.closing(open_log(path, create=True, tiles=str(tiles))) as log:
        log.submit_batch([prepare(make_entry(i)) for i in range(257)])
        log.publish()
    file = tiles / tile_path(0, 0)
    data = bytearray(file.read_bytes())
    data[0] ^= 1
    file.write_bytes(data)
    with contextlib.closing(open_log(path, tiles=str(tiles))) as log:
        assert parse_receipt(log.receipt(40)).index == 40  # keeps the tile's top, and another group than the damaged
        assert parse_receipt(log.receipt(3)).index == 3
    with contextlib.closing(open_log(path, tiles=str(tiles))) as log:
        log.receipt(40)
        assert log.consistency(3, 257)
