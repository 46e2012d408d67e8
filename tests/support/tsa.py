"""A timestamp authority under a test's control: the development authority's tokens, with any clock, policy and fault.

``Authority(...)`` makes a root and a signing certificate; ``token(message)`` answers without a network; ``serve()`` is a
context manager that yields the URL of an HTTP server. Faults are keyword arguments, each one deviation from an honest
authority that somebody trusts (its policy is not the development one).
"""

import contextlib
import datetime as dt
import hashlib
import secrets
import threading
import time as clock
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import cms, tsp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ledger.tsa import issue, sign_token

NOW = dt.datetime(2026, 11, 20, 12, 0, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def now():
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(eq=False)
class Authority:
    """``time`` is a fixed one, or a function that is asked at each token; without one, tokens over HTTP tell the time
    of this machine, and those of ``token`` NOW."""

    name: str = "Test Time Stamping Authority"
    usages: tuple = (ExtendedKeyUsageOID.TIME_STAMPING,)
    critical: bool = True
    valid_from: dt.datetime = NOW - 3650 * DAY
    valid_to: dt.datetime = NOW + 3650 * DAY
    time: object = None
    policy: str = "1.2.3.4.1"
    requests: list = field(default_factory=list)
    answer: bytes | None = None  # when set, the HTTP body instead of an honest answer
    status: int = 200
    location: str | None = None  # of a redirect
    delay: float = 0.0
    ignore_nonce: bool = False
    nonce: int | None = None  # when set, instead of the one that was asked
    digest: bytes | None = None  # when set, instead of the one that was asked
    granted: str = "granted"
    shown: object = None  # when set, the certificate that tokens carry instead of the signer's own

    @cached_property
    def _root_key(self):
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _leaf_key(self):
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def root(self):
        return self._issue(self.name + " Root", self._root_key, usages=(), authority=True)

    @cached_property
    def leaf(self):
        return self._issue(self.name, self._leaf_key, usages=self.usages, critical=self.critical)

    def _issue(self, subject, key, **options):
        valid = self.valid_from, self.valid_to
        return issue(subject, key, self.name + " Root", self._root_key, valid, **options)

    @property
    def anchor(self):
        """The root as PEM, what a policy pins."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def token(self, message, *, algorithm="sha256", nonce=None, digest=None, time=NOW):
        """DER of a TimeStampToken over ``message``."""
        if self.time is not None:
            time = self.time() if callable(self.time) else self.time
        info = {
            "version": "v1",
            "policy": self.policy,
            "message_imprint": {
                "hash_algorithm": {"algorithm": algorithm},
                "hashed_message": digest or hashlib.new(algorithm, message).digest(),
            },
            "serial_number": secrets.randbits(63),
            "gen_time": time,
            "nonce": nonce,
        }
        shown = self.shown or self.leaf
        return sign_token(info, self._leaf_key, shown, embed=[shown])

    def respond(self, request):
        """DER of the TimeStampResp to a DER TimeStampReq."""
        query = tsp.TimeStampReq.load(request)
        imprint = query["message_imprint"]
        nonce = None if self.ignore_nonce else self.nonce or query["nonce"].native
        token = self.token(
            b"",
            algorithm=imprint["hash_algorithm"]["algorithm"].native,
            digest=self.digest or imprint["hashed_message"].native,
            nonce=nonce,
            time=now(),
        )
        return tsp.TimeStampResp(
            {"status": {"status": self.granted}, "time_stamp_token": cms.ContentInfo.load(token)}
        ).dump()

    @contextlib.contextmanager
    def serve(self):
        """An HTTP server on a free port of 127.0.0.1; yields its URL."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                request = self.rfile.read(int(self.headers["Content-Length"]))
                authority.requests.append((self.headers["Content-Type"], request))
                clock.sleep(authority.delay)
                body = authority.respond(request) if authority.answer is None else authority.answer
                with contextlib.suppress(ConnectionError):  # who asked has gone away
                    self.send_response(authority.status)
                    if authority.location:
                        self.send_header("Location", authority.location)
                    self.send_header("Content-Type", "application/timestamp-reply")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def do_GET(self):
                authority.requests.append(("GET", b""))
                self.send_error(404)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsr"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
