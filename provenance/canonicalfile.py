"""Which files are canonical (protocol section 6), decided from headers alone, before a decoder sees a byte.

A canonical file shows exactly its RGB bytes: PNG (8-bit RGB, not interlaced) or lossless WebP, without alpha, colour
profile, gamma or frames. Chunks outside the allow-list are refused, so that nothing can stand beside the pixel digest
and change what people see. What is passed on to a decoder is the same picture stripped to its pixel chunks.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.chunks import PNG_SIGNATURE, Chunk, png_chunks, riff_chunks
from provenance.errors import EncodingError, LimitError
from provenance.xmp import parse_xmp

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_PIXELS", "MAX_SIDE", "PlainFile", "media_type_of", "read_plain"]

MAX_PIXELS = 64 * 2**20
"""Most pixels of one picture: 192 MiB of RGB, beyond every generator of today and within every machine's memory."""

MAX_SIDE = 32_768
"""Longest side, checked with MAX_PIXELS before anything is decompressed."""

_SLICE = 1 << 16
_PNG_ONCE = (b"IHDR", b"IEND", b"caBX", b"pHYs", b"tIME")
_PNG_ALLOWED = frozenset({*_PNG_ONCE, b"IDAT", b"tEXt", b"zTXt", b"iTXt"})
_WEBP_ALLOWED = frozenset({b"VP8X", b"VP8L", b"C2PA"})
_TEXT_REFUSED = (b"raw profile type", b"xml:com.adobe.xmp")
"""Keywords of PNG text that viewers read as Exif, colour profile or XMP: they can turn or recolour the picture."""

_XMP_HEAD = b"XML:com.adobe.xmp\0\0\0\0\0"
"""Keyword, not compressed, no language, no translated keyword: how the one allowed XMP packet stands in an iTXt."""

_REFUSED = {
    b"eXIf": "Exif data, which can rotate the picture",
    b"EXIF": "Exif data, which can rotate the picture",
    b"XMP ": "XMP, which can rotate the picture",
    b"PLTE": "a palette",
    b"tRNS": "transparency",
    b"gAMA": "gamma",
    b"cHRM": "chromaticities",
    b"sRGB": "a colour space",
    b"iCCP": "a colour profile",
    b"cICP": "a colour space",
    b"mDCV": "mastering data",
    b"cLLI": "light levels",
    b"sBIT": "significant bits",
    b"bKGD": "a background",
    b"acTL": "animation",
    b"fcTL": "animation",
    b"fdAT": "animation",
    b"VP8 ": "lossy pixels",
    b"ALPH": "alpha",
    b"ANIM": "animation",
    b"ANMF": "animation",
    b"ICCP": "a colour profile",
}
_PNG_COLOURS = {0: "grey", 3: "a palette", 4: "grey with alpha", 6: "alpha"}


@dataclass(frozen=True)
class PlainFile:
    """``data`` is a file of ``media_type`` with the pixel chunks of the original and nothing else."""

    width: int
    height: int
    data: bytes
    media_type: str


def read_plain(data: bytes) -> PlainFile:
    """The pixel chunks of a canonical file.

    Raises:
        EncodingError: another format, a damaged file, or one that holds more than RGB pixels; the message says what.
        LimitError: more than MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE or MAX_CHUNKS; found before decompression.
    """
    media_type = media_type_of(data)
    if media_type == "image/png":
        width, height, plain = _plain_png(png_chunks(data))
    elif media_type == "image/webp":
        width, height, plain = _plain_webp(riff_chunks(data))
    else:
        raise EncodingError(f"picture: {media_type or 'an unknown format'} is not PNG or lossless WebP")
    return PlainFile(width, height, plain, media_type)


def media_type_of(data: bytes) -> str | None:
    """Media type by the first bytes, None when they are not known. It promises nothing about the rest."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        brand = bytes(data[8:12])
        return {b"avif": "image/avif", b"heic": "image/heic", b"mif1": "image/heif"}.get(brand, "video/mp4")
    known = {
        PNG_SIGNATURE: "image/png",
        b"\xff\xd8\xff": "image/jpeg",
        b"GIF8": "image/gif",
        b"II*\0": "image/tiff",
        b"MM\0*": "image/tiff",
        b"BM": "image/bmp",
        b"\xff\x0a": "image/jxl",
        b"\0\0\0\x0cJXL ": "image/jxl",
        b"%PDF-": "application/pdf",
    }
    return next((name for magic, name in known.items() if data.startswith(magic)), None)


def _plain_png(chunks: Sequence[Chunk]) -> tuple[int, int, bytes]:
    # Width, height and the same picture with nothing but IHDR, IDAT and IEND.
    _check_kinds(chunks, _PNG_ALLOWED, _PNG_ONCE)
    if chunks[0].kind != b"IHDR" or len(chunks[0].body) != struct.calcsize(">IIBBBBB") or len(chunks[-1].body):
        raise EncodingError("picture: PNG must begin with a whole IHDR and end with an empty IEND")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", chunks[0].body)
    if colour in _PNG_COLOURS:
        raise EncodingError(f"picture: PNG with {_PNG_COLOURS[colour]} is not canonical; only 8-bit RGB is")
    if (depth, colour) != (8, 2):
        raise EncodingError(f"picture: PNG with {depth} bits of colour type {colour} is not canonical; 8-bit RGB is")
    if interlace:
        raise EncodingError("picture: interlaced PNG is not canonical")
    if compression or filtering:
        raise EncodingError("picture: PNG with an unknown compression or filter method")
    _check_size(width, height)
    packets = [chunk for chunk in chunks if _is_plain_xmp(chunk)]
    if len(packets) > 1:
        raise EncodingError("picture: more than one XMP packet")
    for chunk in chunks:
        if chunk in packets:
            continue
        if chunk.kind in (b"tEXt", b"zTXt", b"iTXt") and bytes(chunk.body[:80]).lower().startswith(_TEXT_REFUSED):
            raise EncodingError("picture: PNG text that viewers read as Exif, XMP or a colour profile is not canonical")
        if chunk.kind == b"pHYs" and chunk.body[:4] != chunk.body[4:8]:
            raise EncodingError("picture: PNG with pixels that are not square is not canonical; viewers stretch it")
    places = [i for i, chunk in enumerate(chunks) if chunk.kind == b"IDAT"]
    if not places or places[-1] - places[0] + 1 != len(places):
        raise EncodingError("picture: PNG must have its IDAT chunks in one run")
    pixels = [chunks[i] for i in places]
    _check_inflated(pixels, height * (3 * width + 1))
    return width, height, b"".join([PNG_SIGNATURE, *(c.whole for c in (chunks[0], *pixels, chunks[-1]))])


def _is_plain_xmp(chunk: Chunk) -> bool:
    """Whether this is the one XMP packet that says nothing about how to show the picture (``provenance.xmp``)."""
    if chunk.kind != b"iTXt" or bytes(chunk.body[: len(_XMP_HEAD)]) != _XMP_HEAD:
        return False
    try:
        parse_xmp(bytes(chunk.body[len(_XMP_HEAD) :]))
    except EncodingError:
        return False
    return True


def _plain_webp(chunks: Sequence[Chunk]) -> tuple[int, int, bytes]:
    # Width, height and the same picture with nothing but VP8L (RFC 9649, sections 2.5 to 2.7 and 3.4).
    _check_kinds(chunks, _WEBP_ALLOWED, tuple(_WEBP_ALLOWED))
    parts = {chunk.kind: chunk for chunk in chunks}
    if b"VP8L" not in parts or len(parts[b"VP8L"].body) <= 5:  # noqa: PLR2004 - its header has five bytes
        raise EncodingError("picture: WebP without lossless pixels")
    signature, bits = struct.unpack("<BI", parts[b"VP8L"].body[:5])
    width, height, alpha, version = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1, bits >> 29
    if signature != 0x2F or version:  # noqa: PLR2004 - RFC 9649, section 3.4
        raise EncodingError("picture: WebP with a damaged VP8L header")
    if alpha:
        raise EncodingError("picture: WebP with alpha is not canonical")
    if b"VP8X" in parts:
        _check_vp8x(parts[b"VP8X"].body, width, height)
        if chunks[0].kind != b"VP8X":
            raise EncodingError("picture: WebP must begin with VP8X where it has one")
    _check_size(width, height)
    body = parts[b"VP8L"].whole
    return width, height, b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _check_vp8x(body: memoryview, width: int, height: int) -> None:
    if len(body) != 10:  # noqa: PLR2004 - RFC 9649, section 2.7
        raise EncodingError("picture: WebP with a damaged VP8X chunk")
    for bit, what in ((0x20, "a colour profile"), (0x10, "alpha"), (0x02, "animation")):
        if body[0] & bit:
            raise EncodingError(f"picture: WebP with {what} is not canonical")
    if body[0] & 0xC1 or any(body[1:4]):
        raise EncodingError("picture: WebP with reserved bits set")
    canvas = int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if canvas != (width, height):
        raise EncodingError("picture: WebP whose canvas is not its picture")


def _check_kinds(chunks: Sequence[Chunk], allowed: frozenset[bytes], once: Sequence[bytes]) -> None:
    for chunk in chunks:
        if chunk.kind not in allowed:
            reason = f" ({_REFUSED[chunk.kind]})" if chunk.kind in _REFUSED else ""
            raise EncodingError(f"picture: chunk {chunk.name!r}{reason} is not allowed in a canonical file")
    counts = Counter(chunk.kind for chunk in chunks)
    for kind in once:
        if counts[kind] > 1:
            raise EncodingError(f"picture: chunk {kind.decode('ascii')!r} stands {counts[kind]} times")


def _check_size(width: int, height: int) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise LimitError(
            f"picture: {width} x {height} is outside the limits of {MAX_SIDE} a side and {MAX_PIXELS} pixels"
        )


def _check_inflated(pixels: Sequence[Chunk], expected: int) -> None:
    # Inflate in small steps and count: exactly one zlib stream of exactly the pixels' size, nothing hidden behind.
    inflater, total = zlib.decompressobj(), 0
    try:
        for chunk in pixels:
            for start in range(0, len(chunk.body), _SLICE):  # slices: a long unconsumed tail would be copied each time
                ended = inflater.eof
                if ended:
                    raise EncodingError("picture: PNG hides bytes behind its pixels")
                rest: bytes | memoryview = chunk.body[start : start + _SLICE]
                while rest and not inflater.eof and total <= expected:
                    total += len(inflater.decompress(rest, 1 << 20))
                    rest = inflater.unconsumed_tail
                if inflater.unused_data or (inflater.eof and rest):
                    raise EncodingError("picture: PNG hides bytes behind its pixels")
        while (
            not inflater.eof and total <= expected and (more := inflater.decompress(inflater.unconsumed_tail, 1 << 20))
        ):
            total += len(more)
    except zlib.error as error:
        raise EncodingError(f"picture: PNG pixels do not decompress: {error}") from error
    if total != expected or not inflater.eof:
        raise EncodingError("picture: PNG pixels do not fill the picture exactly")
