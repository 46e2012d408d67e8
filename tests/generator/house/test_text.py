"""The tokenizer knows the words of the captions in both languages, and tells which words it does not know."""

import subprocess
import sys
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from generator.house.latents import tokenise
from generator.house.text import UNKNOWN, build_text_encoder, build_tokenizer
from generator.house.words import ALIASES, JAPANESE_ALIASES, known_words, unknown_words

CAPTIONS = ["a lake at night", "a city, stars, a whale in a grey sea", "red apple"]
JAPANESE = ["夕焼け", "クジラ", "青い", "赤い", "空", "夕", "夜", "海", "の", "と"]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(CAPTIONS, 8, JAPANESE)


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save_pretrained(folder / "tokenizer")
    return folder


def test_case_and_commas_do_not_matter(tokenizer):
    assert tokenizer("A Lake, at NIGHT!").input_ids == tokenizer("a lake at night").input_ids


def test_words_and_their_order_matter(tokenizer):
    assert tokenizer("a lake").input_ids != tokenizer("a city").input_ids
    assert tokenizer("lake a").input_ids != tokenizer("a lake").input_ids


@pytest.mark.parametrize("word", ["zeppelin", "lakeside", "anight", "ペンギン", "😀😀"])
def test_an_unknown_word_is_one_unknown_token_and_never_a_part_of_it(tokenizer, word):
    found = tokenizer.tokenize(f"a {word} lake")
    assert found in (["a", UNKNOWN, "lake"], ["a", "lake"])
    assert len(found) == 3 or not any(letter.isalpha() for letter in word)


def test_japanese_is_cut_at_the_longest_word_that_fits(tokenizer):
    assert tokenizer.tokenize("夕焼けの海") == ["夕焼け", "の", "海"]
    assert tokenizer.tokenize("夕の海とクジラ") == ["夕", "の", "海", "と", "クジラ"]


def test_an_unknown_japanese_word_does_not_hide_its_neighbours(tokenizer):
    assert tokenizer.tokenize("夜のペンギンと海") == ["夜", "の", UNKNOWN, "と", "海"]


def test_languages_may_be_mixed_without_spaces(tokenizer):
    assert tokenizer.tokenize("夜のlake") == ["夜", "の", "lake"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("whales", ["whale"]),
        ("gray", ["grey"]),
        ("🐳", ["whale"]),
        ("くじら", ["クジラ"]),
        ("ｸｼﾞﾗ", ["クジラ"]),
        ("青空", ["青い", "空"]),
        ("海にクジラ", ["海", "の", "クジラ"]),
        ("Ｌａｋｅ", ["lake"]),
    ],
)
def test_other_spellings_are_read_as_words_of_the_captions(tokenizer, written, read):
    assert tokenizer.tokenize(written) == read


def test_no_alias_hides_another():
    assert not set(ALIASES) & {word for word in ALIASES.values() if ALIASES.get(word, word) != word}
    assert all(alias != word for alias, word in JAPANESE_ALIASES.items())


def test_unknown_words_are_told_as_written_and_once(model):
    assert unknown_words(model, "Zebras in a lake, zebras, Zebras, ペンギンと海") == ["Zebras", "zebras", "ペンギン"]
    assert unknown_words(model, "A whale at night 🐳 夜のクジラ") == []
    assert unknown_words(model, "") == []


def test_known_words_are_those_of_the_captions(model):
    assert {"lake", "whale", "クジラ", "夜"} <= set(known_words(model))
    assert not any(word.startswith("<") for word in known_words(model))


def test_asking_for_unknown_words_loads_no_torch(model):
    code = (
        "import sys; from pathlib import Path; from generator.house.words import unknown_words; "
        f"print(unknown_words(Path({str(model)!r}), 'a zebra')); sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['zebra']"


def test_short_text_is_padded_and_long_text_cut(tokenizer):
    ids = tokenise(tokenizer, ["", "lake " * 40, "夜" * 10_000])
    assert ids.shape == (3, 8)
    assert (ids[0, 2:] == tokenizer.pad_token_id).all()
    assert ids[1, -1] == ids[2, -1] == tokenizer.eos_token_id


def test_saving_and_loading_changes_nothing(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    for text in ("A lake, stars", "夕焼けの海 🐳 zebra"):
        assert loaded(text).input_ids == tokenizer(text).input_ids
    assert loaded.model_max_length == 8


def test_the_text_encoder_reads_every_word_of_the_vocabulary(tokenizer):
    encoder = build_text_encoder(tokenizer, {"text_width": 16, "text_layers": 1, "max_tokens": 8})
    assert encoder.config.vocab_size == len(tokenizer)
    assert encoder(tokenise(tokenizer, CAPTIONS)).last_hidden_state.shape == (3, 8, 16)
