"""Mask pictures: any pixel sets its cell; what is no such picture is refused in one line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from generator.remix.mask import mask_bits, read_mask
from provenance.errors import UsageError

SIZE, GRID = (32, 16), (2, 4)


def saved(folder, array, name="mask.png", **options):
    Image.fromarray(array).save(folder / name, **options)
    return folder / name


def white(*places, shape=(16, 32)):
    array = np.zeros(shape, np.uint8)
    for place in places:
        array[place] = 255
    return array


def test_one_pixel_sets_its_cell_and_no_other(tmp_path):
    bits = read_mask(saved(tmp_path, white((9, 25))), SIZE, GRID)
    assert np.unpackbits(np.frombuffer(bits, np.uint8), count=8).tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_a_mask_of_the_latents_size_is_taken_as_it_is(tmp_path):
    bits = read_mask(saved(tmp_path, white((0, 1), (1, 2), shape=GRID)), SIZE, GRID)
    assert np.unpackbits(np.frombuffer(bits, np.uint8), count=8).tolist() == [0, 1, 0, 0, 0, 0, 1, 0]


def test_half_bright_is_white_and_below_is_not(tmp_path):
    array = white()
    array[0, 0], array[0, 8] = 128, 127
    bits = read_mask(saved(tmp_path, array), SIZE, GRID)
    assert bits == bytes([0b1000_0000])


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA"])
def test_every_usual_kind_of_png_is_read(tmp_path, mode):
    Image.fromarray(white((0, 0))).convert(mode).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", SIZE, GRID) == bytes([0b1000_0000])


@given(arrays(bool, (12, 20)))
def test_the_bits_are_those_of_any_pixel(painted):
    grid = (3, 5)
    cells = [[painted[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].any() for j in range(5)] for i in range(3)]
    if not np.any(cells) or np.all(cells):
        with pytest.raises(UsageError):
            mask_bits(painted, grid)
        return
    found = np.unpackbits(np.frombuffer(mask_bits(painted, grid), np.uint8))
    assert found[:15].reshape(grid).astype(bool).tolist() == np.array(cells).tolist()
    assert not found[15:].any()


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "junk.png"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read_mask(path, SIZE, GRID)


def refused(path):
    with pytest.raises(UsageError) as caught:
        read_mask(path, SIZE, GRID)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_masks_of_the_wrong_size_or_kind_are_refused(tmp_path):
    assert "is 16x16; it must have the picture's size, 32x16" in refused(saved(tmp_path, white(shape=(16, 16))))
    assert "no white part" in refused(saved(tmp_path, white()))
    assert "every part" in refused(saved(tmp_path, white(slice(None))))
    assert "no readable PNG" in refused(saved(tmp_path, white((0, 0)), "mask.bmp"))
    wide = saved(tmp_path, np.zeros((16, 32), np.uint16), "deep.png")
    assert "of kind I;16" in refused(wide)
    glass = np.zeros((16, 32, 4), np.uint8)
    glass[0, 0] = 255
    assert "transparent" in refused(saved(tmp_path, glass, "glass.png"))
    assert "cannot read" in refused(tmp_path / "nowhere.png")


def test_a_mask_that_claims_to_be_huge_is_not_unpacked(tmp_path):
    path = saved(tmp_path, white((0, 0)))
    data = bytearray(path.read_bytes())
    data[16:24] = (200_000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    assert refused(path)
