"""Publishing: the claim moves into another log, the picture stays, and nothing is submitted that should not be."""

import datetime as dt
import json
import stat

import pytest
from click.testing import CliRunner
from PIL import Image

from ledger import cli
from ledger.local import open_ledger
from ledger.publish import publish_picture
from provenance.assertion import parse_assertion
from provenance.authoring import submit_claim
from provenance.canonicalfile import read_plain
from provenance.claim import claim_id, parse_claim
from provenance.curve import public_key
from provenance.errors import InvalidError, LedgerFault, SeedproofError, UnprovedError, UsageError
from provenance.home import find_home
from provenance.keystore import Secrets, derive_author, seal_keystore, write_keystore
from provenance.manifest import read_container
from provenance.note import VerifierKey
from provenance.pixels import encode_png
from provenance.policy import LogTrust, Policy
from provenance.receipt import parse_receipt
from provenance.report import Status, Verdict
from provenance.verify import Depth, Request, verify
from tests.support.entries import make_entry
from tests.support.pictures import author, pixels
from tests.support.tsa import Authority, now
from tests.support.works import make_work, master

NOW = dt.datetime.now(dt.UTC)


def report_of(data, ledger=None, authorities=()):
    logs = (LogTrust(VerifierKey.parse(ledger.verifier_key), independent=False),) if ledger else ()
    policy = Policy(logs=logs, timestamp_authorities=tuple(authorities))
    return verify(data, Request(policy=policy, now=now(), depth=Depth.QUICK))


def step(report, number):
    return next(check for check in report.checks if check.step == number)


def assertion_of(data):
    return parse_assertion(
        read_container(data, "image/png" if data[1:4] == b"PNG" else "image/webp", anchors_pem=None).assertion
    )


def publish(data, ledger, **options):
    return publish_picture(data, ledger, master(), author(), now=NOW, **options)


@pytest.mark.parametrize("webp", [False, True])
@pytest.mark.parametrize("anonymous", [False, True])
def test_a_draft_becomes_a_logged_picture(ledger, webp, anonymous):
    draft = make_work(1, webp=webp, anonymous=anonymous)
    assert step(report_of(draft), 10).status is Status.SKIP
    made = publish(draft, ledger)
    assert read_plain(made.data).data == read_plain(draft).data
    before, after = assertion_of(draft), assertion_of(made.data)
    assert (before.claim, before.recipe, before.possession, before.environment) == (
        after.claim,
        after.recipe,
        after.possession,
        after.environment,
    )
    report = report_of(made.data, ledger)
    assert report.verdict is not Verdict.INVALID
    assert step(report, 10).status is Status.PASS
    assert "proves no time" in step(report, 10).detail
    assert (made.logged.index, made.known_before) == (0, False)


def test_an_anonymous_picture_stays_unlinkable(ledger):
    data = publish(make_work(1, anonymous=True), ledger).data
    again = publish(data, ledger).data
    assert "Ada" not in data.decode("latin-1")
    certificates = {read_container(d, "image/png", anchors_pem=None).certificate_der for d in (data, again)}
    assert len(certificates) == 2


def test_publishing_again_refreshes_the_receipt(ledger):
    made = publish(make_work(1), ledger)
    ledger.submit(make_entry("other"))
    again = publish(made.data, ledger)
    assert again.known_before
    assert again.logged == made.logged
    assert [parse_receipt(assertion_of(d).receipt).checkpoint.size for d in (made.data, again.data)] == [1, 2]


def test_from_one_log_to_another(ledger, tmp_path):
    other = open_ledger(str(tmp_path / "other.db"), create=True)
    drafted = make_work(1, log=ledger)
    made = publish(drafted, other)
    assert step(report_of(made.data, other), 10).status is Status.PASS
    assert step(report_of(made.data, ledger), 10).status is Status.WARN
    other.close()


def test_the_proofs_that_the_log_has_go_into_the_manifest(ledger):
    """The same claim proved twice: randomised signatures differ, and the receipt is about the first."""
    make_work(1, log=ledger)
    draft = make_work(1)
    made = publish(draft, ledger)
    assert made.known_before
    assert assertion_of(made.data).possession != assertion_of(draft).possession
    assert step(report_of(made.data, ledger), 10).status is Status.PASS


def test_a_stamped_receipt_proves_a_time(ledger):
    authority = Authority()
    with authority.serve() as url:
        made = publish(make_work(1), ledger, before_receipt=lambda: ledger.stamp([url]))
    check = step(report_of(made.data, ledger, [authority.anchor]), 10)
    assert check.status is Status.PASS
    assert f"existed before {NOW:%Y-%m-%d}" in check.detail
    assert check.detail.endswith("according to CN=Test Time Stamping Authority")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (encode_png(pixels()), UnprovedError),
        (make_work(1, who=master("bob")), UsageError),
        (make_work(1, who=master("bob"), anonymous=True), UsageError),
        (make_work(1, author_of=master("bob")), UsageError),
    ],
    ids=["unsigned", "another author's", "another's anonymous", "own seed under another's name"],
)
def test_only_own_claims_are_published(ledger, data, error):
    with pytest.raises(error):
        publish(data, ledger)
    assert ledger.head().size == 0


def test_an_invalid_picture_is_not_published(ledger):
    data = make_work(1)
    position = data.index(b"IDAT") + 400
    broken = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
    with pytest.raises(InvalidError):
        publish(broken, ledger)
    assert ledger.head().size == 0


class Liar:
    """A ledger that answers something else than was asked."""

    def __init__(self, ledger, **answers):
        self._ledger, self._answers = ledger, answers

    def __getattr__(self, name):
        return self._answers.get(name, getattr(self._ledger, name))


def test_a_log_that_lies_is_found_out(ledger, tmp_path):
    other = open_ledger(str(tmp_path / "other.db"), create=True)
    strange = other.submit(make_entry("strange"))
    elsewhere = ledger.submit(make_entry("elsewhere"))
    mine = make_entry("mine")
    for answers in (
        {"submit": lambda _entry: strange},
        {"submit": lambda _entry: elsewhere},
        {"submit": lambda _entry: strange, "receipt": other.receipt},
        {"receipt": other.receipt},
        {"receipt": lambda _index: b"{}"},
        {"verifier_keys": ("x",)},
        {"verifier_keys": other.verifier_keys},
    ):
        with pytest.raises(LedgerFault):
            submit_claim(Liar(ledger, **answers), mine)
    assert submit_claim(ledger, mine)[0].entry == mine
    other.close()


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.fixture
def picture(tmp_path):
    """An author's home with an open keystore, and a draft of his."""
    home = find_home()
    home.make(home.data)
    who = author()
    secrets = Secrets(master(), who.chain_pem, who.key_pem, who.root_pem, who.root_key_pem)
    write_keystore(home.keystore, seal_keystore(secrets, None))
    file = tmp_path / "hills.png"
    file.write_bytes(make_work(1))
    file.chmod(0o640)
    return file


def run(command, *arguments, error=None):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if error is None:
        assert result.exception is None, result.exception
        return result
    assert isinstance(result.exception, error), (result.output, result.exception)
    assert isinstance(result.exception, SeedproofError)
    return result


def test_publish_command(picture, path):
    before = picture.read_bytes()
    result = run(cli.publish, picture, "--ledger", path, "--json")
    assert "becomes a new log of your own" in result.stderr
    assert picture.read_bytes() != before
    told = json.loads(result.stdout)
    claim = parse_claim(assertion_of(picture.read_bytes()).claim)
    assert told == {
        "version": 1,
        "path": str(picture),
        "claim_id": claim_id(claim).hex(),
        "ledger": str(path),
        "index_in_log": 0,
        "known_before": False,
        "changed": True,
        "published": [],
    }
    assert stat.S_IMODE(picture.stat().st_mode) == 0o640
    assert "where it stood already" in run(cli.publish, picture, "--ledger", path).stderr
    assert not list(picture.parent.glob(".hills*"))


def test_publish_command_with_timestamps(picture, path):
    with Authority().serve() as url:
        result = run(cli.publish, picture, "--ledger", path, "--stamp", url, "--stamp", "http://127.0.0.1:9/")
    assert "warning: timestamp authority http://127.0.0.1:9/" in result.stderr
    assert len(parse_receipt(assertion_of(picture.read_bytes()).receipt).timestamps) == 1
    run(cli.publish, picture, "--ledger", "http://log.example", "--stamp", "http://127.0.0.1:9/", error=UsageError)


def test_a_file_that_cannot_be_replaced_is_noticed_before_anything_is_logged(picture, path, monkeypatch):
    from provenance.errors import OutputError

    def refuse(*_arguments, **_options):
        raise OutputError("read-only")

    monkeypatch.setattr("provenance.files.check_writable", refuse)
    run(cli.publish, picture, "--ledger", path, error=OutputError)
    assert not path.exists()


def test_a_receipt_that_loses_its_timestamps_is_told(picture, path, tmp_path):
    assert "the place of" not in run(cli.publish, picture, "--ledger", tmp_path / "none.db").stderr
    with Authority().serve() as url:
        told = run(cli.publish, picture, "--ledger", path, "--stamp", url).stderr
    assert "took the place of the old one (0 timestamps before, 1 now)" in told
    told = run(cli.publish, picture, "--ledger", tmp_path / "other.db").stderr
    assert "had 1 timestamps, the new one has none" in told


def test_an_anonymous_author_hears_what_the_receipt_shows(picture, path):
    assert "work is anonymous" not in run(cli.publish, picture, "--ledger", path).stderr
    picture.write_bytes(make_work(2, anonymous=True))
    assert "shows when it was published" in run(cli.publish, picture, "--ledger", path).stderr


def test_publishing_through_a_link_writes_what_it_points_to(picture, path, tmp_path):
    link = tmp_path / "link.png"
    link.symlink_to(picture)
    before = picture.read_bytes()
    run(cli.publish, link, "--ledger", path)
    assert link.is_symlink()
    assert picture.read_bytes() != before


def test_a_lossy_file_is_no_question_that_find_can_answer(path, tmp_path):
    open_ledger(str(path), create=True).close()
    shot = tmp_path / "shot.jpg"
    Image.fromarray(pixels()).save(shot)
    result = run(cli.ledger, "find", shot, "--ledger", path, error=UsageError)
    assert "lossless" in str(result.exception)


def test_ledger_commands(picture, path):
    run(cli.publish, picture, "--ledger", path)
    shown = json.loads(run(cli.ledger, "show", "--ledger", path, "--json").stdout)
    assert shown["size"] == 1
    assert shown["verifier_key"] in find_home().own_logs.read_text()
    assert "entries  1" in run(cli.ledger, "show", "--ledger", path).stdout
    claim = parse_claim(assertion_of(picture.read_bytes()).claim)
    who = public_key(derive_author(master())).hex()
    for arguments in (
        [picture],
        ["--claim", claim_id(claim).hex()],
        ["--commitment", claim.Y.hex()],
        ["--author", who],
        ["--latent", claim.latent.digest.hex()],
        ["--author", who, "--pixels", claim.pixels.hex()],
    ):
        found = json.loads(run(cli.ledger, "find", *arguments, "--ledger", path, "--json").stdout)
        assert [entry["claim_id"] for entry in found["entries"]] == [claim_id(claim).hex()]
        assert claim_id(claim).hex() in run(cli.ledger, "find", *arguments, "--ledger", path).stdout
    run(cli.ledger, "find", "--claim", "00" * 32, "--ledger", path, error=UnprovedError)
    run(cli.ledger, "find", "--latent", "00" * 32, "--ledger", path, error=UnprovedError)
    for arguments in ([], ["--claim", "00"], ["--author", "x" * 64], [picture, "--author", who]):
        run(cli.ledger, "find", *arguments, "--ledger", path, error=UsageError)
    assert "all 1 entries hold" in run(cli.ledger, "fsck", "--ledger", path).stdout
    with Authority().serve() as url:
        assert "1 of 2" in run(cli.ledger, "stamp", url, "http://127.0.0.1:9/", "--ledger", path).stderr


def test_a_stripped_picture_is_found_by_its_pixels(picture, path, tmp_path):
    run(cli.publish, picture, "--ledger", path)
    stripped = tmp_path / "stripped.png"
    stripped.write_bytes(read_plain(picture.read_bytes()).data)
    assert "claim" in run(cli.ledger, "find", stripped, "--ledger", path).stdout


def test_fsck_says_what_is_wrong(picture, path):
    import sqlite3

    run(cli.publish, picture, "--ledger", path)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM new_keys")
    connection.close()
    result = run(cli.ledger, "fsck", "--ledger", path, "--json", error=LedgerFault)
    assert json.loads(result.stdout)["problems"] == [
        "entry 0: the keys that it is looked up by do not follow from the entry",
        "there are other keys, by which entries are looked up, than those of the entries",
    ]


def test_commands_use_the_own_ledger_by_default(picture):
    home = find_home()
    run(cli.ledger, "show", error=LedgerFault)
    open_ledger(str(home.ledger), create=True).close()
    assert "entries  0" in run(cli.ledger, "show").stdout


def test_a_derived_work_keeps_its_parents(ledger):
    from tests.support.remixes import blend, image_to_image, judge, original

    one, two = original(1), original(2)
    draft = blend(4, image_to_image(3, one), two)
    made = publish(draft.data, ledger)
    assert judge(draft.data, deep=True).lineage["works"][1:] == judge(made.data, deep=True).lineage["works"][1:]
    assert step(judge(made.data, deep=True), 12).status is Status.PASS
    again = publish(made.data, ledger)
    assert step(judge(again.data, deep=True), 12).figures["made_again"] == 3
