"""The tokenizer knows the words of the captions, and only those."""

import pytest
from transformers import PreTrainedTokenizerFast

from generator.house.text import UNKNOWN, build_text_encoder, build_tokenizer
from generator.house.train_denoiser import tokenise

CAPTIONS = ["a lake at night", "a city, stars"]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(CAPTIONS, 8)


def test_case_and_commas_do_not_matter(tokenizer):
    assert tokenizer("A Lake, at NIGHT!").input_ids == tokenizer("a lake at night").input_ids


def test_words_and_their_order_matter(tokenizer):
    assert tokenizer("a lake").input_ids != tokenizer("a city").input_ids
    assert tokenizer("lake a").input_ids != tokenizer("a lake").input_ids


def test_an_unknown_word_is_one_unknown_token(tokenizer):
    assert tokenizer.convert_ids_to_tokens(tokenizer("a zeppelin").input_ids)[2] == UNKNOWN


def test_short_text_is_padded_and_long_text_cut(tokenizer):
    ids = tokenise(tokenizer, ["", "lake " * 40])
    assert ids.shape == (2, 8)
    assert (ids[0, 2:] == tokenizer.pad_token_id).all()
    assert ids[1, -1] == tokenizer.eos_token_id


def test_saving_and_loading_changes_nothing(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert loaded("A lake, stars").input_ids == tokenizer("A lake, stars").input_ids
    assert loaded.model_max_length == 8


def test_the_text_encoder_reads_every_word_of_the_vocabulary(tokenizer):
    encoder = build_text_encoder(tokenizer, {"text_width": 16, "text_layers": 1, "max_tokens": 8})
    assert encoder.config.vocab_size == len(tokenizer)
    assert encoder(tokenise(tokenizer, CAPTIONS)).last_hidden_state.shape == (2, 8, 16)
