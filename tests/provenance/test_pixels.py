"""Pixels survive their files exactly; a file says what it is before anything is decoded."""

import hashlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from provenance.errors import EncodingError, UsageError
from provenance.pixels import MAX_SIDE, encode_png, encode_webp, media_type_of, pixel_digest, read_picture
from tests.support.pictures import chunk, join, pixels, sign, split

ARRAYS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3)))


@given(ARRAYS)
@settings(max_examples=60, deadline=None)
def test_files_give_back_the_pixels(rgb):
    for data, media_type in ((encode_png(rgb), "image/png"), (encode_webp(rgb), "image/webp")):
        picture = read_picture(data)
        assert np.array_equal(picture.rgb, rgb)
        assert (picture.width, picture.height, picture.media_type) == (rgb.shape[1], rgb.shape[0], media_type)


@pytest.mark.parametrize(("encode", "media_type"), [(encode_png, "image/png"), (encode_webp, "image/webp")])
def test_signed_files_are_canonical_with_the_same_digest(encode, media_type):
    rgb = pixels()
    picture = read_picture(sign(encode(rgb), media_type))
    assert pixel_digest(picture.rgb) == pixel_digest(rgb)


def test_pixels_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        read_picture(encode_png(pixels())).rgb[0, 0] = 0


def test_digest_is_the_tagged_hash_of_size_and_bytes():
    rgb = pixels(width=3, height=2)
    message = struct.pack(">II", 3, 2) + rgb.tobytes()
    tag = hashlib.sha256(b"seedproof/v1/pixels").digest()
    assert pixel_digest(rgb) == hashlib.sha256(tag + tag + message).digest()


def test_digest_depends_on_shape_and_not_on_memory_order():
    rgb = pixels(width=4, height=4)
    assert pixel_digest(rgb.reshape(2, 8, 3)) != pixel_digest(rgb)
    assert pixel_digest(np.asfortranarray(rgb)) == pixel_digest(rgb)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2, 3), np.int16), np.zeros((2, 2, 4), np.uint8), np.zeros((2, 3), np.uint8)]
)
def test_other_arrays_are_refused(bad):
    for function in (pixel_digest, encode_png, encode_webp):
        with pytest.raises(UsageError):
            function(bad)


def test_sides_beyond_the_formats_are_refused():
    with pytest.raises(UsageError):
        encode_png(np.zeros((1, MAX_SIDE + 1, 3), np.uint8))
    with pytest.raises(UsageError, match="16383"):
        encode_webp(np.zeros((1, 16_384, 3), np.uint8))


def test_longest_sides_are_read():
    assert read_picture(encode_png(np.zeros((1, MAX_SIDE, 3), np.uint8))).width == MAX_SIDE
    assert read_picture(encode_webp(np.zeros((16_383, 1, 3), np.uint8))).height == 16_383


def test_text_is_written_before_the_pixels_and_read_back():
    data = encode_png(pixels(), {"Title": "Ein Bild", "Comment": "été 日本"})
    assert [kind for kind, _ in split(data)].index(b"IDAT") == 3
    with Image.open(io.BytesIO(data)) as image:
        assert image.text == {"Title": "Ein Bild", "Comment": "été 日本"}
    read_picture(data)


@pytest.mark.parametrize(
    "text",
    [{"": "x"}, {"k" * 80: "x"}, {"é": "x"}, {" a": "x"}, {"a": "b\0c"}, {"a": "x" * (2**20 + 1)}, {"a": "\ud800"}],
)
def test_text_that_png_cannot_hold_is_refused(text):
    with pytest.raises(UsageError):
        encode_png(pixels(), text)


def test_harmless_chunks_are_allowed():
    parts = split(encode_png(pixels()))
    extra = [[b"pHYs", struct.pack(">IIB", 1, 1, 0)], [b"tEXt", b"a\0b"], [b"tIME", b"\x07\xea\x0b\x14\0\0\0"]]
    assert read_picture(join([parts[0], *extra, *parts[1:]])).width == 48


def test_pixels_in_many_chunks_are_read():
    parts = split(encode_png(pixels()))
    body = parts[1][1]
    many = [[b"IDAT", body[i : i + 7]] for i in range(0, len(body), 7)]
    assert np.array_equal(read_picture(join([parts[0], *many, [b"IDAT", b""], parts[-1]])).rgb, pixels())


def test_media_types_by_first_bytes():
    assert media_type_of(encode_png(pixels())) == "image/png"
    assert media_type_of(encode_webp(pixels())) == "image/webp"
    for name in ("JPEG", "GIF", "TIFF", "BMP"):
        out = io.BytesIO()
        Image.fromarray(pixels()).save(out, name)
        assert media_type_of(out.getvalue()) == f"image/{name.lower()}"
        with pytest.raises(EncodingError, match=name.lower()):
            read_picture(out.getvalue())
    assert media_type_of(b"\0\0\0\x1cftypavif") == "image/avif"
    assert media_type_of(b"") is None
    assert media_type_of(chunk(b"IHDR")) is None
