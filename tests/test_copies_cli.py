"""The commands around copies and disputes: what they refuse, and that nothing is overwritten. No model is run."""

import json

import pytest

from provenance.cli import main
from provenance.pixels import encode_png, read_picture
from tests.support.works import make_work


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    (tmp_path / "a.png").write_bytes(make_work())
    (tmp_path / "b.png").write_bytes(make_work(1))
    (tmp_path / "bare.png").write_bytes(encode_png(read_picture(make_work()).rgb))
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    return end.value.code


def test_a_claim_file_never_replaces_a_file_unasked(folder, capsys):
    assert run("claim", "export", "a.png", "-o", "a.json") == 0
    first = (folder / "a.json").read_bytes()
    assert run("claim", "export", "b.png", "-o", "a.json") == 2
    assert "--force" in capsys.readouterr().err
    assert (folder / "a.json").read_bytes() == first
    assert run("claim", "export", "b.png", "-o", "a.json", "--force") == 0
    assert (folder / "a.json").read_bytes() != first


def test_a_picture_without_a_claim_exports_nothing(folder):
    assert run("claim", "export", "bare.png", "-o", "a.json") == 3
    assert not (folder / "a.json").exists()


def test_a_bare_picture_against_its_claim_file(folder, capsys):
    run("claim", "export", "a.png", "-o", "a.json")
    assert run("verify", "bare.png", "--claim", "a.json", "--quick", "--json") == 3
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "claimed"
    assert next(c for c in report["checks"] if c["step"] == 13)["detail"].startswith("exactly the claimed pixels")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--claim", "nothing"), "neither a file nor"),
        (("--claim", "00" * 32), "--ledger"),
        (("--copy",), "--ledger"),
        (("--copy", "--author", "00" * 32), "exclude"),
        (("--draws", "3"), "go with"),
        (("--difference", "d.png"), "go with"),
    ],
)
def test_what_cannot_be_asked(folder, capsys, arguments, said):
    assert run("verify", "bare.png", *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_claim_file_that_is_none(folder, capsys):
    (folder / "bad.json").write_text('{"entry":1}')
    assert run("verify", "bare.png", "--claim", "bad.json", "--quick") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_dispute_without_regeneration_on_the_command_line(folder, capsys):
    pytest.importorskip("cv2")
    run("claim", "export", "b.png", "-o", "b.json")
    assert run("dispute", "a.png", "b.json", "--quick", "--json", "--html", "page.html") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["outcome"] == "undetermined"
    assert [side["kind"] for side in document["sides"]] == ["signed picture", "claim file"]
    assert "Not determined" in (folder / "page.html").read_text()
    assert run("dispute", "a.png", "b.json", "--quick", "--html", "page.html") == 2
    assert run("dispute", "a.png", "a.png", "--quick") == 2
    capsys.readouterr()
    assert run("dispute", "a.png", "bare.png", "--quick") == 3
    assert "seedproof verify bare.png --claim" in capsys.readouterr().err
    (folder / "empty").write_bytes(b"")
    assert run("dispute", "a.png", "empty", "--quick") == 2
