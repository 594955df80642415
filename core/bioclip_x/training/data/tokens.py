"""Tokenises texts in the processes that make batches.

Legend: T texts, L tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bioclip_x.hooks.components import Tokenizer
from bioclip_x.training.truth import make_text_id

MOST_CACHED: Final = 1 << 16
"""Texts whose tokens each process caches: 20 MB at 77 tokens."""


class Tokenised(NamedTuple):
    """A tokenised text.

    text_id: see `make_text_id`. row_L: int32 tokens. is_cut: whether the text is longer than the model's context.
    """

    text_id: int
    row_L: npt.NDArray[np.int32]
    is_cut: bool


class Tokens:
    """Tokenises texts, and caches the `most` recently used ones."""

    def __init__(self, tokenizer: Tokenizer, most: int = MOST_CACHED) -> None:
        self._tokenizer, self._most = tokenizer, most
        self._cache: OrderedDict[str, Tokenised] = OrderedDict()
        self._padded_L: npt.NDArray[np.int32] | None = None

    def __call__(self, texts: Sequence[str]) -> list[Tokenised]:
        """Tokenises distinct texts; calls the tokenizer once for all that are new."""
        cached = {text: self._cache[text] for text in texts if text in self._cache}
        new = [text for text in texts if text not in cached]
        found = cached | dict(zip(new, self._tokenise(new)))
        for text in texts:
            self._cache[text] = found[text]
            self._cache.move_to_end(text)
        while len(self._cache) > self._most:
            self._cache.popitem(last=False)
        return [found[text] for text in texts]

    def _tokenise(self, texts: Sequence[str]) -> list[Tokenised]:
        if not texts:
            return []
        row_TL = self._tokenizer.tokenize(texts).numpy().astype(np.int32)
        full = [text for text, is_full in zip(texts, self._find_full(row_TL)) if is_full]
        limit = self._tokenizer.context_length
        cut = {text for text, n in zip(full, self._tokenizer.count_tokens(full) if full else []) if n > limit}
        # Copies, since a cached view would keep the tokens of all texts of its call in memory.
        return [Tokenised(make_text_id(text), row_L.copy(), text in cut) for text, row_L in zip(texts, row_TL)]

    def _find_full(self, row_TL: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Returns which rows may lack padding, bool [T]: only these texts can be longer than the context.

        Padding, left or right, is what the row of the empty text has at its ends.
        """
        if self._padded_L is None:
            self._padded_L = self._tokenizer.tokenize([""]).numpy().astype(np.int32)[0]
        ends = [0, -1]
        is_full_T: npt.NDArray[np.bool_] = (row_TL[:, ends] != self._padded_L[ends]).any(axis=1)
        return is_full_T
