"""The one XMP packet that may stand in a canonical file: how the picture came to be, in the words of IPTC.

XMP can turn, crop and recolour a picture in the eyes of a viewer, so a packet is taken only if it is byte for byte what
:func:`format_xmp` writes: fixed properties of the namespace Iptc4xmpExt (IPTC Photo Metadata Standard 2025.1), in this
order, values escaped in one way. format(parse(x)) == x decides; whatever is not in the template is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provenance.errors import EncodingError, UsageError

__all__ = ["DIGITAL_SOURCE", "MAX_XMP_BYTES", "Xmp", "format_xmp", "parse_xmp"]

DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for what a trained model made."""

MAX_XMP_BYTES = 131_072
"""Two prompts of 10,000 characters, escaped."""

_HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">\n'
    f"<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE}</Iptc4xmpExt:DigitalSourceType>\n"
)
_TAIL = '</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="r"?>'
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_PROPERTIES = (("AIPromptInformation", "prompt"), ("AISystemUsed", "system"), ("AISystemVersionUsed", "version"))
_PACKET = re.compile(
    re.escape(_HEAD)
    + "".join(f"(?:<Iptc4xmpExt:{name}>(?P<{field}>[^<>]*)</Iptc4xmpExt:{name}>\n)?" for name, field in _PROPERTIES)
    + re.escape(_TAIL)
)


@dataclass(frozen=True)
class Xmp:
    """Values of the IPTC properties; the empty string leaves one out."""

    prompt: str = ""
    system: str = ""
    version: str = ""


def format_xmp(xmp: Xmp) -> bytes:
    """The packet in UTF-8.

    Raises:
        UsageError: a value with characters that XML cannot hold, or too long.
    """
    lines = []
    for name, field in _PROPERTIES:
        value: str = getattr(xmp, field)
        if _UNPRINTABLE.search(value):
            raise UsageError(f"XMP {name}: a character that XML cannot hold")
        if value:
            escaped = "".join(_ESCAPES.get(character, character) for character in value)
            lines.append(f"<Iptc4xmpExt:{name}>{escaped}</Iptc4xmpExt:{name}>\n")
    data = (_HEAD + "".join(lines) + _TAIL).encode()
    if len(data) > MAX_XMP_BYTES:
        raise UsageError(f"XMP: {len(data)} bytes are more than {MAX_XMP_BYTES}")
    return data


def parse_xmp(data: bytes) -> Xmp:
    """Inverse of :func:`format_xmp`.

    Raises:
        EncodingError: any other packet.
    """
    found = None
    if len(data) <= MAX_XMP_BYTES:
        found = _PACKET.fullmatch(data.decode("utf-8", "replace"))
    if found is None:
        raise EncodingError("XMP: not the packet that is allowed here")
    xmp = Xmp(**{field: _unescape(found[field] or "") for _, field in _PROPERTIES})
    try:
        same = format_xmp(xmp) == data
    except UsageError:
        same = False
    if not same:
        raise EncodingError("XMP: not the packet that is allowed here")
    return xmp


def _unescape(text: str) -> str:
    for character, escape in reversed(_ESCAPES.items()):
        text = text.replace(escape, character)
    return text
