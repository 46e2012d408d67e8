"""Clients that are slow, silent, endless, gone, or too many: each costs the service a bounded time and little memory."""

import contextlib
import json
import os
import socket
import time
from pathlib import Path

import pytest

from tests.support.entries import make_entry
from tests.support.service import serving

HEADER, BODY, SEND = 1.0, 1.5, 2.0
MANY = 60


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Impatient, and with room for MANY connections."""
    options = ("--patience", str(HEADER), str(BODY), str(SEND), "--connections", str(MANY))
    with serving(tmp_path_factory.mktemp("impatient"), *options) as running:
        yield running
        answer = running.submit(make_entry("after all that"))  # it still works
        assert answer.status in (200, 201)


def connect(service):
    client = socket.create_connection(service.address)
    client.settimeout(10)
    return client


def read_all(client):
    """Everything until the service hangs up; seconds that it took."""
    start, data = time.monotonic(), b""
    while True:
        try:
            part = client.recv(65_536)
        except ConnectionResetError:
            part = b""
        if not part:
            return data, time.monotonic() - start
        data += part


def read_answer(client):
    """One whole answer, body and all; the connection stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < int(length.split(b":")[1]):
        body += client.recv(65_536)
    return head


def problem(data):
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)["type"].removeprefix("urn:seedproof:problem:")


def post(body=b"", *, length=None, more=b""):
    size = len(body) if length is None else length
    head = f"POST /v1/claims HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n"
    return head.encode() + more + b"\r\n" + body


def test_silence_is_hung_up_on(service):
    with connect(service) as client:
        data, seconds = read_all(client)
    assert data == b""
    assert HEADER - 0.2 < seconds < HEADER + 3


def test_empty_lines_are_silence(service):
    with connect(service) as client:
        client.sendall(b"\r\n")
        _data, seconds = read_all(client)
    assert seconds < HEADER + 3


def test_a_dripping_header_is_cut_off(service):
    with connect(service) as client:
        start = time.monotonic()
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        data = b""
        while not data and time.monotonic() < start + HEADER + 5:
            client.settimeout(0.2)
            try:
                data = client.recv(65_536)
            except TimeoutError:
                client.sendall(b"X: y\r\n")
    assert problem(data) == (408, "timeout")
    assert time.monotonic() - start < HEADER + 3


def test_a_second_request_has_no_more_time_than_the_first(service):
    with connect(service) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /heal")
        data, seconds = read_all(client)
    assert problem(data) == (408, "timeout")
    assert seconds < HEADER + 3


def test_a_dripping_body_is_cut_off(service):
    with connect(service) as client:
        start = time.monotonic()
        client.sendall(post(b"{", length=1_000))
        data = b""
        client.settimeout(0.2)
        while not data and time.monotonic() < start + BODY + 5:
            try:
                data = client.recv(65_536)
            except TimeoutError:
                client.sendall(b" ")
    assert problem(data) == (408, "timeout")
    assert time.monotonic() - start < BODY + 3


def test_a_body_that_never_comes_is_not_waited_for(service):
    with connect(service) as client:
        client.sendall(post(length=1_000))
        data, seconds = read_all(client)
    assert problem(data) == (408, "timeout")
    assert seconds < BODY + 3


@pytest.mark.parametrize("size", [65_536, 10**9, 10**30])
def test_an_announced_giant_is_refused_at_once(service, size):
    with connect(service) as client:
        client.sendall(post(length=size))
        data, seconds = read_all(client)
    assert int(data.split()[1]) in (400, 413)
    assert seconds < 1


def test_an_unannounced_giant_is_refused_when_it_has_grown(service):
    with connect(service) as client:
        head = "POST /v1/claims HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head.encode())
        sent = 0
        try:
            while sent < 50_000_000:
                client.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
                sent += 0x2000
        except OSError:
            pass
        data, _ = read_all(client)
    assert sent < 20_000_000
    assert data == b"" or problem(data) == (413, "too-large")


def test_the_longest_entry_that_fits_is_read_whole(service):
    answer = service.post("/v1/claims", b'{"x":"' + b"y" * (65_535 - 8) + b'"}')
    assert answer.problem in ("malformed", "unsupported")
    answer = service.post("/v1/claims", b'{"x":"' + b"y" * (65_535 - 7) + b'"}')
    assert (answer.status, answer.problem) == (413, "too-large")


@pytest.mark.parametrize(
    "header",
    [
        b"X: " + b"a" * 300_000,
        b"\r\n".join(b"X%d: a" % i for i in range(5_000)),
        b"X: " + b"a" * 17_000,
        b"A" * 17_000 + b": x",
    ],
    ids=["one giant", "many", "a little too long", "a long name"],
)
def test_long_headers_are_refused(service, header):
    with connect(service) as client:
        with contextlib.suppress(OSError):
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        data, seconds = read_all(client)
    assert data == b"" or int(data.split()[1]) == 431
    assert seconds < 1


def test_a_long_path_is_refused(service):
    with connect(service) as client:
        client.sendall(b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        data, _ = read_all(client)
    assert int(data.split()[1]) == 431


def test_trailers_count_as_header(service):
    with connect(service) as client:
        head = b"POST /v1/claims HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        with contextlib.suppress(OSError):
            client.sendall(head + b"0\r\n" + b"".join(b"T%d: %s\r\n" % (i, b"t" * 100) for i in range(5_000)))
        _data, seconds = read_all(client)
    assert seconds < BODY + 2


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # somebody speaks TLS
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"POST /v1/claims HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\n",
        b"POST /v1/claims HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST /v1/claims HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/claims HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["TLS", "version", "HTTP/0.9", "negative", "two lengths", "length and chunks", "bad chunk"],
)
def test_what_is_no_http_is_refused(service, request_):
    with connect(service) as client:
        client.sendall(request_)
        data, _ = read_all(client)
    assert data == b"" or int(data.split()[1]) == 400


def test_a_client_that_hangs_up_in_its_body_leaves_nothing(service):
    size = service.logged()
    entry = make_entry("half")
    for _ in range(20):
        with connect(service) as client:
            client.sendall(post(entry[:-10], length=len(entry)))
    time.sleep(0.5)
    assert service.logged() == size


def test_a_client_that_hangs_up_while_it_is_logged_harms_nobody(service):
    for i in range(20):
        with connect(service) as client:
            client.sendall(post(make_entry(f"gone {i}")))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # a reset
    assert service.submit(make_entry("still there")).status == 201


def resident(service):
    figures = Path(f"/proc/{service.process.pid}/statm").read_text(encoding="ascii")
    return int(figures.split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_clients_that_do_not_read_are_cut_off(service):
    for i in range(200):
        service.submit(make_entry(f"big {i}", notice="n" * 1_000))
    before, clients = resident(service), []
    for _ in range(30):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(service.address)
        client.sendall(b"GET /v1/claims?limit=200 HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
        clients.append(client)
    assert service.get("/health").status == 200
    time.sleep(SEND + 1.5)
    assert resident(service) - before < 200 * 2**20
    for client in clients:
        client.settimeout(10)
        received = len(read_all(client)[0])
        assert received < 3_000_000  # it was not served to the end, 40 times
        client.close()


def test_one_connection_too_many_is_told_so(service):
    clients = [connect(service) for _ in range(MANY)]
    try:
        time.sleep(0.2)
        with connect(service) as late:
            data, _ = read_all(late)
        assert problem(data) == (503, "busy")
        assert b"retry-after: 1" in data
    finally:
        for client in clients:
            client.close()
    time.sleep(0.3)
    assert service.get("/health").status == 200


def test_pipelined_requests_are_answered_in_order(service):
    service.submit(make_entry("pipelined"))
    with connect(service) as client:
        client.sendall(
            b"GET /v1/proofs/0 HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        data, _ = read_all(client)
    first, second = data.index(b"HTTP/1.1 200"), data.index(b"HTTP/1.1 404")
    assert first < second
