"""Pixels and the canonical files that hold them (protocol section 6).

What a file must be to be read is decided in :mod:`provenance.canonicalfile`, from headers alone; only then does Pillow
decode, and it sees nothing but the pixel chunks.

    digest = TH("seedproof/v1/pixels", u32be(width) || u32be(height) || R G B bytes, row by row)

Worked example: one black pixel is hashed as ``00000001 00000001 000000`` under the tag.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, PngImagePlugin

from provenance.canonicalfile import MAX_PIXELS, MAX_SIDE, PlainFile, media_type_of, read_plain
from provenance.errors import EncodingError, EnvironmentFault, LimitError, UsageError
from provenance.hashing import Tag, tagged_hash
from provenance.xmp import format_xmp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from provenance.xmp import Xmp

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "Picture",
    "encode_png",
    "encode_webp",
    "media_type_of",
    "pixel_digest",
    "read_picture",
]

_MAX_WEBP_SIDE = 16_384
_MAX_TEXT = 2**20
_MAX_TEXT_KEY = 79
_SMALL = 3 * 256 * 256
"""Bytes of pixels up to which a PNG is packed by runs alone (zlib's Z_RLE): four times as fast, and those of the
embedded model are smaller by a hundredth. Large photographs would be larger by an eighth: they are packed as usual."""

_NO_TEXT: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Picture:
    """Decoded pixels: ``rgb`` is uint8 (height, width, 3) and read-only; ``media_type`` is that of the file."""

    width: int
    height: int
    rgb: NDArray[np.uint8]
    media_type: str


def read_picture(data: bytes) -> Picture:
    """The pixels of a canonical PNG or WebP file.

    Raises:
        EncodingError: another format, a damaged file, or one that holds more than RGB pixels; the message says what.
        LimitError: more than MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE or MAX_CHUNKS; found before decompression.
        EnvironmentFault: this machine has too little memory for it.
    """
    plain = read_plain(data)
    return Picture(plain.width, plain.height, _decode(plain), plain.media_type)


def pixel_digest(rgb: NDArray[np.uint8]) -> bytes:
    """Digest of a uint8 array (height, width, 3): 32 bytes, the same for every canonical file of these pixels.

    Raises:
        UsageError: another shape or type.
    """
    height, width = _check_rgb(rgb)
    return tagged_hash(Tag.PIXELS, struct.pack(">II", width, height) + np.ascontiguousarray(rgb).tobytes())


def encode_png(rgb: NDArray[np.uint8], text: Mapping[str, str] = _NO_TEXT, *, xmp: Xmp | None = None) -> bytes:
    """A canonical PNG of a uint8 array (height, width, 3), with ``text`` as tEXt or iTXt chunks before the pixels.

    Text and XMP must be written here, before signing: a chunk added afterwards breaks the manifest's hash.

    Raises:
        UsageError: another shape or type, or text that PNG cannot hold.
    """
    _check_rgb(rgb)
    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        if not 1 <= len(key) <= _MAX_TEXT_KEY or not (key.isascii() and key.isprintable()) or key.strip() != key:
            raise UsageError(f"PNG text key {key[:80]!r}: must be 1 to {_MAX_TEXT_KEY} printable ASCII characters")
        if "\0" in value or len(value) > _MAX_TEXT:
            raise UsageError(f"PNG text {key!r}: must have no NUL and at most {_MAX_TEXT} characters")
        try:
            info.add_text(key, value)
        except UnicodeError as error:
            raise UsageError(f"PNG text {key!r}: not encodable") from error
    if xmp is not None:
        info.add_itxt("XML:com.adobe.xmp", format_xmp(xmp).decode())
    out = io.BytesIO()
    packing = {"compress_type": zlib.Z_RLE} if rgb.size <= _SMALL else {}
    Image.fromarray(np.ascontiguousarray(rgb)).save(out, "PNG", pnginfo=info, **packing)
    return out.getvalue()


def encode_webp(rgb: NDArray[np.uint8]) -> bytes:
    """A canonical lossless WebP of a uint8 array (height, width, 3).

    Raises:
        UsageError: another shape or type, or a side beyond the 16,383 pixels that WebP can hold.
    """
    if max(_check_rgb(rgb)) >= _MAX_WEBP_SIDE:
        raise UsageError(f"WebP holds at most {_MAX_WEBP_SIDE - 1} pixels on a side; choose PNG")
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(out, "WEBP", lossless=True, exact=True)
    return out.getvalue()


def _decode(plain: PlainFile) -> NDArray[np.uint8]:
    size = plain.width, plain.height
    try:
        with Image.open(io.BytesIO(plain.data), formats=[plain.media_type.removeprefix("image/").upper()]) as image:
            if image.mode != "RGB" or image.size != size:
                raise EncodingError(f"picture: decodes to {image.mode} {image.size}, its header says RGB {size}")
            rgb = np.array(image, dtype=np.uint8)
    except MemoryError as error:
        raise EnvironmentFault(f"picture: too little memory for {size[0]} x {size[1]} pixels") from error
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, zlib.error) as error:
        raise EncodingError(f"picture: its pixels do not decode: {error}") from error
    except Image.DecompressionBombError as error:
        raise LimitError(f"picture: refused by Pillow: {error}") from error
    rgb.setflags(write=False)
    return rgb


def _check_rgb(rgb: NDArray[np.uint8]) -> tuple[int, int]:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:  # noqa: PLR2004 - (height, width, 3)
        raise UsageError(f"pixels must be uint8 (height, width, 3), not {rgb.dtype} {rgb.shape}")
    height, width = int(rgb.shape[0]), int(rgb.shape[1])
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise UsageError(f"pixels: {width} x {height} is outside the limits")
    return height, width
