"""A small RFC 3161 timestamp authority: real tokens, served over real HTTP on 127.0.0.1. For tests only.

``Authority(...)`` makes a root and a signing certificate; ``token(message)`` answers without a network; ``serve()`` is a
context manager that yields the URL of an HTTP server. Faults are keyword arguments, each one deviation from an honest
authority.
"""

import contextlib
import datetime as dt
import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime(2026, 11, 20, 12, 0, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    name: str = "Test Time Stamping Authority"
    usages: tuple = (ExtendedKeyUsageOID.TIME_STAMPING,)
    critical: bool = True
    valid_from: dt.datetime = NOW - 10 * DAY
    valid_to: dt.datetime = NOW + 10 * DAY
    time: dt.datetime = NOW
    requests: list = field(default_factory=list)
    answer: bytes | None = None  # when set, the HTTP body instead of an honest answer
    status: int = 200
    ignore_nonce: bool = False
    granted: str = "granted"

    @cached_property
    def _root_key(self):
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _leaf_key(self):
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def root(self):
        key = self._root_key
        return (
            self._builder(_name(self.name + " Root"), key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(key, hashes.SHA256())
        )

    @cached_property
    def leaf(self):
        builder = (
            self._builder(_name(self.name), self._leaf_key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
        )
        if self.usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.usages), critical=self.critical)
        return builder.sign(self._root_key, hashes.SHA256())

    def _builder(self, subject, public_key):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name(self.name + " Root"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.valid_from)
            .not_valid_after(self.valid_to)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root_key.public_key()), critical=False
            )
        )

    @property
    def anchor(self):
        """The root as PEM, what a policy pins."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def token(self, message, *, algorithm="sha256", nonce=None, digest=None):
        """DER of a TimeStampToken over ``message``."""
        digest = digest or hashlib.new(algorithm, message).digest()
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.1",
                "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest},
                "serial_number": secrets.randbits(63),
                "gen_time": self.time,
                "nonce": nonce,
            }
        )
        return self._signed(info.dump()).dump()

    def _signed(self, content):
        leaf = asn1_x509.Certificate.load(self.leaf.public_bytes(serialization.Encoding.DER))
        certificate_hash = hashlib.sha256(leaf.dump()).digest()
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [{"cert_hash": certificate_hash}]})],
                },
            ]
        )
        signature = self._leaf_key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
        sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    "issuer_and_serial_number", {"issuer": leaf.issuer, "serial_number": leaf.serial_number}
                ),
                "digest_algorithm": sha256,
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": signature,
            }
        )
        data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [sha256],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(content),
                },
                "certificates": [leaf],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": data})

    def respond(self, request):
        """DER of the TimeStampResp to a DER TimeStampReq."""
        query = tsp.TimeStampReq.load(request)
        imprint = query["message_imprint"]
        nonce = None if self.ignore_nonce else query["nonce"].native
        token = self.token(
            b"",
            algorithm=imprint["hash_algorithm"]["algorithm"].native,
            digest=imprint["hashed_message"].native,
            nonce=nonce,
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
                body = authority.respond(request) if authority.answer is None else authority.answer
                self.send_response(authority.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

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
