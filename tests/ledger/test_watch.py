"""Monitor and witness as commands, against the log's real service in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.client import open_ledger
from provenance.checkpoint import parse_checkpoint
from provenance.cosignature import open_cosignatures
from provenance.note import VerifierKey
from provenance.receipt import parse_receipt
from tests.support.entries import make_entry
from tests.support.service import StartError, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("service"), "--origin", "log.test/1") as running:
        for i in range(12):
            assert running.submit(make_entry(i)).status == 201
        yield running


def run(home, *words, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.run_cli", "ledger", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "SEEDPROOF_HOME": str(home)},
        timeout=60,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


@contextlib.contextmanager
def running(home, *words):
    """A command that goes on until it is told to end; its standard error is a file."""
    errors = home.parent / f"{home.name}-{time.monotonic_ns()}.err"
    with errors.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.run_cli", "ledger", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=file,
            cwd=ROOT,
            env={**os.environ, "SEEDPROOF_HOME": str(home)},
        )
        try:
            yield process, errors
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(20)


def await_line(errors, start):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for line in errors.read_text().splitlines():
            if line.startswith(start):
                return line.removeprefix(start)
        time.sleep(0.02)
    pytest.fail(errors.read_text())


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_monitor_once(service, own_home):
    done = json.loads(run(own_home, "monitor", "--ledger", service.url, "--once", "--json").stdout)
    assert (done["sound"], done["origin"], done["size"], done["added"]) == (True, "log.test/1", 12, 12)
    done = run(own_home, "monitor", "--ledger", service.url, "--once", "--full").stdout
    assert done == "log.test/1: all 12 entries hold, 0 new; 0 timestamps; cosigned by no known witness\n"


def test_monitor_follows_and_ends_when_told(service, own_home):
    with running(own_home, "monitor", "--ledger", service.url, "--interval", "0.2", "--json") as (process, _):
        first = json.loads(process.stdout.readline())
        assert service.submit(make_entry("later")).status == 201
        until(lambda: json.loads(process.stdout.readline())["size"] > first["size"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_monitor_finds_a_flipped_byte_in_the_files_that_are_served(tmp_path, own_home):
    with serving(tmp_path / "log", "--origin", "log.test/2") as service:
        for i in range(5):
            service.submit(make_entry(i))
        run(own_home, "monitor", "--ledger", service.url, "--once")
        service.submit(make_entry("more"))
        until(lambda: parse_checkpoint(service.get("/log/checkpoint").body).size == 6)
        service.stop()
        tiles = next(path for path in (tmp_path / "log").rglob("tile") if path.is_dir())
        for path in [*(tiles / "0").rglob("6"), *(tiles / "entries").rglob("6")]:
            honest = path.read_bytes()
            changed = bytearray(honest)
            changed[-1] ^= 1
            path.chmod(0o644)
            path.write_bytes(changed)
            service.start()
            done = run(
                own_home, "monitor", "--ledger", service.url, "--once", "--json", "--vkey", vkey(service), code=1
            )
            assert "tile/" in json.loads(done.stdout)["problem"]
            assert "entry 5" in done.stderr
            service.stop()
            path.write_bytes(honest)
        service.start()
        run(own_home, "monitor", "--ledger", service.url, "--once", "--vkey", vkey(service))


def vkey(service):
    return service.get("/log/vkey").body.decode().splitlines()[0]


def test_monitor_says_what_it_cannot_do(service, own_home, tmp_path):
    run(own_home, "monitor", "--ledger", "http://127.0.0.1:9", "--once", code=4)
    run(own_home, "monitor", "--ledger", tmp_path / "log.db", "--once", code=2)
    run(own_home, "monitor", "--ledger", service.url, "--once", "--vkey", "junk", code=2)
    other = VerifierKey("log.test/1", bytes(32)).format()
    assert "checkpoint" in run(own_home, "monitor", "--ledger", service.url, "--once", "--vkey", other, code=1).stderr


def test_witness_once(service, own_home):
    assert "--name" in run(own_home, "witness", "--ledger", service.url, "--once", code=2).stderr
    done = run(own_home, "witness", "--ledger", service.url, "--once", "--name", "witness.test/w", "--json")
    found = json.loads(done.stdout)
    keys = [
        VerifierKey.parse(line.removeprefix("witness key: "))
        for line in done.stderr.splitlines()
        if line.startswith("witness key: ")
    ]
    note = service.get("/log/checkpoint").body + found["lines"].encode()
    assert {cosignature.key for cosignature in open_cosignatures(note, keys)} == set(keys)
    key = own_home / "data" / "witness.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().splitlines()[0] not in done.stderr + done.stdout
    again = run(own_home, "witness", "--ledger", service.url, "--once")
    assert "cosigned" in again.stdout
    run(own_home, "witness", "--ledger", service.url, "--once", "--name", "other.test", code=2)
    key.chmod(0o644)
    assert "chmod 600" in run(own_home, "witness", "--ledger", service.url, "--once", code=4).stderr
    key.chmod(0o600)
    key.write_text("junk\n")
    run(own_home, "witness", "--ledger", service.url, "--once", code=4)


def test_witness_arguments(own_home):
    run(own_home, "witness", code=2)
    run(own_home, "witness", "--listen", "127.0.0.1:0", code=2)
    run(own_home, "witness", "--log", "junk", "--listen", "127.0.0.1:0", "--name", "w.test", code=2)


def test_a_log_is_cosigned_by_a_witness_that_listens(tmp_path, own_home):
    """Both sides as real processes: the log pushes, the witness answers, receipts carry the lines."""
    home = tmp_path / "log"
    with serving(home, "--origin", "log.test/3") as service:
        log_keys = service.get("/log/vkey").body.decode().splitlines()
    words = ["witness", "--listen", "127.0.0.1:0", "--name", "witness.test/w"]
    for key in log_keys:
        words += ["--log", key]
    with running(own_home, *words) as (process, errors):
        url = await_line(errors, "listening on ")
        key = await_line(errors, "witness key: ")
        with serving(home, "--origin", "log.test/3", "--witness", url, "--witness-key", key) as service:
            service.submit(make_entry("one"))
            ledger = open_ledger(service.url)
            ledger.submit(make_entry("two"))
            witness = [VerifierKey.parse(key)]
            until(lambda: open_cosignatures(ledger.head().note, witness))
            receipt = parse_receipt(ledger.receipt(1))
            assert open_cosignatures(receipt.checkpoint.note, witness)[0].key.name == "witness.test/w"
            about = service.get("/v1/log").json()
            assert about["witnesses"] == [{"name": "witness.test/w", "size": 2}]
            ledger.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_log_that_was_set_back_does_not_start_beside_its_witness(tmp_path, own_home):
    import shutil

    home = tmp_path / "log"
    with serving(home, "--origin", "log.test/4") as service:
        service.submit(make_entry(0))
        log_keys = service.get("/log/vkey").body.decode().splitlines()
    backup = tmp_path / "backup"
    shutil.copytree(home, backup)
    with running(
        own_home,
        "witness",
        "--listen",
        "127.0.0.1:0",
        "--name",
        "witness.test/w",
        "--log",
        log_keys[0],
        "--interval",
        "1",
    ) as (_, errors):
        url, key = await_line(errors, "listening on "), await_line(errors, "witness key: ")
        options = ("--origin", "log.test/4", "--witness", url, "--witness-key", key)
        with serving(home, *options) as service:
            service.submit(make_entry(1))
            until(lambda: service.get("/v1/log").json()["witnesses"] == [{"name": "witness.test/w", "size": 2}])
        shutil.rmtree(home)
        shutil.copytree(backup, home)
        with pytest.raises(StartError) as caught, serving(home, *options):
            pass
        assert "witness" in caught.value.text
        assert "2" in caught.value.text


def test_the_service_refuses_witnesses_that_are_none(tmp_path):
    for options in (["--witness", "http://w.test"], ["--witness", "http://w.test", "--witness-key", "junk"]):
        with pytest.raises(StartError) as caught, serving(tmp_path / "log", *options):
            pass
        assert caught.value.code == 2
