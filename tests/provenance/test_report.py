"""Reports: exit codes, and a JSON form that every JSON parser reads."""

import json
import math

import pytest

from provenance.errors import EnvironmentFault, InvalidError, UnprovedError, UsageError
from provenance.report import COPY_STATEMENT, STATEMENTS, STEPS, Check, Report, Status, Verdict

CODES = {"authentic": 0, "consistent": 3, "claimed": 3, "disputed": 5, "invalid": 1, "unproved": 3}


def report(verdict=Verdict.CLAIMED, **changes):
    values = {"reason": "", "claim_id": b"\x01" * 32, "authors": (b"\x02" * 32,), "checks": ()}
    return Report(verdict, **(values | changes))


@pytest.mark.parametrize("verdict", Verdict)
def test_exit_codes(verdict):
    assert report(verdict).exit_code() == CODES[verdict]
    lowered = 0 if verdict is Verdict.CONSISTENT else CODES[verdict]
    assert report(verdict).exit_code(accept_consistent=True) == lowered
    assert verdict in STATEMENTS


def test_only_authentic_succeeds_by_default():
    assert [verdict for verdict in Verdict if report(verdict).exit_code() == 0] == [Verdict.AUTHENTIC]


def test_families_of_errors_have_the_documented_codes():
    codes = [kind.exit_code for kind in (InvalidError, UsageError, UnprovedError, EnvironmentFault)]
    assert codes == [1, 2, 3, 4]


def test_consistent_says_what_it_is_not_good_against():
    assert "NOT against" in STATEMENTS[Verdict.CONSISTENT]


@pytest.mark.parametrize(
    ("verdict", "status", "copied"),
    [
        (Verdict.CONSISTENT, Status.PASS, True),
        (Verdict.CONSISTENT, Status.WARN, False),
        (Verdict.CLAIMED, Status.PASS, False),
        (Verdict.AUTHENTIC, Status.PASS, False),
    ],
)
def test_of_a_copy_consistent_says_that_it_is_one(verdict, status, copied):
    found = report(verdict, checks=(Check(9, Status.PASS, ""), Check(15, status, "")))
    assert found.statement == (COPY_STATEMENT if copied else STATEMENTS[verdict])
    assert "NOT good against" in COPY_STATEMENT


def test_steps_are_numbered_without_a_gap():
    assert list(STEPS) == list(range(1, 17))
    assert len(set(STEPS.values())) == 16


def test_json():
    check = Check(7, Status.PASS, "linked", {"cosine": 0.5, "n": 3, "ok": True, "none": None, "text": "x"})
    value = report(checks=(check,), reason="why").to_json()
    assert json.loads(json.dumps(value)) == value
    assert value == {
        "version": 1,
        "verdict": "claimed",
        "qualified": "claimed",
        "statement": STATEMENTS[Verdict.CLAIMED],
        "reason": "why",
        "claim_id": "01" * 32,
        "author": "02" * 32,
        "authors": ["02" * 32],
        "derived_from": [],
        "lineage": None,
        "checks": [{"step": 7, "name": STEPS[7], "status": "pass", "detail": "linked", "figures": dict(check.figures)}],
    }


def test_json_without_a_claim_or_authors():
    value = report(claim_id=None, authors=()).to_json()
    assert (value["claim_id"], value["author"], value["authors"]) == (None, None, [])


@pytest.mark.parametrize("figure", [math.inf, -math.inf, math.nan])
def test_json_has_no_infinity(figure):
    value = report(checks=(Check(9, Status.FAIL, "", {"distance": figure}),)).to_json()
    assert json.loads(json.dumps(value, allow_nan=False))["checks"][0]["figures"] == {"distance": None}


def test_figures_are_copied():
    check = Check(7, Status.PASS, "", {"n": 1})
    report(checks=(check,)).to_json()["checks"][0]["figures"]["n"] = 2
    assert check.figures == {"n": 1}
