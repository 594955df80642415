"""Counts the tokens of texts before truncation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Counts the tokens of each text, including start and end tokens. tokenizer: open_clip's SimpleTokenizer or HFTokenizer."""
    encode = getattr(tokenizer, "encode", None)
    if encode is None:
        return [len(ids) for ids in tokenizer.tokenizer(list(texts))["input_ids"]]
    return [len(encode(text)) + 2 for text in texts]
