"""What signs the container of a picture: an X.509 certificate chain and its private key (C2PA 2.x, section 14.5).

Certificates of ours come from a root that is made on this machine and for nobody else. Viewers call a picture trusted
only where that root has been installed; everybody else sees who signed, and that nobody vouches for the name.

Their validity has no end (9999-12-31, RFC 5280 section 4.1.2.5): a file signed without a timestamp turns *invalid* in
every C2PA viewer on the day its certificate expires, and a picture should outlive its author.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provenance.errors import UsageError
from provenance.files import read_bounded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

__all__ = [
    "ENDLESS",
    "Credentials",
    "leaf_der",
    "load_credentials",
    "new_credentials",
    "one_time_credentials",
    "signing_algorithm",
]

ENDLESS = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""A certificate with no expiration date (RFC 5280, section 4.1.2.5)."""

_C2PA_USAGE = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
_CLOCK_SKEW = timedelta(hours=1)
_MAX_PEM = 65_536
_MAX_NAME = 64
_MIN_RSA_BITS = 2048
_NEUTRAL_NAME = "One-time signer"
_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)

SigningKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Credentials:
    """A certificate chain (PEM, leaf first) with the leaf's key, and the local root with its key (empty when foreign).

    Keys are unencrypted PKCS #8 PEM; keep them in the keystore. The repr hides them.
    """

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    root_pem: bytes
    root_key_pem: bytes = field(repr=False)

    @cached_property
    def leaf(self) -> x509.Certificate:
        """The signer's certificate.

        Raises:
            UsageError: the chain holds no certificate.
        """
        return _load_chain(self.chain_pem)[0]

    @cached_property
    def key(self) -> SigningKey:
        """The leaf's private key, parsed once.

        Raises:
            UsageError: no key of a kind that C2PA knows.
        """
        return _load_key(self.key_pem, None)


def new_credentials(common_name: str, now: datetime) -> Credentials:
    """A fresh local root and a leaf that it signs, both ECDSA P-256, valid from an hour before ``now`` without end.

    Raises:
        UsageError: the name is empty, longer than 64 characters or not printable.
    """
    return _issue(common_name, f"{common_name[: _MAX_NAME - 13]} (local root)", now - _CLOCK_SKEW, keep_root_key=True)


def one_time_credentials(now: datetime) -> Credentials:
    """Credentials for one anonymous picture: neutral names, random keys and serials, the root's key thrown away.

    Validity begins with the year, so that the certificate tells no more about when it was made.
    """
    return _issue(_NEUTRAL_NAME, f"{_NEUTRAL_NAME} root", datetime(now.year, 1, 1, tzinfo=UTC), keep_root_key=False)


def load_credentials(cert_path: str | Path, key_path: str | Path, passphrase: bytes | None = None) -> Credentials:
    """The user's own certificate chain (PEM, leaf first) and its private key (PEM).

    Raises:
        UsageError: a file cannot be read, the key file is open to others, is encrypted otherwise, or does not fit the
            certificate, or the key is of a kind that C2PA does not know.
    """
    chain_pem = read_bounded(cert_path, "certificate", limit=_MAX_PEM)
    key_pem = read_bounded(key_path, "private key", limit=_MAX_PEM)
    _check_private(Path(key_path))
    key = _load_key(key_pem, passphrase)
    chain = _load_chain(chain_pem)
    if _certified(chain[0], cert_path) != _spki(key.public_key()):
        raise UsageError(f"{key_path} is not the key of the first certificate in {cert_path}")
    return Credentials(b"".join(_cert_pem(cert) for cert in chain), _key_pem(key), _cert_pem(chain[-1]), b"")


def leaf_der(credentials: Credentials) -> bytes:
    """DER of the signer's certificate: what a container statement is about (protocol section 9)."""
    return credentials.leaf.public_bytes(serialization.Encoding.DER)


def signing_algorithm(credentials: Credentials) -> str:
    """C2PA's name of the signature algorithm: "es256", "es384", "es512", "ed25519" or "ps256".

    Raises:
        UsageError: the key is of another kind.
    """
    key = credentials.key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    return {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}[key.curve.name]


def _issue(name: str, root_name: str, begin: datetime, *, keep_root_key: bool) -> Credentials:
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable() or name.strip() != name:
        raise UsageError(f"certificate name: must be 1 to {_MAX_NAME} printable characters without outer spaces")
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate(root_name, root_name, root_key, root_key, begin, authority=True)
    leaf = _certificate(name, root_name, key, root_key, begin, authority=False)
    root_key_pem = _key_pem(root_key) if keep_root_key else b""
    return Credentials(_cert_pem(leaf), _key_pem(key), _cert_pem(root), root_key_pem)


def _certificate(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    begin: datetime,
    *,
    authority: bool,
) -> x509.Certificate:
    wanted = ("key_cert_sign", "crl_sign") if authority else ("digital_signature",)
    usage = x509.KeyUsage(**{each: each in wanted for each in _KEY_USAGES})
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin.astimezone(UTC).replace(microsecond=0))
        .not_valid_after(ENDLESS)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not authority:
        # emailProtection: viewers of today refuse a leaf whose only usage is C2PA's own.
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, _C2PA_USAGE])
        builder = builder.add_extension(usages, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    # Viewers show the organisation as the issuer, so it repeats the name.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, common_name),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _load_chain(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise UsageError(f"certificate: no PEM certificates that can be read: {error}") from error


def _load_key(pem: bytes, passphrase: bytes | None) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"private key: not readable PEM, or another passphrase: {error}") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(
        key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
    ):
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    raise UsageError("private key: must be EC P-256, P-384 or P-521, Ed25519, or RSA of 2,048 bits or more")


def _check_private(path: Path) -> None:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"private key: {path} is open to others; run chmod 600 on it")


def _certified(certificate: x509.Certificate, path: str | Path) -> bytes:
    try:
        return _spki(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"certificate: the key in {path} cannot be read: {' '.join(str(error).split())}") from error


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _cert_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: SigningKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
