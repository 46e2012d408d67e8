"""The house model's tokenizer and text encoder: whole words of the captions, read by a small CLIP text model."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BEGIN", "END", "PAD", "UNKNOWN", "build_text_encoder", "build_tokenizer"]

PAD, BEGIN, END, UNKNOWN = "<pad>", "<begin>", "<end>", "<unknown>"


def build_tokenizer(captions: Sequence[str], max_tokens: int) -> PreTrainedTokenizerFast:
    """Lower-case words of Latin letters and digits from the captions; everything else is unknown or dropped."""
    counts = Counter(word for caption in captions for word in re.findall(r"[a-z0-9]+", caption.lower()))
    words = [PAD, BEGIN, END, UNKNOWN, *(word for word, _ in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\p{L}\p{N}]+"), "removed")
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
