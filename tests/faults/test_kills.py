"""200 kills at random moments of a busy service: no accepted claim is lost, no index is used twice, there is no fork."""

import asyncio
import os
import random
import select
import signal
import struct
import time

import pytest

from ledger import audit
from ledger.log import prepare
from ledger.pool import Pool
from provenance import merkle
from provenance.checkpoint import VerifierKey, parse_checkpoint
from tests.faults.child import RECOVERY_SECONDS, check_shown, fork, opened, recover
from tests.support.entries import make_entry

CLIENTS = 8
RECORD = struct.Struct(">Q32s")


def serve(place, batch, pipe):
    """Submit from several clients through a pool, which publishes; tell the parent what was accepted, at once."""
    log = place.open()

    async def run():
        async with Pool(log, publish_every=0.01) as pool:
            entries = iter(batch)

            async def client():
                for item in entries:
                    accepted = await pool.submit(item)
                    os.write(pipe, RECORD.pack(accepted.index, accepted.id))

            await asyncio.gather(*(client() for _ in range(CLIENTS)))

    asyncio.run(run())


def read_all(pipe):
    data = b""
    while part := os.read(pipe, 65_536):
        data += part
    return [RECORD.unpack_from(data, start) for start in range(0, len(data) - RECORD.size + 1, RECORD.size)]


class Known:
    """What clients were told and what is known to stand in the log, by the end of each turn."""

    def __init__(self):
        self.told: dict[bytes, int] = {}
        self.ids: list[bytes] = []
        self.hashes: list[bytes] = []
        self.shown: list[tuple[int, bytes]] = []

    def tell(self, told):
        for index, identifier in told:
            assert self.told.setdefault(identifier, index) == index, "an accepted claim keeps its index"
        assert len(set(self.told.values())) == len(self.told), "no index is used twice"

    def read(self, log):
        """The entries that came since; with the older ones they are the tree of the head."""
        for item in entries_after(log, len(self.ids) - 1):
            assert item.index == len(self.ids), "there is no gap"
            self.ids.append(item.entry_id)
            self.hashes.append(merkle.leaf_hash(item.entry))
        head, nodes = log.head(), merkle.nodes_of(self.hashes)
        assert (head.size, head.root) == (len(self.hashes), merkle.tree_root(nodes, len(self.hashes)))
        for identifier, index in self.told.items():
            assert self.ids[index] == identifier, "no accepted claim is lost"
        for size, root in self.shown:
            assert merkle.tree_root(nodes, size) == root, "what was shown is a prefix of what is there"

    def read_again(self, log):
        """The whole log from its beginning, and each accepted claim by its id."""
        entries = list(entries_after(log, -1))
        assert [item.entry_id for item in entries] == self.ids
        assert [merkle.leaf_hash(item.entry) for item in entries] == self.hashes
        for identifier, index in self.told.items():
            assert log.find(identifier).index == index
        keys = [VerifierKey.parse(line) for line in log.verifier_keys]
        assert audit.check_log(log.engine, keys, store=log.store) == []


def entries_after(log, after):
    while page := log.search(after=after):
        yield from page
        after = page[-1].index


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_random_moments(place, kills, capsys, record_property):
    chance = random.Random()
    place.open(create=True).close()
    known, times, number = Known(), [], 0
    for turn in range(kills):
        batch = [prepare(make_entry(("kill", number + i))) for i in range(120)]
        number += 90  # some of them come again next time
        reading, writing = os.pipe()
        child = fork(lambda batch=batch, writing=writing: serve(place, batch, writing))
        os.close(writing)
        if turn % 2 == 0:  # while it begins, or later: on a busy machine that may take long
            select.select([reading], [], [], 60)
        time.sleep(chance.uniform(0.0, 0.4))
        note = parse_checkpoint((place.tiles / "checkpoint").read_bytes())  # what anybody may have seen by now
        known.shown.append((note.size, note.root))
        os.kill(child, signal.SIGKILL)
        known.tell(read_all(reading))
        os.close(reading)
        os.waitpid(child, 0)
        check_shown(place)
        log, took = opened(place)
        times.append(took)
        known.read(log)
        log.close()
    assert known.told, "nothing was accepted before any of the kills: nothing was tested"
    log, _ = opened(place)
    known.read_again(log)
    log.close()
    report(place, times, len(known.told), capsys, record_property)


def report(place, times, told, capsys, record_property):
    """Say how long the log took to work again after each kill; nine of ten times it must be RECOVERY_SECONDS."""
    times.sort()
    middle, most = times[len(times) // 2], times[-1]
    kind = place.database.partition(":")[0] if "://" in place.database else "sqlite"
    record_property("recovery_seconds", [round(took, 3) for took in times])
    with capsys.disabled():
        line = f"{len(times)} kills on {kind}, {told} claims accepted: recovery in {middle:.2f} s, at most {most:.2f} s"
        print(f"\n{line}")
    assert times[(len(times) * 9 - 1) // 10] < RECOVERY_SECONDS


def test_what_the_kills_leave_passes_the_audit(place):
    place.open(create=True).close()
    for turn in range(3):
        batch = [prepare(make_entry(("audit", turn, i))) for i in range(60)]
        reading, writing = os.pipe()
        child = fork(lambda batch=batch, writing=writing: serve(place, batch, writing))
        os.close(writing)
        time.sleep(0.15 + 0.1 * turn)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        recover(place)
