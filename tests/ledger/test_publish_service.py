"""Publishing to the real service: into the file, beside it, refreshed; with recipe and latent; looked up and verified."""

import hashlib
import json
import time

import pytest

from ledger import cli
from ledger.client import open_ledger
from provenance import cli_verify
from provenance.authoring import submit_claim
from provenance.claim import claim_id, parse_claim
from provenance.errors import LedgerFault, UnprovedError, UsageError
from provenance.followup import format_follow_up
from provenance.home import find_home
from provenance.keystore import Secrets, seal_keystore, write_keystore
from provenance.receipt import parse_receipt
from provenance.sidecar import parse_sidecar, sidecar_path
from tests.ledger.test_publish import assertion_of, run
from tests.support import follow
from tests.support.pictures import author
from tests.support.service import serving
from tests.support.tsa import Authority
from tests.support.works import make_work, master


@pytest.fixture(scope="module")
def authority():
    made = Authority()
    with made.serve() as url:
        yield url


@pytest.fixture(scope="module")
def service(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("service")
    options = ("--origin", "log.test/p", "--timestamp", authority, "--timestamp-every", "1")
    with serving(folder, *options) as running:
        yield running


@pytest.fixture
def picture(tmp_path, request):
    home = find_home()
    home.make(home.data)
    who = author()
    secrets = Secrets(master(), who.chain_pem, who.key_pem, who.root_pem, who.root_key_pem)
    write_keystore(home.keystore, seal_keystore(secrets, None))
    file = tmp_path / "hills.png"
    number = int(hashlib.sha256(request.node.name.encode()).hexdigest(), 16) % 200
    file.write_bytes(make_work(number))
    return file


def claim_of(data):
    return parse_claim(assertion_of(data).claim)


def verify_json(file, service):
    trust_the_log(service)
    from click.testing import CliRunner

    found = CliRunner().invoke(cli_verify.verify, [str(file), "--quick", "--json", "--ledger", service.url])
    return json.loads(found.stdout)


def trust_the_log(service):
    home = find_home()
    home.make(home.config)
    key = service.get("/log/vkey").body.decode().splitlines()[0]
    home.policy.write_text(
        json.dumps(
            {
                "kind": "policy",
                "v": 1,
                "models": [],
                "logs": [{"key": key, "independent": True}],
                "timestamp_authorities": [],
                "c2pa_anchors": [],
            }
        )
    )


def step(report, number):
    return next(check for check in report["checks"] if check["step"] == number)


def until_stamped(service, index):
    ledger = open_ledger(service.url)
    deadline = time.monotonic() + 20
    while not parse_receipt(ledger.receipt(index)).timestamps:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    ledger.close()


def test_publish_find_show_and_verify(picture, service, tmp_path):
    told = json.loads(run(cli.publish, picture, "--ledger", service.url, "--json").stdout)
    assert (told["known_before"], told["changed"], told["ledger"]) == (False, True, service.url)
    report = verify_json(picture, service)
    assert step(report, 10)["status"] == "pass"
    assert step(report, 10)["figures"]["log"] == "log.test/p"
    assert step(report, 11)["status"] == "pass"
    assert step(report, 11)["figures"]["own_index"] == told["index_in_log"]
    found = json.loads(run(cli.ledger, "find", picture, "--ledger", service.url, "--json").stdout)
    assert [entry["claim_id"] for entry in found["entries"]] == [told["claim_id"]]
    assert told["claim_id"] in run(cli.ledger, "find", "--claim", told["claim_id"], "--ledger", service.url).stdout
    run(cli.ledger, "find", "--commitment", "00" * 32, "--ledger", service.url, error=UnprovedError)
    shown = json.loads(run(cli.ledger, "show", "--ledger", service.url, "--json").stdout)
    assert (shown["origin"], shown["ledger"]) == ("log.test/p", service.url)
    assert shown["size"] > told["index_in_log"]


def test_a_receipt_of_a_service_that_was_met_is_a_known_ones(picture, service):
    run(cli.publish, picture, "--ledger", service.url)
    from click.testing import CliRunner

    report = json.loads(CliRunner().invoke(cli_verify.verify, [str(picture), "--quick", "--json"]).stdout)
    check = step(report, 10)
    assert check["status"] == "pass"
    assert check["figures"]["known_log"]
    assert "proves no time" in check["detail"]


def test_refresh_takes_only_what_proves_more(picture, service):
    run(cli.publish, picture, "--ledger", service.url, "--refresh", error=UnprovedError)
    first = json.loads(run(cli.publish, picture, "--ledger", service.url, "--json").stdout)
    until_stamped(service, first["index_in_log"])
    told = run(cli.publish, picture, "--ledger", service.url, "--refresh", "--json")
    assert len(parse_receipt(assertion_of(picture.read_bytes()).receipt).timestamps) == 1
    before = picture.read_bytes()
    again = run(cli.publish, picture, "--ledger", service.url, "--refresh", "--json")
    assert json.loads(again.stdout)["changed"] is False
    assert "nothing was changed" in again.stderr
    assert picture.read_bytes() == before
    assert json.loads(told.stdout)["known_before"]


def test_a_sidecar_needs_no_keys_and_leaves_the_file(picture, service):
    find_home().keystore.unlink()
    before = picture.read_bytes()
    told = json.loads(run(cli.publish, picture, "--ledger", service.url, "--sidecar", "--json").stdout)
    assert picture.read_bytes() == before
    assert step(verify_json(picture, service), 10)["detail"].startswith("beside the file: entry")
    first = parse_sidecar(sidecar_path(picture).read_bytes())
    assert claim_id(first.entry.claim).hex() == told["claim_id"]
    until_stamped(service, told["index_in_log"])
    run(cli.publish, picture, "--ledger", service.url, "--sidecar", "--refresh")
    assert len(parse_receipt(parse_sidecar(sidecar_path(picture).read_bytes()).receipt).timestamps) == 1
    again = run(cli.publish, picture, "--ledger", service.url, "--sidecar", "--refresh")
    assert "nothing was changed" in again.stderr
    run(cli.publish, picture, "--ledger", service.url, "--sidecar", "--with-recipe", error=UsageError)  # needs keys


def test_a_damaged_sidecar_is_a_remark(picture, service):
    run(cli.publish, picture, "--ledger", service.url)
    sidecar_path(picture).write_bytes(b"junk")
    check = step(verify_json(picture, service), 10)
    assert check["status"] == "pass"
    assert "the sidecar is not counted" in check["detail"]
    sidecar_path(picture).write_bytes(bytes(10**6))
    assert step(verify_json(picture, service), 10)["status"] == "pass"


def test_recipe_and_latent_are_given_and_taken_back(picture, service):
    told = run(cli.publish, picture, "--ledger", service.url, "--with-recipe", "--with-latent", "--json")
    assert json.loads(told.stdout)["published"] == ["recipe", "latent"]
    claim = claim_of(picture.read_bytes())
    recipe = service.get(f"/v1/blobs/{claim.recipe.hex()}")
    assert recipe.body == assertion_of(picture.read_bytes()).recipe
    assert service.get(f"/v1/blobs/{claim.latent.digest.hex()}").status == 200
    told = run(cli.publish, picture, "--ledger", service.url, "--withdraw")
    assert "recipe and latent taken back" in told.stderr
    assert service.get(f"/v1/blobs/{claim.recipe.hex()}").status == 404
    assert "nothing taken back" in run(cli.publish, picture, "--ledger", service.url, "--withdraw").stderr
    run(cli.publish, picture, "--ledger", service.url, "--with-recipe")
    assert service.get(f"/v1/blobs/{claim.recipe.hex()}").status == 200


def test_who_sold_the_work_gives_nothing_away_any_more(picture, service):
    told = json.loads(run(cli.publish, picture, "--ledger", service.url, "--json").stdout)
    identifier = bytes.fromhex(told["claim_id"])
    from provenance.derivation import derive_author
    from provenance.followup_body import Transfer
    from provenance.offer import accept_offer, make_offer
    from tests.support.entries import secret

    offer = make_offer(Transfer(identifier, identifier, follow.key("bob")), [derive_author(master())])
    entry = format_follow_up(accept_offer(offer, secret("author", "bob")))
    answer = service.submit(entry)
    assert answer.status == 201
    run(cli.ledger, "find", "--claim", answer.json()["id"], "--ledger", service.url, error=UnprovedError)  # no claim
    run(cli.publish, picture, "--ledger", service.url, "--with-recipe", error=LedgerFault)
    assert step(verify_json(picture, service), 11)["figures"]["owner"] == follow.key("bob").hex()


def test_an_anonymous_work_is_published_and_gives_its_recipe(picture, service):
    picture.write_bytes(make_work(201, anonymous=True))
    run(cli.publish, picture, "--ledger", service.url, "--with-recipe")
    claim = claim_of(picture.read_bytes())
    assert service.get(f"/v1/blobs/{claim.recipe.hex()}").status == 200


def test_create_logs_in_a_service(service):
    """What ``create --ledger URL`` does with the port."""
    ledger = open_ledger(service.url)
    work = make_work(202, log=ledger)
    assert parse_receipt(assertion_of(work).receipt).checkpoint.origin == "log.test/p"
    logged, receipt = submit_claim(ledger, ledger.find(claim_id(claim_of(work))).entry)
    assert parse_receipt(receipt).index == logged.index
    ledger.close()


@pytest.mark.parametrize(
    "options",
    [
        ["--with-recipe", "--ledger", "local.db"],
        ["--withdraw", "--ledger", "local.db"],
        ["--withdraw", "--with-recipe", "--ledger", "http://127.0.0.1:9"],
        ["--withdraw", "--refresh", "--ledger", "http://127.0.0.1:9"],
        ["--stamp", "http://tsa.example", "--ledger", "http://127.0.0.1:9"],
        ["--ledger", "http://user:secret@127.0.0.1:9"],
    ],
)
def test_options_that_do_not_go_together(picture, options):
    before = picture.read_bytes()
    run(cli.publish, picture, *options, error=UsageError)
    assert picture.read_bytes() == before


def test_a_missing_parent_is_fetched_from_the_service(service):
    """Its claim is proved to be in the log, its recipe and latent are what the claim says; nothing else is believed."""
    import datetime as dt

    from ledger.blobs import publish_blob, withdraw_blob
    from provenance.claim import format_entry
    from provenance.manifest_parents import Parent
    from provenance.recipe import format_recipe
    from provenance.report import Verdict
    from provenance.storedlatent import encode_latent
    from tests.support.remixes import image_to_image, judge, original

    parent = original(77)
    orphan = image_to_image(78, parent, carried=(Parent("parent.png", "image/png"),))
    client = open_ledger(service.url, create=False)
    try:
        submit_claim(client, format_entry(parent.entry))
        assert judge(orphan.data, deep=True, ledger=client).verdict is Verdict.CLAIMED
        blobs = {"recipe": format_recipe(parent.recipe), "latent": encode_latent(parent.integers)}
        for kind, data in blobs.items():
            publish_blob(client, parent.claim, kind, data, master(), dt.datetime.now(dt.UTC))
        report = judge(orphan.data, deep=True, ledger=client)
        assert report.verdict is Verdict.AUTHENTIC
        assert report.lineage["works"][1]["found"] == "ledger"
        withdraw_blob(client, parent.claim, "latent", master(), dt.datetime.now(dt.UTC))
        assert judge(orphan.data, deep=True, ledger=client).verdict is Verdict.CLAIMED
    finally:
        client.close()
