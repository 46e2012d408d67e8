"""Asking an RFC 3161 authority for a timestamp, over HTTP (RFC 3161, section 3.4).

What comes back is compared with what was asked: status, message imprint, nonce; the time with this machine's clock; the
signature with the certificate in the token, and with the roots that the operator named, where he did. Whether an
authority is to be trusted is for those to say who check a receipt; one that the log's own operator runs adds nothing.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ledger.tokens import MAX_RESPONSE_BYTES, check_token_signature, read_response
from ledger.transport import Transport
from provenance.errors import LedgerFault, SeedproofError, UsageError
from provenance.files import read_bounded
from provenance.timestamp import check_timestamp, decode_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["MAX_SKEW", "MAX_STORED_TOKEN", "check_authority_url", "fetch_token", "read_roots"]

MAX_STORED_TOKEN = 24_576
"""Bytes of a token that is kept: as hex it must fit into a receipt of 65,536 bytes beside the proof."""

MAX_SKEW = timedelta(seconds=120)
"""How far an authority's clock and ours may be apart, the time of asking not counted. Beyond, one of them is wrong."""

MAX_URL = 2_000
"""Characters of an authority's address."""

_MAX_ROOTS_BYTES = 65_536
_SHA256_OID = "2.16.840.1.101.3.4.2.1"
_OK = 200


def fetch_token(
    url: str,
    message: bytes,
    *,
    timeout: float = 10.0,
    anchors: Sequence[bytes] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> bytes:
    """DER of a fresh token over ``message`` from the authority at ``url``; at most about ``timeout`` seconds.

    With ``anchors`` (PEM) it must chain to one of them.

    Raises:
        LedgerFault: it is down, slow, refuses, answers something else than was asked, or its clock or ours is wrong.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    check_authority_url(url)
    request = TimestampRequestBuilder(data=message, hash_algorithm=HashAlgorithm.SHA256, cert_req=True).build()
    started = clock()
    body = _post(url, request.as_bytes(), timeout)
    finished = clock()
    try:
        response = read_response(body)
        if not response.granted:
            raise LedgerFault(f"timestamp authority {url}: refused: {response.reason}")
        token = response.token
        info = decode_token(token).tst_info
        asked = (_SHA256_OID, hashlib.sha256(message).digest(), request.nonce)
        given = (info.message_imprint.hash_algorithm.dotted_string, info.message_imprint.message, info.nonce)
        if asked != given:
            raise LedgerFault(f"timestamp authority {url}: answered another request (message or nonce differ)")
        if len(token) > MAX_STORED_TOKEN:
            raise LedgerFault(f"timestamp authority {url}: its token of {len(token)} bytes does not fit into a receipt")
        check_token_signature(token)
        if anchors:
            check_timestamp(token, message, anchors)
    except LedgerFault:
        raise
    except SeedproofError as error:
        raise LedgerFault(f"timestamp authority {url}: did not answer with a token: {error}") from error
    _check_clock(url, info.gen_time, started, finished)
    return token


def check_authority_url(url: str) -> None:
    """Refuse what is no address of an authority.

    Raises:
        LedgerFault: it is none; the message says what one looks like.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise LedgerFault(f"timestamp authority {url[:200]!r}: {error}") from error
    if len(url) > MAX_URL:
        raise LedgerFault(f"timestamp authority {url[:200]!r}...: the address has more than {MAX_URL} characters")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise LedgerFault(f"timestamp authority {url[:200]!r}: the address must start with http:// or https://")
    if parts.query:
        raise LedgerFault(
            f"timestamp authority {parts.scheme}://{parts.hostname}: give the address without a query; the log "
            "shows it to everybody, so it must hold no secret"
        )


def read_roots(path: Path) -> bytes:
    """The PEM certificates in an operator's file.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    from cryptography import x509

    data = read_bounded(path, "--timestamp-root", limit=_MAX_ROOTS_BYTES)
    try:
        x509.load_pem_x509_certificates(data)
    except (ValueError, x509.InvalidVersion) as error:
        raise UsageError(f"--timestamp-root: {path} holds no PEM certificate") from error
    return data


def _post(url: str, body: bytes, timeout: float) -> bytes:
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    path = parts.path or "/"
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        transport = Transport(base, timeout=timeout, patience=0)
        try:
            answer = transport.request("POST", path, body=body, headers=headers, limit=MAX_RESPONSE_BYTES)
        finally:
            transport.close()
    except (LedgerFault, UsageError) as error:
        reason = str(error).removeprefix(f"ledger {base}: ")
        raise LedgerFault(f"timestamp authority {url}: {reason}") from error
    if answer.status != _OK:
        raise LedgerFault(f"timestamp authority {url}: answered with HTTP status {answer.status}")
    return answer.body


def _check_clock(url: str, said: datetime, started: datetime, finished: datetime) -> None:
    """The authority's time lies between asking and answer, give or take MAX_SKEW."""
    earliest, latest = min(started, finished), max(started, finished)
    apart = earliest - said if said < earliest else said - latest
    if apart > MAX_SKEW:
        where = "in the past" if said < earliest else "in the future"
        raise LedgerFault(
            f"timestamp authority {url}: its time {said:%Y-%m-%dT%H:%M:%SZ} lies {round(apart.total_seconds())} "
            f"seconds {where} by this machine's clock; one of the two clocks is wrong"
        )
