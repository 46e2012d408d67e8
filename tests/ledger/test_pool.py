"""Group commit: many callers, few transactions; what is answered is durable; a full queue and a lost database are told."""

import asyncio
import threading
import time

import pytest

from ledger.log import open_log, prepare
from ledger.pool import Busy, Pool
from provenance.claim import claim_id, parse_entry
from provenance.errors import ConflictError, ForgedError, LedgerFault
from provenance.followup import format_follow_up
from tests.support import follow
from tests.support.entries import make_entry


@pytest.fixture
def log(tmp_path, own_home):
    opened = open_log(tmp_path / "l.db", create=True, tiles=str(tmp_path / "tiles"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def prepared():
    return [prepare(make_entry(("pool", i))) for i in range(300)]


class Counting:
    """A log that counts its batches, and waits or fails when told."""

    def __init__(self, log):
        self._log = log
        self.batches = []
        self.fault = None
        self.gate = threading.Event()
        self.gate.set()

    def __getattr__(self, name):
        return getattr(self._log, name)

    def submit_batch(self, batch):
        self.gate.wait(10)
        if self.fault:
            raise self.fault
        self.batches.append(len(batch))
        return self._log.submit_batch(batch)

    def publish(self, cosign=None):
        if self.fault:
            raise self.fault
        return self._log.publish(cosign)


def test_many_callers_share_few_transactions(log, prepared):
    counting = Counting(log)

    async def run():
        async with Pool(counting) as pool:
            return await asyncio.gather(*(pool.submit(item) for item in prepared))

    accepted = asyncio.run(run())
    assert sorted(item.index for item in accepted) == list(range(300))
    assert len(counting.batches) <= 5
    assert log.published().size == 300, "what was logged is published at the end"


def test_no_batch_is_larger_than_allowed(log, prepared):
    counting = Counting(log)

    async def run():
        async with Pool(counting, max_batch=16) as pool:
            await asyncio.gather(*(pool.submit(item) for item in prepared))

    asyncio.run(run())
    assert max(counting.batches) == 16
    assert sum(counting.batches) == 300


def test_one_caller_does_not_wait_for_others(log, prepared):
    async def run():
        async with Pool(log, max_wait=0.01) as pool:
            await pool.submit(prepared[0])
            started = time.monotonic()
            await pool.submit(prepared[1])
            return time.monotonic() - started

    assert asyncio.run(run()) < 2


def test_each_caller_hears_of_his_own_entry(log):
    entry = make_entry("a", authors=["ann"])
    claim = claim_id(parse_entry(entry).claim)
    follow_ups = [
        follow.transfer(claim, claim, "ann", to="bob"),
        follow.transfer(claim, claim, "ann", to="carol"),
        follow.revocation(claim, claim, "eve"),
    ]

    async def run():
        async with Pool(log) as pool:
            first = await pool.submit(prepare(entry))
            waiting = [pool.submit(prepare(format_follow_up(item))) for item in follow_ups]
            return first, await asyncio.gather(*waiting, pool.submit(prepare(entry)), return_exceptions=True)

    first, (sold, late, forged, again) = asyncio.run(run())
    assert (first.index, sold.index) == (0, 1)
    assert isinstance(late, ConflictError)
    assert late.index == 1
    assert isinstance(forged, ForgedError)
    assert (again.index, again.duplicate) == (0, True)


def test_a_full_queue_says_when_to_come_back(log, prepared):
    counting = Counting(log)
    counting.gate.clear()

    async def run():
        async with Pool(counting, max_batch=4, max_queue=8) as pool:
            tasks = [asyncio.create_task(pool.submit(item)) for item in prepared[:4]]
            await asyncio.sleep(0.1)  # these are with the database, which does not answer
            tasks += [asyncio.create_task(pool.submit(item)) for item in prepared[4:12]]
            await asyncio.sleep(0.05)
            assert pool.waiting == 8
            with pytest.raises(Busy) as caught:
                await pool.submit(prepared[12])
            assert caught.value.retry_after > 0
            counting.gate.set()
            done = await asyncio.gather(*tasks)
            late = await pool.submit(prepared[12])
            return done, late

    done, late = asyncio.run(run())
    assert sorted(item.index for item in done) == list(range(12))
    assert late.index == 12


def test_a_lost_database_is_told_and_may_come_back(log, prepared):
    counting, faults = Counting(log), []
    counting.fault = LedgerFault("gone")

    async def run():
        async with Pool(counting, on_fault=faults.append) as pool:
            answers = await asyncio.gather(*(pool.submit(item) for item in prepared[:5]), return_exceptions=True)
            assert [str(answer) for answer in answers] == ["gone"] * 5
            counting.fault = None
            accepted = await pool.submit(prepared[0])
            shown = await asyncio.wait_for(pool.published(accepted.index), 10)
            return accepted, shown

    accepted, shown = asyncio.run(run())
    assert accepted.index == 0
    assert shown.size == 1
    assert faults


def test_an_unforeseen_error_reaches_the_callers(log, prepared):
    counting = Counting(log)
    counting.fault = ZeroDivisionError("oops")

    async def run():
        async with Pool(counting) as pool:
            with pytest.raises(LedgerFault, match="oops"):
                await pool.submit(prepared[0])
            counting.fault = None
            return await pool.submit(prepared[0])

    assert asyncio.run(run()).index == 0


def test_a_caller_who_goes_away_harms_nobody(log, prepared):
    counting = Counting(log)
    counting.gate.clear()

    async def run():
        async with Pool(counting) as pool:
            gone, stays = (asyncio.create_task(pool.submit(item)) for item in prepared[:2])
            await asyncio.sleep(0.05)
            gone.cancel()
            counting.gate.set()
            return await stays

    assert asyncio.run(run()).index == 1
    assert log.head().size == 2


def test_closing_logs_what_waits_and_takes_no_more(log, prepared):
    counting = Counting(log)
    counting.gate.clear()

    async def run():
        pool = await Pool(counting, max_batch=2).__aenter__()
        tasks = [asyncio.create_task(pool.submit(item)) for item in prepared[:9]]
        await asyncio.sleep(0.05)
        counting.gate.set()
        await pool.__aexit__(None, None, None)
        with pytest.raises(LedgerFault, match="closing"):
            await pool.submit(prepared[9])
        return await asyncio.gather(*tasks)

    assert sorted(item.index for item in asyncio.run(run())) == list(range(9))
    assert log.published().size == 9


def test_each_published_checkpoint_is_announced_once(log, prepared):
    seen = []

    async def run():
        async with Pool(log, publish_every=0.05, on_published=seen.append) as pool:
            for item in prepared[:3]:
                await pool.published((await pool.submit(item)).index)
            await asyncio.sleep(0.2)

    asyncio.run(run())
    sizes = [shown.size for shown in seen]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == 3


def test_a_witness_signs_before_the_checkpoint_is_shown(log, prepared):
    from provenance.cosignature import cosign
    from provenance.notekey import KeyType, new_signer

    witness = new_signer("witness.example/1", KeyType.COSIGNATURE)

    async def run():
        async with Pool(log, cosign=lambda head: [cosign(head.note, [witness], 1)]) as pool:
            await pool.published((await pool.submit(prepared[0])).index)

    asyncio.run(run())
    assert log.published().note.count(b"witness.example/1") == 1
