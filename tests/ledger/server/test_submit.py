"""Submitting over HTTP: what is logged, what is refused, and that a refusal leaves nothing behind."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from provenance.encoding import canonical
from provenance.entry import parse_any
from provenance.followup import format_follow_up
from provenance.note import VerifierKey
from provenance.receipt import check_receipt, parse_receipt
from tests.support import follow
from tests.support.entries import make_entry


def keys(service):
    return [VerifierKey.parse(key) for key in service.get("/v1/log").json()["keys"]]


def identifier(entry):
    return parse_any(entry).id


def test_a_claim_is_logged_with_a_receipt_that_holds(any_service):
    entry = make_entry("a", authors=("ann",))
    answer = any_service.submit(entry)
    assert answer.status == 201
    assert answer.json() == {"index": 0, "id": identifier(entry).hex(), "duplicate": False}
    found = any_service.get(answer.headers["location"]).json()
    assert found == {"index": 0, "id": identifier(entry).hex(), "kind": "claim", "entry": entry.decode()}
    receipt = parse_receipt(any_service.receipt(identifier(entry)))
    checked = check_receipt(receipt, entry, keys(any_service))
    assert (checked.index, checked.known) == (0, True)


def test_a_duplicate_gets_the_first_index(any_service):
    first, other = make_entry("a"), make_entry("b")
    assert any_service.submit(first).json()["index"] == 0
    assert any_service.submit(other).json()["index"] == 1
    again = any_service.submit(first)
    assert again.status == 200
    assert again.json() == {"index": 0, "id": identifier(first).hex(), "duplicate": True}


def test_replayed_submissions_at_once_are_one_entry(service):
    entry = make_entry("replayed")
    before = service.logged()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: service.submit(entry), range(24)))
    assert sorted(answer.status for answer in answers) == [200] * 23 + [201]
    assert len({answer.json()["index"] for answer in answers}) == 1
    assert service.logged() == before + 1


def test_rivals_are_both_logged(service):
    one, two = make_entry("rival", authors=("ann",)), make_entry("rival", authors=("bob",))
    assert service.submit(one).status == service.submit(two).status == 201
    page = service.get(f"/v1/claims?pixels={parse_any(one).claim.pixels.hex()}").json()["entries"]
    assert [item["entry"].encode() for item in page] == [one, two]


def test_a_sale_is_logged_and_the_second_one_conflicts(any_service):
    entry = make_entry("sold", authors=("ann",))
    any_service.submit(entry)
    first = format_follow_up(follow.transfer(identifier(entry), identifier(entry), "ann", to="bob"))
    second = format_follow_up(follow.transfer(identifier(entry), identifier(entry), "ann", to="eve"))
    sold = any_service.submit(first)
    assert sold.status == 201
    assert sold.headers["location"] == f"/v1/entries/{identifier(first).hex()}"
    refused = any_service.submit(second)
    assert (refused.status, refused.problem) == (409, "conflict")
    assert refused.json()["index"] == 1
    page = any_service.get(f"/v1/follow-ups?subject={identifier(entry).hex()}").json()["entries"]
    assert [(item["index"], item["kind"], item["entry"].encode()) for item in page] == [(1, "transfer", first)]
    check_receipt(parse_receipt(any_service.receipt(identifier(first))), first, keys(any_service))


def test_a_follow_up_by_somebody_else_does_not_apply(service):
    entry = make_entry("mine", authors=("ann",))
    service.submit(entry)
    before = service.logged()
    stolen = format_follow_up(follow.transfer(identifier(entry), identifier(entry), "eve", to="eve"))
    answer = service.submit(stolen)
    assert (answer.status, answer.problem) == (422, "forged")
    unknown = format_follow_up(follow.revocation(bytes(32), bytes(32), "ann"))
    answer = service.submit(unknown)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert service.logged() == before


def test_each_kind_has_its_path(service):
    entry = make_entry("path", authors=("ann",))
    answer = service.post("/v1/follow-ups", entry)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert "/v1/claims" in answer.json()["detail"]
    service.submit(entry)
    answer = service.post(
        "/v1/claims", format_follow_up(follow.revocation(identifier(entry), identifier(entry), "ann"))
    )
    assert (answer.status, answer.problem) == (422, "invalid")
    assert "/v1/follow-ups" in answer.json()["detail"]


def edited(name, edit):
    value = json.loads(make_entry(name, authors=("ann",)))
    edit(value)
    return canonical(value)


REFUSED = {
    "empty": (b"", 400, "malformed"),
    "not JSON": (b"<claim/>", 400, "malformed"),
    "not UTF-8": (b'{"kind":"\xff"}', 400, "malformed"),
    "an array": (b"[]", 400, "malformed"),
    "spaces": (json.dumps(json.loads(make_entry("spaces"))).encode(), 400, "malformed"),
    "two documents": (make_entry("two") + make_entry("two"), 400, "malformed"),
    "a key twice": (b'{"kind":"claim","kind":"claim"}', 400, "malformed"),
    "cut short": (make_entry("cut")[:-1], 400, "malformed"),
    "an unknown field": (edited("field", lambda v: v["body"].update(extra=1)), 400, "malformed"),
    "a missing field": (edited("missing", lambda v: v["body"].pop("index")), 400, "malformed"),
    "a float": (make_entry("float").replace(b'"index":0', b'"index":0.5'), 400, "malformed"),
    "deeply nested": (b"[" * 60_000, 422, "limit"),
    "nested in a field": (b'{"body":' * 17 + b"1" + b"}" * 17, 422, "limit"),
    "another version": (edited("version", lambda v: v.update(v=2)), 422, "unsupported"),
    "another version of the claim": (edited("body", lambda v: v["body"].update(v=9)), 422, "unsupported"),
    "an unknown kind": (canonical({"kind": "sermon", "v": 1, "body": {}, "proofs": {}}), 422, "unsupported"),
    "a wrong possession proof": (
        edited("wrong", lambda v: v["proofs"].update(possession="00" * 64)),
        422,
        "forged",
    ),
    "somebody else's name": (
        edited("framed", lambda v: v["body"]["authors"][0].update(key=follow.key("eve").hex())),
        422,
        "forged",
    ),
    "a long notice": (edited("notice", lambda v: v["body"]["terms"].update(notice="x" * 1_001)), 422, "limit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_nothing(service, name):
    body, status, problem = REFUSED[name]
    before = service.logged()
    answer = service.post("/v1/claims", body)
    assert (answer.status, answer.problem) == (status, problem)
    assert "\n" not in answer.json()["detail"]
    assert service.logged() == before
    assert service.get("/health").status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_another_media_type_is_refused(service, kind):
    answer = service.post("/v1/claims", make_entry("type"), {"Content-Type": kind})
    assert (answer.status, answer.problem) == (415, "media-type")


def test_compressed_bodies_are_refused(service):
    answer = service.post("/v1/claims", make_entry("gzip"), {"Content-Encoding": "gzip"})
    assert (answer.status, answer.problem) == (415, "media-type")


def test_no_media_type_is_refused(service):
    answer = service.request("POST", "/v1/claims", make_entry("none"))
    assert (answer.status, answer.problem) == (415, "media-type")
