"""The notary's job from end to end, over real HTTP between real processes, with the real model.

publish with recipe and latent -> authorities stamp, notaries attest -> publish again staples all of it -> a verifier
without network and without the model says authentic, if its policy trusts enough of the notaries.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provenance.commitment import commit
from provenance.errors import NotFiniteError
from provenance.receipt import parse_receipt
from provenance.report import Verdict
from provenance.verify import Depth, Request, verify
from tests.support.entries import make_entry
from tests.support.forge import made, parts_of, policy, regenerator
from tests.support.service import serving
from tests.support.tsa import Authority

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def running(home, *arguments):
    """A process of the command line, with a home of its own."""
    command = [sys.executable, "-m", "tests.support.run_cli", *arguments]
    environment = {**os.environ, "SEEDPROOF_HOME": str(home), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def notary(home, url, *options):
    """One round of a notary: (what it told, what it said on stderr)."""
    with running(home, "notary", "--ledger", url, "--once", "--json", *options) as process:
        out, err = process.communicate(timeout=280)
        assert process.returncode == 0, err
        return documents(out), err


def documents(text):
    """The JSON documents in a row."""
    found, reader, position = [], json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        value, end = reader.raw_decode(text[position:])
        found.append(value)
        position += end
    return found


def public_key(err):
    line = next(line for line in err.splitlines() if " follows " in line)
    return bytes.fromhex(line.split("notary ")[1].split()[0])


def command(home, *arguments, code=0):
    """A command of the author's or the verifier's; what it wrote to stdout."""
    with running(home, *map(str, arguments)) as process:
        out, err = process.communicate(timeout=280)
        assert process.returncode == code, (arguments, out, err)
        return out


def write_policy(path, service_key, authorities, notaries, required):
    document = {
        "kind": "policy",
        "v": 1,
        "models": [],
        "logs": [{"key": service_key, "independent": True}],
        "timestamp_authorities": [authority.anchor.decode() for authority in authorities],
        "c2pa_anchors": [],
        "notaries": [{"name": name, "key": key.hex()} for name, key in notaries],
        "notaries_required": required,
    }
    path.write_text(json.dumps(document))
    return path


def await_timestamps(home, picture, url, count):
    """publish --refresh, until the receipt in the file has this many timestamps."""
    deadline = time.monotonic() + 30
    while True:
        command(home, "publish", picture, "--ledger", url, "--refresh")
        receipt = parse_receipt(parts_of(picture.read_bytes())[2].receipt)
        if len(receipt.timestamps) >= count or time.monotonic() > deadline:
            assert len(receipt.timestamps) == count
            return receipt
        time.sleep(0.3)


@pytest.mark.timeout(900)
def test_attested_and_stamped_a_picture_is_authentic_without_a_model(tmp_path):
    ann, vera, picture = tmp_path / "ann", tmp_path / "vera", tmp_path / "hills.png"
    a, b = Authority("A"), Authority("B")
    with contextlib.ExitStack() as stack:
        development = stack.enter_context(running(tmp_path / "tsa", "ledger", "tsa", "--listen", "127.0.0.1:0"))
        lines = [development.stderr.readline() for _ in range(2)]
        urls = [stack.enter_context(a.serve()), stack.enter_context(b.serve())]
        urls += [lines[1].split("listening on ")[1].strip(), "http://127.0.0.1:9/"]
        stamping = [word for url in urls for word in ("--timestamp", url)]
        service = stack.enter_context(serving(tmp_path / "log", *stamping, "--timestamp-every", "0.2"))
        command(ann, "keys", "new", "--no-passphrase")
        command(ann, "create", "snowy mountains at sunset", "-o", picture)
        command(ann, "publish", picture, "--ledger", service.url, "--with-recipe", "--with-latent")
        keys = []
        for name in ("nina", "otto"):
            events, err = notary(tmp_path / name, service.url, "--new-key")
            assert [event["outcome"] for event in events] == ["regenerated"], events
            keys.append(public_key(err))
            assert notary(tmp_path / name, service.url)[0] == []  # a restart: nothing twice
        receipt = await_timestamps(ann, picture, service.url, 3)
        log_key = service.get("/log/vkey").body.decode().split("\n")[0]
    assert len(receipt.attestations) == 2
    # from here on there is no network, no log, and (--quick) no model
    both = list(zip(("Nina", "Otto"), keys, strict=True))

    def verified(notaries, required, code):
        path = write_policy(tmp_path / "policy.json", log_key, (a, b), notaries, required)
        return json.loads(command(vera, "verify", picture, "--quick", "--json", "--policy", path, code=code))

    for required in (1, 2):
        report = verified(both, required, 0)
        assert report["verdict"] == "authentic"
        assert "Nina and Otto" in report["reason"]
    step = next(check for check in report["checks"] if check["step"] == 10)
    assert step["status"] == "pass"
    assert "according to CN=A and CN=B" in step["detail"] or "according to CN=B and CN=A" in step["detail"]
    assert "development authority proves no time" in step["detail"]
    assert step["figures"]["authorities"] == 2
    # not without trust, not with too few, not one notary under two keys, not by somebody else's key
    stranger = [("Nina", commit(b"\x01" * 32))]
    for notaries, required in (([], 1), (both, 3), ([("Nina", keys[0]), ("Nina", keys[1])], 2), (stranger, 1)):
        assert verified(notaries, required, 3)["verdict"] == "claimed"


@pytest.mark.timeout(300)
def test_with_a_model_and_without_trust_the_verifier_judges_for_himself():
    """A model that makes nothing finite of the seed here, and no notary whom the policy trusts: claimed."""

    class Overflowing:
        def __getattr__(self, name):
            return getattr(regenerator(), name)

        def regenerate(self, *_arguments):
            raise NotFiniteError("this machine cannot sample")

    request = Request(policy=policy(), now=datetime.now(UTC), depth=Depth.AUTO, regenerator=Overflowing())
    assert verify(made().sign(), request).verdict is Verdict.CLAIMED


def test_a_notary_runs_until_it_is_told_to_stop(tmp_path):
    """It waits for blobs, survives the service going away and coming back, and ends with exit code 0."""
    with serving(tmp_path / "log") as service:
        port = service.address[1]
        assert service.submit(make_entry(1)).status == 201
        options = ("notary", "--ledger", service.url, "--new-key", "--poll", "0.2")
        with running(tmp_path / "nina", *options) as process:
            assert "met for the first time" in process.stderr.readline()
            assert " follows " in process.stderr.readline()
            assert "waiting: its recipe is not published" in process.stderr.readline()
            service.kill()
            assert "asked again in" in process.stderr.readline()
            service.start(port)
            assert service.submit(make_entry(2)).status == 201
            lines = iter(process.stderr.readline, "")
            assert any("(entry 1) waiting" in line for line in lines)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
