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
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.client import open_ledger
from ledger.publish import publish_picture
from provenance.claim import claim_id
from provenance.commitment import commit
from provenance.derivation import derive_author
from provenance.grant import Grant, format_grant, sign_grant
from provenance.note import VerifierKey
from provenance.policy import LogTrust, NotaryTrust, Policy
from provenance.recipe import format_recipe
from provenance.report import Status, Verdict
from provenance.storedlatent import encode_latent
from provenance.verify import Depth, Request, verify
from tests.support.forge import made, person, policy, step
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


def publish_blobs(ledger, work, name):
    claim = work.claim
    origin = ledger.verifier_key.partition("+")[0]
    blobs = [
        (claim.recipe, format_recipe(work.recipe), "application/json"),
        (claim.latent.digest, encode_latent(work.integers), "application/octet-stream"),
    ]
    for digest, data, media in blobs:
        grant = Grant(claim_id(claim), digest, "publish", origin, int(time.time()))
        signed = sign_grant(grant, [derive_author(person(name)[0])])
        ledger.put_blob(digest, data, format_grant(signed), media_type=media)


def published(ledger, data, name="ann"):
    master, credentials = person(name)
    return publish_picture(data, ledger, master, credentials, now=datetime.now(UTC))


def offline(data, trust):
    """The report of somebody without a log, a network or a generator."""
    return verify(data, Request(policy=trust, now=datetime.now(UTC), depth=Depth.QUICK, regenerator=None))


@pytest.mark.timeout(600)
def test_attested_and_stamped_a_picture_is_authentic_without_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    work = made()
    a, b = Authority("A"), Authority("B")
    with contextlib.ExitStack() as stack:
        development = stack.enter_context(running(tmp_path / "tsa", "ledger", "tsa", "--listen", "127.0.0.1:0"))
        lines = [development.stderr.readline() for _ in range(2)]
        urls = [stack.enter_context(a.serve()), stack.enter_context(b.serve())]
        urls += [lines[1].split("listening on ")[1].strip(), "http://127.0.0.1:9/"]
        stamping = [word for url in urls for word in ("--timestamp", url)]
        service = stack.enter_context(serving(tmp_path / "log", *stamping, "--timestamp-every", "0.2"))
        ledger = open_ledger(service.url)
        first = published(ledger, work.sign())
        assert b"attestations" not in first.receipt
        publish_blobs(ledger, work, "ann")
        keys = []
        for name in ("nina", "otto"):
            events, err = notary(tmp_path / name, service.url, "--new-key")
            assert [event["outcome"] for event in events] == ["regenerated"], events
            keys.append(public_key(err))
            assert notary(tmp_path / name, service.url)[0] == []  # a restart: nothing twice
        refreshed = wait_for_stamps(ledger, first.data, 3)
        about = list(ledger.follow_ups(claim_id(work.claim)))
        origin_key = VerifierKey.parse(ledger.verifier_key)
        ledger.close()
    assert len(about) == 2
    base = replace(policy(), logs=(LogTrust(origin_key, independent=True),), timestamp_authorities=(a.anchor, b.anchor))
    both = tuple(NotaryTrust(name, key) for name, key in zip(("Nina", "Otto"), keys, strict=True))
    data = refreshed.data
    for count in (1, 2):
        report = offline(data, replace(base, notaries=both, notaries_required=count))
        assert report.verdict is Verdict.AUTHENTIC, report
        assert "Nina" in step(report, 10).detail
    receipt = step(report, 10)
    assert receipt.status is Status.PASS
    assert "according to CN=A and CN=B" in receipt.detail or "according to CN=B and CN=A" in receipt.detail
    assert "development authority proves no time" in receipt.detail
    assert receipt.figures["authorities"] == 2
    # not without trust, not with too few, not by somebody else's key, not for a model that the policy does not know
    stranger = NotaryTrust("Nina", commit(b"\x01" * 32))
    for weaker in (
        base,
        replace(base, notaries=both, notaries_required=3),
        replace(base, notaries=(stranger,)),
        replace(base, notaries=(both[0], NotaryTrust("Nina", keys[1])), notaries_required=2),
        Policy(logs=base.logs, notaries=both),
    ):
        assert offline(data, weaker).verdict is Verdict.CLAIMED


def wait_for_stamps(ledger, data, count):
    """Publish again, until the receipt has this many timestamps."""
    from provenance.receipt import parse_receipt

    deadline = time.monotonic() + 30
    while True:
        made_again = published(ledger, data)
        receipt = parse_receipt(made_again.receipt)
        if len(receipt.timestamps) >= count or time.monotonic() > deadline:
            assert len(receipt.timestamps) == count
            return made_again
        time.sleep(0.3)


@pytest.mark.timeout(300)
def test_a_notary_runs_until_it_is_told_to_stop(tmp_path, monkeypatch):
    """It waits for blobs, survives the service going away and coming back, and ends with exit code 0."""
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    with serving(tmp_path / "log") as service:
        port = service.address[1]
        ledger = open_ledger(service.url)
        published(ledger, made().sign())
        options = ("notary", "--ledger", service.url, "--new-key", "--poll", "0.2")
        with running(tmp_path / "nina", *options) as process:
            assert "met for the first time" in process.stderr.readline()
            assert " follows " in process.stderr.readline()
            assert "waiting: its recipe is not published" in process.stderr.readline()
            service.kill()
            assert "asked again in" in process.stderr.readline()
            service.start(port)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        ledger.close()
