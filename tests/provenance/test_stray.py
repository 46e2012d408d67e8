"""A stripped picture and a log that knows its pixels: the claim is named, the verdict stays what the file shows."""

import pytest

from ledger.local import open_ledger
from provenance.canonicalfile import read_plain
from provenance.claim import format_entry
from provenance.pixels import read_picture
from provenance.report import Status, Verdict
from tests.support.remixes import judge, original, step
from tests.support.works import master

ORIGINAL, OTHER = original(1), original(2)


@pytest.fixture
def log(tmp_path):
    opened = open_ledger(str(tmp_path / "log.db"), create=True)
    yield opened
    opened.close()


def stripped():
    return read_plain(ORIGINAL.data).data


def test_a_stripped_picture_is_looked_up_by_its_pixels(log):
    log.submit(format_entry(OTHER.entry))
    report = judge(stripped(), quick=True, ledger=log)
    assert (report.verdict, step(report, 11).status) == (Verdict.UNPROVED, Status.SKIP)
    assert "no claim over these pixels" in step(report, 11).detail
    log.submit(format_entry(ORIGINAL.entry))
    report = judge(stripped(), quick=True, ledger=log)
    assert (report.verdict, report.claim_id, report.exit_code()) == (Verdict.UNPROVED, None, 3)
    assert step(report, 11).status is Status.WARN
    assert "claimed in entry 1 of" in step(report, 11).detail
    assert "seedproof ledger find" in report.reason
    assert step(report, 11).figures["claim_id"] == ORIGINAL.id.hex()
    assert step(report, 11).figures["oldest_entry"] == 1


def test_the_oldest_of_several_claims_is_named(log):
    rival = original(3, who=master("mallory"), latent=ORIGINAL.material.latent)
    for work in (ORIGINAL, rival):
        log.submit(format_entry(work.entry))
    report = judge(stripped(), quick=True, ledger=log)
    assert "entry 0 and 1 later ones" in step(report, 11).detail
    assert step(report, 11).figures["claims_over_pixels"] == 2


def test_without_a_log_nothing_is_looked_up():
    report = judge(stripped(), quick=True)
    assert report.verdict is Verdict.UNPROVED
    assert [check.step for check in report.checks] == [1]


def test_a_lossy_file_has_no_pixels_to_look_up(log):
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(read_picture(ORIGINAL.data).rgb).save(out, "JPEG")
    report = judge(out.getvalue(), quick=True, ledger=log)
    assert report.verdict is Verdict.UNPROVED
    assert "cannot be looked up" in step(report, 11).detail
