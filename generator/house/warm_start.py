"""Take over what an earlier training learned: weights of the same name and shape, rows of words known to both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["take_over"]

_WORDS = "token_embedding.weight"


@torch.no_grad()
def take_over(
    modules: nn.ModuleList, tokenizer: PreTrainedTokenizerFast, config: dict[str, Any], earlier: Path
) -> list[str]:
    """Copy the averaged weights of the training folder ``earlier``; returns the names of what stays untrained."""
    from generator.house.train_denoiser import build_modules

    old_tokenizer = PreTrainedTokenizerFast.from_pretrained(earlier / "tokenizer", local_files_only=True)
    old = build_modules(config, old_tokenizer)
    state = torch.load(earlier / "denoiser.pt", weights_only=True, mmap=True)
    for parameter, value in zip(old.parameters(), state["averages"], strict=True):
        parameter.copy_(value)
    found = dict(old.named_parameters())
    left = []
    for name, parameter in modules.named_parameters():
        source = found.get(name)
        if source is not None and source.shape == parameter.shape:
            parameter.copy_(source)
        elif source is not None and name.endswith(_WORDS):
            old_words, words = old_tokenizer.get_vocab(), tokenizer.get_vocab()
            for word in old_words.keys() & words.keys():
                parameter[words[word]] = source[old_words[word]]
        else:
            left.append(name)
    return left
