"""Stamping a real log, on every database: tokens in receipts, several processes, a log that grows meanwhile."""

import threading

import pytest

from ledger.log import prepare
from ledger.stamping import Stamper
from provenance.note import VerifierKey
from provenance.receipt import check_receipt, parse_receipt
from provenance.timeevidence import check_timestamps, stamped_text
from tests.support.entries import make_entry
from tests.support.tsa import Authority, now


@pytest.fixture
def log(backend, tmp_path):
    opened = backend.log(create=True, tiles=str(tmp_path / "tiles"))
    yield opened
    opened.close()


def submit(log, name):
    (accepted,) = log.submit_batch([prepare(make_entry(name))])
    log.publish()
    return accepted


def evidence(log, accepted, *authorities):
    keys = [VerifierKey.parse(line) for line in log.verifier_keys]
    found = check_receipt(parse_receipt(log.receipt(accepted.index)), accepted.entry, keys)
    return found.size, check_timestamps(found.timestamps, found.note, [each.anchor for each in authorities], now())


def test_receipts_carry_the_tokens_of_the_first_stamped_checkpoint(log):
    a, b = Authority("A"), Authority("B")
    logged = [submit(log, 0)]
    with a.serve() as one, b.serve() as two:
        stamper = Stamper(log, [one, two])
        assert stamper.stamp() == 2
        logged += [submit(log, 1), submit(log, 2)]
        assert stamper.stamp() == 2
        logged.append(submit(log, 3))
    found = [evidence(log, each, a, b) for each in logged]
    assert [size for size, _ in found] == [1, 3, 3, 4]
    assert [len(each.stamps) for _, each in found] == [2, 2, 2, 0]
    assert [each.remarks for _, each in found] == [()] * 4


def test_a_worthless_token_that_came_first_does_not_stand_in_the_way_of_the_others(log):
    """Over plain HTTP somebody else may answer for an authority; its row is taken then, and so is the checkpoint."""
    a, b, forger = Authority("A"), Authority("B"), Authority("A, they say")
    first = submit(log, 0)
    with forger.serve() as url:
        Stamper(log, [url]).stamp()
    assert evidence(log, first, a, b)[0] == 1
    submit(log, 1)
    with a.serve() as one, b.serve() as two:
        Stamper(log, [one, two]).stamp()
    size, found = evidence(log, first, a, b)
    assert (size, len(found.stamps)) == (2, 2)


def test_only_the_first_few_stamped_checkpoints_are_chosen_from(log):
    """A receipt bounds the time of its entry: a much later checkpoint would say less, whoever stamped it."""
    a, b = Authority("A"), Authority("B")
    with a.serve() as one, b.serve() as two:
        alone, both = Stamper(log, [one]), Stamper(log, [one, two])
        first = submit(log, 0)
        for number in range(1, 5):
            alone.stamp()
            submit(log, number)
        both.stamp()
        assert evidence(log, first, a, b)[0] == 1
        assert parse_receipt(log.receipt(1)).checkpoint.size == 5


def test_a_cosignature_that_comes_later_spoils_no_timestamp(log):
    a, accepted = Authority("A"), submit(log, 0)
    with a.serve() as url:
        Stamper(log, [url]).stamp()
    line = "— witness.example/w 3q2+78r+ur4=\n".encode()
    log.add_cosignature(1, line)
    assert line in parse_receipt(log.receipt(0)).checkpoint.note
    assert len(evidence(log, accepted, a)[1].stamps) == 1


def test_only_what_is_published_is_stamped(log):
    a = Authority("A")
    log.submit_batch([prepare(make_entry(0))])
    with a.serve() as url:
        assert Stamper(log, [url]).stamp() == 0
        log.publish()
        assert Stamper(log, [url]).stamp() == 1
    assert stamped_text(log.stamps(1)[0].note) == stamped_text(log.published().note)


def test_two_processes_keep_one_token_for_a_checkpoint_and_authority(backend, log, tmp_path):
    a = Authority("A", delay=0.2)
    other = backend.log(tiles=str(tmp_path / "tiles"))
    errors = []

    def stamp(each, url):
        try:
            Stamper(each, [url]).stamp()
        except Exception as error:
            errors.append(error)

    with a.serve() as url:
        for number in range(4):
            submit(log, number)
            threads = [threading.Thread(target=stamp, args=(each, url)) for each in (log, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert errors == []
        assert [len(log.stamps(size)) for size in range(1, 5)] == [1] * 4
        assert log.last_stamped(url) == other.last_stamped(url) == 4
    other.close()


def test_adding_the_same_stamp_from_many_threads_at_once_keeps_one(backend, log, tmp_path):
    """Both have seen that there is none; the unique row decides, and the loser hears so without an error."""
    others = [log, *(backend.log(tiles=str(tmp_path / "tiles")) for _ in range(3))]
    submit(log, 0)
    note, barrier, outcomes = log.published().note, threading.Barrier(4), []

    def add(each, number):
        barrier.wait()
        try:
            outcomes.append(each.add_stamp(1, note, f"http://a.example/{number}", b"token"))
        except Exception as error:
            outcomes.append(error)

    for number in range(8):
        threads = [threading.Thread(target=add, args=(each, number)) for each in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, outcomes)) == ["False", "False", "False", "True"]
        outcomes.clear()
    for each in others[1:]:
        each.close()
