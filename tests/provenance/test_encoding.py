"""Canonical JSON and strict parsers: one value, one spelling; whatever comes in, only our errors come out."""

import json
import struct
import time
from decimal import Decimal, localcontext

import numpy as np
import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provenance.encoding import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_INTEGER,
    Fields,
    canonical,
    decimal_string,
    format_hex,
    parse_canonical,
    parse_decimal,
    parse_hex,
    parse_json,
)
from provenance.errors import EncodingError, InvalidError, LimitError, UnsupportedVersionError

scalars = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4),
    max_leaves=6,
)
few = settings(max_examples=30)


def nested(depth):
    return b"[" * depth + b"]" * depth


@few
@given(values)
def test_canonical_survives_parsing(value):
    data = canonical(value)
    assert parse_canonical(data, "x") == value
    assert canonical(parse_json(data, "x")) == data


@few
@given(values, st.sampled_from([{"indent": 1}, {"ensure_ascii": False}, {"separators": (" , ", " : ")}]))
def test_formatting_is_free_in_parse_json_alone(value, style):
    loose = json.dumps(value, **style).encode()
    assert parse_json(loose, "x") == value
    if loose != canonical(value):
        with pytest.raises(EncodingError, match="canonical form"):
            parse_canonical(loose, "x")


@few
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff")
@example(b"\\")
@example(b'"\\')
@example(b'{"a":')
def test_random_bytes_raise_only_our_errors(data):
    try:
        value = parse_json(data, "x")
    except InvalidError:
        return
    assert parse_json(canonical(value), "x") == value


@few
@given(values, st.data())
def test_mutated_documents_raise_only_our_errors(value, data):
    text = bytearray(canonical(value))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(text) - 1))
        text[position] = data.draw(st.sampled_from(b'[]{}",:\\0-9.eEtfn\x00\xff u'))
    try:
        accepted = parse_canonical(bytes(text), "x")
    except InvalidError:
        return
    assert canonical(accepted) == bytes(text)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a":1,"a":1}', "stands twice"),
        (b'{"a":{"b":1,"b":2}}', "stands twice"),
        (b'{"a":1,"\\u0061":1}', "stands twice"),
        (b"1.0", "no integer"),
        (b"1e3", "no integer"),
        (b"-1.5E-3", "no integer"),
        (b"NaN", "no integer"),
        (b"-Infinity", "no integer"),
        (b"-0", "canonical integer"),
        (b"9007199254740992", "no canonical encoding"),
        (b"-9007199254740992", "no canonical encoding"),
        (b"1" * 17, "canonical integer"),
        (b"1" * 60_000, "canonical integer"),
        (b"01", "not JSON"),
        (b"+1", "not JSON"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\udc00":1}', "lone surrogate"),
        (b'"\\ud83d\\ud83d"', "lone surrogate"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"{} {}", "not JSON"),
        (b"{}\x00", "not JSON"),
        (b'"\n"', "not JSON"),
        (b"'a'", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{1:2}", "not JSON"),
        (b"// x\n1", "not JSON"),
        (b"", "not JSON"),
        (b"undefined", "not JSON"),
    ],
)
def test_refused(data, message):
    with pytest.raises(EncodingError, match=f"^thing: .*{message}"):
        parse_json(data, "thing")


def test_integers_up_to_the_limit():
    assert parse_json(b"[9007199254740991,-9007199254740991]", "x") == [MAX_INTEGER, -MAX_INTEGER]
    for wrong in (MAX_INTEGER + 1, -MAX_INTEGER - 1, 10**400):
        with pytest.raises(EncodingError):
            canonical(wrong)


def test_depth_is_limited_alike_in_both_directions():
    value = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert parse_canonical(canonical(value), "x") == value
    with pytest.raises(EncodingError, match="nested deeper"):
        canonical([value])
    with pytest.raises(LimitError, match="nested deeper"):
        parse_json(nested(MAX_DEPTH + 1), "x")


@pytest.mark.parametrize(
    "data",
    [
        nested(100_000),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'["\\"",' * 100_000,
        b'""' + b"[" * 100_000,
        b"]" * 50 + b"[" * 100_000,
    ],
)
def test_deep_nesting_never_reaches_the_parsers_stack(data):
    with pytest.raises(InvalidError):
        parse_json(data, "x", limit=2**21)


def test_brackets_inside_strings_are_no_nesting():
    text = '[[["\\"' + "[{" * 1000 + '"]]]'
    assert parse_json(text.encode(), "x") == [[['"' + "[{" * 1000]]]


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b"a" * 10_000_000,
        b'"' + b"\\" * 9_999_999,
        b'"' + b'\\"' * 5_000_000,
        b'["' + b'\\"[' * 3_000_000,
        b'"' + b"\\\\" * 5_000_000 + b'"x',
    ],
    ids=["open", "backslashes", "escaped quotes", "brackets", "tail"],
)
def test_ten_megabytes_of_string_take_linear_time(data):
    start = time.process_time()
    with pytest.raises(EncodingError):
        parse_json(data, "x", limit=2**24)
    assert time.process_time() - start < 5


def test_size_is_limited():
    inside = b'"' + b"x" * (MAX_DOCUMENT_BYTES - 2) + b'"'
    assert len(parse_json(inside, "x")) == MAX_DOCUMENT_BYTES - 2
    with pytest.raises(LimitError, match="65537 bytes"):
        parse_json(inside + b" ", "x")


@pytest.mark.parametrize(
    "value", [1.5, 1.0, float("nan"), b"x", {1: 2}, {None: 1}, {1}, object(), "\ud800", {"\ud800": 1}]
)
def test_canonical_refuses_other_types(value):
    for wrapped in (value, [value], {"a": value}):
        with pytest.raises(EncodingError):
            canonical(wrapped)


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda items: st.lists(items, max_size=4) | st.dictionaries(keys, items, max_size=4),
    max_leaves=12,
)


@given(anything)
def test_canonical_is_what_the_library_for_rfc_8785_writes(value):
    assert canonical(value) == rfc8785.dumps(value)


def test_keys_are_sorted_by_utf16_code_units():
    value = {"\ue000": 1, "\U00010000": 2, "\ud7ff": 3, "z": {"\uffff": 1, "\U0010ffff": 2}}
    assert canonical(value) == rfc8785.dumps(value)
    assert list(json.loads(canonical(value))) == ["z", "\ud7ff", "\U00010000", "\ue000"]


def test_canonical_refuses_a_cycle():
    value = []
    value.append(value)
    with pytest.raises(EncodingError):
        canonical(value)


def test_nothing_is_normalised():
    assert canonical("e\u0301") != canonical("\u00e9")
    assert parse_json(canonical("e\u0301"), "x") == "e\u0301"


# --- decimal strings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0, "0"), (-0.0, "0"), (Decimal("-0.00"), "0"), (2, "2"), (2.0, "2"), ("2.50", "2.5"), (-7.5, "-7.5"),
        (0.1, "0.1"), (1e-7, "0.0000001"), (1e22, "10000000000000000000000"), (100, "100"), (Decimal("1E+3"), "1000"),
        (5e-40, "0." + "0" * 39 + "5"), (np.float64(0.5), "0.5"), (Decimal("1.2300E+1"), "12.3"),
    ],
)  # fmt: skip
def test_decimal_string(value, text):
    assert decimal_string(value) == text


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        "sNaN",
        "x",
        "",
        1e41,
        5e-324,
        "1E+999999999",
        "1E-999999999",
        "0." + "1" * 41,
        "1" * 41,
        None,
    ],
)
def test_decimal_string_refuses(value):
    with pytest.raises(EncodingError):
        decimal_string(value)


@few
@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30).filter(
        lambda x: x == 0 or abs(x) > 1e-20
    )
)
def test_floats_survive(value):
    text = decimal_string(value)
    assert float(parse_decimal(text, "x")) == value
    assert struct.pack(">d", value + 0.0) == struct.pack(">d", float(text))


@few
@given(st.from_regex(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{0,39}[1-9])?", fullmatch=True, alphabet="-.0123456789"))
@example("1." + "0" * 38 + "1")
@example("9" * 40 + "." + "9" * 40)
def test_every_spelling_of_the_grammar_is_the_only_one(text):
    """Were a decimal rounded when written, two claims of different bytes would have one id."""
    if text == "-0":
        return
    with localcontext() as context:
        context.prec = 5
        assert decimal_string(parse_decimal(text, "x")) == text


@pytest.mark.parametrize(
    "text",
    ["2.0", "+1", "1e3", "-0", ".5", "5.", "00", "01", "-01", "0.10", "-0.0", "", " 1", "1\n", "1_0", "NaN", "\u0661", "1,5", "--1",
     "1" * 41, "0." + "1" * 41, 1, 1.5, None, True, ["1"]],
)  # fmt: skip
def test_parse_decimal_refuses(text):
    with pytest.raises(EncodingError, match="canonical decimal"):
        parse_decimal(text, "x")


# --- hex ------------------------------------------------------------------------------------------------------------


@few
@given(st.binary(max_size=40))
def test_hex_survives(data):
    assert parse_hex(format_hex(data), "x") == data
    assert parse_hex(format_hex(data), "x", size=len(data)) == data
    with pytest.raises(EncodingError):
        parse_hex(format_hex(data), "x", size=len(data) + 1)


@pytest.mark.parametrize(
    "text", ["A0", "aG", "a", "0x", " a", "a\n", "ab\n", "\u0661\u0661", "--", "ab cd", None, 12, b"ab", ["ab"]]
)
def test_parse_hex_refuses(text):
    with pytest.raises(EncodingError):
        parse_hex(text, "x")


def test_hex_is_limited():
    assert parse_hex("ab" * 5, "x", limit=5) == b"\xab" * 5
    with pytest.raises(LimitError):
        parse_hex("ab" * 6, "x", limit=5)


# --- Fields ---------------------------------------------------------------------------------------------------------

THING = {
    "kind": "thing",
    "v": 1,
    "text": "abc",
    "number": 5,
    "binary": "abcd",
    "decimal": "1.5",
    "list": ["00", "01"],
    "inner": {"word": "yes"},
    "maybe": None,
}


def read(value):
    with Fields(value, "thing") as f:
        f.version("thing")
        result = [f.text("text", limit=3, low=1), f.integer("number", low=1, high=9), f.binary("binary", size=2)]
        result += [f.decimal("decimal"), f.array("list", parse_hex, limit=2, low=1)]
        with f.object("inner") as inner:
            result.append(inner.choice("word", ("yes", "no")))
        result.append(f.integer("maybe") if f.optional("maybe") else None)
    return result


def test_fields_reads_every_type():
    assert read(THING) == ["abc", 5, b"\xab\xcd", Decimal("1.5"), (b"\x00", b"\x01"), "yes", None]
    assert read(THING | {"maybe": 3})[-1] == 3
    assert set(THING) == {"kind", "v", "text", "number", "binary", "decimal", "list", "inner", "maybe"}


@pytest.mark.parametrize("name", THING)
def test_fields_wants_every_field(name):
    with pytest.raises(EncodingError, match=f"field '{name}' is missing"):
        read({key: value for key, value in THING.items() if key != name})


@few
@given(st.dictionaries(st.sampled_from(sorted(THING)), values, min_size=1), st.booleans())
def test_fields_raises_only_our_errors(changes, extra):
    value = THING | changes | ({"more": 1} if extra else {})
    try:
        read(value)
    except (InvalidError, UnsupportedVersionError):
        return
    assert not extra


@few
@given(values)
def test_fields_takes_any_value(value):
    with pytest.raises((InvalidError, UnsupportedVersionError)):
        read(value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"more": 1}, EncodingError, "thing: unknown field 'more'"),
        ({"inner": {"word": "yes", "more": 1}}, EncodingError, "thing: inner: unknown field 'more'"),
        ({"inner": []}, EncodingError, "thing: inner: must be an object"),
        ({"kind": "other"}, EncodingError, "kind must be 'thing'"),
        ({"v": 2}, UnsupportedVersionError, "version 2 is not known"),
        ({"v": 0}, UnsupportedVersionError, "version 0 is not known"),
        ({"v": True}, EncodingError, "v must be an integer"),
        ({"v": "1"}, EncodingError, "v must be an integer"),
        ({"v": -1}, EncodingError, "v must be an integer"),
        ({"text": ""}, LimitError, "1 to 3 characters"),
        ({"text": "abcd"}, LimitError, "1 to 3 characters"),
        ({"text": None}, EncodingError, "text must be a string"),
        ({"number": 0}, EncodingError, "from 1 to 9"),
        ({"number": 10}, EncodingError, "from 1 to 9"),
        ({"number": True}, EncodingError, "from 1 to 9"),
        ({"number": 5.0}, EncodingError, "from 1 to 9"),
        ({"binary": "abc"}, EncodingError, "2 bytes"),
        ({"list": []}, LimitError, "1 to 2 items"),
        ({"list": ["00"] * 3}, LimitError, "1 to 2 items"),
        ({"list": "00"}, EncodingError, "must be an array"),
        ({"list": ["00", "0"]}, EncodingError, r"list\[1\]"),
        ({"inner": {"word": "maybe"}}, EncodingError, "one of yes, no"),
        ({"inner": {"word": ["yes"]}}, EncodingError, "one of yes, no"),
    ],
)
def test_fields_refuses(change, error, message):
    with pytest.raises(error, match=message):
        read(THING | change)


def test_a_newer_version_is_told_before_its_unknown_fields():
    with pytest.raises(UnsupportedVersionError, match="update seedproof"):
        read(THING | {"v": 2, "more": 1})


def test_an_error_inside_is_not_hidden_by_what_is_left_over():
    with pytest.raises(ZeroDivisionError), Fields({"a": 1}, "x"):
        _ = 1 // 0


def test_fields_does_not_change_what_it_reads():
    value = {"a": 1}
    with Fields(value, "x") as f:
        f.take("a")
    assert value == {"a": 1}
