"""Who may ask, and how often: API keys, and a bucket of requests for each client address.

A bucket holds ten seconds' worth of requests and fills at the permitted rate. Clients of IPv6 count by their /64
network, since one of them has 2^64 addresses. The clock is monotonic: setting the time opens and closes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from ledger.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KEY_PREFIX", "Buckets", "Doorkeeper", "KeyRing", "key_digest", "make_key"]

KEY_PREFIX = "spk_"
"""Keys are recognised by it, for instance by scanners that look for secrets in public places."""

MAX_CLIENTS = 65_536
"""Most addresses that are remembered; the one that was silent for longest is forgotten. About 10 MB."""

_BURST_SECONDS = 10
_KEY_BYTES = 32
_KEYS_FRESH = 5.0


def make_key() -> str:
    """A new API key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def key_digest(key: str) -> bytes:
    """What is stored of a key. Keys are random, so a plain hash cannot be reversed by guessing."""
    return hashlib.sha256(key.encode()).digest()


class Buckets:
    """Rates by client; see the module."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(1.0, rate * _BURST_SECONDS)
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take one request: 0.0 when it may go on, else the seconds until the next one may."""
        left, now = self._level(client)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._keep(client, left if wait else left - 1, now)
        return wait

    def charge(self, client: str, cost: float) -> None:
        """Take more for what a request turned out to cost; what the bucket lacks, later requests wait for."""
        left, now = self._level(client)
        self._keep(client, max(left - cost, -self._burst), now)

    def _level(self, client: str) -> tuple[float, float]:
        now = self._clock()
        left, then = self._clients.pop(client, (self._burst, now))
        return min(self._burst, left + (now - then) * self._rate), now

    def _keep(self, client: str, left: float, now: float) -> None:
        self._clients[client] = (left, now)
        if len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)


class Doorkeeper:
    """Admits a request or raises the problem that says why not."""

    def __init__(self, *, write_rate: float | None, read_rate: float | None) -> None:
        self._buckets = {
            True: None if write_rate is None else Buckets(write_rate),
            False: None if read_rate is None else Buckets(read_rate),
        }

    def admit(self, client: str | None, *, writes: bool) -> None:
        """Count one request of this address.

        Raises:
            Problem: rate-limit, with the seconds to wait.
        """
        buckets = self._buckets[writes]
        wait = 0.0 if buckets is None else buckets.take(_network(client))
        if wait:
            what = "writing" if writes else "reading"
            raise Problem("rate-limit", f"too many requests for {what} from your address; wait", retry_after=wait)

    def charge(self, client: str | None, cost: float, *, writes: bool = False) -> None:
        """Count further requests' worth of this address; it is never refused for them now."""
        buckets = self._buckets[writes]
        if buckets is not None:
            buckets.charge(_network(client), cost)


class KeyRing:
    """The API keys that the database has, read again every few seconds, so that a removed key soon opens nothing."""

    def __init__(self, load: Callable[[], Mapping[str, bytes]], clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._digests: tuple[bytes, ...] = ()
        self._until = -1.0

    @property
    def stale(self) -> bool:
        """Whether :meth:`refresh` is due; it asks the database, so call it outside the event loop."""
        return self._clock() >= self._until

    def refresh(self) -> None:
        """Read the keys. A LedgerFault leaves the old ones in place for those who are waiting."""
        self._digests = tuple(self._load().values())
        self._until = self._clock() + _KEYS_FRESH

    def check(self, authorization: str | None) -> None:
        """Admit ``Bearer <key>``.

        Raises:
            Problem: unauthorized.
        """
        scheme, _, key = (authorization or "").partition(" ")
        given = key_digest(key.strip())
        # Every digest is compared, so that the time says nothing about which one came close.
        known = [hmac.compare_digest(given, digest) for digest in self._digests]
        if scheme.lower() != "bearer" or not any(known):
            raise Problem(
                "unauthorized",
                "this log takes entries with an API key: send Authorization: Bearer KEY; its operator gives them out",
                headers={"WWW-Authenticate": 'Bearer realm="seedproof"'},
            )


def _network(client: str | None) -> str:
    if client is None or ":" not in client:
        return client or "unknown"
    try:
        address = ipaddress.IPv6Address(client.partition("%")[0])
    except ValueError:
        return client
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.IPv6Network((address, 64), strict=False))
