"""Recipes and sealed prompts."""

import dataclasses
import json
import os
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.encoding import canonical
from provenance.errors import EncodingError, InvalidError, LimitError, SealedError, UnsupportedVersionError
from provenance.recipe import (
    MAX_PROMPT,
    Opening,
    Prompt,
    Scheduler,
    format_opening,
    format_recipe,
    open_sealed,
    opening_commitment,
    parse_opening,
    parse_recipe,
    recipe_digest,
    seal,
)
from tests.support.works import master, recipe

few = settings(max_examples=40)
RECIPE = recipe(bytes(32), master())
KEY = bytes(range(32))
OPENING = Opening(b"\x05" * 32, Prompt("hills \u00e9 \U0001f30a", "people"))
COMMITMENT = opening_commitment(OPENING)
prompts = st.builds(
    Prompt, *[st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x80\x00\u0080"), max_size=40)] * 2
)
openings = st.builds(Opening, st.binary(min_size=32, max_size=32), prompts)


def edited(path, value):
    document = json.loads(format_recipe(RECIPE))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return canonical(document)


@few
@given(prompts | st.binary(min_size=32, max_size=32), st.decimals(-50, 50, places=3), st.integers(1, 1000))
def test_a_recipe_survives(prompt, guidance, steps):
    made = dataclasses.replace(RECIPE, prompt=prompt, guidance=guidance, steps=steps)
    data = format_recipe(made)
    assert parse_recipe(data) == made
    assert format_recipe(parse_recipe(data)) == data
    assert made.sealed is isinstance(prompt, bytes)


@few
@given(st.data())
def test_mutated_bytes_raise_only_our_errors(data):
    raw = bytearray(format_recipe(RECIPE))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        accepted = parse_recipe(bytes(raw))
    except (InvalidError, UnsupportedVersionError):
        return
    assert format_recipe(accepted) == bytes(raw)


def test_a_long_guidance_is_not_rounded():
    text = "7." + "0" * 38 + "5"
    data = edited(("guidance",), text)
    assert format_recipe(parse_recipe(data)) == data
    assert recipe_digest(parse_recipe(data)) != recipe_digest(dataclasses.replace(RECIPE, guidance=Decimal(7)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("algorithm", "v"), 2), (("algorithm", "id"), "image-to-image"), (("noise", "v"), 2), (("latent", "v"), 2),
        (("pixels", "v"), 2), (("v",), 2), (("algorithm",), {"id": "text-to-image", "v": 2, "strength": "0.5"}),
        (("noise",), {"v": 2, "other": True}), (("pixels",), {"v": 9, "gamma": "2.2"}),
    ],
)  # fmt: skip
def test_newer_parts_are_unsupported_and_not_invalid(path, value):
    with pytest.raises(UnsupportedVersionError, match="update seedproof"):
        parse_recipe(edited(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("steps",), 0), (("steps",), 1001), (("width",), 8193), (("height",), 0), (("batch",), 2), (("dtype",), "int8"),
        (("noise", "stream"), 1), (("noise", "seed"), "ab" * 31), (("latent", "steps"), ["0.5"] * 3), (("guidance",), "2.0"),
        (("prompt",), {"sealed": "AB" * 32}), (("prompt",), {"sealed": "ab" * 32, "text": "x"}), (("prompt",), "x"),
        (("prompt", "text"), "x" * (MAX_PROMPT + 1)), (("prompt", "negative"), "x" * (MAX_PROMPT + 1)),
        (("model", "name"), ""), (("model", "name"), "a\nb"), (("model", "name"), "a\u202eb"), (("model", "components"), []),
        (("model", "components", 0, "name"), "a\u200bb"), (("scheduler", "class"), "x" * 101), (("scheduler", "config"), "x"),
        (("truncation", "tokens"), 0), (("truncation", "rule"), "keep-last"), (("parents",), ["ab" * 31]), (("more",), 1),
        (("algorithm", "more"), 1),
    ],
)  # fmt: skip
def test_refused(path, value):
    with pytest.raises(InvalidError):
        parse_recipe(edited(path, value))


def test_what_no_reader_would_take_is_not_written():
    giant = Prompt("\U0001f30a" * MAX_PROMPT, "\U0001f30a" * MAX_PROMPT)  # few characters, 80,000 bytes
    with pytest.raises(LimitError, match="shorten the prompt"):
        format_recipe(dataclasses.replace(RECIPE, prompt=giant))
    with pytest.raises(LimitError, match="shorten the prompt"):
        format_opening(Opening(bytes(32), giant))
    with pytest.raises(EncodingError):
        format_recipe(dataclasses.replace(RECIPE, scheduler=Scheduler("x", '{"beta":0.5}')))
    with pytest.raises(EncodingError):
        format_recipe(dataclasses.replace(RECIPE, prompt=Prompt("\ud800")))


# --- sealed prompts -------------------------------------------------------------------------------------------------


@few
@given(openings, st.integers(0, 2**32 - 1))
def test_a_sealed_prompt_opens(opening, index):
    sealed = seal(opening, KEY, index)
    assert open_sealed(sealed, KEY, index, opening_commitment(opening)) == opening
    assert len(sealed) % 512 == 16
    assert parse_opening(format_opening(opening)) == opening


def test_an_opening_may_be_formatted_freely():
    loose = json.dumps(json.loads(format_opening(OPENING)), indent=2).encode()
    assert parse_opening(loose) == OPENING


def test_the_length_says_little():
    lengths = {len(seal(Opening(bytes(32), Prompt("x" * n)), KEY, 0)) for n in range(350)}
    assert lengths == {512 + 16}


@pytest.mark.parametrize(
    ("key", "index", "commitment"),
    [
        (bytes(32), 0, COMMITMENT),
        (KEY, 1, COMMITMENT),
        (KEY, 0, bytes(32)),
        (KEY, 0, opening_commitment(dataclasses.replace(OPENING, salt=bytes(32)))),
        (KEY[:31], 0, COMMITMENT),
    ],
)
def test_another_key_index_or_commitment_does_not_open(key, index, commitment):
    with pytest.raises(SealedError):
        open_sealed(seal(OPENING, KEY, 0), key, index, commitment)


@pytest.mark.parametrize(
    "change", [lambda s: s[:-1], lambda s: s + b"\0", lambda s: b"", lambda s: bytes([s[0] ^ 1]) + s[1:]]
)
def test_damaged_bytes_do_not_open(change):
    with pytest.raises(SealedError):
        open_sealed(change(seal(OPENING, KEY, 0)), KEY, 0, COMMITMENT)


BODY = format_opening(OPENING)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        BODY,
        BODY + b"\x80",
        BODY + b"\x80" + b"\x01" + bytes(511 - len(BODY) - 1),
        BODY + b"\x80" + bytes(1023 - len(BODY)),
        b" " + BODY + b"\x80" + bytes(510 - len(BODY)),
        format_opening(dataclasses.replace(OPENING, salt=bytes(32))) + b"\x80" + bytes(511 - len(BODY)),
        b"\x80" + bytes(511),
        bytes(512),
        b"[" * 511 + b"\x80",
    ],
)
def test_the_authors_own_program_must_pad_and_encode_rightly(plain):
    sealed = ChaCha20Poly1305(KEY).encrypt(bytes(12), plain, COMMITMENT)
    with pytest.raises(SealedError):
        open_sealed(sealed, KEY, 0, COMMITMENT)
    good = ChaCha20Poly1305(KEY).encrypt(bytes(12), BODY + b"\x80" + bytes(511 - len(BODY)), COMMITMENT)
    assert open_sealed(good, KEY, 0, COMMITMENT) == OPENING


def test_the_salt_hides_equal_prompts():
    commitments = {opening_commitment(Opening(os.urandom(32), Prompt("same"))) for _ in range(20)}
    assert len(commitments) == 20
