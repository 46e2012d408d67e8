"""The red team's runner, and every cheap threat with a few attempts; what needs the model at night.

A threat that could not succeed would show nothing, so for most of them the line that stops it is taken out here, and the
threat must notice.
"""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.attacks.redteam import __main__ as command
from tests.attacks.redteam import (
    authority,
    backdating,
    challenge,
    confusion,
    curves,
    framing,
    frontrunning,
    grinding,
    ledger,
    malformed,
    memory,
    resign,
    seeds32,
    stolen,
    stripped,
    swapped,
)
from tests.attacks.redteam.lab import Lab, attempt, plain
from tests.attacks.redteam.run import mark_of, read_lines, run_threat, summarise, upper_bound
from tests.attacks.redteam.table import merge, table, write_json, write_table
from tests.attacks.redteam.threat import Outcome, Threat, all_threats, chance

MODULES = (
    resign, stripped, swapped, framing, challenge, backdating, authority, ledger, frontrunning, stolen, confusion, curves,
    malformed, grinding, seeds32,
)  # fmt: skip
THREATS = {threat.name: threat for module in MODULES for threat in getattr(module, "THREATS", None) or (module.THREAT,)}
QUICK = {
    "replayed-challenge": 15,
    "backdating": 12,
    "rogue-authority": 7,
    "forged-receipt": 18,
    "rogue-ledger": 7,
    "spellings": 20,
    "curves": 14,
    "grinding-seed": 2,
    "seeds-upper-half": 3,
    "seeds-truncated-claim": 3,
}
"""Those that do without the model, and how many attempts go over all of their ways."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """One work of the victim's, in two steps: what is tested with it needs no regeneration."""
    return Lab(tmp_path_factory.mktemp("redteam"), works=1, steps=2)


@pytest.fixture(scope="session")
def large_lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("redteam-large"), works=2)


def verdicts(threat, lab, attempts):
    return [threat.attempt(lab, i).verdict for i in range(attempts)]


# --- the threats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUICK)
def test_no_quick_threat_breaks(name, lab):
    threat = THREATS[name]
    found = verdicts(threat, lab, QUICK[name])
    assert not [verdict for verdict in found if threat.broken_by(verdict)], found


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(THREATS) - set(QUICK)))
def test_no_other_threat_breaks(name, large_lab):
    threat = THREATS[name]
    found = verdicts(threat, large_lab, 1 if threat.kind == "optimised" else 10)
    broken = [verdict for verdict in found if threat.broken_by(verdict)]
    assert not broken if threat.prevented else broken, found


def test_every_threat_of_the_package_is_found_by_the_runner():
    found = all_threats()
    assert set(THREATS) <= set(found)
    for threat in found.values():
        assert all((threat.title, threat.knowledge, threat.budget, threat.method)), threat.name
        assert threat.wanted in (1000, 300, 30)


def test_the_threat_model_names_tests_and_threats_that_exist():
    root = Path(__file__).parents[2]
    text = (root / "docs" / "threat-model.md").read_text("utf-8")
    sources = "".join(path.read_text("utf-8") for path in (root / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"`(test_\w+)`", text))
    assert len(tests) > 100
    assert not tests - set(re.findall(r"def (test_\w+)", sources))
    assert all((root / path).exists() for path in re.findall(r"`(tests/[\w/]+\.py)`", text))
    lists = re.findall(r"\*counted:\* ((?:`[\w-]+`(?:, )?)+)", text.partition("## Assets")[2])
    counted = {name for each in lists for name in re.findall(r"[\w-]+", each)}
    assert counted == set(all_threats())


def test_an_attempt_is_the_same_when_it_is_made_again(lab):
    for threat in (THREATS["forged-receipt"], THREATS["curves"], THREATS["spellings"]):
        first, second = (threat.attempt(lab, 5) for _ in range(2))
        assert (first.verdict, first.stopped) == (second.verdict, second.stopped)
    assert chance("a", 1).random() == chance("a", 1).random() != chance("b", 1).random()


# --- and without what stops them ------------------------------------------------------------------------------------------


def breaks(threat, lab, attempts):
    return [verdict for verdict in verdicts(threat, lab, attempts) if threat.broken_by(verdict)]


def test_replayed_challenges_and_odd_curves_succeed_where_signatures_are_not_checked(lab, monkeypatch):
    monkeypatch.setattr("provenance.proof.check", lambda *_, **__: None)
    assert breaks(THREATS["replayed-challenge"], lab, 10)
    assert len(breaks(THREATS["curves"], lab, 14)) == 14


def test_late_answers_succeed_where_expiry_is_not_checked(lab, monkeypatch):
    monkeypatch.setattr("provenance.challenge._require_unexpired", lambda *_: None)
    assert breaks(THREATS["replayed-challenge"], lab, 30)


def test_forged_receipts_succeed_where_inclusion_or_the_logs_name_is_not_checked(lab, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("provenance.receipt.check_inclusion", lambda *_: None)
        assert breaks(THREATS["forged-receipt"], lab, 12)
    monkeypatch.setattr("provenance.receipt.open_checkpoint", lambda note, keys: SimpleNamespace(signed_by=(keys[0],)))
    assert breaks(THREATS["forged-receipt"], lab, 12)


def test_backdating_succeeds_where_tokens_are_not_held_against_the_trusted_roots(lab, monkeypatch):
    monkeypatch.setattr("provenance.timestamp._vouching", lambda _response, roots, _digest: roots[0])
    assert breaks(THREATS["backdating"], lab, 12)


def test_development_authorities_would_backdate_if_their_mark_were_overlooked(lab, monkeypatch):
    monkeypatch.setattr("provenance.timestamp.DEVELOPMENT_POLICY", "1.2.3")
    assert "backdated" in [THREATS["backdating"].attempt(lab, i).verdict for i in (5, 11, 17, 23)]


def test_lying_authorities_succeed_where_the_answer_is_not_held_against_the_clock(lab, monkeypatch):
    monkeypatch.setattr("ledger.timestamping._check_clock", lambda *_: None)
    assert THREATS["rogue-authority"].attempt(lab, 0).verdict == "kept"


def test_a_log_that_forks_succeeds_where_nothing_is_remembered(lab, monkeypatch):
    monkeypatch.setattr("ledger.monitorstate.MonitorState.kept", lambda _: None)
    assert breaks(THREATS["rogue-ledger"], lab, 7)


def test_other_spellings_succeed_where_bytes_need_not_be_canonical(lab, monkeypatch):
    from provenance.encoding import parse_json

    monkeypatch.setattr("provenance.claim.parse_canonical", parse_json)
    claims = [i for i in range(100) if i % 5 == 0 and i % 3]  # those that the parser alone sees
    assert "accepted" in [THREATS["spellings"].attempt(lab, i).verdict for i in claims]


def test_second_preimages_succeed_against_truncated_seeds(lab, monkeypatch):
    honest = seeds32.gaussian
    monkeypatch.setattr(seeds32, "gaussian", lambda seed, shape: honest(bytes(28) + seed[-4:], shape))
    assert breaks(THREATS["seeds-upper-half"], lab, 3)


def test_torch_makes_the_same_noise_of_seeds_that_agree_in_32_bits(lab):
    for i in range(3):
        figures = THREATS["seeds-upper-half"].attempt(lab, i).figures
        assert figures["torch_same_noise"] == 1
        assert figures["our_equal_values"] < 0.1


def test_an_honest_token_of_today_is_of_today():
    log = backdating.Log(5)
    genuine = backdating.people()[0][0]
    assert backdating.dated(log, *backdating.honest(log, genuine)) == "of today"


# --- the runner -----------------------------------------------------------------------------------------------------------


def made_up(verdict="invalid", name="made-up", **changes):
    """A threat that counts its attempts."""
    calls = []

    def attempt(_lab, i):
        calls.append(i)
        return Outcome(verdict(i) if callable(verdict) else verdict, {"square": i * i}, "a line")

    told = {"title": "t", "knowledge": "k", "budget": "b", "method": "m", "kind": "optimised", "attempt": attempt}
    return Threat(name=name, **told | changes), calls


class FakeLab:
    model, policy_digest = b"\x01" * 32, b"\x02" * 32


def test_a_run_goes_on_where_it_was(tmp_path):
    threat, calls = made_up()
    run_threat(threat, FakeLab, tmp_path, 3)
    with (tmp_path / "made-up.jsonl").open("ab") as file:
        file.write(b'{"i": 3, "verdict": "inv')  # killed while it wrote
    done = run_threat(threat, FakeLab, tmp_path, 5)
    assert calls == [0, 1, 2, 3, 4]
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert sorted(read_lines(tmp_path / "made-up.jsonl", mark_of(threat, FakeLab))) == [0, 1, 2, 3, 4]
    run_threat(threat, FakeLab, tmp_path, 5)
    assert len(calls) == 5


def test_lines_of_another_model_policy_or_edition_do_not_count(tmp_path):
    threat, calls = made_up()
    run_threat(threat, FakeLab, tmp_path, 2)
    for changes in ({"model": b"\x03" * 32}, {"policy_digest": b"\x03" * 32}):
        run_threat(threat, type("Other", (FakeLab,), changes), tmp_path, 2)
    run_threat(made_up(edition=2)[0], FakeLab, tmp_path, 2)
    assert calls == [0, 1] * 3
    assert len((tmp_path / "made-up.jsonl").read_bytes().splitlines()) == 8
    assert len(run_threat(threat, FakeLab, tmp_path, 2)) == 2


@pytest.mark.parametrize(
    ("breaks", "attempts", "bound"),
    [(0, 30, 1 - 0.05 ** (1 / 30)), (0, 1000, 0.0029912), (1, 20, 0.2161), (3, 3, 1.0), (0, 0, 1.0), (5, 10, 0.7776)],
)
def test_the_bound_is_clopper_and_pearsons(breaks, attempts, bound):
    found = upper_bound(breaks, attempts)
    assert math.isclose(found, bound, rel_tol=1e-3)
    if 0 < breaks < attempts:  # at the bound, so few breaks are as rare as 5 %
        tail = sum(math.comb(attempts, k) * found**k * (1 - found) ** (attempts - k) for k in range(breaks + 1))
        assert math.isclose(tail, 0.05, rel_tol=1e-6)


def run(tmp_path, threats, *arguments):
    return command.main(["--folder", str(tmp_path / "runs"), *arguments], threats=threats, lab=FakeLab)


def test_a_threat_that_breaks_makes_the_exit_code_1(tmp_path):
    calm, _ = made_up(name="calm")
    for verdict, code in (("authentic", 1), ("crash", 1), ("consistent", 0), ("refused", 0)):
        broken, _ = made_up(lambda i, verdict=verdict: verdict if i == 2 else "invalid", name=f"odd-{verdict}")
        threats = {"calm": calm, broken.name: broken}
        assert run(tmp_path, threats, "--attempts", "4") == code
        assert run(tmp_path, threats, "--only", "calm") == 0
    hopeless, _ = made_up("authentic", name="hopeless", prevented=False)
    assert run(tmp_path, {"hopeless": hopeless}, "--attempts", "2") == 0


def test_an_unknown_threat_is_a_usage_error(tmp_path):
    assert run(tmp_path, {}, "--only", "nothing") == 2


def test_results_of_other_threats_stay_in_the_file_and_are_never_pooled(tmp_path):
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    one, two = made_up(name="one")[0], made_up("authentic", name="two")[0]
    files = ("--json", str(results), "--table", str(page))
    both = {"one": one, "two": two}
    assert run(tmp_path, both, "--only", "one", "--wanted", *files) == 0
    page.write_text(page.read_text("utf-8") + "What people wrote.\n", "utf-8")
    assert run(tmp_path, both, "--only", "two", "--attempts", "3", *files) == 1
    rows = json.loads(results.read_text("utf-8"))["threats"]
    assert [(row["name"], row["attempts"], row["breaks"]) for row in rows] == [("one", 30, 0), ("two", 3, 3)]
    assert rows[0]["upper_bound_95"] == round(upper_bound(0, 30), 6)
    assert rows[0]["figures"]["square"] == {"min": 0.0, "median": 210.5, "max": 841.0}
    text = page.read_text("utf-8")
    assert "(`one`)" in text
    assert "| 3 of 30 | 3 | 100 % | authentic (3) |" in text
    assert text.endswith("What people wrote.\n")


def test_a_row_of_an_earlier_edition_of_its_threat_does_not_stay(tmp_path):
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    files = ("--json", str(results), "--table", str(page))
    first, gone, other = (made_up(name=name)[0] for name in ("first", "gone", "other"))
    assert run(tmp_path, {"first": first, "gone": gone}, "--attempts", "4", *files) == 0
    changed = made_up(name="first", edition=2)[0]
    assert run(tmp_path, {"first": changed, "other": other}, "--only", "other", "--attempts", "2", *files) == 0
    assert [row["name"] for row in json.loads(results.read_text("utf-8"))["threats"]] == ["other"]
    assert "(`first`)" not in page.read_text("utf-8")


def test_rows_of_another_model_are_marked():
    threat, _ = made_up()
    rows = [summarise(threat, lab, []) for lab in (FakeLab, type("Other", (FakeLab,), {"model": b"\x09" * 32}))]
    assert "model 0909090909090909" in table(rows)
    assert "Not all rows" not in table(rows[:1])


def test_figures_that_are_not_finite_are_refused(tmp_path):
    threat, _ = made_up()
    bad = Threat(**{**vars(threat), "attempt": lambda _lab, _i: Outcome("invalid", {"bits": math.inf})})
    with pytest.raises(ValueError, match="bits"):
        run_threat(bad, FakeLab, tmp_path, 1)


def test_merging_keeps_the_newest_of_each(tmp_path):
    path = tmp_path / "results.json"
    first, second, newer = ({"name": name, "model": "m", "x": x} for name, x in (("a", 1), ("b", 1), ("b", 2)))
    write_json(path, [second, first])
    assert merge(path, [newer]) == [first, newer]
    assert merge(path, []) == [first, second]
    other = {"name": "c", "model": "another", "x": 3}
    assert merge(path, [other]) == [other]  # one table tells of one model
    write_table(tmp_path / "empty.md", [])
    assert "# Red team" in (tmp_path / "empty.md").read_text("utf-8")


# --- the lab --------------------------------------------------------------------------------------------------------------


def test_an_exception_that_is_not_ours_is_a_crash_and_ours_is_none():
    def fail(error):
        raise error

    from provenance.errors import EncodingError, UnprovedError

    assert attempt(lambda: fail(KeyError("x"))).verdict == "crash"
    assert (
        attempt(lambda: fail(EncodingError("claim: not UTF-8 at byte 7"))).stopped
        == "EncodingError: claim: not UTF-8 at byte N"
    )
    assert attempt(lambda: fail(UnprovedError("no"))).verdict == "unproved"
    assert plain(f"entry 12 of http://127.0.0.1:80/x has {'ab' * 8}... in 'name'") == "entry N of ... has N in ..."


def test_what_was_made_once_is_not_made_again(tmp_path):
    from tests.support.works import master, recipe

    calls = []

    class Maker:
        def regenerate(self, recipe, prompt, seeds):
            calls.extend(seeds)
            import numpy as np

            return [np.frombuffer(seed * 4, np.float32).copy() for seed in seeds]

    made = recipe(bytes(32), master())
    pooled = memory.Pooled(Maker(), tmp_path, size=3)
    wrong = [bytes([number]) * 32 for number in range(1, 60)]
    first = pooled.regenerate(made, made.prompt, [made.seed, *wrong])
    assert made.seed in calls
    assert len(calls) == 4
    first[0][:] = 0  # what is handed out is the caller's
    again = memory.Pooled(Maker(), tmp_path, size=3).regenerate(made, made.prompt, [made.seed])
    assert len(calls) == 4
    assert again[0].any()
    exact = memory.Remembering(Maker())
    exact.regenerate(made, made.prompt, wrong)
    assert len(calls) == 4 + len(wrong)


@pytest.mark.slow
def test_ground_keys_would_be_consistent_if_few_bits_were_enough(large_lab, monkeypatch):
    for room in ("link", "judgement"):
        monkeypatch.setattr(f"provenance.{room}.REQUIRED_BITS", 2)
    assert breaks(THREATS["grinding-link"], large_lab, 3)


@pytest.mark.slow
def test_a_framed_victim_where_signatures_are_not_checked(large_lab, monkeypatch):
    monkeypatch.setattr("provenance.proof.check", lambda *_, **__: None)
    assert len(breaks(THREATS["framing"], large_lab, 3)) == 3


@pytest.mark.slow
def test_a_signed_again_picture_where_regeneration_is_not_compared(large_lab, monkeypatch):
    from provenance.link import Link, LinkResult
    from provenance.report import Check, Status

    figures = {"inversion_false_accept_log2": -500.0}
    holds = LinkResult(Check(9, Status.PASS, "regenerated", figures), Link.HOLDS)
    monkeypatch.setattr("provenance.verify.check_regeneration", lambda *_, **__: holds)
    assert THREATS["resign"].attempt(large_lab, 0).verdict == "authentic"
    assert THREATS["stripped"].attempt(large_lab, 2).verdict == "authentic"


@pytest.mark.slow
def test_what_is_damaged_was_authentic_before(large_lab):
    for honest in (large_lab.file(0), malformed.webp(large_lab, 0)):
        assert malformed.whole(large_lab, 0, honest, honest, jpeg=False) == "untouched"
