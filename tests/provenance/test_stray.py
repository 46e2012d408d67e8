"""A stripped picture and a log that knows its pixels: the claim is named, the verdict stays what the file shows."""

import pytest

from ledger.local import open_ledger
from provenance.canonicalfile import read_plain
from provenance.claim import claim_id, format_entry
from provenance.report import Status, Verdict
from provenance.verify import Depth
from tests.support.forge import judge, made, step


@pytest.fixture
def log(tmp_path):
    opened = open_ledger(str(tmp_path / "log.db"), create=True)
    yield opened
    opened.close()


def stripped():
    return read_plain(made().sign()).data


def test_a_stripped_picture_is_looked_up_by_its_pixels(log):
    log.submit(format_entry(made(number=1).entry))
    report = judge(stripped(), depth=Depth.QUICK, ledger=log)
    assert (report.verdict, step(report, 11).status) == (Verdict.UNPROVED, Status.SKIP)
    assert "no claim over these pixels" in step(report, 11).detail
    log.submit(format_entry(made().entry))
    report = judge(stripped(), depth=Depth.QUICK, ledger=log)
    assert (report.verdict, report.claim_id, report.exit_code()) == (Verdict.UNPROVED, None, 3)
    assert step(report, 11).status is Status.WARN
    assert "claimed in entry 1 of" in step(report, 11).detail
    assert "seedproof ledger find" in report.reason
    assert step(report, 11).figures["claim_id"] == claim_id(made().claim).hex()
    assert step(report, 11).figures["oldest_entry"] == 1


def test_the_oldest_of_several_claims_is_named(log):
    thief = made("mallory", number=3)
    rival = made().with_(
        secret=thief.secret, author_secrets=thief.author_secrets, credentials=thief.credentials, nonce=thief.nonce
    )
    for work in (made(), rival):
        log.submit(format_entry(work.entry))
    report = judge(stripped(), depth=Depth.QUICK, ledger=log)
    assert "entry 0 and 1 later ones" in step(report, 11).detail
    assert step(report, 11).figures["claims_over_pixels"] == 2


def test_without_a_log_nothing_is_looked_up():
    report = judge(stripped(), depth=Depth.QUICK)
    assert report.verdict is Verdict.UNPROVED
    assert [check.step for check in report.checks] == [1]


def test_a_lossy_file_has_no_pixels_to_look_up(log):
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(made().rgb).save(out, "JPEG")
    report = judge(out.getvalue(), depth=Depth.QUICK, ledger=log)
    assert report.verdict is Verdict.UNPROVED
    assert "cannot be looked up" in step(report, 11).detail
