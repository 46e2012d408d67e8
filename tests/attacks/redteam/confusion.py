"""Algorithm and version confusion: every field says something else than it should, every signature is one of another kind.

What stops it: strict parsers that refuse what they do not know, one canonical spelling (provenance.encoding), one tag for
each purpose (provenance.hashing), BIP-340's own conditions on keys and signatures, checked by two implementations
(provenance.curve). An unknown version is its own error, never a verdict.
"""

import hashlib
import json
import re
from dataclasses import replace

from provenance.encoding import canonical
from provenance.hashing import Tag, tagged_hash
from tests.attacks.redteam.threat import Threat, chance

# --- fields ---------------------------------------------------------------------------------------------------------------


def attempt_fields(lab, i):
    """One to three leaves of the claim, the recipe or the receipt say something else; the proofs are the victim's."""
    dice = chance("confused-fields", i)
    victim = dice.randrange(lab.count)
    work = lab.work(victim)
    name = ("claim", "recipe", "receipt")[i % 3]
    original = getattr(work.assertion, name)
    document = json.loads(original)
    for _ in range(dice.choice((1, 1, 2, 3))):
        confuse(dice, document, original)
    try:
        changed = canonical(document)
    except Exception:  # a value that no canonical document holds: written as other programs would
        changed = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    data = work.sign(assertion=replace(work.assertion, **{name: changed}), credentials=lab.thief_credentials)
    outcome = lab.judge(data, pooled=True, victim=victim)
    if changed != original and name != "receipt" and outcome.verdict == "the victim's":
        outcome = replace(outcome, verdict="authentic")  # a changed claim or recipe must not read as the victim's own
    return replace(outcome, figures={**outcome.figures, "document": i % 3})


def confuse(dice, document, original):
    place = dice.choice(list(leaves(document)))
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    way = dice.random()
    if way < 0.08 and isinstance(parent, dict):
        del parent[place[-1]]
    elif way < 0.16 and isinstance(parent, dict):
        parent[dice.choice(("alg", "version", "hash", "V", "v ", "kid", "crit"))] = dice.choice((1, "none", None, []))
    else:
        parent[place[-1]] = other(dice, place[-1], parent[place[-1]], original)


def other(dice, key, value, original):
    """Another value of the same field, as somebody would choose it who hopes for a careless reader."""
    if key == "v":
        return dice.choice((0, 2, 99, -1, "1", 1.0, True, None, [1], 2**53))
    if key in ("kind", "id", "scheme", "class"):
        return dice.choice(
            ("none", "", "claim ", "Claim", "bip340 ", "ecdsa", "ed25519", "sha512", "text-to-image ", None)
        )
    if isinstance(value, str) and len(value) in (64, 128) and all(c in "0123456789abcdef" for c in value):
        raw = bytes.fromhex(value)
        kinds = ("sha512", "sha3_256", "blake2s", "sha256")
        choices = [hashlib.new(kind, original).hexdigest()[: len(value)] for kind in kinds]
        choices += [tagged_hash(tag, original).hex() for tag in dice.sample(list(Tag), 4)]
        choices += [
            value.upper(),
            value[:-2],
            value + "00",
            "00" * len(raw),
            raw[::-1].hex(),
            "02" + value,
            "ff" * len(raw),
        ]
        return dice.choice([choice for choice in choices if choice != value])
    if isinstance(value, bool) or value is None:
        return dice.choice((not value, 0, "null", {}))
    if isinstance(value, int):
        return dice.choice((value + 1, -value - 1, str(value), float(value), value + 2**32, [value]))
    if isinstance(value, str):
        return dice.choice(
            (value + "0", value + " ", "+" + value, value + "e0", value + ".0", value.upper() + "x", "", 0)
        )
    return dice.choice((None, 0, "x", [value]))


def leaves(value, prefix=()):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*prefix, key))
    elif isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield from leaves(item, (*prefix, position))
    else:
        yield prefix


# --- spellings ------------------------------------------------------------------------------------------------------------


def attempt_spelling(lab, i):
    """The same values in another spelling: whoever took it would have two documents for one id."""
    from provenance.claim import parse_claim, parse_entry
    from provenance.claimfile import parse_claim_file
    from provenance.receipt import parse_receipt
    from provenance.recipe import parse_recipe
    from tests.attacks.redteam.lab import attempt as judged

    dice = chance("spellings", i)
    work = lab.work(dice.randrange(lab.count))
    name = ("claim", "recipe", "receipt", "entry", "claim file")[i % 5]
    parsers = (parse_claim, parse_recipe, parse_receipt, parse_entry, parse_claim_file)
    honest = documents(work)[name]
    changed = respell(dice, honest)
    if changed == honest:
        changed = honest + b" "
    if name in ("claim", "recipe") and i % 3 == 0 and _is_text(changed):  # and all the way through verify
        data = work.sign(assertion=replace(work.assertion, **{name: changed}))
        outcome = lab.judge(data, pooled=True)
    else:
        outcome = judged(lambda: parsers[i % 5](changed) and "accepted")
    return replace(outcome, figures={**outcome.figures, "document": i % 5})


def _is_text(data):
    """Whether a manifest can hold it at all."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def documents(work):
    from provenance.claim import format_entry
    from tests.support.disputes import claim_file

    return {
        "claim": work.assertion.claim,
        "recipe": work.assertion.recipe,
        "receipt": work.assertion.receipt,
        "entry": format_entry(work.entry),
        "claim file": claim_file(work),
    }


def respell(dice, data):
    """Other bytes for the same JSON value, or for one that a lenient reader takes for the same."""
    text = data.decode()
    way = dice.randrange(10)
    if way == 0:
        return json.dumps(
            json.loads(text), indent=dice.choice((None, 0, 1, 4)), ensure_ascii=dice.random() < 0.5
        ).encode()
    if way == 1:
        items = list(json.loads(text).items())
        dice.shuffle(items)
        return json.dumps(dict(items), separators=(",", ":"), ensure_ascii=False).encode()
    if way == 2:  # a name or letter escaped
        at = dice.choice(
            [place for place, letter in enumerate(text) if letter.isalpha() and text[place - 1] in '"abcdef']
        )
        return f"{text[:at]}\\u{ord(text[at]):04x}{text[at + 1 :]}".encode()
    if way == 3:  # the first number as a float, with an exponent, a sign, or zeros before it
        at = text.index('"v":1') + 4
        return f"{text[:at]}{dice.choice(('1.0', '1e0', '01', '+1', '10e-1', '1.'))}{text[at + 1 :]}".encode()
    if way == 4:  # a field twice
        at = text.index('"v":1')
        return f'{text[:at]}"v":{dice.choice("12")},{text[at:]}'.encode()
    if way == 5:
        return dice.choice((b"\xef\xbb\xbf" + data, data + b"\n", b" " + data, data + b"\0", data + data, data[:-1]))
    if way == 6:
        at = dice.choice([place for place, byte in enumerate(data) if byte in b",:{}["])
        return data[: at + 1] + dice.choice((b" ", b"\t", b"\r\n", b"\x0b", b"/**/")) + data[at + 1 :]
    if way == 7 and (digits := re.search(r"[0-9a-f]{64,}", text)):  # hex digits in capitals
        at = dice.choice([place for place in range(*digits.span()) if text[place].isalpha()])
        return data[:at] + data[at : at + 1].upper() + data[at + 1 :]
    if way in (7, 8):  # UTF-16, UTF-32, or an overlong letter
        at = text.index("kind")
        overlong = bytes((0xC0 | ord("k") >> 6, 0x80 | ord("k") & 0x3F))
        return dice.choice((text.encode("utf-16"), text.encode("utf-32"), data[:at] + overlong + data[at + 1 :]))
    return text.replace('"', "'").encode() if dice.random() < 0.5 else data.replace(b"}", b",}", 1)


THREATS = (
    Threat(
        name="confused-fields",
        title="Other versions, algorithms, kinds, digests and numbers in every field",
        knowledge="the published file",
        budget="milliseconds",
        method="one to three fields of claim, recipe or receipt replaced by other versions and names, digests by other hashes or under other tags, other types; fields left out or added; the victim's proofs kept",
        kind="cheap",
        attempt=attempt_fields,
    ),
    Threat(
        name="spellings",
        title="A second spelling of a signed document",
        knowledge="the published file",
        budget="microseconds",
        method="spaces, order of fields, escapes, floats, doubled fields, byte order marks, capitals, other encodings, overlong UTF-8, trailing bytes, in claim, recipe, receipt, log entry and claim file; any that is taken is a break",
        kind="cheap",
        attempt=attempt_spelling,
        success=frozenset({"authentic", "consistent", "claimed", "the victim's", "accepted"}),
        edition=2,
    ),
)
