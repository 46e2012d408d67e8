"""A log, its witness and a reader, each a program of its own: the reader asks how fresh the log is, while keys change."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from ledger import cli_operate
from tests.ledger.server.test_process import await_that, witnessing
from tests.support.service import serving
from tests.support.works import make_work

ROOT = Path(__file__).parents[2]


def run(folder, *words, code=0):
    """A command of the reader; its JSON, or what it said on stderr."""
    environment = {**os.environ, "SEEDPROOF_HOME": str(folder / "reader")}
    command = [sys.executable, "-m", "tests.support.run_cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return (json.loads(done.stdout) if done.stdout else None), done.stderr


def step(report, number):
    return next(check for check in report["checks"] if check["step"] == number)


def trust(folder, witness):
    policy = {"kind": "policy", "v": 1, "models": [], "logs": [], "timestamp_authorities": [], "c2pa_anchors": []}
    (folder / "policy.json").write_text(
        json.dumps({**policy, "witnesses": [{"key": witness}], "witnesses_required": 1})
    )


def test_a_reader_hears_from_a_witness_how_fresh_the_log_is(tmp_path):
    picture = tmp_path / "hills.png"
    picture.write_bytes(make_work(7))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(tmp_path / "log", "--origin", "log.example/1") as service:
        vkey = service.get("/log/vkey").body.decode().splitlines()[0]
        service.stop()
    with witnessing(tmp_path, port, tmp_path / "witness.key", vkey) as (url, witness):
        trust(tmp_path, witness)
        options = ("--witness", url, "--witness-key", witness)
        with serving(tmp_path / "log", *options) as service:
            run(tmp_path, "publish", picture, "--ledger", service.url, "--sidecar")
            await_that(lambda: service.get("/v1/vouched").json()["checkpoints"], 15)
            asked = ("verify", "--quick", picture, "--ledger", service.url, "--require-fresh", "--json")
            report, _ = run(tmp_path, *asked, "--policy", tmp_path / "policy.json", code=3)
            assert "the witness witness.example/w had seen nothing newer" in step(report, 11)["detail"]
            assert f"as far as {service.url} shows at 1 entry" in step(report, 11)["detail"]
            _, told = run(tmp_path, *asked, code=4)
            assert "names no witness and no timestamp authority" in told
            assert told.count("\n") == 1
            port_of_log = service.address[1]
            service.stop()
            for words in ((), ("--retire",)):
                command = [*words, "--database", str(tmp_path / "log" / "log.db")]
                assert CliRunner().invoke(cli_operate.rotate_key, command).exit_code == 0
            service.start(port_of_log)
            report, told = run(tmp_path, *asked, "--policy", tmp_path / "policy.json", code=3)
            assert "2 keys learned and 2 keys retired" in told
            assert "had seen nothing newer" in step(report, 11)["detail"]


def test_a_reader_notices_a_log_that_was_set_back(tmp_path):
    """The service itself may not know: its operator has put back everything that he has."""
    pictures = [tmp_path / f"{number}.png" for number in (8, 9)]
    for number, picture in enumerate(pictures, 8):
        picture.write_bytes(make_work(number))
    with serving(tmp_path / "log", "--origin", "log.example/1") as service:
        port = service.address[1]
        run(tmp_path, "publish", pictures[0], "--ledger", service.url, "--sidecar")
        service.stop()
        shutil.copytree(tmp_path / "log", tmp_path / "old")
        service.start(port)
        run(tmp_path, "publish", pictures[1], "--ledger", service.url, "--sidecar")
        service.stop()
        with serving(tmp_path / "old", port=port) as older:
            _, told = run(tmp_path, "verify", "--quick", pictures[0], "--ledger", older.url, code=4)
            assert "shows 1 entries, though 2 were seen before: an older state" in told
