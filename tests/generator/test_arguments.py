"""What is wrong with a command is told before torch is loaded and before anything is written."""

import json
import subprocess
import sys
import textwrap

import pytest

from generator import arguments
from generator.models import house_model
from generator.sizes import early_latent_shape
from generator.vocabulary import prompt_remarks
from provenance.cli import main
from provenance.errors import UsageError
from provenance.policy import default_policy
from tests.generator.studio import runtime

WRONG = {
    "folder is missing": ["-o", "nowhere/a.png"],
    "file exists": ["-o", "there.png"],
    "one of a batch exists": ["-o", "b.png", "--count", "3"],
    "lossy": ["-o", "a.jpg"],
    "size without a number": ["-o", "a.png", "--size", "big"],
    "size that the model cannot make": ["-o", "a.png", "--size", "100"],
    "size too large": ["-o", "a.png", "--size", "4096x4096"],
    "count": ["-o", "a.png", "--count", "0"],
    "device": ["-o", "a.png", "--device", "tpu"],
    "guidance": ["-o", "a.png", "--guidance", "much"],
    "terms": ["-o", "a.png", "--terms", "training=maybe"],
    "authority": ["-o", "a.png", "--tsa", "tsa.example"],
    "certificate without key": ["-o", "a.png", "--cert", "a.pem"],
    "model": ["-o", "a.png", "--model", "/nowhere"],
}


def test_wrong_arguments_of_create_cost_no_torch_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["keys", "new", "--no-passphrase", "--json"])
    (tmp_path / "there.png").write_bytes(b"mine")
    (tmp_path / "b-2.png").write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    code = """
        import json, sys
        from provenance.cli import main
        codes = {}
        for name, arguments in json.loads(sys.argv[1]).items():
            try:
                main(["create", "a lake", *arguments])
            except SystemExit as ended:
                codes[name] = ended.code
        heavy = [name for name in ("torch", "diffusers", "transformers", "sqlalchemy") if name in sys.modules]
        print(json.dumps([codes, heavy]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), json.dumps(WRONG)], capture_output=True, text=True, check=True
    )
    codes, heavy = json.loads(done.stdout)
    assert heavy == []
    assert codes == dict.fromkeys(WRONG, 2) | {"model": 4}
    assert done.stderr.count("\n") == len(WRONG), done.stderr
    assert sorted(tmp_path.rglob("*")) == before
    assert {(tmp_path / name).read_bytes() for name in ("there.png", "b-2.png")} == {b"mine"}


@pytest.mark.parametrize("size", ["64", "128", "128x96", "512", "32", "100", "544", "128x60"])
def test_the_size_is_judged_as_the_loaded_model_judges_it(size):
    width, height = (int(side) for side in (size if "x" in size else f"{size}x{size}").split("x"))
    found = [outcome(early_latent_shape, house_model(), width, height), outcome(runtime().latent_shape, width, height)]
    assert found[0] == found[1]
    assert outcome(arguments.size, size, house_model()) == (found[0] if isinstance(found[0], str) else (width, height))


def outcome(function, *values):
    try:
        return function(*values)
    except UsageError as error:
        return str(error)


def test_a_size_without_calibration_is_told():
    trust = default_policy().models[house_model().identity.digest]
    assert arguments.calibration_remark(trust, (8, 16, 16), 128, 128) is None
    remark = arguments.calibration_remark(trust, (8, 12, 16), 128, 96)
    assert "128x96" in remark
    assert "calibrated: 128x128" in remark
    assert "consistent" in arguments.calibration_remark(None, (8, 16, 16), 128, 128)


def test_words_that_the_model_does_not_know_are_named():
    folder = house_model().folder
    assert prompt_remarks(folder, "A mountain lake, at DAWN") == []
    assert prompt_remarks(folder, "") == []
    (remark,) = prompt_remarks(folder, "a Dragon by the éclair lake, another dragon, a Dragon", "--negative")
    assert "of --negative: Dragon, éclair, another, dragon; it knows 266 words" in remark
    (remark,) = prompt_remarks(folder, " ".join(f"xyz{i}" for i in range(20)))
    assert "xyz7 and 12 more" in remark


def test_a_misspelt_word_is_told_with_the_one_that_was_meant():
    (remark,) = prompt_remarks(house_model().folder, "a Lavendar feild by a castel with a zebra, pad begin")
    assert "Lavendar (did you mean lavender?), feild (did you mean field?), castel (did you mean castle?)" in remark
    assert "zebra, pad, begin; it knows" in remark


def test_the_part_of_a_prompt_that_is_not_read_is_told():
    folder = house_model().folder
    assert prompt_remarks(folder, " ".join(["lake"] * 30)) == []
    (remark,) = prompt_remarks(folder, " ".join([*["lake"] * 30, "at", "sunset", "xyzzy"]))
    assert "reads 32 tokens" in remark
    assert remark.endswith("does not read: at sunset xyzzy")


def test_a_tokenizer_that_cannot_be_asked_says_nothing(tmp_path):
    assert prompt_remarks(tmp_path, "a dragon") == []
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer.json").write_text("{")
    (tmp_path / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 32, "unk_token": "<unk>"}')
    assert prompt_remarks(tmp_path, "a dragon") == []


def test_a_tokenizer_of_bytes_knows_every_word(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(
        models.BPE({c: i for i, c in enumerate([*sorted(alphabet), "<|endoftext|>"])}, [], unk_token="<|endoftext|>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(str(tmp_path / "tokenizer" / "tokenizer.json"))
    (tmp_path / "tokenizer" / "tokenizer_config.json").write_text(
        '{"model_max_length": 77, "unk_token": {"content": "<|endoftext|>"}}'
    )
    assert prompt_remarks(tmp_path, "a 漢字 dragon") == []
    assert "77 tokens" in prompt_remarks(tmp_path, "x" * 100)[0]


def test_cuda_is_refused_where_torch_has_none(monkeypatch):
    from provenance.errors import EnvironmentFault

    monkeypatch.setattr(arguments, "version", lambda _name: "2.13.0+cpu")
    with pytest.raises(EnvironmentFault, match="--device cpu"):
        arguments.check_device("cuda")
    arguments.check_device("auto")
    monkeypatch.setattr(arguments, "version", lambda _name: "2.13.0+cu130")
    arguments.check_device("cuda")
