"""What other programs read in our pictures, and that a sealed or anonymous work tells them nothing more than verify does."""

import io

import pytest
from PIL import Image

from generator.create import create
from generator.metadata import KEPT_KEYWORDS, foreign_text, picture_text, picture_xmp
from provenance.chunks import png_chunks
from provenance.commitment import commit
from provenance.derivation import derive_author
from provenance.errors import InvalidError, UsageError
from provenance.pixels import read_picture
from provenance.recipe import Prompt
from provenance.report import Verdict
from provenance.xmp import DIGITAL_SOURCE, parse_xmp
from tests.generator.studio import job, studio
from tests.support.forge import judge, made, parts_of


def packet(data):
    (found,) = [c for c in png_chunks(data) if c.kind == b"iTXt" and bytes(c.body).startswith(b"XML:com.adobe.xmp")]
    return bytes(found.body).partition(b"\0\0\0\0\0")[2]


def test_a_created_picture_says_what_it_is_and_is_still_authentic(tmp_path):
    work = create(job(tmp_path / "a.png", "a calm lake\nat dawn, 日本 <b>&", steps=12), studio(tmp_path))
    data = work.path.read_bytes()
    assert judge(data).verdict is Verdict.AUTHENTIC
    with Image.open(io.BytesIO(data)) as image:
        text = image.text["parameters"]
    assert text.startswith("a calm lake\nat dawn, 日本 <b>&\nSteps: 12, Sampler: FlowMatchEulerDiscrete, CFG scale: 2")
    assert "Size: 128x128" in text
    assert " Seed:" not in text
    _, recipe, *_ = parts_of(data)
    assert f"Seedproof seed: {recipe.seed.hex()}" in text
    xmp = parse_xmp(packet(data))
    assert xmp.prompt == "a calm lake\nat dawn, 日本 <b>&"
    assert "seedproof" in xmp.system
    assert DIGITAL_SOURCE.encode() in packet(data)
    read_picture(data)


def test_the_negative_prompt_stands_on_its_own_line():
    recipe = made().recipe
    from dataclasses import replace

    text = picture_text(replace(recipe, prompt=Prompt("hills", "city, night")))["parameters"]
    assert text.splitlines()[:2] == ["hills", "Negative prompt: city, night"]


def test_a_sealed_prompt_is_told_nowhere(tmp_path):
    work = create(job(tmp_path / "a.png", "a secret lighthouse", seal_prompt=True), studio(tmp_path))
    data = work.path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        assert "parameters" not in image.text
    assert parse_xmp(packet(data)).prompt == ""
    for chunk in png_chunks(data):
        assert b"lighthouse" not in bytes(chunk.body)


def test_an_anonymous_work_names_nobody(tmp_path):
    room = studio(tmp_path)
    one, two = (create(job(tmp_path / f"{n}.png", anonymous=True), room).path.read_bytes() for n in "ab")
    author = commit(derive_author(room.master)).hex().encode()
    for data in (one, two):
        for chunk in png_chunks(data):
            if chunk.kind in (b"tEXt", b"iTXt"):
                assert author not in bytes(chunk.body)
                assert b"Ann" not in bytes(chunk.body)
    assert packet(one) == packet(two)  # nothing in it but model and prompt


def test_prompts_that_xml_or_png_cannot_hold_are_left_out():
    from dataclasses import replace

    recipe = made().recipe
    assert picture_text(replace(recipe, prompt=Prompt("a\0b"))) == {}
    assert picture_xmp(replace(recipe, prompt=Prompt("a\x07b"))).prompt == ""
    assert picture_xmp(recipe).prompt == recipe.prompt.text


def test_foreign_text_is_kept_by_keyword():
    from PIL import PngImagePlugin

    notes = PngImagePlugin.PngInfo()
    for name in KEPT_KEYWORDS:
        notes.add_text(name, f"about {name} 日本")
    notes.add_text("XML:com.adobe.xmp", "<x/>")
    notes.add_text("Software", "x")
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG", pnginfo=notes)
    assert foreign_text(out.getvalue()) == {name: f"about {name} 日本" for name in KEPT_KEYWORDS}


def test_foreign_files_that_cannot_be_read():
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    for data in (b"", b"GIF89a", out.getvalue()[:-20], out.getvalue() + b"x"):
        with pytest.raises((InvalidError, UsageError)):
            foreign_text(data)
