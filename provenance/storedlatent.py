"""The stored form of a latent's integers (protocol section 5): small, exact, and bounded when it comes from a stranger.

    stored = "SPL1" || u8 predictor || u32be(C) || u32be(H) || u32be(W) || one zstd frame with its content size
    frame  = residuals, zigzag-coded to u16, all low bytes and then all high bytes, in C order

    predictor   0: 0    1: left neighbour    2: upper neighbour    3: left + up - upper-left    (0 outside; mod 2^16)

It is not hashed: what counts are the integers, so an encoder may choose any predictor and any zstd level. Undoing
predictor 1 is a running sum along a row, 2 along a column, 3 along both: no loop over values.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import zstandard

from provenance.errors import EncodingError, LimitError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_CHANNELS", "MAX_SIDE", "MAX_VALUES", "decode_latent", "encode_latent"]

MAX_CHANNELS = 64
"""Most channels of a latent (protocol section 5)."""

MAX_SIDE = 1024
"""Longest side of a latent: 8,192 pixels at the usual factor of eight."""

MAX_VALUES = 2**22
"""Most values of a latent: 8 MiB when unpacked."""

_MAGIC = b"SPL1"
_HEAD = struct.Struct(">4sBIII")
_LEVELS = (3, 12)
"""zstd levels: the first chooses the predictor, under which the smaller of both stays. Noise codes best without
matches, smooth latents with. All predictors at both levels save nothing more; 19 saves 0.6 %, slowly."""
_PREDICTORS = range(4)
_MAX_WINDOW = 2**24
_ROW, _COLUMN = 2, 1


def encode_latent(q: NDArray[np.int16]) -> bytes:
    """The stored form of an int16 array (C, H, W), under the predictor that suits it best.

    Raises:
        UsageError: another type or shape, or beyond the limits above.
    """
    if q.dtype != np.int16 or q.ndim != 3 or not _fits(*q.shape):  # noqa: PLR2004 - (C, H, W)
        raise UsageError(f"latent: must be int16 (C, H, W) within the limits, not {q.dtype} {q.shape}")
    values = np.ascontiguousarray(q).view(np.uint16)
    quick, thorough = (zstandard.ZstdCompressor(level=level, write_content_size=True) for level in _LEVELS)
    packed = [_pack(_residuals(values, predictor)) for predictor in _PREDICTORS]
    frames = [quick.compress(data) for data in packed]
    predictor = min(_PREDICTORS, key=lambda each: len(frames[each]))
    frame = min(frames[predictor], thorough.compress(packed[predictor]), key=len)
    return _HEAD.pack(_MAGIC, predictor, *q.shape) + frame


def decode_latent(data: bytes) -> NDArray[np.int16]:
    """The integers of a stored form, an int16 array (C, H, W).

    Raises:
        EncodingError: another magic, predictor or size, a damaged frame, or bytes after it.
        LimitError: a shape beyond the limits above, or a frame that wants more memory than it may.
    """
    if len(data) < _HEAD.size or data[: len(_MAGIC)] != _MAGIC:
        raise EncodingError("latent: not a stored latent (SPL1)")
    _, predictor, channels, height, width = _HEAD.unpack_from(data)
    if predictor not in _PREDICTORS:
        raise EncodingError(f"latent: predictor {predictor} is not known")
    if not _fits(channels, height, width):
        raise LimitError(f"latent: shape {(channels, height, width)} is outside the limits")
    packed = _inflate(data[_HEAD.size :], 2 * channels * height * width)
    return _restore(_unpack(packed, (channels, height, width)), predictor).view(np.int16)


def _fits(channels: int, height: int, width: int) -> bool:
    sides = 1 <= channels <= MAX_CHANNELS and 1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE
    return sides and channels * height * width <= MAX_VALUES


def _residuals(values: NDArray[np.uint16], predictor: int) -> NDArray[np.uint16]:
    # uint16 arithmetic wraps, which is the modulus of the format.
    result = values.copy()
    if predictor in (1, 3):
        result[:, :, 1:] -= values[:, :, :-1]
    if predictor in (2, 3):
        result[:, 1:, :] -= result[:, :-1, :].copy()
    return result


def _restore(residuals: NDArray[np.uint16], predictor: int) -> NDArray[np.uint16]:
    if predictor in (2, 3):
        np.cumsum(residuals, axis=_COLUMN, dtype=np.uint16, out=residuals)
    if predictor in (1, 3):
        np.cumsum(residuals, axis=_ROW, dtype=np.uint16, out=residuals)
    return residuals


def _pack(residuals: NDArray[np.uint16]) -> bytes:
    signed = residuals.view(np.int16)
    zigzag = ((signed << 1) ^ (signed >> 15)).astype("<u2", casting="unsafe").reshape(-1)
    return np.ascontiguousarray(zigzag.view(np.uint8).reshape(-1, 2).T).tobytes()


def _unpack(packed: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    low, high = np.frombuffer(packed, np.uint8).reshape(2, -1).astype(np.uint16)
    zigzag = low | high << 8
    return ((zigzag >> 1) ^ -(zigzag & 1)).astype(np.uint16).reshape(shape)


def _inflate(frame: bytes, size: int) -> bytes:
    try:
        header = zstandard.get_frame_parameters(frame)
        if header.content_size != size or header.dict_id:
            raise EncodingError(f"latent: its frame must declare {size} bytes and no dictionary")
        if header.window_size > _MAX_WINDOW:
            raise LimitError(f"latent: its frame wants a window of {header.window_size} bytes")
        inflater = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        packed = inflater.decompress(frame, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise EncodingError(f"latent: its frame does not decompress: {error}") from error
    if len(packed) != size:
        raise EncodingError("latent: its frame is cut off")
    return packed
