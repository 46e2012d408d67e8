"""The stamper: several authorities, down, slow, lying, back again; several stampers; a log that is away."""

import datetime as dt
import socket
import threading
import time

import pytest

from ledger.log import Published, StampRow
from ledger.stamping import Stamper
from provenance.errors import LedgerFault
from provenance.timeevidence import check_timestamps, stamped_text
from tests.support.logs import MemoryLog
from tests.support.tsa import Authority, now

HOUR = dt.timedelta(hours=1)


class PublishedLog:
    """What a Stamper needs of a log, over real checkpoints, in memory; ``away`` makes every call fail."""

    def __init__(self, size=3):
        self.memory = MemoryLog(64)
        self.size = size
        self.rows = []
        self.away = False

    def published(self):
        self._check()
        note = self.memory.checkpoint(self.size)
        return Published("log.example/1", self.size, b"", note)

    def stamps(self, size):
        self._check()
        return [row for row in self.rows if row.size == size]

    def last_stamped(self, authority):
        self._check()
        return max((row.size for row in self.rows if row.authority == authority), default=0)

    def add_stamp(self, size, note, authority, token):
        self._check()
        if any((row.size, row.authority) == (size, authority) for row in self.rows):
            return False
        self.rows.append(StampRow(size, authority, note, token))
        return True

    def _check(self):
        if self.away:
            raise LedgerFault("the database is away")


def evidence(log, size, *authorities):
    rows = log.stamps(size)
    return check_timestamps([row.token for row in rows], rows[0].note, [a.anchor for a in authorities], now())


@pytest.fixture
def down():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}/"


def test_every_authority_stamps_a_checkpoint_once():
    log, a, b = PublishedLog(), Authority("A"), Authority("B")
    with a.serve() as one, b.serve() as two:
        stamper = Stamper(log, [one, two, one])
        assert stamper.stamp() == 2
        assert stamper.stamp() == 0
        log.size = 5
        assert stamper.stamp() == 2
    assert len(a.requests) == len(b.requests) == 2
    for size in (3, 5):
        assert sorted(stamp.authority for stamp in evidence(log, size, a, b).stamps) == ["CN=A", "CN=B"]
    assert [state.size for state in stamper.authorities] == [5, 5]


def test_tokens_are_over_the_text_so_that_cosignatures_may_join():
    log, a = PublishedLog(), Authority("A")
    with a.serve() as url:
        Stamper(log, [url]).stamp()
    (row,) = log.rows
    cosigned = row.note + "— witness.example/w AAAAAAAA\n".encode()
    assert stamped_text(cosigned) == stamped_text(row.note)
    assert stamped_text(row.note).endswith(b"\n")
    assert check_timestamps([row.token], cosigned, [a.anchor], now()).sentence().endswith("according to CN=A")


def test_an_empty_log_is_not_stamped():
    log, a = PublishedLog(size=0), Authority()
    with a.serve() as url:
        assert Stamper(log, [url]).stamp() == 0
    assert a.requests == []


def test_one_that_is_down_is_no_outage_and_is_asked_less_and_less_often(down):
    log, a, lines = PublishedLog(), Authority("A"), []
    with a.serve() as url:
        stamper = Stamper(log, [down, url], every=30, tell=lines.append)
        assert stamper.stamp() == 1
        log.size = 4
        assert stamper.stamp() == 1  # the one that is down is not even asked
    assert len(lines) == 1
    assert down in lines[0]
    assert "asked again in 30 seconds" in lines[0]
    state = stamper.authorities[0]
    pauses = []
    for _ in range(8):
        state.again, before = 0.0, time.monotonic()
        stamper.stamp()
        pauses.append(round(state.again - before))
    assert pauses == [60, 120, 240, 480, 600, 600, 600, 600]


def test_an_authority_that_comes_back_catches_up():
    log, a, b, lines = PublishedLog(), Authority("A"), Authority("B", status=503), []
    with a.serve() as one, b.serve() as two:
        stamper = Stamper(log, [one, two], tell=lines.append)
        for log.size in (3, 4, 5):
            stamper.authorities[1].again = 0.0
            assert stamper.stamp() == 1
        b.status = 200
        log.size = 6
        stamper.authorities[1].again = 0.0
        assert stamper.stamp() == 2
        assert "back after 3 failures" in lines[-1]
        while stamper.stamp():
            pass
    assert {row.size for row in log.rows if row.authority == two} == {3, 4, 5, 6}
    for size in (3, 4, 5, 6):
        assert len(evidence(log, size, a, b).stamps) == 2


def test_a_slow_one_does_not_keep_the_others_waiting():
    log, slow, quick = PublishedLog(), Authority("S", delay=6.0), Authority("Q")
    with slow.serve() as one, quick.serve() as two:
        started, stop = time.monotonic(), threading.Event()
        stamper = Stamper(log, [one, two], timeout=4.0)
        thread = threading.Thread(target=stamper.run, args=(stop,))
        thread.start()
        while not log.rows and time.monotonic() < started + 8:
            time.sleep(0.01)
        assert time.monotonic() - started < 3.5
        stop.set()
        thread.join(2)
        assert not thread.is_alive()
    assert [row.authority for row in log.rows] == [two]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"time": lambda: now() + HOUR}, "in the future"),
        ({"time": lambda: now() - HOUR}, "in the past"),
        ({"nonce": 7}, "another request"),
        ({"digest": bytes(32)}, "another request"),
        ({"shown": Authority().leaf}, "not signed by the certificate"),
        ({"answer": bytes(10**6)}, "more than"),
    ],
)
def test_nothing_of_a_lying_authority_is_kept(fault, message):
    log, liar, honest, lines = PublishedLog(), Authority("L", **fault), Authority("H"), []
    with liar.serve() as one, honest.serve() as two:
        assert Stamper(log, [one, two], tell=lines.append).stamp() == 1
    assert [row.authority for row in log.rows] == [two]
    assert message in lines[0]


def test_another_certificate_than_the_operator_named_is_refused():
    log, named, other, lines = PublishedLog(), Authority("A"), Authority("A"), []
    with other.serve() as url:
        assert Stamper(log, [url], anchors=[named.anchor], tell=lines.append).stamp() == 0
    with named.serve() as url:
        assert Stamper(log, [url], anchors=[named.anchor]).stamp() == 1
    assert "did not answer with a token" in lines[0]


def test_our_own_clock_set_back_costs_stamps_until_it_is_right():
    log, a, lines, clock = PublishedLog(), Authority("A"), [], [now]
    with a.serve() as url:
        stamper = Stamper(log, [url], every=0, tell=lines.append, clock=lambda: clock[0]())
        assert stamper.stamp() == 1
        log.size, clock[0] = 4, lambda: now() - HOUR
        assert stamper.stamp() == 0
        assert "one of the two clocks is wrong" in lines[-1]
        clock[0] = now
        deadline = time.monotonic() + 10
        while not stamper.stamp() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert [row.size for row in log.rows] == [3, 4]


def test_a_database_that_goes_away_and_comes_back():
    log, a, lines, stop = PublishedLog(), Authority("A"), [], threading.Event()
    log.away = True
    with a.serve() as url:
        thread = threading.Thread(target=Stamper(log, [url], every=0, tell=lines.append).run, args=(stop,))
        thread.start()
        deadline = time.monotonic() + 10
        while not lines and time.monotonic() < deadline:
            time.sleep(0.01)
        log.away = False
        while not log.rows and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        thread.join(5)
    assert "the database is away" in lines[0]
    assert [row.size for row in log.rows] == [3]
    assert not thread.is_alive()


def test_a_round_that_fails_in_a_way_nobody_thought_of_is_not_the_last(monkeypatch):
    log, lines, stop = PublishedLog(), [], threading.Event()
    monkeypatch.setattr(log, "published", lambda: 1 // 0)
    stamper = Stamper(log, ["http://127.0.0.1:9/"], every=0, tell=lines.append)
    thread = threading.Thread(target=stamper.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 10
    while len(lines) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(5)
    assert "ZeroDivisionError" in lines[1]


def test_two_stampers_over_one_log_ask_once_each_in_turn():
    """The second one finds the row, also where it has asked at the same time and comes late."""
    log, a = PublishedLog(), Authority("A")
    with a.serve() as url:
        first, second = Stamper(log, [url]), Stamper(log, [url])
        assert first.stamp() == 1
        assert second.stamp() == 0
        assert len(a.requests) == 1
        log.size, a.delay = 4, 0.3
        threads = [threading.Thread(target=each.stamp) for each in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [row.size for row in log.rows] == [3, 4]


def test_a_development_authority_is_announced_once():
    from provenance.timestamp import DEVELOPMENT_POLICY

    log, a, lines = PublishedLog(), Authority("A", policy=DEVELOPMENT_POLICY), []
    with a.serve() as url:
        stamper = Stamper(log, [url], tell=lines.append)
        stamper.stamp()
        log.size = 4
        stamper.stamp()
    assert len(lines) == 1
    assert "for development, its tokens prove no time" in lines[0]


def test_what_is_no_address_is_refused_at_the_start():
    with pytest.raises(LedgerFault, match="must start with http"):
        Stamper(PublishedLog(), ["tsa.example"])
