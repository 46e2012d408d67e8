"""The development authority: its tokens, its key file, and the real process over HTTP."""

import contextlib
import datetime as dt
import http.client
import re
import signal
import socket
import stat
import subprocess
import sys

import pytest
from asn1crypto import tsp
from hypothesis import given, settings
from hypothesis import strategies as st
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

from ledger.timestamping import fetch_token
from ledger.tsa import make_authority, open_authority
from provenance.errors import LedgerFault
from provenance.timestamp import DEVELOPMENT_POLICY, check_timestamp, says_development

SEEDPROOF = [sys.executable, "-c", "from provenance.cli import main; main()"]
NOW = dt.datetime(2026, 11, 20, 12, 0, 0, 999_999, tzinfo=dt.UTC)
AUTHORITY = make_authority(NOW)


def query(message=b"a checkpoint\n", **changes):
    built = TimestampRequestBuilder(data=message, hash_algorithm=HashAlgorithm.SHA256, cert_req=True).build()
    value = tsp.TimeStampReq.load(built.as_bytes())
    for name, change in changes.items():
        value[name] = change
    return value.dump(force=True)


def test_its_token_holds_under_its_root_and_says_development():
    response = decode_timestamp_response(AUTHORITY.respond(query(), NOW))
    stamp = check_timestamp(response.time_stamp_token(), b"a checkpoint\n", [AUTHORITY.anchor])
    assert stamp.time == NOW.replace(microsecond=0)
    assert stamp.development
    assert "DEVELOPMENT" in stamp.authority
    assert says_development(response.time_stamp_token())


def test_another_tools_reader_finds_the_policy():
    value = tsp.TimeStampResp.load(AUTHORITY.respond(query(), NOW))
    info = value["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    assert info["policy"].native == DEVELOPMENT_POLICY
    assert value["status"]["status"].native == "granted"


def test_without_cert_req_the_token_carries_no_certificate():
    value = tsp.TimeStampResp.load(AUTHORITY.respond(query(cert_req=False), NOW))
    assert value["time_stamp_token"]["content"]["certificates"].native is None


@pytest.mark.parametrize(
    ("request_der", "reason"),
    [
        (b"", "not a timestamp request"),
        (b"\x30\x80", "not a timestamp request"),
        (query() + b"\x00", "not a timestamp request"),
        (b"\x30\x03\x02\x01\x01", "not a timestamp request"),
        (query(message_imprint={"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": bytes(20)}), "SHA-256"),
        (query(message_imprint={"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(31)}), "SHA-256"),
        (query(req_policy="1.2.3"), "one policy"),
        (query(extensions=[{"extn_id": "1.2.3", "critical": True, "extn_value": b"\x05\x00"}]), "no extension"),
    ],
    ids=["empty", "cut", "trailing byte", "no imprint", "SHA-1", "short digest", "policy", "extension"],
)
def test_bad_queries_are_refused_with_a_reason(request_der, reason):
    response = decode_timestamp_response(AUTHORITY.respond(request_der, NOW))
    assert response.status == 2
    assert reason in response.status_string[0]


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=80), st.tuples(st.integers(0, 60), st.integers(1, 255))))
def test_no_query_breaks_it(change):
    """Random bytes, and honest queries with one byte changed."""
    data = change
    if isinstance(change, tuple):
        data = bytearray(query())
        data[change[0] % len(data)] ^= change[1]
    assert decode_timestamp_response(AUTHORITY.respond(bytes(data), NOW)).status in (0, 2)


def test_its_key_stays_the_same_and_is_private(tmp_path):
    path = tmp_path / "tsa.pem"
    first, again = open_authority(path, NOW), open_authority(path, NOW)
    assert first.anchor == again.anchor
    assert first.certificate == again.certificate
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_file_that_others_can_read_or_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "tsa.pem"
    open_authority(path, NOW)
    path.chmod(0o640)
    with pytest.raises(LedgerFault, match="chmod 600"):
        open_authority(path, NOW)
    path.chmod(0o600)
    data = path.read_bytes()
    path.write_bytes(data[:-200])
    with pytest.raises(LedgerFault, match="damaged"):
        open_authority(path, NOW)
    other = tmp_path / "other.pem"
    open_authority(other, NOW)
    cut = data.index(b"-----BEGIN CERT")
    path.write_bytes(other.read_bytes()[: other.read_bytes().index(b"-----BEGIN CERT")] + data[cut:])
    with pytest.raises(LedgerFault, match="does not belong"):
        open_authority(path, NOW)


# --- the process ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(folder, *arguments):
    """A real ``seedproof ledger tsa``; yields its host, port and Popen."""
    command = [*SEEDPROOF, "ledger", "tsa", "--listen", "127.0.0.1:0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={"SEEDPROOF_HOME": str(folder)}) as running:
        try:
            lines = [running.stderr.readline(), running.stderr.readline()]
            found = re.search(r"listening on http://(127\.0\.0\.1):(\d+)/", lines[1])
            assert found, lines
            assert "prove no time" in lines[0]
            yield found[1], int(found[2]), running
        finally:
            running.kill()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with process(tmp_path_factory.mktemp("tsa")) as (host, port, _):
        yield host, port


def ask(served, method, path="/", body=None, **headers):
    connection = http.client.HTTPConnection(*served, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_log_fetches_tokens_from_the_process(served):
    status, root = ask(served, "GET", "/root.pem")
    assert status == 200
    token = fetch_token(f"http://{served[0]}:{served[1]}/", b"a checkpoint\n")
    stamp = check_timestamp(token, b"a checkpoint\n", [root])
    assert stamp.development
    assert abs((stamp.time - dt.datetime.now(dt.UTC)).total_seconds()) < 60


QUERY = {"Content-Type": "application/timestamp-query"}


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("GET", None, {}, 404),
        ("PUT", b"", QUERY, 501),
        ("POST", b"x", {"Content-Type": "text/plain"}, 415),
        ("POST", b"x", {**QUERY, "Content-Length": "-1"}, 411),
        ("POST", b"x", {**QUERY, "Content-Length": "1_0"}, 411),
        ("POST", b"x", {**QUERY, "Content-Length": "4097"}, 413),
        ("POST", b"x", {**QUERY, "Content-Length": "9" * 5000}, 413),
        ("POST", b"x", QUERY, 200),
    ],
)
def test_other_requests_are_refused(served, method, body, headers, status):
    assert ask(served, method, "/", body, **headers)[0] == status


def test_a_client_that_says_nothing_does_not_hold_up_the_others(served):
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            half = stack.enter_context(socket.create_connection(served))
            half.sendall(b"POST / HTTP/1.1\r\nContent-Le")
        assert fetch_token(f"http://{served[0]}:{served[1]}/", b"x", timeout=5)


def test_it_stops_on_sigterm_and_comes_back_with_the_same_root(tmp_path):
    roots = []
    for _ in range(2):
        with process(tmp_path) as (host, port, running):
            roots.append(ask((host, port), "GET", "/root.pem")[1])
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0
    assert roots[0] == roots[1]


def test_a_taken_port_and_a_bad_address_are_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for listen, code in ((f"127.0.0.1:{port}", 4), ("127.0.0.1", 2), ("127.0.0.1:70000", 2), ("", 2)):
            command = [*SEEDPROOF, "ledger", "tsa", "--listen", listen]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env={"SEEDPROOF_HOME": str(tmp_path)}, timeout=60
            )
            assert done.returncode == code
            assert len(done.stderr.splitlines()) == 1
