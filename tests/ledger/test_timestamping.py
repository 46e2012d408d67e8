"""Fetching timestamps: a real authority over HTTP, and authorities that are down, slow, or lie."""

import datetime as dt
import socket
import threading
import time
from pathlib import Path

import pytest
from asn1crypto import cms, tsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from ledger.timestamping import MAX_SKEW, MAX_STORED_TOKEN, fetch_token
from ledger.tokens import check_token_signature, read_response
from provenance.errors import EncodingError, ForgedError, InvalidError, LedgerFault, LimitError
from provenance.timestamp import check_timestamp
from tests.support.tsa import Authority, now

VECTORS = Path(__file__).parents[1] / "vectors" / "timestamps"
HOUR = dt.timedelta(hours=1)


def test_a_token_of_now_over_what_was_asked():
    authority = Authority()
    with authority.serve() as url:
        token = fetch_token(url, b"checkpoint", anchors=[authority.anchor])
    stamp = check_timestamp(token, b"checkpoint", [authority.anchor])
    assert abs(stamp.time - now()) < dt.timedelta(seconds=30)
    assert authority.requests[0][0] == "application/timestamp-query"


ATTACKER = Authority(name="Test Time Stamping Authority")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"status": 500}, "HTTP status 500"),
        ({"status": 302, "location": "http://127.0.0.1:9/"}, "redirects elsewhere"),
        ({"answer": b""}, "did not answer with a token"),
        ({"answer": b"<html>"}, "did not answer with a token"),
        ({"answer": b"\x30\x00"}, "did not answer with a token"),
        ({"answer": bytes(70_000)}, "more than 65536 bytes"),
        ({"answer": b"\x30\x05\x30\x03\x02\x01\x02"}, "refused: rejection"),
        ({"answer": b"\x30\x05\x30\x03\x02\x01\x00"}, "did not answer with a token"),
        ({"ignore_nonce": True}, "another request"),
        ({"nonce": 1}, "another request"),
        ({"digest": bytes(32)}, "another request"),
        ({"digest": bytes(20)}, "another request"),
        ({"granted": "rejection"}, "refused: rejection"),
        ({"time": lambda: now() + HOUR}, "3[56].. seconds in the future"),
        ({"time": lambda: now() - HOUR}, "3[56].. seconds in the past"),
        ({"time": lambda: now() + 400 * 24 * HOUR}, "in the future"),
        ({"shown": ATTACKER.leaf}, "not signed by the certificate"),
        ({"usages": (ExtendedKeyUsageOID.EMAIL_PROTECTION,)}, "not for time stamping alone"),
        ({"critical": False}, "not for time stamping alone"),
    ],
)
def test_authorities_that_lie_are_refused(fault, message):
    authority = Authority(**fault)
    with authority.serve() as url, pytest.raises(LedgerFault, match=message) as caught:
        fetch_token(url, b"checkpoint")
    assert url in str(caught.value)
    assert len(authority.requests) == 1  # no second try with the same nonce, no redirect followed


def test_another_certificate_than_the_named_roots_is_refused():
    """The authority's name is taken over by somebody with a certificate of his own."""
    with ATTACKER.serve() as url, pytest.raises(LedgerFault, match="did not answer with a token"):
        fetch_token(url, b"checkpoint", anchors=[Authority(name=ATTACKER.name).anchor])


@pytest.mark.parametrize("jump", [-400 * 24 * HOUR, -HOUR, HOUR])
def test_a_clock_that_jumps_keeps_tokens_out_until_it_is_right_again(jump):
    authority = Authority()
    with authority.serve() as url:
        with pytest.raises(LedgerFault, match="one of the two clocks is wrong"):
            fetch_token(url, b"checkpoint", clock=lambda: now() + jump)
        assert fetch_token(url, b"checkpoint", clock=now)


def test_clocks_may_differ_a_little():
    with Authority(time=lambda: now() + MAX_SKEW - dt.timedelta(seconds=9)).serve() as url:
        assert fetch_token(url, b"checkpoint")


def test_an_answer_to_another_message_is_refused(monkeypatch):
    authority = Authority()
    honest = authority.respond

    def other(request):
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
    "url",
    [
        "",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "127.0.0.1",
        "http://",
        "http://[",
        "http://127.0.0.1:x/",
        "http://u:p@127.0.0.1/",
        "https://127.0.0.1/?key=secret",
    ],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(LedgerFault):
        fetch_token(url, b"checkpoint")


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.0 200 OK\r\nX-Slow: ", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_a_slow_authority_is_given_up(drip):
    """It accepts and says nothing, or sends its headers or its answer one byte at a time."""
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
        with pytest.raises(LedgerFault, match=r"within 0\.3 seconds"):
            fetch_token(f"http://127.0.0.1:{server.getsockname()[1]}/", b"checkpoint", timeout=0.3)
        stop.set()
        thread.join()
    assert time.monotonic() - started < 3


def test_one_that_is_down_is_named():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/tsr"
        with pytest.raises(LedgerFault, match="cannot be reached") as caught:
            fetch_token(url, b"checkpoint", timeout=3)
    assert str(caught.value).startswith(f"timestamp authority {url}: ")


# --- tokens in themselves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rsa-sha256-ess-sha1", "rsa-sha512-ess-sha256"])
def test_tokens_of_openssl_hold(name):
    """Its certificates are not in DER's order; they are put right, and nothing that is signed changes."""
    raw = (VECTORS / f"{name}.der").read_bytes()
    root = (VECTORS / "openssl-root.pem").read_bytes()
    with pytest.raises(EncodingError):
        check_timestamp(raw, b"a checkpoint\n", [root])
    response = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(raw)})
    token = read_response(response.dump()).token
    assert sorted(token) == sorted(raw)
    check_token_signature(token)
    assert check_timestamp(token, b"a checkpoint\n", [root]).authority == "CN=OpenSSL Test Authority"


def test_a_changed_byte_is_noticed_or_changes_nothing_that_is_said():
    """Some bytes of a CMS wrapping are signed by nobody; those of time, imprint, signer and policy are."""
    authority = Authority()
    token = authority.token(b"checkpoint")
    said = check_timestamp(token, b"checkpoint", [authority.anchor])
    unnoticed = []
    for position in range(len(token)):
        changed = bytearray(token)
        changed[position] ^= 1
        try:
            check_token_signature(bytes(changed))
            assert check_timestamp(bytes(changed), b"checkpoint", [authority.anchor]) == said
        except InvalidError:
            continue
        unnoticed.append(position)
    assert len(unnoticed) < 16


def test_a_token_whose_signer_is_not_named_in_the_signature():
    """The signed attributes name another certificate of the same key and issuer."""
    authority = Authority()
    info = cms.ContentInfo.load(authority.token(b"checkpoint"))
    again = authority._issue(authority.name, authority._leaf_key, usages=authority.usages)
    from asn1crypto import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    other = x509.Certificate.load(again.public_bytes(Encoding.DER))
    data = info["content"]
    data["certificates"] = cms.CertificateSet([other])
    data["signer_infos"][0]["sid"] = cms.SignerIdentifier(
        "issuer_and_serial_number", {"issuer": other.issuer, "serial_number": other.serial_number}
    )
    info["content"] = data
    with pytest.raises(ForgedError, match="names another certificate"):
        check_token_signature(info.dump(force=True))


def test_an_answer_is_bounded():
    with pytest.raises(LimitError):
        read_response(bytes(70_000))
