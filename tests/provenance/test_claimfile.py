"""Claim files: one form, strict, bounded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.claimexport import export_claim
from provenance.claimfile import ClaimFile, format_claim_file, looks_like_claim_file, parse_claim_file
from provenance.encoding import canonical
from provenance.errors import EncodingError, SealedError, SeedproofError, UnsupportedVersionError
from provenance.latent import latent_digest
from provenance.pixels import encode_png
from provenance.recipe import Opening, Prompt
from provenance.sidecar import format_sidecar, make_sidecar
from tests.support.entrylog import EntryLog
from tests.support.pictures import NOW
from tests.support.works import make_work


def exported(**changes):
    return export_claim(make_work(**changes), "hills.png", NOW)


def test_a_claim_file_is_read_as_it_was_written():
    data = format_claim_file(exported())
    file = parse_claim_file(data)
    assert format_claim_file(file) == data
    assert canonical(json.loads(data)) == data
    assert looks_like_claim_file(data)
    assert latent_digest(file.integers) == file.entry.claim.latent.digest
    assert file.opening is None


def test_a_picture_is_no_claim_file():
    assert not looks_like_claim_file(make_work())
    with pytest.raises(EncodingError):
        parse_claim_file(make_work()[:60_000])


def test_a_receipt_travels_with_the_claim():
    log = EntryLog()
    made = exported(log=log)
    assert made.receipt is not None
    assert parse_claim_file(format_claim_file(made)).receipt == made.receipt


def test_an_opening_must_be_of_this_prompt():
    with pytest.raises(SealedError, match=r"hills\.png"):
        export_claim(make_work(), "hills.png", NOW, Opening(bytes(32), Prompt("hills")))


def test_a_false_sidecar_is_left_out():
    log = EntryLog()
    other = exported(number=1, log=log)
    from provenance.claim import format_entry

    sidecar = format_sidecar(make_sidecar(format_entry(other.entry), other.receipt))
    assert export_claim(make_work(), "hills.png", NOW, sidecar=sidecar).receipt is None
    assert export_claim(make_work(), "hills.png", NOW, sidecar=b"{}").receipt is None


@pytest.mark.parametrize("name", ["kind", "v", "entry", "recipe", "latent", "receipt", "opening"])
def test_every_field_is_needed(name):
    document = json.loads(format_claim_file(exported()))
    del document[name]
    with pytest.raises(EncodingError):
        parse_claim_file(canonical(document))


@pytest.mark.parametrize(
    ("name", "value"),
    [("latent", "zz"), ("latent", 1), ("entry", []), ("recipe", None), ("receipt", {}), ("opening", "x"), ("more", 1)],
)
def test_wrong_fields_are_refused(name, value):
    document = json.loads(format_claim_file(exported())) | {name: value}
    with pytest.raises(EncodingError):
        parse_claim_file(canonical(document))


def test_a_newer_version_is_not_called_invalid():
    document = json.loads(format_claim_file(exported())) | {"v": 2}
    with pytest.raises(UnsupportedVersionError):
        parse_claim_file(canonical(document))


@given(st.data())
def test_damaged_claim_files_give_our_errors_alone(data):
    honest = bytearray(format_claim_file(exported_once()))
    place = data.draw(st.integers(0, len(honest) - 1))
    honest[place] ^= data.draw(st.integers(1, 255))
    try:
        file = parse_claim_file(bytes(honest))
        assert format_claim_file(file) == bytes(honest)
        file.integers  # noqa: B018 - decodes
    except SeedproofError:
        pass


_once: list[ClaimFile] = []


def exported_once():
    if not _once:
        _once.append(exported())
    return _once[0]


def test_a_picture_without_a_claim_is_told():
    from provenance.errors import UnprovedError
    from tests.support.pictures import pixels

    with pytest.raises(UnprovedError, match=r"hills\.png"):
        export_claim(encode_png(pixels()), "hills.png", NOW)
