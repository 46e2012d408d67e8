"""The one XMP packet that a canonical file may hold, and every other one refused."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from provenance.errors import EncodingError, UsageError
from provenance.pixels import encode_png, read_picture
from provenance.xmp import MAX_XMP_BYTES, Xmp, format_xmp, parse_xmp

RGB = np.zeros((4, 4, 3), np.uint8)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=60)


@given(TEXT, TEXT, TEXT)
def test_a_packet_is_read_back(prompt, system, version):
    xmp = Xmp(prompt, system, version)
    assert parse_xmp(format_xmp(xmp)) == xmp
    assert read_picture(encode_png(RGB, xmp=xmp)).width == 4


@given(st.integers(0, 700), st.integers(0, 255))
def test_a_changed_packet_is_another_value_or_refused(place, byte):
    data = bytearray(format_xmp(Xmp("a & b", "s", "1")))
    data[place % len(data)] = byte
    try:
        found = parse_xmp(bytes(data))
    except EncodingError:
        return
    assert format_xmp(found) == bytes(data)


def test_values_with_marks_lines_and_tabs():
    xmp = Xmp("<b>&amp;\r\n\tx &#10; ]]>", "'\"", "é日🦊")
    data = format_xmp(xmp)
    assert parse_xmp(data) == xmp
    import xml.etree.ElementTree as ET

    told = {
        e.tag.rpartition("}")[2]: e.text
        for e in ET.fromstring(data.decode().partition("?>")[2].rpartition("<?")[0]).iter()
    }
    assert told["AIPromptInformation"] == xmp.prompt
    assert told["AISystemUsed"] == xmp.system
    assert told["AISystemVersionUsed"] == xmp.version
    assert told["DigitalSourceType"].endswith("/trainedAlgorithmicMedia")


@pytest.mark.parametrize("value", ["a\0b", "\x0b", "\x1f", "\ufffe", "\ud800"])
def test_characters_that_xml_cannot_hold(value):
    with pytest.raises(UsageError):
        format_xmp(Xmp(value))


def test_a_packet_beyond_the_limit():
    with pytest.raises(UsageError):
        format_xmp(Xmp("x" * MAX_XMP_BYTES))
    with pytest.raises(EncodingError):
        parse_xmp(b" " * (MAX_XMP_BYTES + 1))


HONEST = format_xmp(Xmp("p", "s", "v")).decode()


@pytest.mark.parametrize(
    "hostile",
    [
        HONEST.replace("<Iptc4xmpExt:AISystemUsed>", '<tiff:Orientation xmlns:tiff="x">6</tiff:Orientation><Iptc4xmpExt:AISystemUsed>'),
        HONEST.replace('rdf:about=""', 'rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"'),
        HONEST.replace(">p<", "><![CDATA[p]]><"),
        HONEST.replace(">p<", ">&#112;<"),
        HONEST.replace("<?xpacket begin", "<!DOCTYPE x [<!ENTITY e 'x'>]><?xpacket begin"),
        HONEST + " ",
        "",
        "<x:xmpmeta/>",
    ],
)  # fmt: skip
def test_xmp_that_could_turn_the_picture_is_refused(hostile):
    with pytest.raises(EncodingError):
        parse_xmp(hostile.encode())
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", hostile)
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "PNG", pnginfo=info)
    with pytest.raises(EncodingError, match="XMP"):
        read_picture(out.getvalue())


@pytest.mark.parametrize("options", [{"zip": True}, {"lang": "en"}, {"tkey": "x"}, "tEXt", "twice", "upper"])
def test_the_packet_stands_in_one_plain_chunk_of_its_kind(options):
    info = PngImagePlugin.PngInfo()
    if options == "tEXt":
        info.add_text("XML:com.adobe.xmp", "<x:xmpmeta/>")
    elif options == "upper":
        info.add_itxt("xml:com.adobe.XMP", HONEST)
    elif options == "twice":
        info.add_itxt("XML:com.adobe.xmp", HONEST)
        info.add_itxt("XML:com.adobe.xmp", HONEST)
    else:
        info.add_itxt("XML:com.adobe.xmp", HONEST, **options)
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "PNG", pnginfo=info)
    with pytest.raises(EncodingError, match="XMP"):
        read_picture(out.getvalue())
