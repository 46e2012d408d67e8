"""Where the claim comes from that a picture without a manifest is compared with."""

import pytest

from provenance.claim import format_entry
from provenance.claimexport import export_claim
from provenance.claimfile import format_claim_file
from provenance.errors import EncodingError, UnprovedError, UsageError
from provenance.findclaim import find_claims
from provenance.pixels import read_picture
from provenance.policy import Policy
from provenance.receipt import parse_receipt
from provenance.recipe import format_recipe
from provenance.verify import Request
from tests.support.entrylog import EntryLog
from tests.support.pictures import NOW
from tests.support.trust import id_of
from tests.support.works import make_work


class Keeping(EntryLog):
    """A log that also keeps recipes and latents."""

    def __init__(self):
        super().__init__()
        self.blobs = {}

    def get_blob(self, digest, *, limit):
        found = self.blobs.get(digest)
        assert found is None or len(found) <= limit
        return found

    def keep(self, number, *, with_latent=True):
        file = export_claim(make_work(number), "x.png", NOW)
        self.submit(format_entry(file.entry))
        self.blobs[file.entry.claim.recipe] = format_recipe(file.recipe)
        if with_latent:
            self.blobs[file.entry.claim.latent.digest] = file.latent
        return file


def request(ledger=None):
    return Request(policy=Policy(), now=NOW, ledger=ledger)


def pixels(number=0):
    return read_picture(make_work(number)).rgb


def test_a_claim_file_needs_no_log():
    data = format_claim_file(export_claim(make_work(), "x.png", NOW))
    found = find_claims(pixels(), request(), claim_source=(None, data))
    assert [work.identifier for work in found.works] == [id_of(make_work())]
    assert found.works[0].faults == ()


def test_a_file_that_is_no_claim_file_is_refused():
    with pytest.raises(EncodingError):
        find_claims(pixels(), request(), claim_source=(None, b'{"entry":1}'))


def test_everything_else_needs_a_log():
    with pytest.raises(UsageError, match="--ledger"):
        find_claims(pixels(), request(), claim_source=(bytes(32), None))
    with pytest.raises(UsageError, match="--ledger"):
        find_claims(pixels(), request())


def test_a_claim_id_is_fetched_with_a_receipt():
    log = Keeping()
    log.keep(0)
    log.keep(1)
    found = find_claims(pixels(), request(log), claim_source=(id_of(make_work(1)), None))
    assert found.works[0].identifier == id_of(make_work(1))
    assert parse_receipt(found.works[0].receipt).index == 1


def test_a_claim_without_its_latent_in_the_log_is_told():
    log = Keeping()
    log.keep(0, with_latent=False)
    with pytest.raises(UnprovedError, match="claim export"):
        find_claims(pixels(), request(log), claim_source=(id_of(make_work()), None))
    with pytest.raises(UnprovedError, match="no claim"):
        find_claims(pixels(), request(log), claim_source=(bytes(32), None))


def test_exactly_these_pixels_are_found():
    log = Keeping()
    log.keep(1)
    log.keep(0)
    assert find_claims(pixels(), request(log)).works[0].identifier == id_of(make_work())
    with pytest.raises(UnprovedError, match="--author"):
        find_claims(pixels(5), request(log))


def test_an_authors_works_are_candidates_and_bounded(monkeypatch):
    monkeypatch.setattr("provenance.findclaim.MAX_CANDIDATES", 2)
    log = Keeping()
    files = [log.keep(number) for number in range(3)]
    key = files[0].entry.claim.authors[0].hex()
    found = find_claims(pixels(), request(log), author=key)
    assert [work.identifier for work in found.works] == [id_of(make_work(1)), id_of(make_work(2))]
    assert "newest 2 of 3" in found.where
    with pytest.raises(UsageError, match="--author"):
        find_claims(pixels(), request(log), author="zz")
    with pytest.raises(UnprovedError):
        find_claims(pixels(), request(log), author="00" * 32)


def test_a_log_that_answers_with_false_blobs_gives_a_broken_work():
    log = Keeping()
    file, other = log.keep(0), log.keep(1)
    log.blobs[file.entry.claim.latent.digest] = other.latent
    found = find_claims(pixels(), request(log), claim_source=(id_of(make_work()), None))
    assert found.works[0].faults
    assert found.works[0].integers is None
