"""The outer structure of PNG and WebP files, read strictly and without decoding anything.

    PNG  = 89 50 4E 47 0D 0A 1A 0A, then chunks  u32be length | 4-byte type | body | u32be CRC-32 of type and body
    RIFF = "RIFF" | u32le length | form, then chunks  4-byte type | u32le length | body | pad to an even offset

(PNG third edition, section 5; RFC 9649, section 2.3.) A walk ends exactly at the end of the file: nothing may follow.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from provenance.errors import EncodingError, LimitError

__all__ = ["MAX_CHUNKS", "MAX_FILE_BYTES", "PNG_SIGNATURE", "Chunk", "embedded_store", "png_chunks", "riff_chunks"]

MAX_FILE_BYTES = 256 * 2**20
"""Largest picture file that is read: 64 megapixels of incompressible RGB with room for a manifest."""

MAX_CHUNKS = 100_000
"""Most chunks in one file: encoders write chunks of 8 KiB or more, so an honest file has at most 32,768."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PNG_FRAME = 12
_RIFF_FRAME = 8
_RIFF_HEADER = 12


@dataclass(frozen=True)
class Chunk:
    """One chunk: its four-byte ``kind``, its ``body``, and the file's bytes ``whole`` from its first to its last."""

    kind: bytes
    body: memoryview
    whole: memoryview

    @property
    def name(self) -> str:
        """The kind, safe to print."""
        return self.kind.decode("ascii", "backslashreplace")


def png_chunks(data: bytes) -> list[Chunk]:
    """Every chunk of a PNG file, IEND included.

    Raises:
        EncodingError: another signature, a chunk that is cut off or whose CRC is wrong, no IEND, bytes after it.
        LimitError: more than MAX_FILE_BYTES or MAX_CHUNKS.
    """
    view = _bounded(data)
    if data[: len(PNG_SIGNATURE)] != PNG_SIGNATURE:
        raise EncodingError("picture: not a PNG file")
    chunks: list[Chunk] = []
    at = len(PNG_SIGNATURE)
    while at < len(view):
        length = int.from_bytes(view[at : at + 4], "big")
        end = at + _PNG_FRAME + length
        if len(view) - at < _PNG_FRAME or end > len(view):
            raise EncodingError(f"picture: PNG is cut off in the chunk at byte {at}")
        kind = bytes(view[at + 4 : at + 8])
        if not kind.isalpha():
            raise EncodingError(f"picture: PNG chunk at byte {at} has no name")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise EncodingError(f"picture: PNG chunk {kind.decode('ascii')} at byte {at} is damaged (CRC)")
        _append(chunks, Chunk(kind, view[at + 8 : end - 4], view[at:end]))
        at = end
        if kind == b"IEND":
            break
    if not chunks or chunks[-1].kind != b"IEND":
        raise EncodingError("picture: PNG is cut off before IEND")
    if at != len(view):
        raise EncodingError(f"picture: {len(view) - at} bytes follow the end of the PNG")
    return chunks


def riff_chunks(data: bytes, form: bytes = b"WEBP") -> list[Chunk]:
    """Every chunk of a RIFF file of the given form.

    Raises:
        EncodingError: another header, a length that does not match the file, a chunk that is cut off, padding not zero.
        LimitError: more than MAX_FILE_BYTES or MAX_CHUNKS.
    """
    view = _bounded(data)
    if len(view) < _RIFF_HEADER or data[:4] != b"RIFF" or data[8:12] != form:
        raise EncodingError(f"picture: not a RIFF file of form {form.decode('ascii')}")
    if int.from_bytes(data[4:8], "little") + _RIFF_FRAME != len(view):
        raise EncodingError("picture: RIFF length does not match the file; it is cut off, or something follows it")
    chunks: list[Chunk] = []
    at = _RIFF_HEADER
    while at < len(view):
        length = int.from_bytes(view[at + 4 : at + 8], "little")
        body_end = at + _RIFF_FRAME + length
        end = body_end + length % 2
        if len(view) - at < _RIFF_FRAME or end > len(view):
            raise EncodingError(f"picture: RIFF is cut off in the chunk at byte {at}")
        if any(view[body_end:end]):
            raise EncodingError(f"picture: RIFF chunk at byte {at} has padding that is not zero")
        _append(chunks, Chunk(bytes(view[at : at + 4]), view[at + 8 : body_end], view[at:end]))
        at = end
    return chunks


def embedded_store(data: bytes, media_type: str) -> bytes | None:
    """The C2PA manifest store (JUMBF) of a PNG or WebP file, None when there is not exactly one or another format."""
    try:
        if media_type == "image/png":
            found = [chunk.body for chunk in png_chunks(data) if chunk.kind == b"caBX"]
        elif media_type == "image/webp":
            found = [chunk.body for chunk in riff_chunks(data) if chunk.kind == b"C2PA"]
        else:
            return None
    except (EncodingError, LimitError):
        return None
    return bytes(found[0]) if len(found) == 1 else None


def _bounded(data: bytes) -> memoryview:
    if len(data) > MAX_FILE_BYTES:
        raise LimitError(f"picture: {len(data)} bytes are more than the limit of {MAX_FILE_BYTES}")
    return memoryview(data)


def _append(chunks: list[Chunk], chunk: Chunk) -> None:
    if len(chunks) >= MAX_CHUNKS:
        raise LimitError(f"picture: more than {MAX_CHUNKS} chunks")
    chunks.append(chunk)
