"""Tagged hashes and the registry of tags."""

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.hashing import DIGEST_SIZE, Tag, tagged_hash

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"


@given(st.sampled_from(Tag), st.binary(max_size=200))
def test_is_the_formula_of_bip340(tag, message):
    prefix = hashlib.sha256(str(tag).encode()).digest()
    assert tagged_hash(tag, message) == hashlib.sha256(prefix + prefix + message).digest()
    assert len(tagged_hash(tag, message)) == DIGEST_SIZE


def test_one_tag_for_one_purpose():
    assert len({str(tag) for tag in Tag}) == len(Tag.__members__) == len(Tag)
    assert len({tagged_hash(tag, b"same") for tag in Tag}) == len(Tag)
    for tag in Tag:
        assert re.fullmatch(r"seedproof/v1/[a-z-]+(/[a-z]+)?", tag, re.ASCII)


def test_the_protocol_names_no_tag_that_is_not_in_the_registry():
    named = set(re.findall(r"seedproof/v1/[a-z/-]*[a-z]", PROTOCOL.read_text()))
    first_line_of_a_note = "seedproof/v1/keys"
    assert named - {first_line_of_a_note} <= {str(tag) for tag in Tag}
    assert len(named) > 12


def test_a_string_is_no_tag():
    with pytest.raises(KeyError):
        tagged_hash("seedproof/v1/another", b"")
