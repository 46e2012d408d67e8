"""200 kills at random moments of a busy service: no accepted claim is lost, no index is used twice, there is no fork."""

import asyncio
import os
import random
import select
import signal
import struct
import time

import pytest

from ledger.log import prepare
from ledger.pool import Pool
from provenance import merkle
from provenance.checkpoint import parse_checkpoint
from tests.faults.child import check_shown, fork, recover
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


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_random_moments(place, kills):
    chance = random.Random()
    place.open(create=True).close()
    places: dict[bytes, int] = {}
    shown_before: list[tuple[int, bytes]] = []
    number = 0
    for turn in range(kills):
        fresh = [make_entry(("kill", number + i)) for i in range(120)]
        number += 90  # some of them come again next time
        batch = [prepare(entry) for entry in fresh]
        reading, writing = os.pipe()
        child = fork(lambda batch=batch, writing=writing: serve(place, batch, writing))
        os.close(writing)
        if turn % 2 == 0:  # while it begins, or later: on a busy machine that may take long
            select.select([reading], [], [], 60)
        time.sleep(chance.uniform(0.0, 0.4))
        checkpoint = place.tiles / "checkpoint"
        note = parse_checkpoint(checkpoint.read_bytes())  # what anybody may have seen by now
        shown_before.append((note.size, note.root))
        os.kill(child, signal.SIGKILL)
        told = read_all(reading)
        os.close(reading)
        os.waitpid(child, 0)
        check_shown(place)
        for index, identifier in told:
            assert places.setdefault(identifier, index) == index, "an accepted claim keeps its index"
        assert len(set(places.values())) == len(places), "no index is used twice"
        check(place, places, shown_before)
    assert places, "nothing was accepted before any of the kills: nothing was tested"


def check(place, places, shown_before):
    started, spent = time.monotonic(), time.process_time()
    log = place.open()
    assert time.process_time() - spent < 5
    assert time.monotonic() - started < 60, "five seconds are meant; a busy machine may take longer"
    try:
        for identifier, index in list(places.items())[-200:]:
            assert log.find(identifier).index == index
        hashes, after = [], -1
        while page := log.search(after=after):
            hashes += [merkle.leaf_hash(item.entry) for item in page]
            after = page[-1].index
    finally:
        log.close()
    assert after == len(hashes) - 1
    nodes = merkle.nodes_of(hashes)
    for size, root in shown_before[-20:]:
        assert merkle.tree_root(nodes, size) == root, "what was shown is a prefix of what is there"


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
