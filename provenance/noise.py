"""A seed becomes standard normal noise, bit for bit the same on every machine and in every language.

``u = ChaCha20 key stream (RFC 8439; key = seed, counter 0, nonce = u96le(stream)) as u16le``, ``z_i = T[u_i]``. The
table T holds 65,536 float32 values, T[j] nearest to the normal quantile of (j + 1/2) / 65536; it is shipped as data
and pinned by its SHA-256, because mathematical libraries differ in the last bit. torch.randn does not serve: its
values depend on the CPU's instruction set, and its CPU generator keeps 32 bits of a seed.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from importlib.resources import files
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from provenance.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MAX_STREAM_VALUES", "TABLE_SHA256", "gaussian"]

MAX_STREAM_VALUES = 2**27
"""Values of one stream: 2^32 blocks would allow 2^37; this bounds memory (512 MiB)."""

TABLE_SHA256 = "1cfbba1e07e34386a57626f82aeb43e6ed54ba70a3ea6b7d964dc66a841074a8"

_SEED_BYTES = 32
_CHUNK = 1 << 18
"""Bytes of key stream per pass, so that stream, indices and table stay in the second-level cache."""

_ZEROS = bytes(_CHUNK)
_scratch = threading.local()


def gaussian(seed: bytes, shape: Sequence[int], *, stream: int = 0) -> NDArray[np.float32]:
    """Noise of ``shape`` in C order, float32, fresh and writable.

    Args:
        seed: S, 32 bytes, all of which count.
        shape: sizes whose product is at most MAX_STREAM_VALUES.
        stream: 0 for the initial latent, k for the k-th further draw; below 2^96.

    Raises:
        ValueError: an argument out of range. EnvironmentFault: the shipped table is damaged.
    """
    count = prod(shape)
    if len(seed) != _SEED_BYTES or count > MAX_STREAM_VALUES or min(shape, default=0) < 1:
        raise ValueError("noise needs a 32-byte seed and a shape of at most 2^27 values")
    if not 0 <= stream < 2**96:
        raise ValueError("the number of a noise stream must fit into 96 bits")
    table = _table()
    key_stream = Cipher(ChaCha20(seed, bytes(4) + stream.to_bytes(12, "little")), mode=None).encryptor()
    values = np.empty(count, np.float32)
    buffer: bytearray | None = getattr(_scratch, "buffer", None)
    if buffer is None:
        buffer = _scratch.buffer = bytearray(_CHUNK)
    indices = np.frombuffer(buffer, "<u2")
    for start in range(0, count, _CHUNK // 2):
        length = min(_CHUNK // 2, count - start)
        key_stream.update_into(memoryview(_ZEROS)[: 2 * length], buffer)
        # mode="wrap" needs no bounds check: a u16 cannot leave a table of 65,536
        np.take(table, indices[:length], out=values[start : start + length], mode="wrap")
    buffer[:] = _ZEROS  # the stream is public, but there is no reason to keep it
    return values.reshape(shape)


@cache
def _table() -> NDArray[np.float32]:
    data = files("provenance").joinpath("data/normal-quantiles.f32").read_bytes()
    if hashlib.sha256(data).hexdigest() != TABLE_SHA256:
        raise EnvironmentFault(
            "the noise table provenance/data/normal-quantiles.f32 is damaged; install seedproof again"
        )
    return np.frombuffer(data, "<f4").astype(np.float32, copy=False)
