"""Pictures that are only compared: common formats, bounded, nothing but pixels."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from provenance import anypicture
from provenance.anypicture import read_any_picture
from provenance.errors import EncodingError, LimitError, SeedproofError
from tests.support.pictures import chunk, header, pixels, png


def saved(form, image=None, **options):
    out = io.BytesIO()
    (image or Image.fromarray(pixels())).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_common_formats_are_read(form):
    found = read_any_picture(saved(form))
    assert found.format == form
    assert found.rgb.shape == (32, 48, 3)
    assert not found.rgb.flags.writeable


def test_lossless_pixels_are_kept():
    assert np.array_equal(read_any_picture(saved("PNG")).rgb, pixels())


@pytest.mark.parametrize("form", ["TIFF", "PPM", "PDF", "EPS"])
def test_other_formats_are_refused(form):
    with pytest.raises(EncodingError, match="PNG, JPEG"):
        read_any_picture(saved(form))


def test_orientation_in_the_file_is_not_believed():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_any_picture(saved("JPEG", exif=exif)).rgb.shape == (32, 48, 3)


def test_what_is_transparent_lies_on_white():
    layer = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    assert (read_any_picture(saved("PNG", layer)).rgb == 255).all()
    grey = Image.fromarray(np.full((20, 20), 1000, np.uint16))
    assert read_any_picture(saved("PNG", grey)).rgb.shape == (20, 20, 3)


def test_too_many_or_too_few_pixels_are_refused_before_they_are_decoded(monkeypatch):
    with pytest.raises(LimitError):
        read_any_picture(png(header(width=30_000, height=30_000), chunk(b"IDAT", b"x")))
    with pytest.raises(EncodingError, match="too few"):
        read_any_picture(saved("PNG", Image.new("RGB", (8, 100))))
    monkeypatch.setattr(anypicture, "MAX_FILE_BYTES", 10)
    with pytest.raises(LimitError):
        read_any_picture(saved("PNG"))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_damaged_files_give_our_errors_alone(form):
    data = saved(form)
    draw = np.random.default_rng(1)
    for _ in range(60):
        broken = bytearray(data[: int(draw.integers(1, len(data) + 1))])
        broken[int(draw.integers(len(broken)))] ^= int(draw.integers(1, 256))
        with contextlib.suppress(SeedproofError):
            read_any_picture(bytes(broken))
