"""The machine fails under the service: a full disk, a database that is away, a clock that is set back.

Each time clients get a problem document with Retry-After, nothing is half-logged, and the service is up again by itself.
"""

import resource
import sqlite3
import time

import pytest

from provenance.entry import parse_any
from provenance.receipt import parse_receipt
from tests.ledger.server.test_process import await_that, everything
from tests.support.entries import make_entry
from tests.support.postgres import start_server
from tests.support.service import serving


def submit_some(service, name, count=10):
    entries = [make_entry(f"{name} {i}") for i in range(count)]
    return {entry: service.submit(entry) for entry in entries}


def check_unavailable(answer):
    assert (answer.status, answer.problem) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "/" not in answer.json()["detail"]  # no path of the machine


def check_log(service, accepted):
    """Gapless, each once, with all that was accepted."""
    found = everything(service)
    assert [index for index, _ in found] == list(range(len(found)))
    assert len({entry for _, entry in found}) == len(found)
    assert {(answer.json()["index"], entry) for entry, answer in accepted.items()} <= set(found)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_a_full_disk(tmp_path):
    with serving(tmp_path) as service:
        accepted = submit_some(service, "before")
        wal = (tmp_path / "log.db-wal").stat().st_size
        _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (wal + 4_096, hard))  # no file grows beyond this
        refused = {}
        for i in range(60):
            entry = make_entry(f"full {i}", notice="n" * 1_000)
            answer = service.submit(entry)
            (accepted if answer.status == 201 else refused)[entry] = answer
        assert refused
        for answer in refused.values():
            check_unavailable(answer)
        assert service.get("/v1/claims?limit=1").status == 200  # reading goes on
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await_that(lambda: service.submit(make_entry("after")).status in (200, 201), 5)
        again = {entry: service.submit(entry) for entry in refused}
        assert {answer.status for answer in again.values()} <= {200, 201}
        check_log(service, accepted | again)
        assert parse_receipt(service.receipt(parse_any(make_entry("after")).id))
        assert any(line["event"] == "log fault" for line in service.journal())


@pytest.mark.slow
def test_a_locked_database(tmp_path):
    with serving(tmp_path) as service:
        accepted = submit_some(service, "before")
        other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        entry = make_entry("meanwhile")
        started = time.monotonic()
        answer = service.submit(entry)
        assert time.monotonic() - started < 25
        check_unavailable(answer)
        assert service.get("/v1/claims?limit=1").status == 200
        other.execute("ROLLBACK")
        accepted[entry] = service.submit(entry)
        assert accepted[entry].status in (200, 201)
        check_log(service, accepted)


@pytest.fixture
def postgres():
    server = start_server()
    yield server
    server.close()


@pytest.mark.parametrize("mode", ["fast", pytest.param("immediate", marks=pytest.mark.slow)])
def test_a_database_that_is_gone_and_back(tmp_path, postgres, mode):
    with serving(tmp_path, database=postgres.create()) as service:
        accepted = submit_some(service, "before")
        postgres.stop(mode)
        for i in range(3):
            check_unavailable(service.submit(make_entry(f"gone {i}")))
        assert service.get("/health").problem == "unavailable"
        assert service.get("/v1/log").problem == "unavailable"
        postgres.start()
        await_that(lambda: service.get("/health").status == 200, 5)
        accepted |= submit_some(service, "after")
        assert {answer.status for answer in accepted.values()} == {201}
        check_log(service, accepted)
        service.receipt(parse_any(list(accepted)[-1]).id)
        assert service.stop() == 0


def test_sessions_that_the_database_ends_are_replaced(tmp_path, postgres):
    with serving(tmp_path, database=postgres.create()) as service:
        accepted = submit_some(service, "before")
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seedproof'")
        entry = make_entry("next")
        await_that(lambda: service.submit(entry).status in (200, 201), 5)
        accepted |= submit_some(service, "after")
        check_log(service, accepted)


def test_a_clock_that_is_set_back(tmp_path):
    """Order in the log is order of arrival, whatever the time of day; rates and timeouts do not depend on it."""
    clock = tmp_path / "clock"
    clock.write_text("0", encoding="ascii")
    with serving(tmp_path, "--write-rate", "100", environment={"SEEDPROOF_TEST_CLOCK": str(clock)}) as service:
        accepted = submit_some(service, "before")
        dated = service.get("/health").headers["date"]
        clock.write_text(str(-10 * 365 * 86_400), encoding="ascii")
        await_that(
            lambda: service.get("/health").headers["date"] < dated or "2016" in service.get("/health").headers["date"]
        )
        accepted |= submit_some(service, "after")
        assert {answer.status for answer in accepted.values()} == {201}
        check_log(service, accepted)
        service.receipt(parse_any(list(accepted)[-1]).id, timeout=3)
        clock.write_text(str(10 * 365 * 86_400), encoding="ascii")
        accepted |= submit_some(service, "later")
        check_log(service, accepted)
    assert service.process.returncode == 0
