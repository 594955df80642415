"""Tokens of texts: their number before truncation, a common prefix, and rare words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from bioclip_x.plugin import ModelError

PREFIX: Final = "text_prefix"
"""Key of a model's card: words that the model expects before every text."""


def count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Counts the tokens of each text, including start and end tokens. tokenizer: open_clip's SimpleTokenizer or HFTokenizer."""
    encode = getattr(tokenizer, "encode", None)
    if encode is None:
        return [len(ids) for ids in tokenizer.tokenizer(list(texts))["input_ids"]]
    return [len(encode(text)) + 2 for text in texts]


def add_prefix(prefix: str, texts: Sequence[str]) -> list[str]:
    """Puts a prefix and a space before every text; "" changes nothing."""
    return [f"{prefix} {text}" for text in texts] if prefix else list(texts)


def find_rare_words(tokenizer: Any, count: int) -> list[str]:
    """Finds words of which each is one token: the last ones of the vocabulary, where byte-pair encoding puts the rarest.

    tokenizer: open_clip's SimpleTokenizer or HFTokenizer.

    Raises ModelError if the vocabulary has fewer.
    """
    encoder = getattr(tokenizer, "encoder", None)  # of SimpleTokenizer, whose tokens tell where a word ends
    vocabulary, suffix = (encoder, "</w>") if encoder else (tokenizer.tokenizer.get_vocab(), "")
    found: list[str] = []
    for token in sorted(vocabulary, key=vocabulary.__getitem__, reverse=True):
        if not token.endswith(suffix):
            continue
        word = token.removesuffix("</w>")
        if word.isascii() and word.isalpha() and word.islower() and len(word) > 3 and _is_one_token(tokenizer, word):
            found.append(word)
        if len(found) == count:
            return found
    raise ModelError(f"the tokenizer has only {len(found)} words of one token, and {count} are asked for")


def _is_one_token(tokenizer: Any, word: str) -> bool:
    """Returns whether a word adds one token, on its own and after another one."""
    empty, alone, two = count_tokens(tokenizer, ["", word, f"{word} {word}"])
    return alone == empty + 1 and two == empty + 2


class TextTokenizer:
    """Tokenises texts behind a prefix. prefix: put before every text, with a space; "" for none."""

    def __init__(self, tokenizer: Any, prefix: str) -> None:
        self._tokenizer, self._prefix = tokenizer, prefix
        self.context_length: int = tokenizer.context_length

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.as_tensor(self._tokenizer(add_prefix(self._prefix, texts)))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return count_tokens(self._tokenizer, add_prefix(self._prefix, texts))
