"""How long a text is, before a tokenizer cuts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, start and end included. tokenizer: one of open_clip's, its own or a Hugging Face one."""
    encode = getattr(tokenizer, "encode", None)
    if encode is None:
        return [len(ids) for ids in tokenizer.tokenizer(list(texts))["input_ids"]]
    return [len(encode(text)) + 2 for text in texts]
