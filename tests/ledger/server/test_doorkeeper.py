"""Rates and API keys."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from ledger.server.doorkeeper import MAX_CLIENTS, Buckets, Doorkeeper, KeyRing, key_digest, make_key
from ledger.server.health import FRESH_SECONDS, Health
from ledger.server.problems import Problem
from ledger.server.threads import Threads
from provenance.errors import LedgerFault
from tests.support.entries import make_entry
from tests.support.service import serving


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


def test_a_burst_passes_and_then_the_rate_holds():
    clock = Clock()
    buckets = Buckets(2.0, clock)
    assert [buckets.take("a") for _ in range(20)] == [0.0] * 20
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0.0  # everybody has a bucket of his own
    clock.now += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == pytest.approx(0.5)
    clock.now += 1e9
    assert [buckets.take("a") for _ in range(20)] == [0.0] * 20  # it never holds more than a burst
    assert buckets.take("a") > 0


def test_what_a_request_turned_out_to_cost_delays_the_next_ones():
    clock = Clock()
    buckets = Buckets(2.0, clock)
    buckets.charge("a", 15)
    assert [buckets.take("a") for _ in range(5)] == [0.0] * 5
    assert buckets.take("a") == pytest.approx(0.5)
    for _ in range(10):
        buckets.charge("a", 1e9)
    assert buckets.take("a") == pytest.approx((1 + 20) / 2)  # never longer than to fill an empty bucket
    assert buckets.take("b") == 0.0


def test_pages_cost_more_than_single_answers(tmp_path):
    with serving(tmp_path, "--read-rate", "5") as service:
        for i in range(40):
            service.submit(make_entry(f"page {i}"))
        answers = [service.get("/v1/claims") for _ in range(10)]  # 50 tokens, 11 for a page of 40
    assert answers[0].status == answers[3].status == 200
    assert answers[-1].problem == "rate-limit"


def test_searches_keep_nobody_else_waiting():
    async def ask():
        threads, free = Threads(), threading.Event()
        searches = [asyncio.ensure_future(threads.search(free.wait, 10)) for _ in range(20)]
        try:
            return await asyncio.wait_for(threads.run(lambda: "served"), 5)
        finally:
            free.set()
            await asyncio.gather(*searches)
            threads.close()

    assert asyncio.run(ask()) == "served"


def test_health_is_looked_at_once_for_all_who_ask_at_a_time():
    asked = []

    class Log:
        def check_health(self):
            asked.append(1)
            if len(asked) > 1:
                raise LedgerFault("gone")

        def published(self):
            return SimpleNamespace(size=7)

    async def ask():
        threads = Threads()
        health = Health(Log(), threads)
        first = await asyncio.gather(*(health.check() for _ in range(50)))
        await asyncio.sleep(FRESH_SECONDS + 0.05)
        second = await asyncio.gather(*(health.check() for _ in range(50)), return_exceptions=True)
        threads.close()
        return first, second

    first, second = asyncio.run(ask())
    assert first == [7] * 50
    assert all(isinstance(error, LedgerFault) for error in second)
    assert len(asked) == 2


def test_slow_rates_still_let_one_through():
    buckets = Buckets(0.01, Clock())
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == pytest.approx(100)


def test_strangers_do_not_fill_the_memory():
    buckets = Buckets(1.0, Clock())
    for i in range(MAX_CLIENTS + 100):
        buckets.take(str(i))
    assert len(buckets._clients) == MAX_CLIENTS


def test_a_network_of_ipv6_is_one_client():
    door = Doorkeeper(write_rate=0.1, read_rate=None)
    door.admit("2001:db8::1", writes=True)
    with pytest.raises(Problem) as refused:
        door.admit("2001:db8::ffff:2", writes=True)
    assert refused.value.name == "rate-limit"
    assert int(refused.value.headers["Retry-After"]) == 10
    door.admit("2001:db8:0:1::1", writes=True)
    door.admit("2001:db8::1", writes=False)
    door.admit("::ffff:192.0.2.1", writes=True)
    with pytest.raises(Problem):
        door.admit("192.0.2.1", writes=True)


def test_keys_open_until_they_are_removed():
    clock, key, stored = Clock(), make_key(), {}
    stored["gallery"] = key_digest(key)
    ring = KeyRing(lambda: stored, clock)
    assert ring.stale
    ring.refresh()
    ring.check(f"Bearer {key}")
    ring.check(f"bearer {key}")
    for wrong in (
        None,
        "",
        key,
        f"Basic {key}",
        "Bearer",
        f"Bearer {key}x",
        "Bearer " + make_key(),
        f"Bearer {key[:-1]}",
    ):
        with pytest.raises(Problem) as refused:
            ring.check(wrong)
        assert refused.value.status == 401
    stored.clear()
    assert not ring.stale
    clock.now += 10
    assert ring.stale
    ring.refresh()
    with pytest.raises(Problem):
        ring.check(f"Bearer {key}")


def test_an_empty_ring_opens_to_nobody():
    ring = KeyRing(dict)
    ring.refresh()
    with pytest.raises(Problem):
        ring.check("Bearer ")


def test_a_client_that_asks_too_often_is_told_when_to_come_back(tmp_path):
    with serving(tmp_path, "--write-rate", "0.5", "--read-rate", "2") as service:
        entry = make_entry("a")
        answers = [service.submit(entry) for _ in range(8)]
        assert [answer.status for answer in answers[:5]] == [201, 200, 200, 200, 200]
        assert answers[7].problem == "rate-limit"
        assert answers[7].status == 429
        assert 1 <= int(answers[7].headers["retry-after"]) <= 2
        reads = [service.get("/log/checkpoint").status for _ in range(30)]
        assert reads[:20] == [200] * 20
        assert reads[-1] == 429
        assert service.get("/health").status == 200  # those who watch over it are not counted


def run(capsys, *arguments):
    from provenance.cli import main

    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in arguments])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_api_keys_are_required_where_the_operator_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    with serving(tmp_path, "--require-api-key") as service:
        at = ("--database", service.database)
        code, out, err = run(capsys, "ledger", "api-key", "add", "gallery", *at)
        assert code == 0
        key = out.strip()
        assert key not in err
        entry = make_entry("a")
        assert service.submit(entry).problem == "unauthorized"
        assert service.submit(entry).headers["www-authenticate"].startswith("Bearer")
        wrong = service.post("/v1/claims", entry, {"Authorization": f"Bearer {key}x"})
        assert wrong.problem == "unauthorized"
        assert service.post("/v1/claims", entry, {"Authorization": f"Bearer {key}"}).status == 201
        assert service.get("/v1/claims").status == 200  # reading is free
        assert run(capsys, "ledger", "api-key", "list", *at)[1] == "gallery\n"
        assert run(capsys, "ledger", "api-key", "remove", "gallery", *at)[0] == 0
        assert run(capsys, "ledger", "api-key", "remove", "gallery", *at)[0] == 2
        assert key.encode() not in (tmp_path / "log.db").read_bytes()


def test_commands_for_api_keys_publish_nothing(tmp_path, capsys, monkeypatch):
    """A log whose tiles stand elsewhere than beside its file must not get a second store, which would have what the
    first one lacks.
    """
    from ledger.log import open_log, prepare

    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    database = tmp_path / "log.db"
    log = open_log(database, tiles=str(tmp_path / "elsewhere"), create=True)
    log.submit_batch([prepare(make_entry("a"))])
    for words in (("add", "gallery"), ("list",), ("remove", "gallery")):
        assert run(capsys, "ledger", "api-key", *words, "--database", f"sqlite:///{database}")[0] == 0
    assert log.published().size == 0
    assert not (tmp_path / "log.db.tiles").exists()
    log.close()


def test_a_proxy_that_is_trusted_says_who_asks(tmp_path):
    def ask(service, address):
        return service.post("/v1/claims", make_entry("a"), {"X-Forwarded-For": address}).status

    with serving(tmp_path / "behind", "--write-rate", "0.1", "--proxy", "127.0.0.1") as service:
        assert ask(service, "192.0.2.1") == 201
        assert ask(service, "192.0.2.1") == 429
        assert ask(service, "192.0.2.2") == 200
    with serving(tmp_path / "open", "--write-rate", "0.1") as service:  # anybody could write such a header
        assert ask(service, "192.0.2.1") == 201
        assert ask(service, "192.0.2.2") == 429
