"""Files that want to be taken for a picture that they are not. Each is one edit of an honest file."""

import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from provenance import chunks
from provenance.errors import EncodingError, InvalidError, LimitError
from provenance.pixels import encode_png, encode_webp, read_picture
from tests.support.pictures import chunk, header, join, pixels, png, riff, split

END = chunk(b"IEND")
ROWS = zlib.compress(bytes(2 * 7))
DATA = chunk(b"IDAT", ROWS)
HONEST = png(header(), DATA, END)
WEBP = encode_webp(pixels(8, 8))
VP8L = WEBP[20 : 20 + int.from_bytes(WEBP[16:20], "little")]


def test_the_honest_files_are_read():
    assert read_picture(HONEST).rgb.shape == (2, 2, 3)
    assert read_picture(riff((b"VP8L", VP8L))).rgb.shape == (8, 8, 3)
    assert read_picture(riff((b"VP8X", vp8x()), (b"VP8L", VP8L), (b"C2PA", b"x"))).rgb.shape == (8, 8, 3)


def vp8x(flags=0, width=8, height=8, reserved=0):
    return (
        bytes([flags])
        + reserved.to_bytes(3, "little")
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )


def saved(mode, form="PNG", *, alpha=None, **options):
    out = io.BytesIO()
    image = Image.fromarray(pixels(8, 8)).convert(mode)
    if alpha is not None:
        image.putalpha(alpha)
    image.save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved("RGBA"), "alpha"),
        (saved("L"), "grey"),
        (saved("LA"), "grey with alpha"),
        (saved("P"), "palette"),
        (saved("1"), "grey"),
        (png(header(depth=16), DATA, END), "16 bits"),
        (png(header(interlace=1), DATA, END), "interlaced"),
        (saved("RGB", icc_profile=b"profile"), "colour profile"),
        (saved("RGB", transparency=(1, 2, 3)), "transparency"),
        (png(header(), chunk(b"gAMA", struct.pack(">I", 100_000)), DATA, END), "gamma"),
        (png(header(), chunk(b"cHRM", bytes(32)), DATA, END), "chromaticities"),
        (png(header(), chunk(b"sRGB", b"\0"), DATA, END), "colour space"),
        (png(header(), chunk(b"cICP", bytes(4)), DATA, END), "colour space"),
        (png(header(), chunk(b"PLTE", bytes(3)), DATA, END), "palette"),
        (png(header(), chunk(b"bKGD", bytes(6)), DATA, END), "background"),
        (png(header(), chunk(b"acTL", bytes(8)), DATA, END), "animation"),
        (png(header(), DATA, chunk(b"fdAT", bytes(8)), END), "animation"),
        (png(header(), chunk(b"prVt", b"x"), DATA, END), "prVt"),
        (saved("RGBA", "WEBP", lossless=True, alpha=9), "alpha"),
        (saved("RGB", "WEBP", lossless=True, icc_profile=b"profile"), "colour profile"),
        (saved("RGB", "WEBP", quality=90), "lossy"),
        (saved("RGB", "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGB", (8, 8))]), "animation"),
        (riff((b"VP8X", vp8x(0x10)), (b"VP8L", VP8L)), "alpha"),
        (riff((b"VP8X", vp8x(0x20)), (b"VP8L", VP8L)), "colour profile"),
        (riff((b"VP8X", vp8x(0x02)), (b"VP8L", VP8L)), "animation"),
        (riff((b"VP8X", vp8x(0x40)), (b"VP8L", VP8L)), "reserved"),
        (riff((b"VP8X", vp8x(reserved=1)), (b"VP8L", VP8L)), "reserved"),
        (riff((b"VP8X", vp8x(width=9)), (b"VP8L", VP8L)), "canvas"),
        (riff((b"VP8L", VP8L[:4] + bytes([VP8L[4] | 0x10]) + VP8L[5:])), "alpha"),
        (riff((b"VP8L", VP8L), (b"ALPH", b"x")), "alpha"),
    ],
)
def test_more_than_pixels_smuggled_in(data, reason):
    with pytest.raises(EncodingError, match=reason):
        read_picture(data)


@pytest.mark.parametrize(
    "data",
    [
        HONEST + b"\0",
        HONEST + HONEST,
        HONEST[:-1],
        HONEST[:-12],
        HONEST[:8],
        b"",
        b"\x89PNG",
        png(DATA, header(), END),
        png(header(), END),
        png(header(), header(), DATA, END),
        png(header(), DATA, chunk(b"tEXt", b"a\0b"), DATA, END),
        png(header(), chunk(b"IDAT", ROWS[:5]), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", ROWS[5:]), END),
        png(header(), DATA, chunk(b"IEND", b"hidden")),
        png(header(), chunk(b"caBX", b"x"), chunk(b"caBX", b"y"), DATA, END),
        png(header(), chunk(b"I\0AT", b"x"), DATA, END),
        png(chunk(b"IHDR", bytes(12)), DATA, END),
        png(header(), chunk(b"IDAT", zlib.compress(bytes(13))), END),
        png(header(), chunk(b"IDAT", zlib.compress(bytes(15))), END),
        png(header(), chunk(b"IDAT", ROWS + b"hidden"), END),
        png(header(), DATA, chunk(b"IDAT", b"hidden"), END),
        png(header(), chunk(b"IDAT", ROWS[:-1]), END),
        png(header(), chunk(b"IDAT", ROWS[:-1] + b"x"), END),
        png(header(), chunk(b"IDAT", b"rubbish"), END),
        png(header(), chunk(b"IDAT", zlib.compress(b"\x09" + bytes(13))), END),
        png(chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 1, 0, 0)), DATA, END),
        png(chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 1, 0)), DATA, END),
        WEBP + b"\0",
        WEBP + b"XMP \0\0\0\0",
        riff((b"VP8L", VP8L), (b"XMP ", b"x"))[:-1] + b"y",
        WEBP[:-1],
        WEBP[:12],
        riff(),
        riff((b"VP8L", b"")),
        riff((b"VP8L", VP8L), (b"VP8L", VP8L)),
        riff((b"VP8L", VP8L), (b"VP8X", vp8x())),
        riff((b"VP8X", vp8x()[:9]), (b"VP8L", VP8L)),
        riff((b"VP8L", b"\x2e" + VP8L[1:])),
        riff((b"VP8L", VP8L[:4] + bytes([VP8L[4] | 0x20]) + VP8L[5:])),
        riff((b"VP8L", VP8L[:8])),
        riff((b"VP8L", VP8L), (b"abcd", b"x")),
        b"RIFF" + struct.pack("<I", 4 + 8) + b"WEBP" + b"VP8L" + struct.pack("<I", 1 << 31),
        b"GIF89a" + bytes(50),
        b"not a picture",
    ],
)
def test_damaged_or_hiding_files(data):
    with pytest.raises(EncodingError):
        read_picture(data)


def test_crc_of_a_chunk_is_wrong():
    damaged = bytearray(HONEST)
    damaged[-13] ^= 1
    with pytest.raises(EncodingError, match="CRC"):
        read_picture(bytes(damaged))


@pytest.mark.parametrize(
    ("width", "height"), [(0, 1), (1, 0), (32_769, 1), (1, 2**31), (2**32 - 1, 2**32 - 1), (8193, 8193)]
)
def test_dimensions_are_refused_before_decompression(width, height):
    with pytest.raises(LimitError):
        read_picture(png(header(width, height), DATA, END))


def test_decompression_bomb():
    # 8 GiB of zeros in 8 MiB, for a picture of 2 x 2: no more than a step of it is unpacked.
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    step = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = png(header(), chunk(b"IDAT", head + step * 8192), END)
    start = time.perf_counter()
    with pytest.raises(EncodingError, match="exactly"):
        read_picture(bomb)
    assert time.perf_counter() - start < 1


def test_compressed_text_bomb_is_never_unpacked():
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26), 9))
    start = time.perf_counter()
    assert read_picture(png(header(), text, DATA, END)).width == 2
    assert time.perf_counter() - start < 0.5


def test_too_large_a_file(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_FILE_BYTES", len(HONEST) - 1)
    with pytest.raises(LimitError):
        read_picture(HONEST)
    with pytest.raises(LimitError):
        chunks.riff_chunks(bytes(len(HONEST)))


def test_too_many_chunks():
    with pytest.raises(LimitError, match="chunks"):
        read_picture(png(header(), chunk(b"tEXt") * (chunks.MAX_CHUNKS + 1), DATA, END))


def test_pillows_own_limits_are_reported_as_ours(monkeypatch):
    data = encode_png(np.zeros((100, 100, 3), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(LimitError):
        read_picture(data)


@given(st.binary(max_size=300), st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_only_our_errors_leave_the_reader(noise, at, byte):
    candidates = [
        noise,
        HONEST[:33] + noise,
        WEBP[:20] + noise,
        png(header(), chunk(b"IDAT", noise), END),
        riff((b"VP8L", VP8L[:5] + noise)),
    ]
    for honest in (HONEST, WEBP):
        damaged = bytearray(honest)
        damaged[at % len(damaged)] ^= byte
        candidates += [bytes(damaged), honest[: at % len(honest)], honest + noise[:1]]
    parts = split(HONEST)
    parts[at % len(parts)][1] = noise
    candidates.append(join(parts))
    for data in candidates:
        try:
            read_picture(data)
        except InvalidError:
            continue


def test_a_store_that_stands_twice_is_nobodys():
    once = png(header(), chunk(b"caBX", b"x"), DATA, END)
    assert chunks.embedded_store(once, "image/png") == b"x"
    for data, media_type in (
        (png(header(), chunk(b"caBX", b"x"), chunk(b"caBX", b"x"), DATA, END), "image/png"),
        (HONEST, "image/png"),
        (once, "image/webp"),
        (once, "image/jpeg"),
    ):
        assert chunks.embedded_store(data, media_type) is None


def test_random_bytes_are_no_picture():
    with pytest.raises(EncodingError):
        read_picture(os.urandom(4096))


@pytest.mark.parametrize("keyword", [b"Raw profile type exif", b"raw profile type icc", b"XML:com.adobe.xmp"])
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_text_that_viewers_read_as_orientation_or_colour(kind, keyword):
    parts = split(encode_png(pixels()))
    with pytest.raises(EncodingError, match="Exif, XMP"):
        read_picture(join([parts[0], [kind, keyword + b"\0\0..."], *parts[1:]]))


def test_pixels_that_are_not_square():
    parts = split(encode_png(pixels()))
    with pytest.raises(EncodingError, match="not square"):
        read_picture(join([parts[0], [b"pHYs", struct.pack(">IIB", 1, 2, 0)], *parts[1:]]))
