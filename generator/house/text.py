"""The house model's tokenizer and text encoder: whole words of English and Japanese, a small CLIP text model."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from generator.house.words import ALIASES, EMOJI, JAPANESE_ALIASES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BEGIN", "END", "PAD", "UNKNOWN", "build_text_encoder", "build_tokenizer"]

PAD, BEGIN, END = "<pad>", "<begin>", "<end>"
_LATIN = r"[\p{Latin}\p{N}]+"


def build_tokenizer(captions: Sequence[str], max_tokens: int, japanese: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """Words of Latin letters and digits from the captions, in lower case, and the given Japanese words.

    Japanese, which is written without spaces, is cut at the longest of the given words that fits (they come longest
    first). What is left between known words is one unknown word. Plurals, other spellings and emoji are read as words
    of the captions (``generator.house.words``).
    """
    counts = Counter(word for caption in captions for word in re.findall(r"[a-z0-9]+", caption.lower()))
    latin = (word for word, _ in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))
    words = list(dict.fromkeys([PAD, BEGIN, END, UNKNOWN, *latin, *japanese]))
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), *_replacements(words)])
    cuts = [pre_tokenizers.Split(Regex(r"[^\p{L}\p{N}\p{M}ー々]+"), "removed")]
    if japanese:
        cuts.append(pre_tokenizers.Split(Regex(_LATIN), "isolated"))
        cuts.append(pre_tokenizers.Split(Regex("|".join(re.escape(word) for word in japanese)), "isolated"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, words.index(BEGIN)), (END, words.index(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        unk_token=UNKNOWN,
    )


def _replacements(words: Sequence[str]) -> list[normalizers.Normalizer]:
    """What is read as something else: only where the vocabulary knows the latter and not the former."""
    known = set(words)
    pairs = [(alias, word) for alias, word in ALIASES.items() if alias not in known and word in known]
    found: list[normalizers.Normalizer] = [normalizers.Replace(Regex(rf"\b{alias}\b"), word) for alias, word in pairs]
    signs = {sign: f" {word} " for sign, word in EMOJI.items() if word in known or " " in word}
    japanese = JAPANESE_ALIASES if "の" in known else {}
    literal = sorted({**japanese, **signs}.items(), key=lambda pair: -len(pair[0]))
    found.extend(normalizers.Replace(alias, word) for alias, word in literal if alias not in known)
    found.extend(normalizers.Replace(Regex(f"{stem}(?![い緑色])"), f"{stem}い") for stem in "赤青白黒")
    return found


def build_text_encoder(tokenizer: PreTrainedTokenizerFast, config: dict[str, Any]) -> CLIPTextModel:
    """An untrained CLIP text model for this vocabulary."""
    width = config["text_width"]
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=config["text_layers"],
            num_attention_heads=4,
            max_position_embeddings=config["max_tokens"],
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
