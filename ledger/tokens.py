"""RFC 3161 answers as authorities give them: taken apart, brought into strict DER, and checked in themselves.

:func:`check_token_signature` is for those who ask an authority and trust no root of its kind yet: it keeps tokens out
of a log that no verifier could ever count. To trust an authority is the verifier's matter (``provenance.timestamp``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from provenance.errors import EncodingError, ForgedError, LimitError
from provenance.timestamp import decode_token, signing_certificate

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["MAX_RESPONSE_BYTES", "Response", "check_token_signature", "read_response"]

MAX_RESPONSE_BYTES = 65_536
"""An authority's answer: a token of 1 to 8 KB, and its status."""

_TST_INFO = "1.2.840.113549.1.9.16.1.4"

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True)
class Response:
    """``granted`` with the DER of a token, or refused with what the authority says about it."""

    granted: bool
    token: bytes
    reason: str


def read_response(data: bytes) -> Response:
    """What an authority answered (a TimeStampResp). Its token is put into DER: OpenSSL does not sort certificates.

    Nothing that is signed changes thereby.

    Raises:
        EncodingError, LimitError: it is none.
    """
    from asn1crypto import core, tsp

    if len(data) > MAX_RESPONSE_BYTES:
        raise LimitError(f"timestamp: an answer of {len(data)} bytes is more than the limit of {MAX_RESPONSE_BYTES}")
    try:
        parts = core.SequenceOf.load(data, strict=True, spec=core.Any)
        status = parts[0].parse(tsp.PKIStatusInfo)
        if status["status"].native in ("granted", "granted_with_mods"):
            return Response(True, _in_der(parts[1].dump()), "")
        said = "; ".join(status["status_string"].native or ())
        return Response(False, b"", f"{status['status'].native} {said}".strip()[:160])
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise EncodingError("timestamp: not the DER of an RFC 3161 response") from error


def check_token_signature(token_der: bytes) -> None:
    """Check the CMS signature of a token under the signer's certificate inside (RFC 5652, 5.4; RFC 5816).

    Raises:
        EncodingError, LimitError: not a token. ForgedError: it does not hold, or its algorithm is not known here.
    """
    from asn1crypto import cms, tsp  # noqa: F401 - tsp teaches cms the attributes of RFC 3161

    certificate = signing_certificate(decode_token(token_der))
    try:
        data = cms.ContentInfo.load(token_der, strict=True)["content"]
        (signer,) = data["signer_infos"]
        attributes = {item["type"].native: item["values"] for item in signer["signed_attrs"]}
        algorithm = signer["digest_algorithm"]["algorithm"].native
        content = bytes(data["encap_content_info"]["content"])
        digest = hashlib.new(algorithm, content).digest()
        if algorithm not in _HASHES or attributes["message_digest"][0].native != digest:
            raise ForgedError("timestamp: its signature is over something else")
        if attributes["content_type"][0].dotted != _TST_INFO:
            raise ForgedError("timestamp: its signature is over another type of content")
        if not _names(attributes, certificate):
            raise ForgedError("timestamp: its signature names another certificate")
        _verify(certificate.public_key(), signer, algorithm, signer["signed_attrs"].untag().dump())
    except InvalidSignature as error:
        raise ForgedError("timestamp: it was not signed by the certificate that it carries") from error
    except (ValueError, TypeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ForgedError(f"timestamp: its signature cannot be read: {reason}") from error


def _in_der(token: bytes) -> bytes:
    """The token with its certificates in the order that DER wants of a SET OF (X.690, 11.6)."""
    from asn1crypto import cms, tsp  # noqa: F401 - see above

    info = cms.ContentInfo.load(token, strict=True)
    data = info["content"]
    given = [item.dump() for item in data["certificates"]]
    if given == sorted(given):
        return token
    certificates = sorted((item.copy() for item in data["certificates"]), key=lambda item: bytes(item.dump()))
    data["certificates"] = cms.CertificateSet(certificates)
    info["content"] = data
    changed: bytes = info.dump()
    return changed


def _names(attributes: dict[str, Any], certificate: Certificate) -> bool:
    """Whether the signed attributes hold the hash of this certificate (ESSCertID, ESSCertIDv2)."""
    if "signing_certificate_v2" in attributes:
        first = attributes["signing_certificate_v2"][0]["certs"][0]
        algorithm = first["hash_algorithm"]["algorithm"].native
        return algorithm in _HASHES and first["cert_hash"].native == certificate.fingerprint(_HASHES[algorithm])
    first = attributes["signing_certificate"][0]["certs"][0]
    wanted: bytes = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - RFC 3161 knew no other; v2 came later
    return bool(first["cert_hash"].native == wanted)


def _verify(key: Any, signer: Any, digest_algorithm: str, message: bytes) -> None:
    algorithm, signature = signer["signature_algorithm"], signer["signature"].native
    kind = algorithm.signature_algo
    if kind == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
        return
    bare = algorithm["algorithm"].native in ("rsassa_pkcs1v15", "ecdsa")  # an identifier without a hash of its own
    chosen = _HASHES[digest_algorithm if bare else algorithm.hash_algo]
    if kind == "rsassa_pkcs1v15" and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), chosen)
    elif kind == "rsassa_pss" and isinstance(key, rsa.RSAPublicKey):
        salt = algorithm["parameters"]["salt_length"].native
        key.verify(signature, message, padding.PSS(padding.MGF1(chosen), salt), chosen)
    elif kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(chosen))
    else:
        raise ForgedError(f"timestamp: signatures of the kind {kind} are not known here")
