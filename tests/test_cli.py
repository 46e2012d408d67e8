"""The command line: one-line errors, exit codes, JSON, and nothing written where nothing was asked."""

import json
import stat

import pytest

from provenance.cli import main
from tests.support.forge import fewest_steps, made


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SEEDPROOF_PASSPHRASE_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(capsys, *arguments):
    """(exit code, stdout, stderr) of one call in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def one_line(err):
    return err.count("\n") == 1 and err.startswith("seedproof: ") and "Traceback" not in err


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "hills.png"
    path.write_bytes(made().sign())
    return path


@pytest.fixture
def keys(capsys):
    code, out, _ = run(capsys, "keys", "new", "--no-passphrase", "--name", "Ann", "--json")
    assert code == 0
    return json.loads(out)


def test_help_of_every_command_has_an_example(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    names = [
        "attach",
        "calibrate",
        "challenge",
        "check",
        "create",
        "disclose",
        "inspect",
        "keys",
        "ledger",
        "publish",
        "respond",
        "seed",
        "verify",
    ]
    assert all(name in out for name in names)
    for name in names:
        code, out, _ = run(capsys, name, "--help")
        assert code == 0
        assert "Example: seedproof" in out, name


def test_verify_regenerates_by_default(capsys, picture):
    code, out, _ = run(capsys, "verify", picture)
    assert code == 0
    assert "AUTHENTIC" in out
    assert " 9 pass" in out


def test_quick_json_is_the_documented_object(capsys, picture):
    code, out, err = run(capsys, "verify", picture, "--quick", "--json")
    report = json.loads(out)
    assert code == 3
    assert err == ""
    assert set(report) == {
        "version", "verdict", "qualified", "statement", "reason", "claim_id", "author", "authors", "derived_from", "lineage", "checks",
    }  # fmt: skip
    assert (report["version"], report["verdict"]) == (1, "claimed")
    assert all(set(c) == {"step", "name", "status", "detail", "figures"} for c in report["checks"])
    assert {c["status"] for c in report["checks"]} <= {"pass", "fail", "warn", "skip"}


def test_accept_lowers_the_bar_only_to_consistent(capsys, picture):
    assert run(capsys, "verify", picture, "--quick", "--accept", "consistent")[0] == 3
    assert run(capsys, "verify", picture, "--accept", "claimed")[0] == 2


def test_tampered_file_exits_1(capsys, picture):
    data = bytearray(picture.read_bytes())
    data[-40] ^= 1
    picture.write_bytes(data)
    code, out, _ = run(capsys, "verify", picture, "--quick")
    assert code == 1
    assert "INVALID" in out


def test_insisting_where_the_model_is_missing_exits_4(capsys, tmp_path):
    from dataclasses import replace

    work = made()
    recipe = replace(work.recipe, model=replace(work.recipe.model, digest=bytes(32)))
    (tmp_path / "a.png").write_bytes(work.with_(recipe=recipe).sign())
    code, out, err = run(capsys, "verify", "a.png", "--regenerate")
    assert (code, out) == (4, "")
    assert one_line(err)


def test_demanding_freshness_without_a_ledger_exits_4(capsys, picture):
    code, _, err = run(capsys, "verify", picture, "--quick", "--require-fresh")
    assert code == 4
    assert one_line(err)
    assert "--ledger" in err


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, 2), (b"", 2), (b"hello", 2), (b"\x89PNG\r\n\x1a\n", 3), (b"\x89PNG\r\n\x1a\n" + b"x" * 100, 3)],
    ids=["missing", "empty", "text", "png-magic", "png-rubbish"],
)
def test_files_that_are_no_pictures(capsys, tmp_path, content, code):
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    found, out, err = run(capsys, "verify", path, "--quick")
    assert found in {code, 1}
    assert "Traceback" not in out + err
    if found == 2:
        assert one_line(err)


def test_a_folder_or_a_device_is_no_picture(capsys, tmp_path):
    for path in (tmp_path, "/dev/zero"):
        code, _, err = run(capsys, "verify", path)
        assert code == 2
        assert one_line(err)


def test_unknown_options_and_commands_are_one_line(capsys):
    for arguments in (
        ["verify"],
        ["verify", "--nonsense"],
        ["nonsense"],
        ["create", "x"],
        ["verify", "a", "--quick", "--regenerate"],
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert one_line(err), err


def test_control_characters_in_names_do_not_reach_the_terminal(capsys):
    _, _, err = run(capsys, "verify", "a\x1b[2Jb.png")
    assert "\x1b" not in err
    assert "u{1b}" in err


def test_inspect_shows_without_judging(capsys, picture):
    code, out, _ = run(capsys, "inspect", picture, "--json")
    described = json.loads(out)
    assert code == 0
    assert described["authorship"]["claim_id"]
    assert described["authorship"]["recipe"]["prompt"]["text"] == "snowy mountains at sunset"
    assert run(capsys, "inspect", picture)[0] == 0
    code, out, _ = run(capsys, "inspect", picture, "--json", "--c2pa")
    assert "manifests" in json.loads(out)["c2pa"]


def test_inspect_of_an_unsigned_picture_exits_3(capsys, tmp_path):
    from provenance.pixels import encode_png

    (tmp_path / "a.png").write_bytes(encode_png(made().rgb))
    code, _, err = run(capsys, "inspect", "a.png")
    assert code == 3
    assert one_line(err)


def test_inspect_names_the_file_that_is_cut_off(capsys, picture, tmp_path):
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:3000])
    code, out, err = run(capsys, "inspect", "cut.png", "--json")
    assert code == 1
    assert not out
    assert one_line(err)
    assert "cut.png" in err


def test_create_without_keys_says_how_to_make_them(capsys, tmp_path):
    code, _, err = run(capsys, "create", "hills", "-o", "hills.png")
    assert code == 2
    assert one_line(err)
    assert "seedproof keys new" in err
    assert not (tmp_path / "hills.png").exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [("creat", "'creat'; did you mean create? "), ("verfiy", "did you mean verify? "), ("xyzzy", "'xyzzy' (see")],
)
def test_a_mistyped_command_is_told_with_the_nearest_one(capsys, typed, told):
    code, out, err = run(capsys, typed, "x")
    assert (code, out) == (2, "")
    assert told in err
    assert one_line(err)


@pytest.mark.parametrize(
    "options",
    [
        ["--guidance", "nan"],
        ["--guidance", "-1"],
        ["--size", "big"],
        ["--size", "100x100"],
        ["--steps", "0"],
        ["--terms", "training=maybe"],
        ["--model", "/nowhere"],
        ["--cert", "x.pem"],
        ["-o", "hills.jpg"],
        ["-o", "nowhere/hills.png"],
        ["--count", "0"],
    ],
)
def test_bad_options_of_create_are_refused_before_anything_is_made(capsys, tmp_path, keys, options):
    code, _, err = run(capsys, "create", "hills", "-o", "hills.png", *options)
    assert code in (2, 4)
    assert err.strip().splitlines()[-1].startswith("seedproof: ")
    assert "Traceback" not in err
    assert list(tmp_path.glob("**/*.png")) == []


def test_create_json_challenge_respond_check(capsys, tmp_path, keys):
    code, out, _ = run(capsys, "create", "a calm lake", "-o", "lake.png", "--steps", "4", "--json")
    assert code == 0
    made_here = json.loads(out)["pictures"][0]
    assert stat.S_IMODE((tmp_path / "home" / "data" / "keystore.json").stat().st_mode) == 0o600
    assert run(capsys, "challenge", "lake.png", "--audience", "Gallery X", "--prover", "Ann", "-o", "c.json")[0] == 0
    code, _, err = run(capsys, "respond", "c.json", "-o", "r.json", "--yes")
    assert code == 0
    assert "Gallery X" in err
    assert "Ann" in err
    code, out, _ = run(
        capsys, "check", "c.json", "r.json", "--picture", "lake.png", "--audience", "Gallery X", "--json"
    )
    assert code == 0
    assert json.loads(out)["claim_id"] == made_here["claim_id"]
    code, _, err = run(capsys, "check", "c.json", "r.json", "--audience", "Gallery Y")
    assert code == 1
    assert one_line(err)


def test_a_challenge_about_a_forged_picture_is_refused(capsys, tmp_path, keys, picture):
    run(capsys, "challenge", picture, "--audience", "X", "-o", "c.json")
    work = made()
    (tmp_path / "forged.png").write_bytes(work.with_(rgb=255 - work.rgb).sign(assertion=work.assertion))
    code, _, err = run(capsys, "challenge", "forged.png", "--audience", "X", "-o", "d.json")
    assert code == 1
    assert one_line(err)
    assert not (tmp_path / "d.json").exists()
    (tmp_path / "r.json").write_text(
        '{{"kind": "response", "v": 1, "challenge": "{}", "signature": "{}"}}'.format("0" * 64, "0" * 128)
    )
    code, _, err = run(capsys, "check", "c.json", "r.json", "--picture", "forged.png")
    assert code == 1
    assert "invalid" in err


def test_an_interrupted_batch_goes_on_where_it_stopped(capsys, tmp_path, keys, monkeypatch):
    import generator.create as making

    arguments = ["create", "a calm lake", "-o", "a.png", "--steps", "2", "--count", "3", "--json"]
    write, written = making.write_atomic, []

    def interrupted(path, *args, **kwargs):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(making, "write_atomic", interrupted)
        code, _, err = run(capsys, *arguments)
        assert code == 130
        assert "interrupted; 2 of 3 pictures are finished" in err.splitlines()[-1]
    first = (tmp_path / "a-1.png").read_bytes()
    code, out, err = run(capsys, *arguments)
    assert code == 0
    assert "2 of 3 pictures were finished before" in err
    assert [p["resumed"] for p in json.loads(out)["pictures"]] == [True]
    assert (tmp_path / "a-1.png").read_bytes() == first
    assert sorted(p.name for p in tmp_path.glob("a-*.png")) == ["a-1.png", "a-2.png", "a-3.png"]
    ledger = json.loads(run(capsys, "ledger", "show", "--json")[1])
    assert ledger["size"] == 3
    assert list((tmp_path / "home" / "state" / "journal").glob("*.json")) == []


def test_words_alone_answer_a_challenge(capsys, tmp_path, keys):
    run(capsys, "create", "a calm lake", "-o", "lake.png", "--steps", "4")
    _, out, _ = run(capsys, "keys", "show", "--words")
    words = [w for w in out.replace("\n", " ").split() if w.isalpha()]
    text = words_of(tmp_path)
    assert set(text.split()) <= set(words)
    (tmp_path / "words.txt").write_text(text)
    run(capsys, "challenge", "lake.png", "--audience", "X", "-o", "c.json")
    (tmp_path / "home" / "data" / "keystore.json").unlink()
    assert run(capsys, "respond", "c.json", "-o", "r.json", "--yes", "--words-file", "words.txt")[0] == 0
    assert run(capsys, "check", "c.json", "r.json")[0] == 0


def words_of(folder):
    from provenance.keystore import open_keystore, read_keystore, words

    return words(open_keystore(read_keystore(folder / "home" / "data" / "keystore.json"), None).master)


def test_respond_asks_a_person_before_it_signs(capsys, tmp_path, keys):
    run(capsys, "create", "a calm lake", "-o", "lake.png", "--steps", "4")
    run(capsys, "challenge", "lake.png", "--audience", "X", "-o", "c.json")
    code, _, err = run(capsys, "respond", "c.json", "-o", "r.json")
    assert code == 2
    assert "--yes" in err
    assert not (tmp_path / "r.json").exists()


def test_sealed_prompt_is_disclosed_to_one_reader(capsys, tmp_path, keys):
    run(capsys, "create", "a secret lake", "-o", "lake.png", "--steps", fewest_steps(), "--seal-prompt")
    assert b"secret" not in (tmp_path / "lake.png").read_bytes()
    assert run(capsys, "verify", "lake.png")[0] == 3
    assert run(capsys, "disclose", "lake.png", "-o", "opening.json")[0] == 0
    assert stat.S_IMODE((tmp_path / "opening.json").stat().st_mode) == 0o600
    code, out, _ = run(capsys, "verify", "lake.png", "--opening", "opening.json", "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "authentic")
    other = json.loads((tmp_path / "opening.json").read_text()) | {"text": "another"}
    (tmp_path / "opening.json").write_text(json.dumps(other))
    code, _, err = run(capsys, "verify", "lake.png", "--opening", "opening.json")
    assert code == 1
    assert one_line(err)


def test_outputs_are_not_overwritten(capsys, tmp_path, keys, picture):
    before = picture.read_bytes()
    code, _, err = run(capsys, "create", "hills", "-o", picture.name)
    assert code == 2
    assert "--force" in err
    assert picture.read_bytes() == before
    (tmp_path / "c.json").write_text("mine")
    assert run(capsys, "challenge", picture, "--audience", "X", "-o", "c.json")[0] == 2
    assert (tmp_path / "c.json").read_text() == "mine"


def test_publish_puts_another_logs_receipt_into_the_manifest(capsys, tmp_path, keys):
    run(capsys, "create", "a calm lake", "-o", "lake.png", "--steps", fewest_steps())
    before = json.loads(run(capsys, "inspect", "lake.png", "--json")[1])
    code, _, err = run(capsys, "publish", "lake.png", "--ledger", tmp_path / "second.db")
    assert code == 0, err
    after = json.loads(run(capsys, "inspect", "lake.png", "--json")[1])
    assert before["authorship"]["receipt"]["log"] != after["authorship"]["receipt"]["log"]
    assert before["authorship"]["claim_id"] == after["authorship"]["claim_id"]
    code, out, _ = run(capsys, "verify", "lake.png", "--json", "--ledger", tmp_path / "second.db", "--require-fresh")
    report = json.loads(out)
    assert (code, report["verdict"]) == (0, "authentic")
    assert all(c["status"] == "pass" for c in report["checks"]), report


def test_anonymous_works_cannot_be_linked(capsys, tmp_path, keys):
    run(capsys, "create", "a calm lake", "-o", "a.png", "--steps", fewest_steps(), "--anonymous", "--count", "2")
    for name in ("a-1.png", "a-2.png"):
        data = (tmp_path / name).read_bytes()
        assert keys["author"].encode() not in data
        assert b"Ann" not in data
    seen = [json.loads(run(capsys, "inspect", n, "--json")[1]) for n in ("a-1.png", "a-2.png")]
    assert seen[0]["authorship"]["claim"]["authors"] == []
    assert [s["authorship"]["receipt"] for s in seen] == [None, None]
    assert [s["authorship"]["environment"] for s in seen] == [{}, {}]
    assert run(capsys, "verify", "a-1.png")[0] == 0


def test_a_policy_of_the_users_own_is_read_and_its_errors_named(capsys, tmp_path, picture):
    (tmp_path / "p.json").write_text('{"kind": "policy", "v": 1}')
    code, _, err = run(capsys, "verify", picture, "--quick", "--policy", "p.json")
    assert code == 2
    assert one_line(err)
    assert "policy" in err


@pytest.mark.parametrize("content", [b"hello", b"{}", b'{"kind": "response", "v": 1}'])
def test_a_file_that_is_no_opening_was_named_by_mistake(capsys, tmp_path, picture, content):
    (tmp_path / "o.json").write_bytes(content)
    code, _, err = run(capsys, "verify", picture, "--quick", "--opening", "o.json")
    assert code == 2
    assert one_line(err)
    assert "o.json is no opening" in err


def test_an_opening_for_an_open_prompt_is_told(capsys, tmp_path, picture):
    from provenance.recipe import Opening, Prompt, format_opening

    (tmp_path / "o.json").write_bytes(format_opening(Opening(bytes(32), Prompt("hills"))))
    _, _, err = run(capsys, "verify", picture, "--quick", "--opening", "o.json")
    assert "not sealed" in err
    assert run(capsys, "verify", picture, "--quick")[2] == ""


def test_swapped_or_foreign_files_of_a_challenge_were_named_by_mistake(capsys, tmp_path, keys):
    run(capsys, "create", "a calm lake", "-o", "lake.png", "--steps", "2")
    run(capsys, "challenge", "lake.png", "--audience", "X", "-o", "c.json")
    run(capsys, "respond", "c.json", "-o", "r.json", "--yes")
    (tmp_path / "text").write_text("hello")
    for arguments in (
        ["check", "r.json", "c.json"],
        ["check", "text", "r.json"],
        ["check", "c.json", "text"],
        ["check", "c.json", "lake.png"],
        ["respond", "r.json", "-o", "x.json", "--yes"],
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 2, arguments
        assert one_line(err)
        assert " is no " in err
    assert run(capsys, "check", "c.json", "r.json")[0] == 0


def test_saying_no_to_a_challenge_is_not_an_interruption(capsys, tmp_path, keys, picture, monkeypatch):
    run(capsys, "challenge", picture, "--audience", "X", "-o", "c.json")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_args, **_options: False)
    code, _, err = run(capsys, "respond", "c.json", "-o", "r.json")
    assert code == 2
    assert err.splitlines()[-1] == "seedproof: not answered; nothing was written"
    assert not (tmp_path / "r.json").exists()


def test_a_challenge_that_names_nobody_is_shown_as_such(capsys, tmp_path, keys):
    _, _, err = run(capsys, "create", "a calm lake", "-o", "lake.png", "--steps", "2")
    assert "steps 2 lies outside" in err
    assert "at most: claimed" in err
    run(capsys, "challenge", "lake.png", "--audience", "X", "-o", "c.json")
    _, _, err = run(capsys, "respond", "c.json", "-o", "r.json", "--yes")
    assert "does not say whom it asks" in err
    assert "relayed" not in err


def test_another_authors_picture_is_refused_in_the_same_words(capsys, tmp_path, keys, picture):
    from tests.attacks.test_verdicts import sealed_work

    (tmp_path / "sealed.png").write_bytes(sealed_work()[0].sign())
    run(capsys, "challenge", "sealed.png", "--audience", "X", "-o", "c.json")
    told = []
    for arguments in (["disclose", "sealed.png", "-o", "o.json"], ["respond", "c.json", "-o", "r.json", "--yes"]):
        code, _, err = run(capsys, *arguments)
        assert code == 2
        told.append(err.splitlines()[-1])
    assert told[0] == told[1]
    assert "did not make this work" in told[0]


def test_invalid_files_have_a_reason_and_nothing_more_to_want(capsys, picture):
    data = bytearray(picture.read_bytes())
    data[-40] ^= 1
    _, out, _ = run(capsys, "verify", picture, "--quick")
    assert "Why not more: " in out
    assert "because of --quick" in out
    picture.write_bytes(data)
    _, out, _ = run(capsys, "verify", picture, "--quick")
    assert "  Reason: " in out
    assert "Why not more" not in out


def test_a_broken_installation_is_one_line(capsys, picture, monkeypatch):
    def torn(*_args, **_options):
        raise ImportError("No module named 'numpy'")

    monkeypatch.setattr("provenance.cli_verify.load_policy", torn)
    code, _, err = run(capsys, "verify", picture)
    assert code == 4
    assert one_line(err)
    assert "No module named 'numpy'" in err


def test_ctrl_c_is_one_line_and_130(capsys, picture, monkeypatch):
    def stop(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("provenance.cli_verify.load_policy", stop)
    code, _, err = run(capsys, "verify", picture)
    assert code == 130
    assert one_line(err)
    assert "interrupted" in err
