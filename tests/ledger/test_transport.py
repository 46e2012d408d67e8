"""HTTP against servers that are slow, huge, broken, or point elsewhere. Each runs as a real socket."""

import contextlib
import socket
import threading
import time

import pytest

from ledger.transport import Transport
from provenance.errors import LedgerFault, UsageError
from tests.support.standin import StandIn


@contextlib.contextmanager
def raw_server(serve):
    """A listening socket whose every connection is handed to ``serve``; yields its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def accept():
        while not done.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection):
        with connection, contextlib.suppress(OSError):
            serve(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        done.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def says(*parts, pause=0.0):
    def serve(connection):
        connection.recv(65_536)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return serve


def ask(url, *, limit=1_000, timeout=1.0, patience=0.0):
    transport = Transport(url, timeout=timeout, patience=patience)
    try:
        return transport.request("GET", "/x", limit=limit)
    finally:
        transport.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\n"


def test_an_answer_is_read_whole():
    with raw_server(says(OK + b"Content-Length: 5\r\n\r\nhe", b"llo")) as url:
        answer = ask(url)
    assert (answer.status, answer.media_type, answer.body, answer.retry_after) == (200, "text/plain", b"hello", None)


@pytest.mark.parametrize("length", [b"Content-Length: 5\r\n", b""])
def test_an_answer_may_have_exactly_the_limit(length):
    with raw_server(says(OK + length + b"\r\nhello")) as url:
        assert ask(url, limit=5).body == b"hello"
        with pytest.raises(LedgerFault, match="more than 4 bytes"):
            ask(url, limit=4)


def test_a_huge_answer_is_not_read():
    sent = []

    def flood(connection):
        connection.recv(65_536)
        connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
            sent.append(65_536)

    with raw_server(flood) as url, pytest.raises(LedgerFault, match="more than 1000 bytes"):
        ask(url)
    assert sum(sent) < 20_000_000


def test_an_announced_length_beyond_the_limit_is_enough():
    answer = OK + b"Content-Length: 10000000000\r\n\r\n"
    with raw_server(says(answer)) as url, pytest.raises(LedgerFault, match="more than"):
        ask(url)


@pytest.mark.parametrize(
    "parts",
    [
        [OK + b"Content-Length: 1000\r\n\r\n", *[b"x"] * 60],
        [*[bytes([byte]) for byte in OK + b"X-A: " + b"b" * 40]],
        [OK, *[b"X-%d: y\r\n" % n for n in range(60)]],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 60,
    ],
    ids=["body", "status", "headers", "continue"],
)
def test_a_slow_drip_gains_no_time(parts):
    with raw_server(says(*parts, pause=0.1)) as url:
        begin = time.monotonic()
        with pytest.raises(LedgerFault, match="within"):
            ask(url, timeout=0.6)
        assert time.monotonic() - begin < 3


def test_a_server_that_never_answers():
    with raw_server(lambda connection: time.sleep(3)) as url, pytest.raises(LedgerFault, match=r"within 0\.3 seconds"):
        ask(url, timeout=0.3)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"Content-Length: 50\r\n\r\nshort",
        OK + b"Content-Encoding: gzip\r\n\r\n",
        OK + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
    ],
)
def test_what_is_no_http_is_a_fault(answer):
    with raw_server(says(answer)) as url, pytest.raises(LedgerFault):
        ask(url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
    asked = []
    with raw_server(lambda connection: asked.append(connection.recv(1))) as elsewhere:
        answer = b"HTTP/1.1 %d Go\r\nLocation: %s/y\r\nContent-Length: 0\r\n\r\n" % (status, elsewhere.encode())
        with raw_server(says(answer)) as url, pytest.raises(LedgerFault, match="redirects"):
            ask(url)
    assert asked == []


def test_a_busy_service_is_asked_again_until_patience_ends():
    answers = [(503, b"")] * 2

    def busy(handler):
        if answers:
            handler.send(*answers.pop(), Retry_After="0")
        else:
            handler.send(200, b"now")

    with StandIn() as standin:
        standin.lies["/x"] = busy
        assert ask(standin.url, patience=10).body == b"now"
        answers += [(429, b"wait")] * 100
        begin = time.monotonic()
        assert ask(standin.url, patience=0.7).status == 429
        assert time.monotonic() - begin < 3
        assert ask(standin.url, patience=0).status == 429


def test_a_service_cannot_make_us_wait_for_long():
    with StandIn() as standin:
        standin.lies["/x"] = lambda handler: handler.send(503, b"", Retry_After="9" * 30)
        begin = time.monotonic()
        assert ask(standin.url, patience=2).status == 503
        assert time.monotonic() - begin < 2


def test_a_connection_that_the_server_closed_is_opened_again():
    closing = []

    def once(connection):
        connection.recv(65_536)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nhi")
        closing.append(1)

    with raw_server(once) as url:
        transport = Transport(url, timeout=2)
        for _ in range(3):
            assert transport.request("GET", "/", limit=10).body == b"hi"
            time.sleep(0.05)
        transport.close()
    assert len(closing) == 3


def test_one_connection_serves_many_requests():
    with StandIn() as standin:
        transport = Transport(standin.url)
        transport.request("GET", "/log/vkey", limit=1_000)
        first = transport._connection
        transport.request("GET", "/log/vkey", limit=1_000)
        assert transport._connection is first is not None
        transport.close()


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(LedgerFault, match="cannot be reached"):
        ask(f"http://127.0.0.1:{port}")
    with pytest.raises(LedgerFault, match="cannot be reached"):
        ask("http://nobody.invalid")


def test_plain_http_behind_an_https_address():
    with raw_server(says(OK + b"\r\n")) as url, pytest.raises(LedgerFault, match="secure"):
        ask(url.replace("http:", "https:"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody has reason to trust, with its key, as PEM files."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(1), now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8, none = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, none))
    return folder


def test_certificates_are_verified(certificate, monkeypatch):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65_536)
            secure.sendall(OK + b"Content-Length: 2\r\n\r\nhi")

    with raw_server(serve) as url:
        secure = url.replace("http:", "https:")
        with pytest.raises(LedgerFault, match="secure connection"):
            ask(secure)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
        assert ask(secure).body == b"hi"
        with pytest.raises(LedgerFault, match="secure connection"):
            ask(secure.replace("127.0.0.1", "localhost"))  # trusted, and for another name


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ledger.example",
        "ftp://ledger.example",
        "http://",
        "http:///x",
        "http://ann:secret@ledger.example",
        "http://ledger.example?x",
        "http://ledger.example/#x",
        "http://ledger.example:port",
        "http://ledger.example:99999",
        "http://ledger.example/a b",
        "http://ledger.example/\n",
        "http://[::1",
        "http://ledgér.example",
    ],
)
def test_other_addresses_are_a_wrong_argument(address):
    with pytest.raises(UsageError) as caught:
        Transport(address)
    assert "secret" not in str(caught.value)


def test_a_prefix_is_kept():
    with StandIn() as standin:
        transport = Transport(f"{standin.url}/prefix/")
        transport.request("GET", "/log/vkey", limit=1_000)
        transport.close()
        assert standin.asked == [("GET", "/prefix/log/vkey")]
