"""Processes that die: forked children, and what their parent asks of the log they leave."""

import os
import signal
import sys
import time

from sqlalchemy import event

from ledger import audit
from ledger.tilestore import open_store
from provenance import merkle
from provenance.checkpoint import VerifierKey, open_checkpoint, parse_checkpoint
from provenance.tiles import bundles_of, new_tiles, parse_bundle, parse_tile, tile_nodes

RECOVERY_SECONDS = 5
"""What a log may take from its start after a death until it works; what is measured stands in docs/operating.md."""

BUSY = 3
"""A single start may take so many times as long, where other jobs keep processor and disk; most may not."""

WRITES = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "tempfile.mkstemp", "open")


def fork(work):
    """Run ``work`` in a child, which never comes back into pytest; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:  # whatever it is
            os.write(2, f"child: {error!r}\n".encode())
        finally:
            os._exit(status)
    return child


def was_killed(child):
    """Wait for the child: True when SIGKILL ended it, False when it came to its end."""
    _, result = os.waitpid(child, 0)
    if os.WIFSIGNALED(result):
        assert os.WTERMSIG(result) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(result) == 0
    return False


def die_at(engine, number):
    """Kill this process at its nth point from now: before and after every statement, before each commit, and before
    each file that it opens for writing, renames, links or removes (which is after the one before it).
    """
    left = [number]

    def point(*_arguments):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def hook(name, arguments):
        if name in WRITES and (name != "open" or (isinstance(arguments[2], int) and arguments[2] & os.O_WRONLY)):
            point()

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, point)
    sys.addaudithook(hook)


def check_shown(place):
    """What the dead process left shows a whole log: every tile and entry of its checkpoint is there. Its size."""
    store = open_store(str(place.tiles))
    shown = parse_checkpoint(store.get_checkpoint())
    hashes = []
    for bundle in bundles_of(0, shown.size):
        hashes += map(merkle.leaf_hash, parse_bundle(available(store, bundle), bundle.width))
    assert merkle.root(hashes) == shown.root
    read = tile_nodes(lambda tile: parse_tile(available(store, tile), tile.width), shown.size)
    assert merkle.tree_root(read, shown.size) == shown.root
    for tile in new_tiles(0, shown.size):
        assert len(available(store, tile)) == 32 * tile.width
    return shown.size


def available(store, tile):
    data = store.get(tile.path)
    assert data is not None, f"the checkpoint is shown, {tile.path} is not there"
    return data


def opened(place):
    """The log, opened as a new process would, and how many seconds that took."""
    started = time.monotonic()
    log = place.open()
    took = time.monotonic() - started
    assert took < BUSY * RECOVERY_SECONDS, f"recovery took {took:.1f} s"
    return log, took


def recover(place):
    """Open the log; its entries by id and the checkpoint that it shows. All of it must hold."""
    log, _ = opened(place)
    try:
        keys = [VerifierKey.parse(line) for line in log.verifier_keys]
        assert audit.check_log(log.engine, keys, store=log.store) == []
        shown = open_checkpoint(log.store.get_checkpoint(), keys)
        assert (shown.size, shown.root) == (log.head().size, log.head().root), "recovery publishes what was logged"
        return log.search(), shown
    finally:
        log.close()
