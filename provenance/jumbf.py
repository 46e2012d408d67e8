"""The certificate that signed a C2PA manifest, taken from the bytes and checked by ourselves.

C2PA libraries report the signer's *names*, and names can be forged. So we walk the boxes to the active manifest, read
the signature's certificate chain, and verify the signature with its first certificate over the claim:

    superbox  = u32be length | "jumb" | description box | boxes...            (ISO 19566-5; C2PA 2.x, section 11.1)
    signature = COSE_Sign1 [protected, unprotected, null, signature]          (RFC 9052, section 4.2; detached payload)
    signed    = CBOR ["Signature1", protected, h'', claim]                    (RFC 9052, section 4.4)
    chain     = header 33, x5chain: one certificate or an array, leaf first   (RFC 9360)

A certificate is returned only when its own key verifies that signature: nobody else's certificate can stand there.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from provenance.cbor import decode_cbor
from provenance.errors import EncodingError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

__all__ = [
    "MAX_MANIFESTS",
    "check_labels",
    "count_manifests",
    "manifest_sizes",
    "part_of_store",
    "signing_certificate",
    "signing_certificates",
]

MAX_MANIFESTS = 320
"""Most manifests in one store: a lineage has at most 256 works, each with one. Readers go down by recursion."""

_MANIFEST_TYPES = (b"c2ma", b"c2um", b"c2cm")
_C2PA_TYPE = bytes.fromhex("00110010800000aa00389b71")  # what follows the four letters (C2PA 2.x, section 11.1.4)

_MAX_BOXES, _MAX_LABEL = 4_096, 65_536
_DESCRIPTION_HEAD = 17  # 16 bytes of type and one of toggles (ISO 19566-5, section A.3)
_COSE_SIGN1 = 18
_COSE_SIGN1_PARTS = 4
_ALGORITHM, _X5CHAIN = 1, 33
_HASHES: dict[int, hashes.HashAlgorithm] = {
    -7: hashes.SHA256(),
    -35: hashes.SHA384(),
    -36: hashes.SHA512(),
    -37: hashes.SHA256(),
    -38: hashes.SHA384(),
    -39: hashes.SHA512(),
}
_ECDSA, _PSS, _EDDSA = (-7, -35, -36), (-37, -38, -39), -8


def signing_certificate(store: bytes, manifest: str) -> bytes:
    """DER of the certificate whose key made the signature of the manifest with this label.

    Raises:
        EncodingError: the boxes or the signature cannot be read here, or the signature does not hold.
    """
    return _certificate_of(_only_child(_payload(store), manifest))


def signing_certificates(store: bytes) -> dict[str, bytes]:
    """The same for every manifest of a store, by label; those whose signature does not hold are left out.

    Raises:
        EncodingError: the store's boxes cannot be read.
    """
    found: dict[str, bytes] = {}
    for label, box in _superboxes(_payload(store)):
        with contextlib.suppress(EncodingError):
            found[label] = _certificate_of(box)
    return found


def count_manifests(data: bytes) -> int:
    """How many manifests there are in a store, or in a file of any format, at most: by the marks of their boxes."""
    return sum(data.count(kind + _C2PA_TYPE) for kind in _MANIFEST_TYPES)


def check_labels(data: bytes) -> None:
    """Refuse boxes, in a store or in a file of any format, whose names no reader needs and one may die of.

    Labels are plain ASCII (C2PA 2.x, section 6.2); c2pa-rs 0.91 ends the whole process at some that are not. What is
    compressed cannot be looked at before it is read.

    Raises:
        EncodingError: a label with other characters. LimitError: a compressed manifest.
    """
    if b"c2cm" + _C2PA_TYPE in data:
        raise LimitError("manifest: compressed manifests are not read here")
    at = data.find(b"jumd")
    while at >= 0:
        begin = at + 4 + _DESCRIPTION_HEAD
        label = data[begin : begin + _MAX_LABEL].split(b"\0", 1)[0]
        if data[begin - 1 : begin] and data[begin - 1] & 2 and not label.isascii():
            raise EncodingError(f"manifest: the label of the box at byte {at} holds other characters than ASCII")
        at = data.find(b"jumd", at + 4)


def manifest_sizes(store: bytes) -> dict[str, int]:
    """Bytes of every manifest of a store, by label.

    Raises:
        EncodingError: the store's boxes cannot be read.
    """
    return {_label(body): len(body) + 8 for kind, body in _boxes(_payload(store)) if kind == b"jumb"}


def part_of_store(store: bytes, labels: Sequence[str]) -> bytes:
    """A store with these manifests of another one, byte for byte; the last of them speaks for it.

    Raises:
        EncodingError: one is missing or stands there twice.
    """
    parts = list(_boxes(_payload(store)))
    if not parts or parts[0][0] != b"jumd":
        raise EncodingError("manifest: the store has no description")
    manifests = [(_label(body), body) for kind, body in parts if kind == b"jumb"]
    chosen: list[bytes] = []
    for label in labels:
        found = [body for name, body in manifests if name == label]
        if len(found) != 1:
            raise EncodingError(f"manifest: must have one box {label[:80]!r}, it has {len(found)}")
        chosen.append(_box(b"jumb", found[0]))
    return _box(b"jumb", _box(b"jumd", parts[0][1]) + b"".join(chosen))


def _box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def _certificate_of(box: bytes) -> bytes:
    claims = [body for label, body in _superboxes(box) if label in ("c2pa.claim.v2", "c2pa.claim")]
    if len(claims) != 1:
        raise EncodingError("manifest: must have one claim")
    claim = _content(claims[0])
    sign1 = decode_cbor(_content(_only_child(box, "c2pa.signature")), tag=_COSE_SIGN1)
    if not isinstance(sign1, list) or len(sign1) != _COSE_SIGN1_PARTS:
        raise EncodingError("manifest: its signature is no COSE_Sign1")
    protected, unprotected, _, signature = sign1
    if not isinstance(protected, bytes) or not isinstance(unprotected, dict) or not isinstance(signature, bytes):
        raise EncodingError("manifest: its signature is no COSE_Sign1")
    header = decode_cbor(protected)
    if not isinstance(header, dict):
        raise EncodingError("manifest: its signature has no protected header")
    chain = header.get(_X5CHAIN, unprotected.get(_X5CHAIN, unprotected.get("x5chain")))
    leaf = chain[0] if isinstance(chain, list) and chain else chain
    if not isinstance(leaf, bytes):
        raise EncodingError("manifest: its signature has no certificate")
    message = b"\x84\x6aSignature1" + _bstr(protected) + b"\x40" + _bstr(claim)
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        _verify(certificate.public_key(), header.get(_ALGORITHM), signature, message)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise EncodingError("manifest: its signature does not hold under its own certificate") from error
    return certificate.public_bytes(serialization.Encoding.DER)


def _verify(key: CertificatePublicKeyTypes, algorithm: object, signature: bytes, message: bytes) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _ECDSA:
        half = (key.curve.key_size + 7) // 8
        if len(signature) != 2 * half:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(_HASHES[algorithm]))
    elif isinstance(key, rsa.RSAPublicKey) and algorithm in _PSS:
        digest = _HASHES[algorithm]
        key.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    elif isinstance(key, ed25519.Ed25519PublicKey) and algorithm == _EDDSA:
        key.verify(signature, message)
    else:
        raise InvalidSignature


def _bstr(data: bytes) -> bytes:
    # CBOR byte string with the shortest length (RFC 8949, section 4.2.1).
    for limit, size, code in ((1 << 8, 1, 0x58), (1 << 16, 2, 0x59), (1 << 32, 4, 0x5A)):
        if len(data) < 24:  # noqa: PLR2004 - the length fits into the first byte
            return bytes([0x40 | len(data)]) + data
        if len(data) < limit:
            return bytes([code]) + len(data).to_bytes(size, "big") + data
    raise EncodingError("manifest: a part is larger than 4 GiB")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(_MAX_BOXES):
        if at == len(data):
            return
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if length < head or at + length > len(data):
            raise EncodingError(f"manifest: box at byte {at} is cut off")
        yield kind, data[at + head : at + length]
        at += length
    raise EncodingError(f"manifest: more than {_MAX_BOXES} boxes side by side")


def _superboxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    # Label and content of every superbox; ``data`` is a superbox's content, whose first box is its description.
    for kind, body in _boxes(data):
        if kind == b"jumb":
            yield _label(body), body


def _label(superbox: bytes) -> str:
    kind, description = next(_boxes(superbox), (b"", b""))
    if kind != b"jumd" or len(description) < _DESCRIPTION_HEAD:
        raise EncodingError("manifest: a superbox without a description")
    if not description[_DESCRIPTION_HEAD - 1] & 2:  # toggle bit 1: a label is present
        return ""
    return description[_DESCRIPTION_HEAD:].split(b"\0", 1)[0].decode("utf-8", "replace")


def _only_child(superbox: bytes, label: str) -> bytes:
    found = [body for name, body in _superboxes(superbox) if name == label]
    if len(found) != 1:
        raise EncodingError(f"manifest: must have one box {label[:80]!r}, it has {len(found)}")
    return found[0]


def _payload(store: bytes) -> bytes:
    found = list(_boxes(store))
    if len(found) != 1 or found[0][0] != b"jumb":
        raise EncodingError("manifest: the store must be one superbox")
    return found[0][1]


def _content(superbox: bytes) -> bytes:
    found = [body for kind, body in _boxes(superbox) if kind == b"cbor"]
    if len(found) != 1:
        raise EncodingError("manifest: a box must hold one CBOR value")
    return found[0]
