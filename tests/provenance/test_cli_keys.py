"""The keys commands, run as a user would: words out, words in, nothing overwritten, nothing secret where it should not be."""

from __future__ import annotations

import getpass
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provenance import curve, sealedfile
from provenance.cli_keys import keys
from provenance.errors import (
    CorruptKeystoreError,
    DisagreementError,
    MissingKeysError,
    SeedproofError,
    UsageError,
    WrongPassphraseError,
)
from provenance.keystore import derive_author, master_from_words, open_keystore, seal_keystore, write_keystore

PHRASE = "correct horse"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SEEDPROOF_PASSPHRASE_FILE", raising=False)
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setattr(sealedfile, "_MEMORY_KIB", 64)
    monkeypatch.setattr(getpass, "getpass", lambda _: pytest.fail("asked on the terminal"))
    return tmp_path / "home" / "data"


@pytest.fixture
def phrase_file(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text(PHRASE + "\n")
    path.chmod(0o600)
    return str(path)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(keys, list(arguments), input=stdin)


def ok(*arguments: str, stdin: str | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exception is None, result.exception
    return result


def refused(*arguments: str, stdin: str | None = None) -> SeedproofError:
    result = run(*arguments, stdin=stdin)
    assert isinstance(result.exception, SeedproofError), result.output
    assert "\n" not in str(result.exception)
    return result.exception


def words_in(text: str) -> str:
    found = {int(place): word for place, word in re.findall(r"(\d+) ([a-z]+)", text) if int(place) <= 24}
    return " ".join(found[place] for place in range(1, 25))


def test_new_makes_a_keystore_of_the_words_that_it_shows(home: Path, phrase_file: str) -> None:
    result = ok("new", "--passphrase-file", phrase_file, "--name", "Ada Lovelace")
    secrets = open_keystore((home / "keystore.json").read_bytes(), PHRASE)
    assert master_from_words(words_in(result.stdout)) == secrets.master
    assert curve.public_key(derive_author(secrets.master)).hex() in result.stdout
    assert "Ada Lovelace" in result.stdout
    assert "paper" in result.stdout
    assert result.stderr == ""
    assert (home / "keystore.json").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "root.pem").read_bytes() == secrets.root_certificate
    assert sorted(path.name for path in home.iterdir()) == ["keystore.json", "root.pem"]


def test_new_as_json_keeps_the_words_apart(home: Path) -> None:
    result = ok("new", "--no-passphrase", "--json")
    report = json.loads(result.stdout)
    secrets = open_keystore((home / "keystore.json").read_bytes(), None)
    assert report == {
        "author": curve.public_key(derive_author(secrets.master)).hex(),
        "keystore": str(home / "keystore.json"),
        "encrypted": False,
        "certificate": f"Seedproof author {report['author'][:8]}",
        "certificate_expires": "9999-12-31T23:59:59Z",
        "root_certificate": str(home / "root.pem"),
    }
    assert master_from_words(words_in(result.stderr)) == secrets.master
    assert "not encrypted" in result.stderr


def test_new_asks_for_a_passphrase_twice(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or PHRASE)
    ok("new")
    assert len(asked) == 2
    open_keystore((home / "keystore.json").read_bytes(), PHRASE)


@pytest.mark.parametrize("command", ["new", "recover"])
def test_an_existing_keystore_is_never_touched(home: Path, command: str) -> None:
    text = words_in(ok("new", "--no-passphrase").stdout)
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    error = refused(command, "--no-passphrase", stdin=text)
    assert isinstance(error, UsageError)
    assert "never overwritten" in str(error)
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before


@pytest.mark.parametrize("extra", [["--remember"], ["--passphrase-file", "x"]])
def test_options_that_contradict_each_other(home: Path, extra: list[str]) -> None:
    refused("new", "--no-passphrase", *extra)
    assert not home.exists()


def test_a_name_that_no_certificate_takes_leaves_nothing_behind(home: Path) -> None:
    refused("new", "--no-passphrase", "--name", "x" * 65)
    assert not home.exists()


def test_remember_stores_under_the_author_key(home: Path, monkeypatch: pytest.MonkeyPatch, phrase_file: str) -> None:
    stored: dict[tuple[str, str], str] = {}

    class Keyring:
        @staticmethod
        def set_password(service: str, account: str, passphrase: str) -> None:
            stored[service, account] = passphrase

        @staticmethod
        def get_password(service: str, account: str) -> str | None:
            return stored.get((service, account))

    monkeypatch.setitem(sys.modules, "keyring", Keyring)
    author = json.loads(ok("new", "--passphrase-file", phrase_file, "--remember", "--json").stdout)["author"]
    assert stored == {("seedproof", author): PHRASE}
    ok("check")


def test_remember_without_a_keyring_is_a_note(phrase_file: str) -> None:
    assert "no keyring" in ok("new", "--passphrase-file", phrase_file, "--remember").stderr


@pytest.mark.parametrize("source", ["pipe", "file", "prompt"])
def test_recover_gives_back_the_same_author_with_a_new_certificate(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phrase_file: str, source: str
) -> None:
    made = ok("new", "--no-passphrase")
    text = words_in(made.stdout)
    old = open_keystore((home / "keystore.json").read_bytes(), None)
    (home / "keystore.json").rename(home / "old.json")
    (tmp_path / "words").write_text(text.upper())
    if source == "file":
        result = ok("recover", "--words-file", str(tmp_path / "words"), "--passphrase-file", phrase_file)
    elif source == "pipe":
        result = ok("recover", "--passphrase-file", phrase_file, stdin=text + "\n")
    else:
        monkeypatch.setattr(
            "provenance.cli_words.sys", type("Sys", (), {"stdin": type("Tty", (), {"isatty": lambda _: True})()})
        )
        monkeypatch.setattr(getpass, "getpass", lambda _: text)
        result = ok("recover", "--passphrase-file", phrase_file)
    new = open_keystore((home / "keystore.json").read_bytes(), PHRASE)
    assert new.master == old.master
    assert new.certificate_chain != old.certificate_chain
    assert (home / "root.pem").read_bytes() == new.root_certificate
    assert not set(re.findall(r"[a-z]+", result.output)) >= set(text.split())  # not shown again


@pytest.mark.parametrize("command", ["recover", "check"])
def test_words_as_arguments_are_refused_and_not_repeated(command: str) -> None:
    result = run(command, "abandon", "ability", "zebra")
    assert isinstance(result.exception, UsageError)
    assert "command line" in str(result.exception)
    for text in (result.output, str(result.exception)):
        assert not {"abandon", "ability", "zebra"} & set(text.split())


@pytest.mark.parametrize("text", ["", "abandon " * 23, "abandon " * 24, "abandon " * 23 + "\x00\xff", "x" * 100_000])
def test_bad_words_make_no_keystore(home: Path, text: str) -> None:
    assert isinstance(refused("recover", "--no-passphrase", stdin=text), UsageError)
    assert not home.exists()


def test_show_needs_no_passphrase_for_what_is_public(home: Path, phrase_file: str) -> None:
    author = json.loads(ok("new", "--passphrase-file", phrase_file, "--json").stdout)["author"]
    report = json.loads(ok("show", "--json").stdout)
    assert report["author"] == author
    assert report["encrypted"] is True
    assert "words" not in report
    assert "yes" in ok("show").stdout


def test_show_words_after_the_passphrase(tmp_path: Path, phrase_file: str) -> None:
    text = words_in(ok("new", "--passphrase-file", phrase_file).stdout)
    assert words_in(ok("show", "--words", "--passphrase-file", phrase_file).stdout) == text
    shown = json.loads(ok("show", "--words", "--json", "--passphrase-file", phrase_file).stdout)
    assert shown["words"] == text
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    assert isinstance(refused("show", "--words", "--passphrase-file", str(wrong)), WrongPassphraseError)


@pytest.mark.parametrize("command", [["show"], ["show", "--words"], ["check"]])
def test_without_a_keystore_there_is_advice(command: list[str]) -> None:
    assert isinstance(refused(*command), MissingKeysError)


def test_check_passes_and_compares_words(home: Path, tmp_path: Path) -> None:
    text = words_in(ok("new", "--no-passphrase").stdout)
    assert json.loads(ok("check", "--json").stdout)["words_match"] is None
    report = json.loads(ok("check", "--words", "--json", stdin=text).stdout)
    assert report["opens"] is report["signs"] is report["words_match"] is True
    assert "not asked" in ok("check").stdout
    other = tmp_path / "other"
    other.write_text("abandon " * 23 + "art")
    assert "another master" in str(refused("check", "--words-file", str(other)))
    (home / "root.pem").unlink()
    assert "root.pem is missing" in ok("check").stderr


def test_check_notices_a_machine_that_signs_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    ok("new", "--no-passphrase")
    monkeypatch.setattr(curve, "verify_independently", lambda *_: False)
    assert isinstance(refused("check"), DisagreementError)


def test_check_notices_a_certificate_of_another_key(home: Path) -> None:
    ok("new", "--no-passphrase")
    first = open_keystore((home / "keystore.json").read_bytes(), None)
    (home / "keystore.json").unlink()
    ok("new", "--no-passphrase")
    second = open_keystore((home / "keystore.json").read_bytes(), None)
    mixed = type(first)(
        first.master, first.certificate_chain, second.certificate_key, first.root_certificate, first.root_key
    )
    write_keystore(home / "keystore.json", seal_keystore(mixed, None), overwrite=True)
    assert isinstance(refused("check"), CorruptKeystoreError)


@pytest.mark.parametrize("command", ["new", "recover", "show", "check"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: seedproof keys {command}" in ok(command, "--help").stdout


def test_at_a_real_terminal_neither_passphrase_nor_words_are_echoed(tmp_path: Path) -> None:
    """Runs in a pseudo-terminal: what is typed at the prompts must not come back."""
    environment = {
        **os.environ,
        "SEEDPROOF_HOME": str(tmp_path / "other"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    command = [sys.executable, "-c", "from provenance.cli_keys import keys; keys()", "recover"]
    text = "abandon " * 23 + "art"
    process, terminal = pty.fork()
    if process == 0:
        os.execve(command[0], command, environment)
    seen = b""
    for prompt, answer in ((b"24 words: ", text), (b"New passphrase: ", "hunter2"), (b"again: ", "hunter2")):
        while prompt not in seen:
            seen += os.read(terminal, 4096)
        os.write(terminal, answer.encode() + b"\n")
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not more:
            break
        seen += more
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, seen
    assert b"hunter2" not in seen
    assert b"abandon" not in seen
    open_keystore((tmp_path / "other" / "data" / "keystore.json").read_bytes(), "hunter2")


def test_the_commands_run_as_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from provenance.cli_keys import keys; keys()", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(command in done.stdout for command in ("new", "recover", "show", "check"))


def test_a_passphrase_file_that_others_can_read_is_told(phrase_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(phrase_file)
    path.chmod(0o640)
    assert f"chmod 600 {phrase_file}" in ok("new", "--passphrase-file", phrase_file).stderr
    assert f"chmod 600 {phrase_file}" in ok("check", "--passphrase-file", phrase_file).stderr
    monkeypatch.setenv("SEEDPROOF_PASSPHRASE_FILE", phrase_file)
    assert f"chmod 600 {phrase_file}" in ok("check").stderr
    path.chmod(0o600)
    assert ok("check").stderr == ""


def test_asking_for_words_where_there_is_nobody_says_what_to_do(phrase_file: str) -> None:
    ok("new", "--passphrase-file", phrase_file)
    result = run("check", "--words", "--passphrase-file", phrase_file, stdin="")
    assert isinstance(result.exception, UsageError)
    assert "--words-file FILE" in str(result.exception)


def test_help_says_where_the_keystore_is_and_has_examples_that_fit() -> None:
    text = ok("--help").output
    assert "SEEDPROOF_HOME" in text
    assert "Example: seedproof keys new" in text
    for name in ("new", "recover", "show", "check"):
        told = ok(name, "--help").output
        assert "SEEDPROOF_PASSPHRASE_FILE" in told
        assert "[e.g." not in told
