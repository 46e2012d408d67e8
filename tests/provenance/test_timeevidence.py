"""What several tokens say together, and which of them count."""

import datetime as dt

import pytest

from provenance.errors import UsageError
from provenance.timeevidence import check_timestamps, stamped_text
from provenance.timestamp import DEVELOPMENT_POLICY
from tests.support.logs import MemoryLog
from tests.support.tsa import DAY, NOW, Authority

NOTE = MemoryLog(3).checkpoint()
TEXT = stamped_text(NOTE)
SECOND = dt.timedelta(seconds=1)
A, B = Authority("A"), Authority("B", time=NOW + 5 * SECOND)
TRUSTED = [A.anchor, B.anchor]
LATER = NOW + DAY


def test_the_text_is_what_the_log_signed():
    assert NOTE[: len(TEXT)] == TEXT
    assert NOTE[len(TEXT) :].startswith("\n— ".encode())
    assert stamped_text(b"no note") == b"no note"


def test_existed_before_the_time_that_all_vouch_for():
    found = check_timestamps([B.token(TEXT), A.token(TEXT)], NOTE, TRUSTED, LATER)
    assert found.sentence() == "existed before 2026-11-20T12:00:05Z according to CN=A and CN=B"
    assert found.before == NOW + 5 * SECOND
    assert found.remarks == ()


def test_one_that_stamped_much_earlier_is_named_alone():
    late = Authority("Late", time=NOW + DAY)
    found = check_timestamps([late.token(TEXT), A.token(TEXT)], NOTE, [A.anchor, late.anchor], NOW + 2 * DAY)
    assert found.sentence() == (
        "existed before 2026-11-21T12:00:00Z according to CN=A and CN=Late "
        "(before 2026-11-20T12:00:00Z according to CN=A alone)"
    )


def test_tokens_over_the_whole_note_of_earlier_logs_hold():
    assert check_timestamps([A.token(NOTE)], NOTE, TRUSTED, LATER).stamps


@pytest.mark.parametrize("other", [TEXT[:-1], TEXT + b"\n", NOTE[:-1], b"", MemoryLog(4).checkpoint()])
def test_tokens_over_anything_else_do_not(other):
    found = check_timestamps([A.token(other)], NOTE, TRUSTED, LATER)
    assert not found.stamps
    assert "not counted" in found.remarks[0]


def test_one_authority_counts_once_whatever_its_certificates():
    """Two signing certificates under one root, and one certificate twice, are no two authorities."""
    again = Authority("A again", time=NOW + SECOND)
    again.__dict__["_root_key"], again.__dict__["root"] = A._root_key, A.root
    again.name = "A"
    again.__dict__["leaf"] = again._issue("A second signer", again._leaf_key, usages=again.usages)
    found = check_timestamps([again.token(TEXT), A.token(TEXT), A.token(TEXT)], NOTE, TRUSTED, LATER)
    assert found.sentence() == "existed before 2026-11-20T12:00:00Z according to CN=A"
    assert len(check_timestamps([again.token(TEXT)], NOTE, TRUSTED, LATER).stamps) == 1


def test_a_development_authority_never_counts_even_where_its_root_is_trusted():
    development = Authority("D", policy=DEVELOPMENT_POLICY)
    tokens = [development.token(TEXT)]
    found = check_timestamps(tokens, NOTE, [development.anchor], LATER)
    assert (found.stamps, found.before, found.sentence()) == ((), None, "")
    assert [stamp.authority for stamp in found.development] == ["CN=D"]
    assert found.remarks == ("a timestamp by a development authority proves no time and is not counted (CN=D)",)
    assert "development" in check_timestamps(tokens, NOTE, [], LATER).remarks[0]
    both = check_timestamps([*tokens, A.token(TEXT)], NOTE, [development.anchor, A.anchor], LATER)
    assert both.sentence().endswith("according to CN=A")


def test_a_time_in_the_future_does_not_count():
    found = check_timestamps([A.token(TEXT)], NOTE, TRUSTED, NOW - SECOND)
    assert not found.stamps
    assert "future" in found.remarks[0]


def test_strangers_tokens_lower_nothing():
    stranger = Authority("A")
    found = check_timestamps([stranger.token(TEXT), b"junk", A.token(TEXT)], NOTE, TRUSTED, LATER)
    assert found.sentence().endswith("according to CN=A")
    assert len(found.remarks) == 2


def test_a_damaged_policy_is_the_users_fault():
    with pytest.raises(UsageError):
        check_timestamps([A.token(TEXT)], NOTE, [b"no PEM"], LATER)
