"""The service as a process: starting, several workers, stopping, what it writes about itself."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ledger.database import resolve
from provenance.entry import parse_any
from provenance.errors import UsageError
from provenance.receipt import parse_receipt
from tests.support.entries import make_entry
from tests.support.follow import key
from tests.support.postgres import start_server
from tests.support.service import StartError, serving
from tests.support.tsa import Authority


def submit_until_stopped(service, name, accepted):
    """Submit claims of one's own until the service no longer answers; what was accepted goes into the list."""
    with contextlib.suppress(OSError, AssertionError):
        for i in range(100_000):
            entry = make_entry(f"{name} {i}")
            answer = service.submit(entry)
            if answer.status == 201:
                accepted.append((answer.json()["index"], entry))


def everything(service):
    found, after = [], -1
    while page := service.get(f"/v1/claims?limit=200&after={after}").json()["entries"]:
        found += [(item["index"], item["entry"].encode()) for item in page]
        after = page[-1]["index"]
    return found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_service_has_logged_and_published_what_it_accepted(tmp_path, how):
    accepted = []
    with serving(tmp_path) as service:
        threads = [threading.Thread(target=submit_until_stopped, args=(service, i, accepted)) for i in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        start = time.monotonic()
        assert service.stop(how) == 0
        assert time.monotonic() - start < 5
        for thread in threads:
            thread.join()
    assert len(accepted) > 20
    with serving(tmp_path, "--read-only") as service:
        found = everything(service)
        assert [index for index, _ in found] == list(range(len(found)))
        assert set(accepted) <= set(found)
        assert service.get("/v1/log").json()["size"] == len(found)


def test_a_killed_service_has_logged_what_it_accepted(tmp_path):
    accepted = []
    with serving(tmp_path) as service:
        thread = threading.Thread(target=submit_until_stopped, args=(service, "k", accepted))
        thread.start()
        time.sleep(0.7)
        service.kill()
        thread.join()
    start = time.monotonic()
    with serving(tmp_path) as service:
        assert time.monotonic() - start < 5
        assert set(accepted) <= set(everything(service))
        last = accepted[-1]
        assert parse_receipt(service.receipt(parse_any(last[1]).id)).index == last[0]


def children(pid):
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text(encoding="ascii").split())


def workers(service):
    """Processes of the service that serve (uvicorn's helper that tracks resources is none)."""
    found = []
    for pid in children(service.process.pid):
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def await_that(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_several_workers_are_one_log(tmp_path, database, request):
    url = request.getfixturevalue("postgres_url") if database == "postgres" else None
    with serving(tmp_path, "--workers", "2", database=url) as service:
        assert len(workers(service)) == 2
        answers = [service.submit(make_entry(f"w{i}")) for i in range(40)]
        assert [answer.json()["index"] for answer in answers] == list(range(40))
        service.receipt(parse_any(make_entry("w39")).id)
        figures = service.get("/metrics").body.decode()
        assert 'seedproof_entries_total{kind="claim",outcome="new"} 40.0' in figures
        victim = workers(service)[0]
        os.kill(victim, signal.SIGKILL)
        await_that(lambda: len(set(workers(service)) - {victim}) == 2)
        await_that(lambda: service.submit(make_entry("after")).status in (200, 201))
        assert service.stop() == 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_workers_do_not_outlive_their_supervisor(tmp_path):
    with serving(tmp_path, "--workers", "2") as service:
        serving_ones = workers(service)
        service.kill()
        await_that(lambda: not any(Path(f"/proc/{pid}").exists() for pid in serving_ones), 15)


def test_a_taken_port_is_one_line(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(StartError) as failed, serving(tmp_path, port=taken.getsockname()[1]):
        pass
    assert failed.value.code == 4
    assert failed.value.text.count("\n") == 1
    assert "Address already in use" in failed.value.text


@pytest.mark.parametrize("workers_", ["1", "2"])
def test_a_log_that_does_not_open_is_one_line(tmp_path, workers_):
    (tmp_path / "log.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StartError) as failed, serving(tmp_path, "--workers", workers_):
        pass
    assert failed.value.code == 4
    assert failed.value.text.count("\n") == 1
    assert "Traceback" not in failed.value.text


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--witness", "http://w.example"), "--witness-key"),
        (("--patience", "0", "1", "1"), "--patience"),
        (("--database", "postgresql+psycopg://ann:secret@db.example/log"), "password"),
        (("--database", "postgresql+psycopg://ann@db.example/log?password=secret"), "password"),
        (("--require-witness",), "--witness"),
        (("--proxy", "*"), "--proxy"),
        (("--proxy", "::/0"), "--proxy"),
        (("--proxy", "proxy.example"), "--proxy"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, options, word):
    with pytest.raises(StartError) as failed, serving(tmp_path, *options):
        pass
    assert failed.value.code == 2
    assert failed.value.text.count("\n") == 1
    assert word in failed.value.text
    assert "secret" not in failed.value.text


@pytest.mark.parametrize("option", ["password", "sslpassword"])
def test_no_message_shows_a_password(option):
    """The address of a database is in every message about it, and in the journal."""
    with pytest.raises(UsageError, match="pgpass") as failed:
        resolve(f"postgresql+psycopg://ann@db.example/log?{option}=hunter2")
    assert "hunter2" not in str(failed.value)
    place = resolve("postgresql+psycopg://ann:hunter2@db.example/log?options=hunter3")
    assert "hunter" not in str(place)
    assert "db.example/log" in str(place)


def test_a_postgresql_that_may_lose_what_it_confirmed_is_refused(tmp_path):
    server = start_server()
    try:
        url = server.create()
        for setting in ("fsync", "full_page_writes"):
            server.execute(f"ALTER SYSTEM SET {setting} = off", "SELECT pg_reload_conf()")
            await_that(lambda setting=setting: server.execute(f"SHOW {setting}") == [("off",)], 10)
            with pytest.raises(StartError) as failed, serving(tmp_path, database=url):
                pass
            assert failed.value.code == 4
            assert failed.value.text.count("\n") == 1
            assert setting in failed.value.text
        with serving(tmp_path, "--allow-unsafe-database", database=url) as service:
            assert service.submit(make_entry("a")).status == 201
        server.execute("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
        await_that(lambda: server.execute("SHOW full_page_writes") == [("on",)], 10)
        with serving(tmp_path, database=url) as service:
            assert service.logged() == 1
    finally:
        server.close()


def test_without_the_roots_of_its_authorities_a_service_says_what_it_believes(tmp_path):
    with serving(tmp_path, "--timestamp", "http://127.0.0.1:9/tsr") as service:
        assert [line[:33] for line in service.warnings()] == ["warning: without --timestamp-root"]
    with serving(tmp_path) as service:
        assert service.warnings() == []


def test_a_witness_that_is_away_is_told_and_may_be_required(tmp_path):
    from provenance.notekey import KeyType, new_signer

    key = new_signer("witness.example/w", KeyType.COSIGNATURE).verifier_key.format()
    options = ("--witness", "http://127.0.0.1:9", "--witness-key", key)
    with serving(tmp_path, *options) as service:
        await_that(lambda: any("older state" in str(line) for line in service.journal()), 10)
    with pytest.raises(StartError) as failed, serving(tmp_path, *options, "--require-witness"):
        pass
    assert failed.value.code == 4
    assert "--require-witness" in failed.value.text.splitlines()[-1]
    assert "Traceback" not in failed.value.text


def test_a_reader_beside_the_primary_writes_nothing(tmp_path):
    entry = make_entry("a")
    with serving(tmp_path) as primary:
        primary.submit(entry)
        primary.receipt(parse_any(entry).id)
        with serving(tmp_path, "--read-only") as reader:
            assert reader.get(f"/v1/claims/{parse_any(entry).id.hex()}").json()["index"] == 0
            assert reader.submit(make_entry("b")).problem == "forbidden"
            primary.submit(make_entry("b"))
            primary.receipt(parse_any(make_entry("b")).id)
            await_that(lambda: reader.get("/v1/log").json()["size"] == 2, 3)
            assert reader.get("/v1/proofs/1").status == 200


def test_the_journal_names_nobody(tmp_path):
    entry = make_entry("private", authors=("ann",), notice="a private remark")
    identifier = parse_any(entry).id.hex()
    with serving(tmp_path, "--verbose") as service:
        service.submit(entry)
        service.post("/v1/claims", b'{"secret":1}')
        service.get(f"/v1/claims/{identifier}")
        service.get(f"/v1/claims?author={key('ann').hex()}")
        service.get("/somewhere/else?x=y")
        service.stop()
        lines = service.journal()
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["route"], line["status"]) for line in requests] == [
        ("/v1/claims", 201),
        ("/v1/claims", 400),
        ("/v1/claims/{id}", 200),
        ("/v1/claims", 200),
        ("none", 404),
    ]
    assert {line["event"] for line in lines} == {"started", "request", "stopped"}
    text = str(lines)
    for private in ("127.0.0.1", identifier, key("ann").hex(), "secret", "somewhere", "private remark"):
        assert private not in text


def test_checkpoints_are_stamped_and_receipts_say_so(tmp_path):
    authority = Authority()
    with authority.serve() as url, serving(tmp_path, "--timestamp", url, "--timestamp-every", "0.2") as service:
        entry = make_entry("stamped")
        service.submit(entry)
        service.receipt(parse_any(entry).id)
        await_that(lambda: service.get("/v1/stamps/1").json()["timestamps"])
        stamps = service.get("/v1/stamps/1").json()
        assert [stamp["authority"] for stamp in stamps["timestamps"]] == [url]
        receipt = parse_receipt(service.receipt(parse_any(entry).id))
        assert [token.hex() for token in receipt.timestamps] == [stamps["timestamps"][0]["token"]]
        assert service.get("/v1/log").json()["authorities"] == [url]


def test_an_authority_that_is_down_is_a_line_in_the_journal(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/tsr"
    with serving(tmp_path, "--timestamp", url, "--timestamp-every", "0.2") as service:
        entry = make_entry("unstamped")
        assert service.submit(entry).status == 201
        assert parse_receipt(service.receipt(parse_any(entry).id)).timestamps == ()
        await_that(lambda: any(line["event"] == "stamping" for line in service.journal()))
        assert "seedproof_outside_warnings_total" in service.get("/metrics").body.decode()
        assert service.stop() == 0


def test_a_log_that_was_set_back_does_not_start(tmp_path):
    """What it has published is newer: to go on would sign a fork. One line, exit code 4."""
    with serving(tmp_path) as service:
        service.submit(make_entry("a"))
        service.stop()
    database = (tmp_path / "log.db").read_bytes()
    with serving(tmp_path) as service:
        service.submit(make_entry("b"))
        service.receipt(parse_any(make_entry("b")).id)
        service.stop()
    (tmp_path / "log.db").write_bytes(database)
    with pytest.raises(StartError) as failed, serving(tmp_path):
        pass
    assert failed.value.code == 4
    assert failed.value.text.count("\n") == 1
    assert "fork" in failed.value.text


def test_a_witness_that_has_seen_more_keeps_the_log_from_starting(tmp_path):
    """The same where the operator has put back everything that he has, but not what a witness remembers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    key = tmp_path / "witness.key"
    with serving(tmp_path / "log") as service:
        vkey = service.get("/log/vkey").body.decode().splitlines()[0]
        service.submit(make_entry("a"))
        service.stop()
    old = tmp_path / "backup"
    shutil.copytree(tmp_path / "log", old)
    with witnessing(tmp_path, port, key, vkey) as (url, witness_key):
        options = ("--witness", url, "--witness-key", witness_key)
        with serving(tmp_path / "log", *options) as service:
            entry = make_entry("b")
            service.submit(entry)
            await_that(
                lambda: (
                    service.get("/v1/log").json()["witnesses"]
                    and service.get("/v1/log").json()["witnesses"][0]["size"] == 2
                ),
                15,
            )
            assert parse_receipt(service.receipt(parse_any(entry).id)).checkpoint.note.count(b"\n\xe2\x80\x94") >= 3
            service.stop()
        with pytest.raises(StartError) as failed, serving(old, *options):
            pass
    assert failed.value.code == 4
    assert "witness" in failed.value.text
    assert "Traceback" not in failed.value.text


@contextlib.contextmanager
def witnessing(folder, port, key, vkey):
    """A real witness process; its address and verifier key."""
    command = [sys.executable, "-m", "tests.support.run_cli", "ledger", "witness", "--log", vkey, "--key", str(key)]
    command += ["--name", "witness.example/w", "--state", str(folder / "witness.db"), "--listen", f"127.0.0.1:{port}"]
    environment = {**os.environ, "SEEDPROOF_HOME": str(folder / "home")}
    errors = folder / "witness.txt"
    with errors.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=Path(__file__).parents[3])
    try:
        await_that(lambda: "listening" in errors.read_text(encoding="utf-8"), 20)
        words = errors.read_text(encoding="utf-8").split()
        yield f"http://127.0.0.1:{port}", next(word for word in words if word.startswith("witness.example/w+"))
    finally:
        process.terminate()
        process.wait(20)
