"""Mutations that know formats: a changed PNG chunk gets its CRC, a changed DER value its lengths, JSON stays JSON.

Bytes flipped at random rarely come further than the first check. So a value is taken apart as far as its format is
known, one part is changed (which may be taken apart again: a claim in an assertion, a certificate in a token), and it is
put together so that the layers around it hold. What cannot hold is left broken: no mutation signs anything.
"""

import base64
import binascii
import json
import re
import struct
import zlib

MAX_BYTES = 2**20
_NUMBERS = (0, 1, 2, 7, 8, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_BIG = (2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 10**16)
_TEXTS = (
    "", " ", "\0", "a" * 300, "a" * 70_000, "é", "\ud800", "\u202e", "-0", "1e999", "007", "+1", "1_000", "NaN", "0x10",
    "../../x", "/etc/passwd", "http://127.0.0.1:1/", "٣", "null", "{}", "[]", "\r\n", "\x1b[2J", "0" * 64, "f" * 64, "-1",
)  # fmt: skip
_VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    1e308,
    float("inf"),
    float("nan"),
    [],
    {},
    [[]],
    {"": None},
    *_NUMBERS,
    *_BIG,
)
_DEPTH = 4


def mutate(data, random, others=(), depth=0):
    """A changed copy of ``data``; ``others`` are inputs of the same kind to borrow from."""
    rounds = 1 if depth else random.choice((1, 1, 1, 2, 3, 6))
    for _ in range(rounds):
        known = [kind for kind in _KINDS if kind[0](data)] if depth < _DEPTH else []
        if known and random.random() < 0.85:
            try:
                data = known[0][1](data, random, others, depth)
                continue
            except Exception:
                pass  # its form was lost in an earlier round
        data = _bytes(data, random, others)
    return data[:MAX_BYTES]


def _bytes(data, random, others):
    """Changes that know no format."""
    out = bytearray(data)
    at, size = random.randrange(len(out) + 1), min(random.choice((1, 1, 2, 4, 8, 32, 512)), len(out))
    match random.randrange(11):
        case 0 if out:
            out[random.randrange(len(out))] ^= 1 << random.randrange(8)
        case 1 if out:
            out[random.randrange(len(out))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        case 2:
            out[at:at] = random.randbytes(size or 1)
        case 3:
            del out[at : at + size]
        case 4:
            del out[at:]
        case 5:
            out[at:at] = out[at : at + size] * random.choice((1, 2, 50))
        case 6:
            width, order = random.choice((1, 2, 4, 8)), random.choice(("big", "little"))
            value = random.choice((*_NUMBERS, *_BIG, len(out), max(len(out) - at, 0))) % 256**width
            out[at : at + width] = value.to_bytes(width, order)
        case 7 if others:
            donor = random.choice(others)
            start = random.randrange(len(donor) + 1)
            out[at : at + size] = donor[start : start + random.choice((size, 64, len(donor)))]
        case 8 if others:
            out = bytearray(random.choice(others))
        case 9:
            out += random.choice((b"\0", b"\n", bytes(size), random.randbytes(size), bytes(out[:size])))
        case _ if out:
            end = min(at + size, len(out))
            out[at:end] = bytes(reversed(out[at:end]))
    return bytes(out)


# --- JSON -----------------------------------------------------------------------------------------------------------


def _is_json(data):
    return data[:64].lstrip()[:1] in (b"{", b"[")


def _json(data, random, others, depth):
    text = data.decode()
    value = json.loads(text)
    places = list(_places(value))
    chance = random.random()
    if not places or chance < 0.05:
        return _deep(random) if chance < 0.02 else _bytes(data, random, others)
    holder, key = random.choice(places)
    old = holder[key]
    match random.randrange(9):
        case 0:
            holder[key] = random.choice(_VALUES)
        case 1:
            holder[key] = random.choice(_TEXTS)
        case 2:
            del holder[key]
        case 3 if isinstance(holder, dict):
            holder[random.choice((*_TEXTS, key + "x", key.upper()))] = old
        case 3:
            holder.extend([old] * random.choice((1, 20, 300)))
        case 4:
            other_holder, other_key = random.choice(places)
            holder[key], other_holder[other_key] = other_holder[other_key], old
        case 5 if others:
            donor = json.loads(random.choice(others))
            found = [there[name] for there, name in _places(donor)]
            same = [there[name] for there, name in _places(donor) if name == key]
            holder[key] = random.choice(same or found)
        case _ if isinstance(old, str):
            holder[key] = _text(old, random, depth)
        case _ if isinstance(old, int | float):
            holder[key] = random.choice((old + 1, old - 1, -old, old * 2, *_NUMBERS, *_BIG))
        case _:
            holder[key] = random.choice((*_VALUES, [old], {"": old}, str(old)))
    pretty = b"\n" in data[:200] or random.random() < 0.03
    escape = random.random() < 0.1
    made = json.dumps(value, ensure_ascii=escape, sort_keys=True, separators=None if pretty else (",", ":"))
    if random.random() < 0.03:  # a key that stands twice
        made = made.replace("{", '{"v":1,', 1)
    return made.encode("utf-8", "surrogatepass")


def _deep(random):
    count = random.choice((17, 1_000, 100_000))
    return random.choice(
        (b"[" * count, b'{"a":' * count, b"[" * count + b"]" * count, b'{"a":' * count + b"1" + b"}" * count)
    )


def _places(value):
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict | list):
            for key in one if isinstance(one, dict) else range(len(one)):
                yield one, key
                pending.append(one[key])


def _text(text, random, depth):
    """A string: hex, base64 and JSON are opened, changed inside and closed again."""
    if re.fullmatch(r"(?:[0-9a-f]{2}){4,}", text):
        return mutate(bytes.fromhex(text), random, depth=depth + 1).hex()
    if text[:1] in ("{", "[") or "\n" in text or text.startswith("-----"):
        return mutate(text.encode(), random, depth=depth + 1).decode("utf-8", "replace")
    if re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", text) and random.random() < 0.6:
        return random.choice(
            ("0", "-1", "0.1", "9" * 40, "9" * 41, "0." + "0" * 39 + "1", "1E9", "00", text + "0", f"-{text}")
        )
    opened = _base64(text)
    if opened is not None and random.random() < 0.7:
        return base64.b64encode(mutate(opened, random, depth=depth + 1)).decode()
    return _bytes(text.encode("utf-8", "surrogatepass"), random, ()).decode("utf-8", "replace")


def _base64(text):
    try:
        return base64.b64decode(text, validate=True) if len(text) >= 16 else None
    except (binascii.Error, ValueError):
        return None


# --- files of pictures ----------------------------------------------------------------------------------------------

_PNG = b"\x89PNG\r\n\x1a\n"


def _png(data, random, others, depth):
    parts, at = [], len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    parts = _list_of_parts(parts, random, others, depth, _PNG_KINDS)
    return _PNG + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


_PNG_KINDS = tuple(
    name.encode()
    for name in [
        "IHDR",
        "IDAT",
        "IEND",
        "PLTE",
        "tRNS",
        "tEXt",
        "zTXt",
        "iTXt",
        "iCCP",
        "gAMA",
        "acTL",
        "fcTL",
        "fdAT",
        "eXIf",
        "caBX",
        "pHYs",
    ]
)


def _riff(data, random, others, depth):
    parts, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    parts = _list_of_parts(
        parts, random, others, depth, (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"C2PA", b"EXIF")
    )
    body = b"".join(kind + struct.pack("<I", len(each)) + each + bytes(len(each) % 2) for kind, each in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + data[8:12] + body


def _jpeg(data, random, others, depth):
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append((data[at : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + max(length, 2)
    kinds = tuple(b"\xff" + bytes([code]) for code in (0xC0, 0xC2, 0xC4, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xEB, 0xFE))
    parts = _list_of_parts(parts, random, others, depth, kinds)
    scan = _bytes(data[at:], random, ()) if random.random() < 0.2 else data[at:]
    return data[:2] + b"".join(kind + struct.pack(">H", (len(body) + 2) % 65536) + body for kind, body in parts) + scan


def _list_of_parts(parts, random, others, depth, kinds):
    """One change to a list of (kind, body)."""
    at = random.randrange(len(parts))
    kind, body = parts[at]
    match random.randrange(10):
        case 0:
            del parts[at]
        case 1:
            parts[at:at] = [parts[at]] * random.choice((1, 1, 30))
        case 2:
            other = random.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        case 3:
            parts.insert(at, (random.choice(kinds), random.choice((b"", random.randbytes(9), body))))
        case 4:
            parts[at] = (random.choice(kinds), body)
        case _:
            parts[at] = (kind, _body(kind, body, random, depth))
    return parts


def _body(kind, body, random, depth):
    if kind == b"IHDR" and len(body) == 13 and random.random() < 0.5:
        sides = [random.choice((0, 1, 2, 64, 10_000, 65_536, 2**31 - 1)), struct.unpack(">I", body[4:8])[0]]
        random.shuffle(sides)
        return struct.pack(">II", *sides) + body[8:]
    head = {b"IDAT": 0, b"zTXt": body.find(b"\0") + 2, b"iCCP": body.find(b"\0") + 2}.get(kind)
    if head is not None and random.random() < 0.6:
        try:
            plain = zlib.decompress(body[head:])
        except zlib.error:
            return mutate(body, random, depth=depth + 1)
        bomb = bytes(random.choice((2**16, 2**24))) if random.random() < 0.05 else b""
        return body[:head] + zlib.compress(mutate(plain, random, depth=_DEPTH) + bomb, 1)
    return mutate(body, random, depth=depth + 1)


# --- boxes, DER, notes, latents -------------------------------------------------------------------------------------


def _is_boxes(data):
    return len(data) >= 16 and data[4:8] in (b"jumb", b"jumd") and int.from_bytes(data[:4], "big") == len(data)


def _boxes(data, random, others, depth):
    """JUMBF: one superbox and what is in it, lengths mended."""
    parts, at = [], 8
    while at + 8 <= len(data):
        length = max(int.from_bytes(data[at : at + 4], "big"), 8)
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + length]))
        at += length
    at = random.randrange(len(parts))
    kind, body = parts[at]
    if kind == b"jumb" and random.random() < 0.9:
        whole = struct.pack(">I", len(body) + 8) + kind + body
        parts[at] = (kind, _boxes(whole, random, others, depth)[8:])
    else:
        parts = _list_of_parts(parts, random, others, depth, (b"jumb", b"jumd", b"cbor", b"json", b"uuid"))
    inner = b"".join(struct.pack(">I", len(body) + 8) + kind + body for kind, body in parts)
    return struct.pack(">I", len(inner) + 8) + data[4:8] + inner


def _is_der(data):
    if len(data) < 8 or data[0] != 0x30:
        return False
    try:
        return _header(data, 0)[1] + _header(data, 0)[0] == len(data)
    except (IndexError, ValueError):
        return False


def _header(data, at):
    """(bytes of the header, length of the content) of the value at ``at``."""
    first = data[at + 1]
    if first < 0x80:
        return 2, first
    count = first & 0x7F
    if not 1 <= count <= 4:
        raise ValueError
    return 2 + count, int.from_bytes(data[at + 2 : at + 2 + count], "big")


def _der(data, random, others, depth):
    """One value of the tree is changed, and the lengths of all around it."""
    head, length = _header(data, 0)
    tag, content = data[0], data[head : head + length]
    children = _children(content) if tag & 0x20 or tag == 0x04 else None
    if children and random.random() < 0.92:
        at = random.randrange(len(children))
        match random.randrange(12):
            case 0:
                del children[at]
            case 1:
                children[at:at] = [children[at]] * random.choice((1, 1, 200))
            case 2:
                other = random.randrange(len(children))
                children[at], children[other] = children[other], children[at]
            case _:
                children[at] = _der(children[at], random, others, depth)
        content = b"".join(children)
    elif random.random() < 0.15:
        tag = random.choice(
            (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C, 0x13, 0x17, 0x18, 0x30, 0x31, 0xA0, 0xA1, tag ^ 0x20)
        )
    else:
        content = (
            random.choice((b"", b"\0", b"\x80" * 9, b"\xff" * 40))
            if random.random() < 0.2
            else _bytes(content, random, ())
        )
    return bytes([tag]) + _length(len(content)) + content


def _children(content):
    found, at = [], 0
    try:
        while at < len(content):
            head, length = _header(content, at)
            if at + head + length > len(content):
                return None
            found.append(content[at : at + head + length])
            at += head + length
    except (IndexError, ValueError):
        return None
    return found


def _length(count):
    if count < 0x80:
        return bytes([count])
    size = (count.bit_length() + 7) // 8
    return bytes([0x80 | size]) + count.to_bytes(size, "big")


def _is_lines(data):
    return b"\n" in data and all(byte >= 0x20 or byte in b"\n\r\t" for byte in data[:2_000])


def _lines(data, random, others, depth):
    lines = data.decode("utf-8").split("\n")
    at = random.randrange(len(lines))
    match random.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[at]] * random.choice((1, 1, 100, 2_000))
        case 2:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines.insert(at, random.choice(_TEXTS))
        case 4 if others:
            lines.insert(at, random.choice(random.choice(others).decode("utf-8", "replace").split("\n")))
        case 5 if lines[0].startswith("-----BEGIN"):
            inner = base64.b64decode("".join(line for line in lines[1:] if line and not line.startswith("-")))
            text = base64.b64encode(mutate(inner, random, depth=depth + 1)).decode()
            return f"{lines[0]}\n{text}\n-----END{lines[0][10:]}\n".encode()
        case _:
            words = re.split(r"([ +])", lines[at])
            chosen = random.randrange(len(words))
            words[chosen] = _text(words[chosen], random, depth) if words[chosen] else random.choice(_TEXTS)
            lines[at] = "".join(words)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _latent(data, random, others, depth):
    """SPL1: the header, or the integers under the compression."""
    import zstandard

    if random.random() < 0.4:
        return _bytes(data[:17], random, ()) + data[17:]
    plain = zstandard.ZstdDecompressor().decompress(data[17:], max_output_size=2**24)
    plain = plain + bytes(2**24) if random.random() < 0.02 else _bytes(plain, random, ())
    return data[:17] + zstandard.ZstdCompressor(level=1).compress(plain)


def _work(data, random, others, depth):
    """SPW1: two parts with their lengths, and a latent."""
    first = int.from_bytes(data[4:8], "big")
    second = int.from_bytes(data[8 + first : 12 + first], "big")
    parts = [data[8 : 8 + first], data[12 + first : 12 + first + second], data[12 + first + second :]]
    at = random.randrange(3)
    parts[at] = mutate(parts[at], random, depth=depth + 1)
    return data[:4] + b"".join(len(part).to_bytes(4, "big") + part for part in parts[:2]) + parts[2]


def _is_safetensors(data):
    return len(data) > 10 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def _safetensors(data, random, others, depth):
    size = int.from_bytes(data[:8], "little")
    header = mutate(data[8 : 8 + size].rstrip(), random, depth=depth + 1)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


_KINDS = (
    (_is_json, _json),
    (lambda data: data.startswith(_PNG), _png),
    (lambda data: data[:4] == b"RIFF", _riff),
    (lambda data: data[:2] == b"\xff\xd8", _jpeg),
    (_is_boxes, _boxes),
    (_is_der, _der),
    (lambda data: data[:4] == b"SPL1", _latent),
    (lambda data: data[:4] == b"SPW1", _work),
    (_is_safetensors, _safetensors),
    (_is_lines, _lines),
)
