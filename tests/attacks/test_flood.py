"""Strangers who log so much about a work that what matters would be out of sight; against the real service."""

import pytest

from ledger.client import open_ledger
from ledger.log import open_log, prepare
from ledger.server.ownership import owners_of
from provenance.claim import claim_id, parse_entry
from provenance.curve import public_key
from provenance.entry import parse_any
from provenance.errors import InvalidError
from provenance.followup import body_id, format_follow_up, sign_attestation
from provenance.followup_body import Attestation
from provenance.history import read_history
from provenance.ownership import Indexed
from tests.support import follow
from tests.support.entries import digest, make_entry
from tests.support.service import serving

JUNK = 20_001


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request, tmp_path):
    return str(tmp_path / "log.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "log.key"


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))


def junk(claim, recipe, count):
    for number in range(1, count + 1):
        secret = number.to_bytes(32, "big")
        fields = {"notary": public_key(secret), "recipe": recipe, "model": digest("model"), "calibration": None}
        body = Attestation(claim=claim, verdict="differs", figures=follow.FIGURES, software="x", **fields)
        yield format_follow_up(sign_attestation(body, secret))


def log_all(log, entries):
    entries = [prepare(entry) for entry in entries]
    for start in range(0, len(entries), 500):
        outcomes = log.submit_batch(entries[start : start + 500])
        assert not [item for item in outcomes if isinstance(item, InvalidError)]


@pytest.mark.slow
def test_twenty_thousand_junk_attestations_hide_no_sale(location, key_file, tmp_path, own_home):
    """Neither from a verifier, who asks the service, nor from the service, which asks for an owner's grant."""
    entry = make_entry("flooded", authors=("ann",))
    claim = parse_entry(entry).claim
    identifier = claim_id(claim)
    sold = follow.transfer(identifier, identifier, "ann", to="bob")
    attested = follow.attestation(identifier, "nina", recipe=claim.recipe)
    log = open_log(location, key_file=key_file, create=True)
    log_all(log, [entry, *junk(identifier, claim.recipe, JUNK), format_follow_up(sold), format_follow_up(attested)])
    assert owners_of(log, Indexed(0, parse_any(entry))) == (follow.key("bob"),)
    log.close()
    with serving(tmp_path / "service", "--key", str(key_file), database=location) as service:
        ledger = open_ledger(service.url)
        try:
            history = read_history(identifier, ledger, notaries=[follow.key("nina")])
        finally:
            ledger.close()
    assert history.ownership.owners == (follow.key("bob"),)
    assert [item.index for item in history.ownership.attestations] == [JUNK + 2]
    assert (history.complete, history.unknown) == (True, 0)


def test_a_service_does_not_replay_a_chain_without_end(location, key_file, monkeypatch):
    """The log takes no such chain; one that it had from before would keep a search thread busy."""
    monkeypatch.setattr("ledger.server.ownership.MAX_CHAINED", 3)
    entry = make_entry("long", authors=("ann",))
    identifier = claim_id(parse_entry(entry).claim)
    log = open_log(location, key_file=key_file, create=True)
    log_all(log, [entry])
    prev = identifier
    for number in range(4):
        if number == 3:
            assert owners_of(log, Indexed(0, parse_any(entry))) == (follow.key("ann"),)
        moved = follow.transfer(identifier, prev, "ann", to="ann")
        log_all(log, [format_follow_up(moved)])
        prev = body_id(moved.body)
    with pytest.raises(InvalidError, match="too much"):
        owners_of(log, Indexed(0, parse_any(entry)))
    log.close()
