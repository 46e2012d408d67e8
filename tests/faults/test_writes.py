"""A process dies before or after any one of its writes: to the database, to the tiles, to the checkpoint."""

import random

import pytest

from ledger.log import prepare
from provenance import merkle
from tests.faults.child import check_shown, die_at, fork, recover, was_killed
from tests.support.entries import make_entry

FIRST = [make_entry(i) for i in range(254)]
NEXT = [make_entry(("next", i)) for i in range(4)]
"""They fill a tile and a bundle, and begin others."""


def work(place, number):
    log = place.open()
    die_at(log.engine, number)
    log.submit_batch([prepare(entry) for entry in NEXT[:3]])
    log.publish()
    log.submit_batch([prepare(NEXT[3])])
    log.publish()


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_write(place, step):
    """Whatever is left: all of a batch or nothing, nothing that was shown is lost, and the same process goes on."""
    log = place.open(create=True)
    log.submit_batch([prepare(entry) for entry in FIRST])
    log.publish()
    log.close()
    known = [merkle.leaf_hash(entry) for entry in FIRST]
    points, deaths, number = 0, 0, random.randrange(step)
    fresh = iter(range(10_000))
    while True:
        batch = [make_entry(("fresh", next(fresh))) for _ in range(4)]
        NEXT[:] = batch
        died = was_killed(fork(lambda number=number: work(place, number)))
        assert len(known) <= check_shown(place) <= len(known) + 4
        entries, shown = recover(place)
        now = [merkle.leaf_hash(item.entry) for item in entries]
        assert now[: len(known)] == known, "nothing that was logged has changed"
        assert [item.entry for item in entries[len(known) :]] in ([], batch[:3], batch)
        assert shown.root == merkle.root(now)
        assert died or len(now) == len(known) + 4
        known = now
        points += 1
        deaths += died
        if not died:
            break
        number += step
    assert deaths * step > 40, "there were fewer writes than such work has: nothing was tested"
