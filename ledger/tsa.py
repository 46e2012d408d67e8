"""A development timestamp authority: real RFC 3161 tokens over real HTTP, which prove nothing.

Whoever runs it owns its clock and its key, so its tokens say nothing to anybody else. They say that themselves: their
policy is ``provenance.timestamp.DEVELOPMENT_POLICY``, and no verifier counts them, even one who trusts the root.

Its key and certificates stand in one PEM file of mode 0600: the signing key (P-256), its certificate for time stamping
alone, and the root that issued it. The root's own key is thrown away as soon as it has signed.
"""

from __future__ import annotations

import datetime as dt
import secrets
import stat
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provenance.errors import InvalidError, LedgerFault, OutputError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.timestamp import DEVELOPMENT_POLICY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["MAX_REQUEST_BYTES", "Authority", "issue", "make_authority", "open_authority", "sign_token"]

MAX_REQUEST_BYTES = 4_096
"""A request has about 60 bytes; one with a long nonce and extensions is still far below."""

_MAX_FILE_BYTES = 65_536
_YEARS = 10
_NAME = "Seedproof DEVELOPMENT Time Stamping Authority"
_DIGEST_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """A signing key with its certificate and the root above it."""

    key: Key
    certificate: x509.Certificate
    root: x509.Certificate

    @property
    def anchor(self) -> bytes:
        """The root as PEM, what a policy lists."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def respond(self, request: bytes, now: dt.datetime) -> bytes:
        """DER of the TimeStampResp to a DER TimeStampReq: a token, or a refusal with its reason (RFC 3161, 2.4.2)."""
        from asn1crypto import cms, tsp

        try:
            query = tsp.TimeStampReq.load(request, strict=True)
            imprint = query["message_imprint"]
            algorithm = imprint["hash_algorithm"]["algorithm"].native
            digest, nonce = imprint["hashed_message"].native, query["nonce"].native
            policy, extensions = query["req_policy"].native, query["extensions"].native
            with_certificate = bool(query["cert_req"].native)
        except (ValueError, TypeError, KeyError):
            return _refusal("bad_data_format", "not a timestamp request")
        if len(digest) != _DIGEST_BYTES.get(algorithm):
            return _refusal("bad_alg", "the message imprint must be SHA-256, SHA-384 or SHA-512")
        if policy not in (None, DEVELOPMENT_POLICY):
            return _refusal("unaccepted_policy", "this is a development authority; it has one policy only")
        if extensions:
            return _refusal("unaccepted_extensions", "no extension is known here")
        info = {
            "version": "v1",
            "policy": DEVELOPMENT_POLICY,
            "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest},
            "serial_number": secrets.randbits(63) + 1,
            "gen_time": now.astimezone(dt.UTC).replace(microsecond=0),
            "nonce": nonce,
        }
        token = sign_token(info, self.key, self.certificate, embed=[self.certificate] if with_certificate else [])
        granted = {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token)}
        response: bytes = tsp.TimeStampResp(granted).dump()
        return response


def open_authority(path: Path, now: dt.datetime) -> Authority:
    """The authority in this file, made when the file is missing.

    Raises:
        LedgerFault: the file is readable by others, damaged, or cannot be written.
    """
    try:
        if not path.exists():
            write_atomic(path, _format(make_authority(now)), mode=0o600, overwrite=False)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise LedgerFault(f"the authority's key {path} is open to other users; run chmod 600 on it")
        data = read_bounded(path, "authority's key", limit=_MAX_FILE_BYTES)
    except (OSError, OutputError, UsageError, InvalidError) as error:
        raise LedgerFault(f"the authority's key {path} cannot be read or written: {error}") from error
    try:
        key = serialization.load_pem_private_key(data, password=None)
        certificate, root = x509.load_pem_x509_certificates(data)
        belongs = isinstance(key, Key) and key.public_key() == certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise LedgerFault(f"the authority's key {path} is damaged; delete it to begin another authority") from error
    if not isinstance(key, Key) or not belongs:
        raise LedgerFault(f"the authority's key {path} does not belong to its certificate; delete it to begin another")
    return Authority(key, certificate, root)


def make_authority(now: dt.datetime, name: str = _NAME) -> Authority:
    """A new authority with a root of its own, valid for ten years from an hour before ``now``."""
    valid = now - dt.timedelta(hours=1), now + dt.timedelta(days=365 * _YEARS)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = f"{name} Root"
    root = issue(issuer, root_key, issuer, root_key, valid, usages=(), authority=True)
    certificate = issue(name, key, issuer, root_key, valid, usages=(ExtendedKeyUsageOID.TIME_STAMPING,))
    return Authority(key, certificate, root)


def issue(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    valid: tuple[dt.datetime, dt.datetime],
    *,
    usages: Sequence[x509.ObjectIdentifier],
    critical: bool = True,
    authority: bool = False,
) -> x509.Certificate:
    """A certificate for ``key``: of a root (``authority``), or of a signer with these extended key usages."""
    public_key = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(_key_usage(authority=authority), critical=True)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def sign_token(
    info: dict[str, Any], key: Key, certificate: x509.Certificate, *, embed: Sequence[x509.Certificate]
) -> bytes:
    """DER of a TimeStampToken over the fields of a TSTInfo (RFC 3161, 2.4.2; CMS SignedData, RFC 5652; RFC 5816)."""
    from asn1crypto import cms, core, tsp

    content = tsp.TSTInfo(info).dump()
    signer = _asn1(certificate)
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "message_digest", "values": [sha256(content).digest()]},
            {
                "type": "signing_certificate_v2",
                "values": [tsp.SigningCertificateV2({"certs": [{"cert_hash": sha256(signer.dump()).digest()}]})],
            },
        ]
    )
    digest_algorithm = {"algorithm": "sha256"}
    data = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [digest_algorithm],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "certificates": [_asn1(item) for item in embed] or None,
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": cms.SignerIdentifier(
                        "issuer_and_serial_number", {"issuer": signer.issuer, "serial_number": signer.serial_number}
                    ),
                    "digest_algorithm": digest_algorithm,
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                    "signature": key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
                }
            ],
        }
    )
    token: bytes = cms.ContentInfo({"content_type": "signed_data", "content": data}).dump()
    return token


def _asn1(certificate: x509.Certificate) -> Any:
    from asn1crypto import x509 as asn1

    return asn1.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _refusal(reason: str, text: str) -> bytes:
    from asn1crypto import core, tsp

    status = {"status": "rejection", "status_string": [text], "fail_info": {reason}}
    # asn1crypto's own TimeStampResp insists on a token, which a refusal has not got
    response: bytes = core.SequenceOf([status], spec=tsp.PKIStatusInfo).dump()
    return response


def _format(authority: Authority) -> bytes:
    key = authority.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + authority.certificate.public_bytes(serialization.Encoding.PEM) + authority.anchor


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
