"""Timestamps over checkpoints: a real authority over HTTP, and authorities that are down, slow, or lie."""

import socket
import threading
import time

import pytest

from ledger.timestamping import MAX_STORED_TOKEN, fetch_token
from provenance.checkpoint import VerifierKey
from provenance.errors import LedgerFault
from provenance.receipt import check_receipt, parse_receipt
from provenance.timestamp import check_timestamp
from tests.support.entries import make_entry
from tests.support.tsa import NOW, Authority


def check(ledger, logged):
    keys = [VerifierKey.parse(ledger.verifier_key)]
    return check_receipt(parse_receipt(ledger.receipt(logged.index)), logged.entry, keys)


def test_a_receipt_carries_the_timestamp_of_its_checkpoint(ledger):
    authority = Authority()
    first = ledger.submit(make_entry(1))
    with authority.serve() as url:
        assert ledger.stamp([url]) == []
    result = check(ledger, first)
    assert [check_timestamp(t, result.note, [authority.anchor]).time for t in result.timestamps] == [NOW]
    assert authority.requests[0][0] == "application/timestamp-query"


def test_the_first_timestamp_after_an_entry_is_the_one_it_keeps(ledger):
    authority = Authority()
    logged = [ledger.submit(make_entry(i)) for i in range(3)]
    with authority.serve() as url:
        ledger.stamp([url])
        logged += [ledger.submit(make_entry(i)) for i in range(3, 6)]
        ledger.stamp([url])
        logged.append(ledger.submit(make_entry(6)))
    results = [check(ledger, item) for item in logged]
    assert [result.size for result in results] == [3, 3, 3, 6, 6, 6, 7]
    assert [len(result.timestamps) for result in results] == [1] * 6 + [0]
    for result in results[:-1]:
        check_timestamp(result.timestamps[0], result.note, [authority.anchor])


def test_several_authorities_stamp_one_checkpoint_and_each_once(ledger):
    authorities = [Authority("First"), Authority("Second")]
    logged = ledger.submit(make_entry(1))
    with authorities[0].serve() as one, authorities[1].serve() as two:
        assert ledger.stamp([one, two]) == []
        assert ledger.stamp([one, two]) == []
    result = check(ledger, logged)
    names = [check_timestamp(t, result.note, [a.anchor for a in authorities]).authority for t in result.timestamps]
    assert names == ["CN=First", "CN=Second"]


def test_an_authority_that_is_down_is_a_warning(ledger):
    authority = Authority()
    logged = ledger.submit(make_entry(1))
    with socket.socket() as closed, authority.serve() as url:
        closed.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        warnings = ledger.stamp([down, url])
    assert len(warnings) == 1
    assert down in warnings[0]
    assert len(check(ledger, logged).timestamps) == 1


def test_an_empty_log_is_not_stamped(ledger):
    assert "empty" in ledger.stamp(["http://127.0.0.1:9/"])[0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"status": 500}, "cannot be reached"),
        ({"status": 302}, "cannot be reached"),
        ({"answer": b""}, "did not answer with a token"),
        ({"answer": b"<html>"}, "did not answer with a token"),
        ({"answer": bytes(70_000)}, "more than"),
        ({"answer": b"\x30\x05\x30\x03\x02\x01\x02"}, "authority"),
        ({"ignore_nonce": True}, "another request"),
        ({"granted": "rejection"}, "status 2"),
    ],
)
def test_other_answers_are_refused(fault, message):
    with Authority(**fault).serve() as url, pytest.raises(LedgerFault, match=message):
        fetch_token(url, b"checkpoint")


def test_an_answer_to_another_message_is_refused(monkeypatch):
    authority = Authority()
    honest = authority.respond

    def other(request):
        from asn1crypto import tsp

        query = tsp.TimeStampReq.load(request)
        query["message_imprint"]["hashed_message"] = bytes(32)
        return honest(query.dump(force=True))

    monkeypatch.setattr(authority, "respond", other)
    with authority.serve() as url, pytest.raises(LedgerFault, match="another request"):
        fetch_token(url, b"checkpoint")


def test_a_token_too_large_for_a_receipt_is_refused(monkeypatch):
    monkeypatch.setattr("ledger.timestamping.MAX_STORED_TOKEN", 100)
    with Authority().serve() as url, pytest.raises(LedgerFault, match="does not fit"):
        fetch_token(url, b"checkpoint")
    assert MAX_STORED_TOKEN * 2 < 65_536


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1", "http://", "http://[", "http://127.0.0.1:x/"]
)
def test_other_addresses_are_refused(url):
    with pytest.raises(LedgerFault):
        fetch_token(url, b"checkpoint")


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_a_slow_authority_is_given_up(drip):
    """It accepts and says nothing, or sends one byte of its answer at a time."""
    stop = threading.Event()

    def serve(server):
        connection, _ = server.accept()
        with connection:
            connection.sendall(drip)
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"0" if drip else b"")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        started = time.monotonic()
        with pytest.raises(LedgerFault, match="cannot be reached"):
            fetch_token(f"http://127.0.0.1:{server.getsockname()[1]}/", b"checkpoint", timeout=0.3)
        stop.set()
        thread.join()
    assert time.monotonic() - started < 3
