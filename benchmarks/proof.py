"""How fast proofs are made and checked on one core, beside Ed25519 of ``cryptography`` in the same run.

Time is the processor time of this one thread, so a busy machine does not change the figures much; each is the best of
several rounds. Run from the root of the repository::

    python -m benchmarks.proof --json benchmarks/results/proof.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance import curve, proof
from provenance.hashing import Tag

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 64
ROUNDS = 7
SECONDS_A_ROUND = 0.4
PEERS = {
    "check, libsecp256k1 alone": "peer: Ed25519 verify",
    "check with second opinion": "peer: Ed25519 verify",
    "prove (sign and verify)": "peer: Ed25519 sign",
}
TARGETS = {"check, libsecp256k1 alone": 10_000, "check with second opinion": 100}


def rate(act: Callable[[int], object]) -> float:
    """Calls of ``act(i)`` per second of processor time: the best of ROUNDS rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        done, start = 0, time.thread_time()
        while (spent := time.thread_time() - start) < SECONDS_A_ROUND:
            for i in range(BATCH if done else 1):
                act(i)
            done += BATCH if done else 1
        best = max(best, done / spent)
    return best


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if os.name == "posix" else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def measure() -> dict[str, float]:
    secret = [secrets.token_bytes(32) for _ in range(BATCH)]
    claim = [secrets.token_bytes(32) for _ in range(BATCH)]
    key = [curve.public_key(each) for each in secret]
    signature = [proof.prove(Tag.POSSESSION, *pair) for pair in zip(secret, claim, strict=True)]
    peer = [Ed25519PrivateKey.generate() for _ in range(BATCH)]
    peer_key = [each.public_key() for each in peer]
    peer_signature = [each.sign(message) for each, message in zip(peer, claim, strict=True)]

    def check(i: int, *, second_opinion: bool) -> None:
        proof.check(Tag.POSSESSION, key[i], claim[i], signature[i], "proof", second_opinion=second_opinion)

    check(0, second_opinion=True)  # imports py_ecc
    return {
        "check, libsecp256k1 alone": rate(lambda i: check(i, second_opinion=False)),
        "check with second opinion": rate(lambda i: check(i, second_opinion=True)),
        "prove (sign and verify)": rate(lambda i: proof.prove(Tag.POSSESSION, secret[i], claim[i])),
        "public key": rate(lambda i: curve.public_key(secret[i])),
        "peer: Ed25519 verify": rate(lambda i: peer_key[i].verify(peer_signature[i], claim[i])),
        "peer: Ed25519 sign": rate(lambda i: peer[i].sign(claim[i])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    rates = measure()
    ratios = {name: rates[name] / rates[peer] for name, peer in PEERS.items()}
    print(f"{'one core':<28}{'per second':>12}{'of the peer':>13}{'target':>10}")
    for name, value in rates.items():
        target = TARGETS.get(name)
        ratio = f"{ratios[name]:.3f}" if name in ratios else ""
        print(f"{name:<28}{value:>12,.0f}{ratio:>13}{f'{target:,}' if target else '':>10}")
    if options.json is not None:
        report = {
            "command": "python -m benchmarks.proof --json benchmarks/results/proof.json",
            "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "python": platform.python_version()},
            "versions": {name: version(name) for name in ("btclib-secp256k1", "py_ecc", "cryptography")},
            "clock": f"processor time of one thread, best of {ROUNDS} rounds of {SECONDS_A_ROUND} s",
            "per_second": {name: round(value) for name, value in rates.items()},
            "ratio_to_peer": {name: round(value, 4) for name, value in ratios.items()},
            "targets_per_second": TARGETS,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
