"""Where a passphrase is looked for, in which order, and what is refused."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import threading
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from provenance.errors import UsageError
from provenance.passphrase import ENVIRONMENT_VARIABLE, ask_hidden, get_passphrase, remember_passphrase

if TYPE_CHECKING:
    from pathlib import Path


class Keyring:
    """A keyring in memory, or one that fails as real ones do."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        if self.broken:
            raise RuntimeError("no backend")
        return self.entries.get((service, account))

    def set_password(self, service: str, account: str, passphrase: str) -> None:
        if self.broken:
            raise RuntimeError("no backend")
        self.entries[service, account] = passphrase


@pytest.fixture(autouse=True)
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    made = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", made)
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    return made


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Answers in place of a human; ``asked`` collects the questions."""
    made = SimpleNamespace(answers=[], asked=[])

    def answer(prompt: str) -> str:
        made.asked.append(prompt)
        return made.answers.pop(0)

    monkeypatch.setattr(getpass, "getpass", answer)
    return made


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_order_is_option_environment_keyring_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyring: Keyring, terminal: SimpleNamespace
) -> None:
    terminal.answers = ["from terminal"]
    assert get_passphrase(None, prompt="Q: ") == "from terminal"
    assert terminal.asked == ["Q: "]
    keyring.entries["seedproof", "ab12"] = "from keyring"
    assert get_passphrase(None, prompt="Q: ", account="ab12") == "from keyring"
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(write(tmp_path / "env", b"from environment\n")))
    assert get_passphrase(None, prompt="Q: ", account="ab12") == "from environment"
    assert get_passphrase(write(tmp_path / "option", b"from option"), prompt="Q: ", account="ab12") == "from option"
    assert terminal.asked == ["Q: "]


def test_the_environment_names_a_file_and_never_the_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "hunter2")
    with pytest.raises(UsageError, match="cannot read"):
        get_passphrase(None, prompt="Q: ")


def test_the_keyring_knows_one_account_from_another(keyring: Keyring, terminal: SimpleNamespace) -> None:
    assert remember_passphrase("secret", "ab12")
    assert keyring.entries == {("seedproof", "ab12"): "secret"}
    terminal.answers = ["typed"]
    assert get_passphrase(None, prompt="Q: ", account="cd34") == "typed"


def test_a_new_passphrase_is_typed_twice_and_never_taken_from_the_keyring(
    keyring: Keyring, terminal: SimpleNamespace
) -> None:
    keyring.entries["seedproof", "keystore"] = "of another keystore"
    terminal.answers = ["new", "new"]
    assert get_passphrase(None, prompt="Q: ", confirm=True) == "new"
    terminal.answers = ["new", "now"]
    with pytest.raises(UsageError, match="differ"):
        get_passphrase(None, prompt="Q: ", confirm=True)


def test_a_keyring_that_fails_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, keyring: Keyring, terminal: SimpleNamespace
) -> None:
    keyring.broken = True
    terminal.answers = ["typed", "typed"]
    assert get_passphrase(None, prompt="Q: ") == "typed"
    assert remember_passphrase("x") is False
    monkeypatch.setitem(sys.modules, "keyring", None)  # not installed
    assert get_passphrase(None, prompt="Q: ") == "typed"
    assert remember_passphrase("x") is False


@pytest.mark.parametrize(
    ("data", "passphrase"),
    [(b"a", "a"), (b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a \n", " a "), (b"a\r", "a\r"),
     ("ü".encode() * 1024 + b"\r\n", "ü" * 1024), ("🔑".encode() * 1024, "🔑" * 1024)],
)  # fmt: skip
def test_one_line_end_is_not_part_of_it(tmp_path: Path, data: bytes, passphrase: str) -> None:
    assert get_passphrase(write(tmp_path / "f", data), prompt="Q: ") == passphrase


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n", b"x" * 1025, b"x" * 100_000, b"\xff\xfe", "🔑".encode() * 5000])
def test_files_that_hold_none(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UsageError, match="passphrase") as caught:
        get_passphrase(write(tmp_path / "f", data), prompt="Q: ")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("answer", ["", "x" * 1025])
def test_answers_that_are_none(terminal: SimpleNamespace, answer: str) -> None:
    terminal.answers = [answer]
    with pytest.raises(UsageError, match="1 to 1024"):
        get_passphrase(None, prompt="Q: ")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(UsageError, match="cannot read"):
            get_passphrase(path, prompt="Q: ")


def test_a_pipe_serves_as_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"from pipe\n",))
    writer.start()
    assert get_passphrase(pipe, prompt="Q: ") == "from pipe"
    writer.join()


def test_a_terminal_that_would_echo_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def echoing(_: str) -> str:
        warnings.warn("Can not control echo", getpass.GetPassWarning, stacklevel=1)
        return "typed for all to see"

    monkeypatch.setattr(getpass, "getpass", echoing)
    with pytest.raises(UsageError, match="the advice"):
        ask_hidden("Q: ", advice="the advice")


@pytest.mark.parametrize("text", ["", "typed\n"])
def test_without_a_terminal_there_is_advice_and_nothing_is_read(text: str) -> None:
    program = (
        "from provenance.passphrase import get_passphrase\n"
        "from provenance.errors import UsageError\n"
        "try: get_passphrase(None, prompt='Q: ', confirm=True)\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True, start_new_session=True
    )
    assert "--passphrase-file" in done.stdout
    assert ENVIRONMENT_VARIABLE in done.stdout


def test_importing_it_does_not_load_the_keyring() -> None:
    program = "import sys, provenance.passphrase; print('keyring' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
