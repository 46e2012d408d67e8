"""Asking an RFC 3161 authority for a timestamp over a checkpoint, over HTTP (RFC 3161, section 3.4).

What comes back is compared with what was asked (message imprint, nonce, status). Whether the authority is to be trusted
is for those to say who check the receipt; an authority that the log's own operator runs adds no trust.
"""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING

from provenance.errors import LedgerFault, SeedproofError
from provenance.timestamp import decode_token

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["MAX_STORED_TOKEN", "fetch_token"]

MAX_STORED_TOKEN = 24_576
"""Bytes of a token that is kept: as hex it must fit into a receipt of 65,536 bytes beside the proof."""

_MAX_RESPONSE = 65_536
_SHA256_OID = "2.16.840.1.101.3.4.2.1"
_CHUNK = 8_192


def fetch_token(url: str, message: bytes, *, timeout: float = 10.0) -> bytes:
    """DER of a fresh token over ``message`` from the authority at ``url``; at most about ``timeout`` seconds.

    Raises:
        LedgerFault: it is down, slow, refuses, or answers something else than was asked.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

    if not url.startswith(("http://", "https://")):
        raise LedgerFault(f"timestamp authority {url[:200]!r}: the address must start with http:// or https://")
    request = TimestampRequestBuilder(data=message, hash_algorithm=HashAlgorithm.SHA256, cert_req=True).build()
    body = _post(url, request.as_bytes(), timeout)
    try:
        response = decode_timestamp_response(body)
        status, info, token = response.status, response.tst_info, response.time_stamp_token()
        asked = (_SHA256_OID, hashlib.sha256(message).digest(), request.nonce)
        given = (info.message_imprint.hash_algorithm.dotted_string, info.message_imprint.message, info.nonce)
        decode_token(token)
    except (ValueError, SeedproofError) as error:
        raise LedgerFault(f"timestamp authority {url}: did not answer with a token: {error}") from error
    if status not in (0, 1):
        raise LedgerFault(f"timestamp authority {url}: refused with status {status}")
    if asked != given:
        raise LedgerFault(f"timestamp authority {url}: answered another request (message or nonce differ)")
    if len(token) > MAX_STORED_TOKEN:
        raise LedgerFault(f"timestamp authority {url}: its token of {len(token)} bytes does not fit into a receipt")
    return token


def _post(url: str, body: bytes, timeout: float) -> bytes:
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    deadline = time.monotonic() + timeout
    try:
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - scheme checked
        with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310 - scheme checked above
            return _read_bounded(response, deadline)
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise LedgerFault(f"timestamp authority {url}: cannot be reached: {reason}") from error


def _read_bounded(response: HTTPResponse, deadline: float) -> bytes:
    data = b""
    while chunk := response.read1(_CHUNK):  # one read of the socket at a time: a slow drip cannot hold us
        data += chunk
        if len(data) > _MAX_RESPONSE:
            raise OSError(f"more than {_MAX_RESPONSE} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("too slow")
    return data
