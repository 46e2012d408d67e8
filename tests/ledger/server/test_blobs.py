"""Recipes and latents beside the log: who may publish and withdraw what."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from ledger.server.ownership import owners_of
from provenance.claim import Entry, LatentRef, claim_id, format_entry
from provenance.commitment import commit
from provenance.entry import parse_any
from provenance.followup import format_follow_up
from provenance.grant import Grant, format_grant, sign_grant
from provenance.hashing import Tag
from provenance.latent import latent_digest
from provenance.ownership import Indexed
from provenance.ports import LoggedEntry
from provenance.proof import prove
from provenance.recipe import format_recipe, recipe_digest
from provenance.storedlatent import encode_latent
from tests.support import follow, works
from tests.support.entries import digest, make_claim, make_entry, secret
from tests.support.follow import key
from tests.support.service import serving

INTEGERS = np.random.default_rng(1).integers(-20, 20, (4, 8, 8)).astype(np.int16)
STORED = encode_latent(INTEGERS)
LATENT = latent_digest(INTEGERS)
STEPS = make_claim("any").latent.steps
RECIPE = format_recipe(works.recipe(bytes(32), works.master()))
LATENT_TYPE, RECIPE_TYPE = "application/octet-stream", "application/json"


def work(name, authors=("ann",), latent=None):
    """A claim that names LATENT, or another one, and RECIPE."""
    from dataclasses import replace

    from provenance.recipe import parse_recipe

    claim = make_claim(name, authors=authors)
    latent = latent or replace(claim.latent, digest=LATENT)
    claim = replace(claim, recipe=recipe_digest(parse_recipe(RECIPE)), latent=latent)
    identifier = claim_id(claim)
    possession = prove(Tag.POSSESSION, secret("work", name), identifier)
    proofs = tuple(prove(Tag.AUTHOR, secret("author", author), identifier) for author in authors)
    return identifier, format_entry(Entry(claim, possession, proofs))


@pytest.fixture(scope="module")
def recipe():
    from provenance.recipe import parse_recipe

    return recipe_digest(parse_recipe(RECIPE))


@pytest.fixture(scope="module")
def origin(service):
    return service.get("/v1/log").json()["origin"]


_SERIALS = iter(range(1, 1_000))


def grant(origin, claim, *secrets, of=LATENT, action="publish", serial=None):
    made = Grant(claim, of, action, origin, next(_SERIALS) if serial is None else serial)
    return format_grant(sign_grant(made, secrets)).hex()


def put(service, granted, data=STORED, *, of=LATENT, kind=LATENT_TYPE):
    headers = {"Content-Type": kind} | ({} if granted is None else {"Seedproof-Grant": granted})
    return service.request("PUT", f"/v1/blobs/{of.hex()}", data, headers)


def delete(service, granted, *, of=LATENT):
    return service.request("DELETE", f"/v1/blobs/{of.hex()}", headers={"Seedproof-Grant": granted})


def test_what_an_owner_publishes_everybody_reads_until_he_withdraws_it(any_service):
    origin = any_service.get("/v1/log").json()["origin"]
    claim, entry = work("a")
    any_service.submit(entry)
    ann = secret("author", "ann")
    assert any_service.get(f"/v1/blobs/{LATENT.hex()}").problem == "not-found"
    answer = put(any_service, grant(origin, claim, ann, serial=10))
    assert answer.status == 201
    assert answer.json() == {"digest": LATENT.hex(), "kind": "latent", "bytes": len(STORED)}
    read = any_service.get(f"/v1/blobs/{LATENT.hex()}")
    assert (read.body, read.headers["content-type"]) == (STORED, LATENT_TYPE)
    assert put(any_service, grant(origin, claim, ann, serial=11)).status == 200
    size = any_service.logged()
    assert delete(any_service, grant(origin, claim, ann, action="withdraw", serial=12)).status == 204
    assert any_service.get(f"/v1/blobs/{LATENT.hex()}").status == 404
    assert delete(any_service, grant(origin, claim, ann, action="withdraw", serial=13)).problem == "not-found"
    assert any_service.logged() == size


def test_a_withdrawn_blob_stays_withdrawn_when_its_grant_is_replayed(any_service):
    service, origin = any_service, any_service.get("/v1/log").json()["origin"]
    claim, entry = work("replay")
    service.submit(entry)
    ann = secret("author", "ann")
    old = grant(origin, claim, ann)
    assert put(service, old).status in (200, 201)
    assert delete(service, grant(origin, claim, ann, action="withdraw")).status == 204
    answer = put(service, old)
    assert (answer.status, answer.problem) == (403, "forbidden")
    assert service.get(f"/v1/blobs/{LATENT.hex()}").status == 404


def test_a_stranger_does_not_delete_what_somebody_else_publishes(service, origin):
    """He claims the same latent, whose digest everybody can read in the log, and withdraws as an owner."""
    claim, entry = work("victim")
    service.submit(entry)
    assert put(service, grant(origin, claim, secret("author", "ann"))).status in (200, 201)
    eves, entry = work("thief", authors=("eve",))
    service.submit(entry)
    eve = secret("author", "eve")
    assert delete(service, grant(origin, eves, eve, action="withdraw")).problem == "not-found"
    assert put(service, grant(origin, eves, eve)).status == 200
    assert delete(service, grant(origin, eves, eve, action="withdraw")).status == 204
    assert service.get(f"/v1/blobs/{LATENT.hex()}").status == 200


def test_recipes_are_json(service, origin, recipe):
    claim, entry = work("recipe")
    service.submit(entry)
    granted = grant(origin, claim, secret("author", "ann"), of=recipe)
    assert put(service, granted, RECIPE, of=recipe).problem == "media-type"
    assert put(service, granted, RECIPE, of=recipe, kind=RECIPE_TYPE).status == 201
    read = service.get(f"/v1/blobs/{recipe.hex()}")
    assert (read.body, read.headers["content-type"]) == (RECIPE, RECIPE_TYPE)


def test_only_the_owners_permit(service, origin):
    claim, entry = work("mine")
    service.submit(entry)
    ann, eve = secret("author", "ann"), secret("author", "eve")
    for bad in (
        None,
        "zz",
        "00",
        grant(origin, claim, eve),
        grant(origin, claim, ann, ann),
        grant("log.example/other", claim, ann),
        grant(origin, claim, ann, action="withdraw"),
        grant(origin, claim, ann, of=digest("other")),
        grant(origin, digest("no claim"), ann),
    ):
        answer = put(service, bad)
        assert answer.problem in ("forbidden", "bad-request"), bad
    other = make_entry("other", authors=("eve",))
    service.submit(other)
    answer = put(service, grant(origin, parse_any(other).id, eve))  # his claim does not name this latent
    assert answer.problem == "forbidden"


def test_after_a_sale_the_buyer_decides(service, origin):
    claim, entry = work("sold")
    service.submit(entry)
    service.submit(format_follow_up(follow.transfer(claim, claim, "ann", to="bob")))
    assert put(service, grant(origin, claim, secret("author", "ann"))).problem == "forbidden"
    assert put(service, grant(origin, claim, secret("author", "bob"))).status in (200, 201)


def test_a_seller_does_not_lock_the_buyer_out_with_the_largest_serial(service, origin):
    claim, entry = work("locked")
    service.submit(entry)
    ann, bob = secret("author", "ann"), secret("author", "bob")
    ahead = int((time.time() + 900) * 1_000_000)
    for serial in (2**53 - 1, ahead):
        assert put(service, grant(origin, claim, ann, serial=serial)).problem == "forbidden"
    assert put(service, grant(origin, claim, ann, serial=int(time.time() * 1_000_000))).status in (200, 201)
    service.submit(format_follow_up(follow.transfer(claim, claim, "ann", to="bob")))
    assert put(service, grant(origin, claim, bob, serial=int(time.time() * 1_000_000))).status == 200


def test_a_stranger_does_not_fill_the_disk(tmp_path):
    """Every latent of his own choice is his to publish: all together are bounded, and each by the claim's shape."""
    with serving(tmp_path, "--blob-quota", "1", "--write-rate", "0") as service:
        origin = service.get("/v1/log").json()["origin"]
        answers = []
        for i in range(8):
            integers = np.random.default_rng(i).integers(-(2**15), 2**15, (4, 200, 200)).astype(np.int16)
            name = latent_digest(integers)
            claim, entry = work(f"junk {i}", latent=LatentRef(name, integers.shape, STEPS))
            service.submit(entry)
            data = encode_latent(integers)
            granted = grant(origin, claim, secret("author", "ann"), of=name)
            assert put(service, granted, data + bytes(10_000), of=name).problem == "too-large"
            answers.append(put(service, granted, data, of=name))
    assert [answer.status for answer in answers] == [201] * 3 + [507] * 5
    assert answers[-1].problem == "full"


def test_bytes_of_blobs_count_as_submissions(tmp_path):
    integers = np.random.default_rng(1).integers(-(2**15), 2**15, (4, 512, 512)).astype(np.int16)
    name = latent_digest(integers)
    with serving(tmp_path, "--write-rate", "2") as service:
        origin = service.get("/v1/log").json()["origin"]
        claim, entry = work("large", latent=LatentRef(name, integers.shape, STEPS))
        service.submit(entry)
        ann = secret("author", "ann")
        assert put(service, grant(origin, claim, ann, of=name), encode_latent(integers), of=name).status == 201
        assert (
            put(service, grant(origin, claim, ann, of=name), encode_latent(integers), of=name).problem == "rate-limit"
        )


def test_a_revoked_work_has_no_owner(service, origin):
    claim, entry = work("revoked")
    service.submit(entry)
    service.submit(format_follow_up(follow.revocation(claim, claim, "ann")))
    assert put(service, grant(origin, claim, secret("author", "ann"))).problem == "forbidden"


def test_a_stolen_key_that_was_revoked_permits_nothing(service, origin):
    claim, entry = work("stolen", authors=("carl",))
    service.submit(entry)
    carl = secret("author", "carl")
    assert put(service, grant(origin, claim, carl)).status in (200, 201)
    revoked = follow.key_revocation("carl", 0, log=origin)
    assert service.submit(format_follow_up(revoked)).status == 201
    assert delete(service, grant(origin, claim, carl, action="withdraw")).problem == "forbidden"


def test_a_thief_who_sells_with_a_revoked_key_to_himself_publishes_nothing(service, origin):
    """The log takes his transfer; verifiers call it void, and so does the service."""
    claim, entry = work("robbed", authors=("cat",))
    service.submit(entry)
    service.submit(format_follow_up(follow.key_revocation("cat", 0, log=origin)))
    answer = service.submit(format_follow_up(follow.transfer(claim, claim, "cat", to="eve")))
    assert answer.status in (201, 422)  # whether or not the log has it
    assert put(service, grant(origin, claim, secret("author", "eve"))).problem == "forbidden"
    assert put(service, grant(origin, claim, secret("author", "cat"))).problem == "forbidden"


def test_a_revocation_for_another_log_locks_nobody_out(service, origin):
    """Anybody can bring it here. A log that took it once still knows whom to ask."""
    claim, entry = work("elsewhere", authors=("dora",))
    revoked = format_follow_up(follow.key_revocation("dora", 0, log="log.example/other"))
    service.submit(entry)
    service.submit(revoked)
    assert put(service, grant(origin, claim, secret("author", "dora"))).status in (200, 201)
    for name, owners in (("log.example/other", (key("dora"),)), (origin, ())):
        item = LoggedEntry(1, format_follow_up(follow.key_revocation("dora", 0, log=name)))
        log = SimpleNamespace(
            origin=origin,
            follow_ups=lambda of, kind, after, item=item: [item] if (of, after) == (key("dora"), -1) else [],
        )
        assert owners_of(log, Indexed(0, parse_any(entry))) == owners


def test_all_owners_permit_together_and_p_permits_for_anonymous_works(service, origin):
    claim, entry = work("both", authors=("ann", "bob"))
    service.submit(entry)
    ann, bob = secret("author", "ann"), secret("author", "bob")
    assert put(service, grant(origin, claim, ann)).problem == "forbidden"
    assert put(service, grant(origin, claim, bob, ann)).problem == "forbidden"
    assert put(service, grant(origin, claim, ann, bob)).status in (200, 201)
    claim, entry = work("anonymous", authors=())
    service.submit(entry)
    assert commit(secret("work", "anonymous")) == parse_any(entry).claim.Y
    assert put(service, grant(origin, claim, secret("work", "anonymous"))).status in (200, 201)


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b"", {"malformed", "limit"}),
        (b"SPL1", {"malformed"}),
        (STORED[:-1], {"malformed"}),
        (encode_latent(INTEGERS + 1), {"invalid"}),
        (b"x" * (8 * 2**20 + 1), {"too-large"}),
    ],
    ids=["empty", "cut", "shorter", "another latent", "a giant"],
)
def test_other_content_is_refused_and_spends_no_grant(service, origin, data, problems):
    claim, entry = work("content")
    service.submit(entry)
    granted = grant(origin, claim, secret("author", "ann"))
    assert put(service, granted, data).problem in problems
    assert put(service, granted).status in (200, 201)
