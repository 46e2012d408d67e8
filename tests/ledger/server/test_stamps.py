"""A served log has its checkpoints stamped: by several authorities, some of them down or lying, with several workers."""

import datetime as dt
import json
import time

import pytest

from provenance.claim import entry_claim_id
from provenance.note import VerifierKey
from provenance.receipt import check_receipt, parse_receipt
from provenance.timeevidence import check_timestamps
from tests.support.entries import make_entry
from tests.support.service import StartError, serving
from tests.support.tsa import Authority, now

EVERY = ("--timestamp-every", "0.2")


def stamped(service, entry, count, timeout=15):
    """The checked receipt of an entry, once it has this many timestamps."""
    keys = [VerifierKey.parse(line) for line in service.get("/log/vkey").body.decode().split("\n") if line]
    deadline = time.monotonic() + timeout
    while True:
        receipt = parse_receipt(service.receipt(entry_claim_id(entry)))
        if len(receipt.timestamps) >= count or time.monotonic() > deadline:
            assert len(receipt.timestamps) == count
            return check_receipt(receipt, entry, keys)
        time.sleep(0.1)


def test_one_down_and_one_lying_are_no_outage(tmp_path):
    a, b, liar = Authority("A"), Authority("B"), Authority("Liar", time=lambda: now() + dt.timedelta(days=30))
    with a.serve() as one, b.serve() as two, liar.serve() as three:
        down = "http://127.0.0.1:9/"
        options = [word for url in (down, three, one, two) for word in ("--timestamp", url)]
        with serving(tmp_path, *options, *EVERY) as service:
            entry = make_entry(1)
            assert service.submit(entry).status == 201
            found = stamped(service, entry, 2)
            shown = service.get(f"/v1/stamps/{found.size}").json()
            assert service.get("/health").status == 200
            warnings = [line for line in service.journal() if "stamping" in json.dumps(line)]
    evidence = check_timestamps(found.timestamps, found.note, [a.anchor, b.anchor, liar.anchor], now())
    assert {stamp.authority for stamp in evidence.stamps} == {"CN=A", "CN=B"}
    assert sorted(item["authority"] for item in shown["timestamps"]) == sorted([one, two])
    told = json.dumps(warnings)
    assert down in told
    assert "one of the two clocks is wrong" in told


def test_an_authority_that_comes_up_later_stamps_then(tmp_path):
    late = Authority("Late", status=503)
    with late.serve() as url, serving(tmp_path, "--timestamp", url, *EVERY) as service:
        entry = make_entry(1)
        service.submit(entry)
        time.sleep(0.5)
        assert parse_receipt(service.receipt(entry_claim_id(entry))).timestamps == ()
        late.status = 200
        assert stamped(service, entry, 1)


def test_several_workers_keep_one_token_for_a_checkpoint(tmp_path):
    authority = Authority("A", delay=0.2)
    with authority.serve() as url, serving(tmp_path, "--workers", "2", "--timestamp", url, *EVERY) as service:
        for number in range(3):
            entry = make_entry(number)
            service.submit(entry)
            found = stamped(service, entry, 1)
            time.sleep(0.5)
            assert len(service.get(f"/v1/stamps/{found.size}").json()["timestamps"]) == 1


def test_only_tokens_under_the_named_root_are_kept(tmp_path):
    named, other = Authority("A"), Authority("A")
    root = tmp_path / "root.pem"
    root.write_bytes(named.anchor)
    with named.serve() as one, other.serve() as two:
        options = ("--timestamp", two, "--timestamp", one, "--timestamp-root", str(root))
        with serving(tmp_path / "log", *options, *EVERY) as service:
            entry = make_entry(1)
            service.submit(entry)
            found = stamped(service, entry, 1)
    assert check_timestamps(found.timestamps, found.note, [named.anchor], now()).stamps


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--timestamp", "tsa.example"), "must start with http"),
        (("--timestamp-root", "/nonexistent.pem"), "cannot read"),
        (("--timestamp-root", __file__), "no PEM certificate"),
    ],
)
def test_bad_options_are_one_line(tmp_path, options, message):
    with pytest.raises(StartError) as caught, serving(tmp_path, *options):
        pass
    assert caught.value.code in (2, 4)
    assert message in caught.value.text
    assert len(caught.value.text.splitlines()) == 1
