"""RFC 3161 timestamps: an authority says that some bytes existed at a time.

A token is the DER of a CMS ``ContentInfo`` (RFC 3161, section 2.4.2) as it stands in a receipt. It holds when its
message imprint is the SHA-256 of the message, its signature chains to one of the caller's anchors at the time it names,
and the one certificate that signed is for time stamping alone (critical extended key usage, RFC 3161, section 2.3).

It does not prove that the authority's clock is right, nor that the authority is independent of whoever shows the token:
that is what choosing anchors decides. A token under the policy :data:`DEVELOPMENT_POLICY` comes from ``seedproof ledger
tsa``, which anybody can run with any clock: it is marked, and counts for nobody.
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import EncodingError, ForgedError, LimitError, SeedproofError, UsageError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

__all__ = [
    "DEVELOPMENT_POLICY",
    "MAX_TOKEN_BYTES",
    "Timestamp",
    "check_timestamp",
    "decode_token",
    "imprint_of",
    "says_development",
    "signing_certificate",
]

DEVELOPMENT_POLICY = "2.25.84287798660509312289585991570961513914"
"""Policy identifier of tokens by a development authority (an OID from a UUID, ITU-T X.667). They prove no time."""

MAX_TOKEN_BYTES = 32_768
"""Real tokens have 1 to 8 KB; a chain of RSA-4096 or ML-DSA certificates needs more."""

_SHA256_OID = "2.16.840.1.101.3.4.2.1"
_GRANTED = b"\x30\x03\x02\x01\x00"  # PKIStatusInfo { status granted(0) }


@dataclass(frozen=True)
class Timestamp:
    """``time`` (UTC) as the authority's certificate subject ``authority`` (RFC 4514) vouches for it.

    ``anchor`` is the SHA-256 of the trusted certificate that it chains to: two tokens with one anchor are one
    authority's, however many certificates that has. ``development``: its policy says that it proves nothing.
    """

    time: dt.datetime
    authority: str
    anchor: bytes
    development: bool


def check_timestamp(token_der: bytes, message: bytes, anchors: Sequence[bytes]) -> Timestamp:
    """Check one token over ``message`` under the PEM certificates in ``anchors``.

    Certificates need to have been valid at the time of the token, not now.

    Raises:
        ForgedError: over another message, or no chain to an anchor, or not signed for time stamping.
        EncodingError, LimitError: not the DER of a token, or too large.
        UsageError: ``anchors`` holds something that is no PEM certificate.
    """
    response = decode_token(token_der)
    roots = [certificate for pem in anchors for certificate in _load_anchor(pem)]
    if not roots:
        raise ForgedError("timestamp: no authority is trusted, so nobody vouches for its time")
    signer = signing_certificate(response)
    with _refusing(ForgedError, "timestamp: does not hold"):
        if response.tst_info.message_imprint.hash_algorithm.dotted_string != _SHA256_OID:
            raise ForgedError("timestamp: its message imprint is not SHA-256")
        anchor = _vouching(response, roots, hashlib.sha256(message).digest())
        return Timestamp(
            time=response.tst_info.gen_time,
            authority=signer.subject.rfc4514_string(),
            anchor=_fingerprint(anchor),
            development=response.tst_info.policy.dotted_string == DEVELOPMENT_POLICY,
        )


def decode_token(token_der: bytes) -> TimeStampResponse:
    """The parsed token, in the response that rfc3161-client wants; nothing of it is checked.

    Raises:
        EncodingError, LimitError: not the DER of a token and nothing else, or too large.
    """
    from rfc3161_client import decode_timestamp_response

    if len(token_der) > MAX_TOKEN_BYTES:
        raise LimitError(f"timestamp: {len(token_der)} bytes are more than the limit of {MAX_TOKEN_BYTES}")
    with _refusing(EncodingError, "timestamp: not the DER of an RFC 3161 token"):
        response = decode_timestamp_response(_sequence(_GRANTED + token_der))
        _ = response.tst_info, response.signed_data  # parsed on access
        if response.time_stamp_token() != token_der:
            raise EncodingError("timestamp: not exactly one RFC 3161 token in DER")
        return response


def says_development(token_der: bytes) -> bool:
    """Whether a token, of which nothing is checked, says that it comes from a development authority."""
    with contextlib.suppress(SeedproofError), _refusing(EncodingError, "timestamp"):
        return decode_token(token_der).tst_info.policy.dotted_string == DEVELOPMENT_POLICY
    return False


def imprint_of(token_der: bytes) -> bytes:
    """The digest that a token is over, whatever its algorithm; nothing is checked.

    Raises:
        EncodingError, LimitError: not a token.
    """
    return decode_token(token_der).tst_info.message_imprint.message


def signing_certificate(response: TimeStampResponse) -> Certificate:
    """The one embedded certificate that the signer names by issuer and serial number, for time stamping alone.

    The certificates in a token are not signed: a decoy with the same issuer and serial number would let the usage be
    read from one certificate and the signature be checked with another.

    Raises:
        ForgedError: there is no such certificate, more than one, or it is for something else.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    with _refusing(ForgedError, "timestamp: its certificates cannot be read"):
        certificates = [x509.load_der_x509_certificate(der) for der in response.signed_data.certificates]
        signers = list(response.signed_data.signer_infos)
        if len(signers) != 1:
            raise ForgedError("timestamp: must have exactly one signer")
        name = signers[0].issuer, signers[0].serial_number
        found = [certificate for certificate in certificates if (certificate.issuer, certificate.serial_number) == name]
        if len(found) != 1:
            raise ForgedError("timestamp: must hold exactly one certificate of its signer")
        usage = found[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise ForgedError("timestamp: its signer's certificate is not for time stamping alone")
        return found[0]


def _vouching(response: TimeStampResponse, roots: Sequence[Certificate], digest: bytes) -> Certificate:
    """The first of ``roots`` under which the token holds: each is asked alone, so that one authority counts once."""
    from cryptography import x509
    from rfc3161_client import VerificationError, VerifierBuilder

    certificates = [x509.load_der_x509_certificate(der) for der in response.signed_data.certificates]
    named = {name for certificate in certificates for name in (certificate.issuer, certificate.subject)}
    failure: VerificationError | None = None
    for root in roots:
        if root.subject in named:
            try:
                VerifierBuilder(roots=[root]).build().verify(response, digest)
            except VerificationError as error:
                failure = error
            else:
                return root
    raise failure or ForgedError("timestamp: it chains to no authority that is trusted")


def _fingerprint(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256

    return certificate.fingerprint(SHA256())


def _load_anchor(pem: bytes) -> list[Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise UsageError("timestamp authorities: an anchor is no PEM certificate; correct the policy") from error


def _sequence(content: bytes) -> bytes:
    """DER SEQUENCE of content that is already DER (X.690, section 8.1.3: definite length)."""
    size = len(content)
    if size < 128:  # noqa: PLR2004 - the short form
        return bytes([0x30, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(length)]) + length + content


@contextlib.contextmanager
def _refusing(family: type[SeedproofError], what: str) -> Iterator[None]:
    """Whatever the libraries throw at a hostile token becomes ``family``; our own errors and interrupts pass.

    Rust's panics reach Python as a BaseException of their own class. Warnings about odd certificates (a serial number
    that is not positive) are not for the user's terminal: what matters about a certificate is checked.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except SeedproofError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = str(error).split("\n", 1)[0].strip()[:160] or type(error).__name__
        raise family(f"{what}: {reason}") from error
