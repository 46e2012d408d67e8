"""What strangers wrote never moves a cursor."""

import io
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.terminal import ProgressLine, fail, note, printable, write_json

EVIL = "\x1b[2J\r\n\x9b31m\u202egnp\u200b\u2028\ud800\x7f\x00"
few = settings(max_examples=60)


def shown(text):
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)


@few
@given(st.text(st.characters(), max_size=50))
def test_printable_shows_everything_on_one_line(text):
    assert shown(printable(text))
    printable(text).encode("utf-8", "strict")
    if shown(text) and all(unicodedata.category(c) not in ("Co", "Cn") for c in text):
        assert printable(text) == text


def test_printable_escapes_and_shortens():
    assert printable("a\x1bb") == "a\\u{1b}b"
    assert printable("\U000e0001") == "\\u{e0001}"
    assert printable("\u6d77 \u00e9\U0001f30a") == "\u6d77 \u00e9\U0001f30a"
    assert printable("x" * 10, limit=4) == "xxxx..."
    assert len(printable("x" * 10_000)) < 2_100


@pytest.mark.parametrize(("say", "start"), [(fail, "seedproof: "), (note, "")])
def test_messages_are_one_line_on_stderr(capsys, say, start):
    say(f"wrong: {EVIL}")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{start}wrong: ")
    assert err.endswith("\n")
    assert shown(err[:-1])


@few
@given(
    st.dictionaries(
        st.text(st.characters(), max_size=8), st.text(st.characters(), max_size=20) | st.integers(), max_size=3
    )
)
def test_json_is_read_back_and_harmless(value):
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provenance.terminal.click.echo", lambda text: out.write(text))
        write_json(value)
    assert json.loads(out.getvalue()) == value
    assert shown(out.getvalue().replace("\n", ""))
    assert out.getvalue().encode()


def test_json_keeps_readable_letters(capsys):
    write_json({"prompt": "\u6d77 \u00e9" + EVIL})
    out = capsys.readouterr().out
    assert "\u6d77 \u00e9" in out
    assert "\\u009b" in out
    assert json.loads(out) == {"prompt": "\u6d77 \u00e9" + EVIL}


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_redrawn_in_place_and_removed(monkeypatch):
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    line = ProgressLine()
    line(0, 0, "nothing")
    line(5, 10, "steps")
    assert screen.getvalue().endswith("5/10")
    assert "##########" in screen.getvalue()
    assert "\n" not in screen.getvalue()
    line.clear()
    assert screen.getvalue().endswith("\r")
    before = screen.getvalue()
    line.clear()
    assert screen.getvalue() == before


def test_progress_is_silent_without_a_terminal(capsys):
    line = ProgressLine()
    line(1, 2, "steps")
    line.clear()
    assert capsys.readouterr() == ("", "")


def test_an_error_covers_what_stood_on_the_line(monkeypatch):
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    screen.write("^C")
    fail("interrupted")
    assert screen.getvalue() == "^C\rseedproof: interrupted\n"
