from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import open_clip
import pytest
import torch

from bioclip_x.training.data.tokens import Tokens
from bioclip_x.training.truth import make_text_id


class Words:
    """A token per word, between 1 and 2; padded with zeros at the right or the left."""

    context_length = 5

    def __init__(self, left: bool = False) -> None:
        self.left = left
        self.tokenised: list[str] = []
        self.counted: list[str] = []

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        self.tokenised += texts
        rows = [[1, *(len(word) + 2 for word in text.split()), 2][:5] for text in texts]
        rows = [[*row[:4], 2] if len(row) == 5 else row for row in rows]
        padded = [[0] * (5 - len(row)) + row if self.left else row + [0] * (5 - len(row)) for row in rows]
        return torch.tensor(padded)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.counted += texts
        return [len(text.split()) + 2 for text in texts]


TEXTS = ["a bird", "one two three", "a very long text of birds", "tit"]


@pytest.mark.parametrize("left", [False, True])
def test_each_text_is_tokenised_once_and_only_full_rows_are_counted(left: bool) -> None:
    words = Words(left)
    tokens = Tokens(words)
    first, second = tokens(TEXTS[:3]), tokens(TEXTS[::-1])
    assert [one.is_cut for one in first] == [False, False, True]
    assert [one.text_id for one in second] == [make_text_id(text) for text in TEXTS[::-1]]
    np.testing.assert_array_equal(np.stack([one.row_L for one in second]), Words(left).tokenize(TEXTS[::-1]))
    assert sorted(words.tokenised) == sorted(["", *TEXTS])
    assert words.counted == TEXTS[1:3]


def test_the_cache_keeps_the_most_recent_texts() -> None:
    words = Words()
    tokens = Tokens(words, most=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        assert tokens([text])[0].row_L[1] == 3
    assert [text for text in words.tokenised if text] == ["a", "b", "c", "b"]
    assert len(tokens(["a", "b", "c"])) == 3, "more than the cache holds"


def test_rows_are_those_of_open_clip() -> None:
    tokenizer = open_clip.SimpleTokenizer(context_length=12)

    class Clip:
        context_length = 12

        def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
            return tokenizer(list(texts))

        def count_tokens(self, texts: Sequence[str]) -> list[int]:
            return [len(tokenizer.encode(text)) + 2 for text in texts]

    texts = ["Parus major", "a photo of a great tit, which is a bird of gardens", " ".join(["tit"] * 10), ""]
    found = Tokens(Clip())(texts)
    np.testing.assert_array_equal(np.stack([one.row_L for one in found]), tokenizer(texts))
    assert [one.is_cut for one in found] == [False, True, False, False]
