"""What a model will not read of a prompt: words that its tokenizer does not know, and what lies beyond its length.

Asked of ``tokenizer/tokenizer.json`` alone, so it takes milliseconds and no torch. Tokenizers that know every byte, as
those of most large models, never have an unknown word; a folder without that file tells nothing.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["prompt_remarks"]

_SHOWN = 8
"""Unknown words that are named; of the rest, the number."""

_SMALL = 1_000
"""Vocabularies up to this size are worth telling: nobody would expect a model to know so few words."""

_NEAR = 0.75
"""Likeness beyond which a word is taken for a misspelt one: "mountian", "lavendar", plurals."""

_LONGEST_WORD = 40
_LONGEST = 1_000_000
"""A greater length in a configuration means that none was set."""


def prompt_remarks(folder: Path, text: str, what: str = "the prompt") -> list[str]:
    """Sentences on what the model in ``folder`` leaves unread of ``text``, which is called ``what``; often none."""
    opened = _open(folder)
    if opened is None or not text:
        return []
    tokenizer, unknown_id, longest = opened
    tokens = tokenizer.encode(text, add_special_tokens=False)
    room = longest - tokenizer.num_special_tokens_to_add(is_pair=False)
    remarks = []
    words = dict.fromkeys(
        text[start:end]
        for token, (start, end) in zip(tokens.ids[:room], tokens.offsets[:room], strict=True)
        if token == unknown_id
    )
    if words:
        size = tokenizer.get_vocab_size()
        known = [word for word in tokenizer.get_vocab() if not word.startswith("<")] if size <= _SMALL else []
        named = ", ".join(word + _nearest(word, known) for word in list(words)[:_SHOWN])
        named += f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
        few = f"; it knows {size} words" if size <= _SMALL else ""
        remarks.append(f"the model does not know these words of {what}: {named}{few}")
    if len(tokens.ids) > room:
        cut = tokens.offsets[room][0]
        remarks.append(f"the model reads {longest} tokens at most; of {what} it does not read: {text[cut : cut + 60]}")
    return remarks


def _nearest(word: str, known: list[str]) -> str:
    """A known word that somebody who wrote this may have meant: much like it, with the same first letter."""
    written = word.lower()[:_LONGEST_WORD]
    near = get_close_matches(written, [each for each in known if each[:1] == written[:1]], n=1, cutoff=_NEAR)
    return f" (did you mean {near[0]}?)" if near else ""


def _open(folder: Path) -> tuple[Any, int | None, int] | None:
    """Tokenizer, id of its unknown word if it has one, tokens with both marks; None where it cannot be told."""
    from tokenizers import Tokenizer

    try:
        config = json.loads((folder / "tokenizer" / "tokenizer_config.json").read_bytes())
        tokenizer = Tokenizer.from_str((folder / "tokenizer" / "tokenizer.json").read_text("utf-8"))
        name, longest = config.get("unk_token"), int(config["model_max_length"])
    except Exception:  # noqa: BLE001 - tokenizers raises the bare class; remarks are no reason to stop
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if isinstance(name, dict):
        name = name.get("content")
    unknown = tokenizer.token_to_id(name) if isinstance(name, str) else None
    return tokenizer, unknown, min(longest, _LONGEST)
