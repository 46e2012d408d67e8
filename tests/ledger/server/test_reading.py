"""Reading over HTTP: look-ups, pages, proofs, and the log as tlog-tiles lays it out."""

import base64

import pytest

from provenance.checkpoint import open_checkpoint
from provenance.entry import parse_any
from provenance.merkle import check_inclusion, leaf_hash, tree_root
from provenance.note import VerifierKey
from provenance.tiles import bundles_of, parse_bundle, parse_tile, tile_nodes
from tests.support.entries import digest, make_entry
from tests.support.follow import key
from tests.support.service import serving

COUNT = 300


@pytest.fixture(scope="module")
def entries():
    return [make_entry(f"r{i}", authors=("ann",) if i % 3 else ()) for i in range(COUNT)]


@pytest.fixture(scope="module")
def service(tmp_path_factory, entries):
    """A log of COUNT claims, all published."""
    with serving(tmp_path_factory.mktemp("reading")) as running:
        for entry in entries:
            assert running.submit(entry).status == 201
        running.receipt(parse_any(entries[-1]).id)
        yield running


def keys(service):
    return [VerifierKey.parse(line) for line in service.get("/log/vkey").body.decode().splitlines()]


def checkpoint(service):
    return open_checkpoint(service.get("/log/checkpoint").body, keys(service))


def pages(service, query):
    found, after = [], -1
    while page := service.get(f"{query}after={after}&limit=70").json()["entries"]:
        assert len(page) <= 70
        found += page
        after = page[-1]["index"]
    return found


def test_the_log_is_read_back_from_its_tiles(service, entries):
    head = checkpoint(service)
    assert head.size == COUNT

    def read(tile):
        return parse_tile(service.get(f"/log/{tile.path}").body, tile.width)

    assert tree_root(tile_nodes(read, head.size), head.size) == head.root
    bundles = [parse_bundle(service.get(f"/log/{b.path}").body, b.width) for b in bundles_of(0, head.size)]
    assert [entry for bundle in bundles for entry in bundle] == entries


def test_what_never_changes_says_so(service):
    assert service.get("/log/tile/0/000").headers["cache-control"] == "public, max-age=31536000, immutable"
    assert service.get("/log/tile/entries/000").headers["cache-control"] == "public, max-age=31536000, immutable"
    assert service.get("/log/checkpoint").headers["cache-control"] == "no-cache"
    assert service.get("/log/checkpoint").headers["content-type"] == "text/plain; charset=utf-8"
    assert service.get("/log/tile/0/000").headers["content-type"] == "application/octet-stream"
    assert service.get("/log/tile/0/000").headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("0/001", 404),  # not full yet
        ("0/001.p/45", 404),
        ("7/000", 404),
        ("entries/777", 404),
        ("0/1", 400),
        ("0/000.p/0", 400),
        ("0/000.p/256", 400),
        ("0/x000/001", 400),
        ("00/000", 400),
        ("0/../../../etc/passwd", 400),
        ("0/%2e%2e/%2e%2e/checkpoint", 400),
        ("entries/000.p/1.p/1", 400),
        ("", 400),
    ],
)
def test_tiles_that_are_not_there(service, path, status):
    answer = service.get(f"/log/tile/{path}")
    assert answer.status == status
    assert answer.problem == {404: "not-found", 400: "bad-request"}[status]


@pytest.mark.parametrize("index", [0, 1, 100, 255, 256, 298, 299])
def test_bare_proofs_hold(service, entries, index):
    text = service.get(f"/v1/proofs/{index}").body
    proof, note = text.split(b"\n\n", 1)
    head = open_checkpoint(note, keys(service))
    header, at, *path = proof.decode().splitlines()
    assert header == "c2sp.org/tlog-proof@v1"
    assert at == f"index {index}"
    check_inclusion(leaf_hash(entries[index]), index, head.size, [base64.b64decode(h) for h in path], head.root)


def test_proofs_beyond_the_tree_are_not_there(service):
    answer = service.get(f"/v1/proofs/{COUNT}")
    assert (answer.status, answer.problem) == (404, "not-found")
    answer = service.get(f"/v1/receipts/{COUNT}")
    assert (answer.status, answer.problem) == (404, "not-found")


def test_claims_are_found_by_what_they_are_about(service, entries):
    claim = parse_any(entries[7]).claim
    for query in (
        f"commitment={claim.Y.hex()}",
        f"pixels={claim.pixels.hex()}",
        f"latent={claim.latent.digest.hex()}",
        f"commitment={claim.Y.hex()}&author={key('ann').hex()}",
    ):
        page = service.get(f"/v1/claims?{query}").json()["entries"]
        assert [(item["index"], item["entry"].encode()) for item in page] == [(7, entries[7])], query
    assert service.get(f"/v1/claims?commitment={digest('nobody').hex()}").json() == {"entries": []}
    assert service.get(f"/v1/claims?commitment={claim.Y.hex()}&author={key('eve').hex()}").json() == {"entries": []}


def test_pages_end(service, entries):
    assert [item["entry"].encode() for item in pages(service, "/v1/claims?")] == entries
    by_ann = pages(service, f"/v1/claims?author={key('ann').hex()}&")
    assert [item["index"] for item in by_ann] == [i for i in range(COUNT) if i % 3]


def test_unknown_ids_are_not_found(service):
    for path in (f"/v1/claims/{'0' * 64}", f"/v1/entries/{'0' * 64}", f"/v1/claims/{'0' * 64}/receipt"):
        answer = service.get(path)
        assert (answer.status, answer.problem) == (404, "not-found"), path
    assert service.get(f"/v1/follow-ups?subject={'0' * 64}").json() == {"entries": []}
    assert service.get("/v1/stamps/3").json() == {"size": 3, "note": None, "timestamps": []}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/claims/xyz",
        "/v1/claims/" + "A" * 64,
        "/v1/claims/" + "0" * 63,
        "/v1/entries/0/receipt",
        "/v1/receipts/-1",
        "/v1/receipts/01",
        "/v1/receipts/1e3",
        "/v1/receipts/" + "9" * 40,
        "/v1/receipts/\u0661",
        "/v1/proofs/4_2",
        "/v1/stamps/x",
        "/v1/claims?commitment=12",
        "/v1/claims?limit=0",
        "/v1/claims?limit=201",
        "/v1/claims?after=-2",
        "/v1/claims?after=+1",
        "/v1/claims?color=red",
        "/v1/claims?limit=1&limit=2",
        "/v1/claims?" + "x" * 2_000,
        "/v1/follow-ups",
        "/v1/follow-ups?subject=" + "0" * 62,
        "/v1/follow-ups?kind=transfer&subject=" + "0" * 64,
        "/v1/follow-ups?kind=chained&subject=" + "0" * 64 + "&notary=" + "0" * 64,
        "/v1/follow-ups?subject=" + "0" * 64 + "&notary=" + "0" * 64,
    ],
)
def test_what_is_not_understood_is_refused(service, path):
    from urllib.parse import quote

    answer = service.get(quote(path, safe="/?=&+%"))
    assert (answer.status, answer.problem) == (400, "bad-request")


def test_other_paths_and_methods(service):
    assert service.get("/v2/claims").problem == "not-found"
    assert service.get("/v1/claims/").status in (400, 404)
    answer = service.request("PATCH", "/v1/claims")
    assert (answer.status, answer.problem) == (405, "method")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_the_service_introduces_itself(service):
    about = service.get("/v1/log").json()
    assert about["size"] == COUNT
    assert about["origin"] == checkpoint(service).origin
    assert about["keys"] == service.get("/log/vkey").body.decode().splitlines()
    assert (about["witnesses"], about["authorities"]) == ([], [])
    assert service.get("/health").json() == {"status": "ok", "size": COUNT}


def test_head_has_no_body(service):
    answer = service.request("HEAD", "/log/checkpoint")
    assert (answer.status, answer.body) == (200, b"")


def test_figures_name_templates_and_not_what_was_asked(service):
    service.get("/v1/claims/" + "ab" * 32)
    text = service.get("/metrics").body.decode()
    assert 'route="/v1/claims/{id}"' in text
    assert "abab" not in text
    assert f"seedproof_published_size {float(COUNT)}" in text
