"""A work's life after its claim, on the command line: sold, revoked, attributed, its key stolen; locally and over HTTP."""

import dataclasses
import json
from pathlib import Path

import pytest

from ledger.local import open_ledger
from provenance.claim import Entry, claim_id, format_entry
from provenance.cli import main
from provenance.curve import public_key
from provenance.derivation import derive_author, derive_work
from provenance.entry import parse_any
from provenance.hashing import Tag
from provenance.home import find_home
from provenance.keystore import Secrets, seal_keystore, write_keystore
from provenance.offer import parse_offer
from provenance.proof import prove
from tests.support.entries import make_claim, secret
from tests.support.pictures import author
from tests.support.service import serving
from tests.support.trust import claim_of, id_of
from tests.support.works import make_work, master

PEOPLE = ("ann", "bob", "carol")


def key(name):
    return public_key(derive_author(master(name))).hex()


def joint(name):
    """The entry of a claim by ann and bob."""
    people = [master(who) for who in ("ann", "bob")]
    claim = dataclasses.replace(make_claim(name), authors=tuple(public_key(derive_author(who)) for who in people))
    identifier = claim_id(claim)
    proofs = tuple(prove(Tag.AUTHOR, derive_author(who), identifier) for who in people)
    return format_entry(Entry(claim, prove(Tag.POSSESSION, secret("work", name), identifier), proofs))


JOINT, ENDED = joint("joint"), joint("ended")


@pytest.fixture
def become(tmp_path, monkeypatch):
    """Work as somebody, with his own home and keystore."""
    monkeypatch.chdir(tmp_path)
    for name in PEOPLE:
        monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / name))
        who = author()
        secrets = Secrets(master(name), who.chain_pem, who.key_pem, who.root_pem, who.root_key_pem)
        find_home().keystore.parent.mkdir(parents=True)
        write_keystore(find_home().keystore, seal_keystore(secrets, None))

    def take_place(name):
        monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / name))

    take_place("ann")
    return take_place


@pytest.fixture
def run(capsys, become):
    def call(*arguments, code=0):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == code, (out, err)
        assert err.count("seedproof:") == (code not in (0, 5))
        return out, err

    return call


@pytest.fixture
def local(tmp_path, become):
    """A log in a file, with two pictures in it: ann's, and an anonymous one of hers."""
    path = tmp_path / "log.db"
    opened = open_ledger(str(path), create=True)
    (tmp_path / "hills.png").write_bytes(make_work(1, log=opened))
    (tmp_path / "mask.png").write_bytes(make_work(2, anonymous=True, log=opened))
    opened.close()
    return path


def owner_of(run, place, work="hills.png"):
    return json.loads(run("owner", work, "--ledger", place, "--json")[0])


def sell(run, become, place, seller, buyer, *, work="hills.png", name="offer.json"):
    become(seller)
    run("transfer", work, "--to", key(buyer), "-o", name, "--force", "--ledger", place, "--yes")
    become(buyer)
    return run("accept", name, "--ledger", place, "--yes")


def test_the_life_of_a_work(run, become, local):
    assert owner_of(run, local)["owners"] == [key("ann")]
    err = sell(run, become, local, "ann", "bob")[1]
    assert "yours now, by entry 2" in err
    assert f"claimed by {key('ann')}" in err  # what is bought is shown first
    sell(run, become, local, "bob", "carol", work=id_of(Path("hills.png").read_bytes()).hex())
    history = owner_of(run, local)
    assert history["owners"] == [key("carol")]
    assert [item["to"] for item in history["chain"]] == [key("bob"), key("carol")]
    become("carol")
    run("revoke", "hills.png", "--reason", "withdrawn", "--note", "sold the print", "--ledger", local, "--yes")
    text = run("owner", "hills.png", "--ledger", local)[0]
    assert "revoked: withdrawn: sold the print" in text
    assert "owner    nobody" in text
    out, _ = run("verify", "hills.png", "--quick", "--ledger", local, code=5)
    assert "DISPUTED" in out


def test_the_life_of_a_work_over_http(run, become, local, tmp_path):
    with serving(tmp_path / "service") as service:
        opened = open_ledger(str(local), create=False)
        for index in range(2):
            service.submit(
                parse_any(opened.find(id_of((tmp_path / ("hills.png", "mask.png")[index]).read_bytes())).entry).data
            )
        opened.close()
        sell(run, become, service.url, "ann", "bob")
        become("ann")
        run("transfer", "hills.png", "--to", key("carol"), "-o", "again.json", "--ledger", service.url, "--yes", code=2)
        become("bob")
        run("revoke-key", "--from-index", 2, "--ledger", service.url, "--yes")
        become("ann")
        run("attribute", "mask.png", "--ledger", service.url, "--yes")
        assert owner_of(run, service.url, "mask.png")["attributed_to"] == key("ann")
        history = owner_of(run, service.url)
        assert (history["owners"], history["contested"], history["void"]) == ([key("bob")], [], [])


def test_a_work_of_two_on_the_command_line(run, become, local, tmp_path):
    """The file goes from owner to owner; the last one has the offer, or the log has the revocation."""
    opened = open_ledger(str(local), create=False)
    for entry in (JOINT, ENDED):
        opened.submit(entry)
    opened.close()
    joint, ended = (claim_id(parse_any(entry).claim).hex() for entry in (JOINT, ENDED))
    at = ("--ledger", local, "--yes")
    become("ann")
    err = run("transfer", joint, "--to", key("carol"), "-o", "draft.json", *at)[1]
    assert f"{key('bob')} runs: seedproof countersign draft.json" in err
    run("countersign", "draft.json", "-o", "twice.json", *at, code=2)
    become("carol")
    run("accept", "draft.json", *at, code=2)
    run("countersign", "draft.json", "-o", "stolen.json", *at, code=2)
    become("bob")
    run("countersign", "draft.json", *at, code=2)
    err = run("countersign", "draft.json", "-o", "offer.json", *at)[1]
    assert f"transfer it to {key('carol')}" in err
    assert f"{key('ann')}  has signed" in err
    become("carol")
    run("accept", "offer.json", *at)
    assert owner_of(run, local, joint)["owners"] == [key("carol")]
    become("bob")
    run("countersign", "draft.json", "-o", "again.json", *at, code=1)
    assert "-o" in run("revoke", ended, *at, code=2)[1]
    out = run("revoke", ended, "--note", "we parted", "-o", "end.json", "--json", *at)[0]
    assert json.loads(out)["missing"] == [key("ann")]
    become("ann")
    err = run("countersign", "end.json", *at)[1]
    assert "we parted" in err
    assert "revoked, by entry" in err
    assert owner_of(run, local, ended)["revoked"] is True


def test_double_sale_on_the_command_line(run, become, local):
    run("transfer", "hills.png", "--to", key("bob"), "-o", "bob.json", "--ledger", local, "--yes")
    run("transfer", "hills.png", "--to", key("carol"), "-o", "carol.json", "--ledger", local, "--yes")
    become("carol")
    run("accept", "carol.json", "--ledger", local, "--yes")
    become("bob")
    _, err = run("accept", "bob.json", "--ledger", local, "--yes", code=1)
    assert "entry 2" in err
    assert "keep it" in err


def test_an_offer_that_was_accepted_already(run, become, local):
    run("transfer", "hills.png", "--to", key("bob"), "-o", "bob.json", "--ledger", local, "--yes")
    become("bob")
    run("accept", "bob.json", "--ledger", local, "--yes")
    _, err = run("accept", "bob.json", "--ledger", local, "--yes", code=1)
    assert f"belongs to the buyer {key('bob')} already, by entry 2" in err


def test_where_nobody_can_answer_the_question_is_shown(run, become, local):
    _, err = run("revoke", "hills.png", "--ledger", local, code=2)
    assert "nobody is there to confirm. Revoke claim" in err


def test_a_withdrawn_offer(run, become, local):
    run("transfer", "hills.png", "--to", key("bob"), "-o", "bob.json", "--ledger", local, "--yes")
    sell(run, become, local, "ann", "ann", name="back.json")
    become("bob")
    run("accept", "bob.json", "--ledger", local, "--yes", code=1)
    assert owner_of(run, local)["owners"] == [key("ann")]


def test_an_offer_to_somebody_else(run, become, local):
    run("transfer", "hills.png", "--to", key("bob"), "-o", "offer.json", "--ledger", local, "--yes")
    become("carol")
    _, err = run("accept", "offer.json", "--ledger", local, "--yes", code=2)
    assert "not yours" in err


def test_a_forged_offer(run, become, local, tmp_path):
    run("transfer", "hills.png", "--to", key("bob"), "-o", "offer.json", "--ledger", local, "--yes")
    text = (tmp_path / "offer.json").read_text().replace(key("bob"), key("carol"))
    (tmp_path / "offer.json").write_text(text)
    become("carol")
    _, err = run("accept", "offer.json", "--ledger", local, "--yes", code=1)
    assert "signature of owner 1" in err
    assert len(owner_of(run, local)["chain"]) == 0


def test_buying_from_a_robbed_owner_is_refused(run, become, local):
    run("transfer", "hills.png", "--to", key("bob"), "-o", "offer.json", "--ledger", local, "--yes")
    run("revoke-key", "--from-index", 2, "--ledger", local, "--yes")
    become("bob")
    _, err = run("accept", "offer.json", "--ledger", local, "--yes", code=1)
    assert "reported as stolen" in err


def test_what_is_not_ones_own(run, become, local):
    become("bob")
    for command in (
        ("transfer", "hills.png", "--to", key("bob"), "-o", "offer.json"),
        ("revoke", "hills.png"),
        ("attribute", "mask.png"),
        ("revoke-key", "--from-index", "0", "--work", "mask.png"),
    ):
        _, err = run(*command, "--ledger", local, "--yes", code=2)
        assert "key does not" in err or "another master" in err
    become("ann")
    _, err = run("attribute", "hills.png", "--ledger", local, "--yes", code=2)
    assert "names its authors already" in err


def test_an_anonymous_work_is_sold_and_attributed(run, become, local):
    run("attribute", "mask.png", "--ledger", local, "--yes")
    sell(run, become, local, "ann", "bob", work="mask.png")
    history = owner_of(run, local, "mask.png")
    assert (history["attributed_to"], history["owners"]) == (key("ann"), [key("bob")])
    become("ann")
    _, err = run("attribute", "mask.png", "--ledger", local, "--yes")
    assert "by entry 2" in err  # the same entry once more


def test_the_key_of_an_anonymous_work_is_revoked(run, become, local):
    run("revoke-key", "--from-index", 0, "--work", "mask.png", "--ledger", local, "--yes")
    history = owner_of(run, local, "mask.png")
    assert [item["kind"] for item in history["contested"]] == ["claim"]
    assert "disputed the claim at entry 1" in run("owner", "mask.png", "--ledger", local)[0]
    run("verify", "mask.png", "--quick", "--ledger", local, code=5)
    _, err = run("revoke-key", "--from-index", 1, "--work", "mask.png", "--ledger", local, "--yes", code=1)
    assert "entry 2" in err


def test_nothing_is_signed_without_a_yes(run, local):
    for command in (
        ("transfer", "hills.png", "--to", key("bob"), "-o", "offer.json"),
        ("revoke", "hills.png"),
        ("attribute", "mask.png"),
        ("revoke-key", "--from-index", "0"),
    ):
        _, err = run(*command, "--ledger", local, code=2)
        assert "--yes" in err


def test_bad_arguments(run, local, tmp_path):
    (tmp_path / "junk.json").write_text("{}")
    picture = tmp_path / "other.png"
    picture.write_bytes(make_work(9))
    for command, code, text in (
        (("owner", "nowhere.png"), 2, "nowhere.png"),
        (("owner", "0" * 63 + "G"), 2, "neither a file nor a claim id"),
        (("owner", "0" * 64), 3, "is not in"),
        (("owner", "other.png"), 3, "is not in"),
        (("accept", "junk.json", "--yes"), 2, "is no offer"),
        (("transfer", "hills.png", "--to", "bob", "-o", "o.json", "--yes"), 2, "keys show"),
        (("transfer", "hills.png", "--to", key("bob"), "-o", "junk.json", "--yes"), 2, "junk.json"),
        (("revoke", "hills.png", "--note", "x" * 501, "--yes"), 2, "500"),
    ):
        _, err = run(*command, "--ledger", local, code=code)
        assert text in err


def test_a_forged_picture_is_not_sold(run, local, tmp_path):
    from tests.support.pictures import with_store_of

    (tmp_path / "forged.png").write_bytes(with_store_of((tmp_path / "hills.png").read_bytes(), make_work(5)))
    _, err = run("transfer", "forged.png", "--to", key("bob"), "-o", "o.json", "--ledger", local, "--yes", code=1)
    assert "invalid" in err


def test_json(run, local):
    out, _ = run("transfer", "hills.png", "--to", key("bob"), "-o", "o.json", "--ledger", local, "--yes", "--json")
    assert json.loads(out)["to"] == key("bob")
    assert parse_offer(Path("o.json").read_bytes()).body.to.hex() == key("bob")
    out, _ = run("revoke", "hills.png", "--ledger", local, "--yes", "--json")
    told = json.loads(out)
    assert (told["version"], told["index_in_log"], told["revoked"], told["owners"]) == (1, 2, True, [])


# --- challenges -----------------------------------------------------------------------------------------------------


def answer(run, name, code=0):
    return run("respond", name, "-o", "response.json", "--yes", "--force", code=code)


def test_after_a_sale_the_new_owners_key_answers(run, become, local):
    sell(run, become, local, "ann", "bob")
    run("challenge", "hills.png", "--audience", "Gallery", "-o", "owner.json", "--ledger", local)
    become("ann")
    answer(run, "owner.json", code=2)
    become("bob")
    answer(run, "owner.json")
    out, _ = run("check", "owner.json", "response.json", "--picture", "hills.png", "--ledger", local)
    assert f"holds the key {key('bob')}, which owns" in out
    _, err = run("check", "owner.json", "response.json", "--picture", "hills.png", code=1)
    assert "--ledger" in err


def test_after_a_sale_the_makers_answer_is_not_the_owners(run, become, local):
    run("challenge", "hills.png", "--audience", "Gallery", "-o", "maker.json")
    sell(run, become, local, "ann", "bob")
    become("ann")
    answer(run, "maker.json")
    run("check", "maker.json", "response.json", "--picture", "hills.png")
    run("check", "maker.json", "response.json", "--picture", "hills.png", "--ledger", local, code=1)


def test_unsold_work_is_answered_by_its_maker_with_and_without_the_log(run, local):
    run("challenge", "hills.png", "--audience", "Gallery", "-o", "c.json", "--ledger", local)
    asked = json.loads(Path("c.json").read_text())
    claim = claim_of(Path("hills.png").read_bytes())
    assert (asked["Y"], asked["nonce"], asked["claim"]) == (claim.Y.hex(), claim.nonce.hex(), claim_id(claim).hex())
    answer(run, "c.json")
    run("check", "c.json", "response.json", "--picture", "hills.png", "--ledger", local)


def test_nobody_is_challenged_about_a_revoked_work(run, local):
    run("revoke", "hills.png", "--ledger", local, "--yes")
    _, err = run("challenge", "hills.png", "--audience", "Gallery", "-o", "c.json", "--ledger", local, code=1)
    assert "revoked at entry 2" in err


def test_the_masters_work_key_is_what_the_claim_names():
    claim = claim_of(make_work(1))
    assert public_key(derive_work(master("ann"), claim.nonce)) == claim.Y
