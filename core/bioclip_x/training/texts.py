"""The texts of each class by kind, some drawn for each image, and their tokens.

Legend: C classes, T distinct texts of a batch, L tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.components import TextBuilder, TrainableEncoder
from bioclip_x.errors import TrainingError
from bioclip_x.records import TextRequest
from bioclip_x.text_bank.class_prompts import write_prompts

OWN_TEXTS: Final = 1 << 16
"""Images' own texts whose tokens are kept; a data set may have millions."""
MOST_CUT: Final = 1 << 16
"""Texts counted as cut; beyond them it is "at least" so many."""

Row = npt.NDArray[np.int32]


class TextKind:
    """One builder's prompts, by class. weight: how often this kind is drawn, relative to the others."""

    def __init__(self, builder: TextBuilder, request: TextRequest, weight: float) -> None:
        written = write_prompts([builder], request)
        self.weight = weight
        self.notes = written.notes
        self.texts = [prompt.text for prompt in written.prompts]
        owners = np.array([prompt.class_index for prompt in written.prompts])
        self._starts_C1 = np.searchsorted(owners, np.arange(request.taxonomy.n_classes + 1))
        self._ends = np.concatenate([[0.0], np.cumsum([prompt.weight for prompt in written.prompts])])

    def of(self, class_index: int) -> Sequence[str]:
        """All of the class's texts."""
        return self.texts[self._starts_C1[class_index] : self._starts_C1[class_index + 1]]

    def draw(self, class_index: int, rng: np.random.Generator) -> str:
        """One of the class's texts, by the prompts' weights."""
        first, last = int(self._starts_C1[class_index]), int(self._starts_C1[class_index + 1])
        low, high = self._ends[first], self._ends[last]
        place = int(np.searchsorted(self._ends, low + rng.random() * (high - low), side="right")) - 1
        return self.texts[min(max(place, first), last - 1)]


class TextDraw:
    """Draws an image's text: its own, or its class's of one kind (BioCLIP, arXiv 2311.18803, section 3.2).

    own: the chance that an image which has texts of its own is given one of them.
    """

    def __init__(self, kinds: Sequence[TextKind], own: float) -> None:
        self.kinds = tuple(kinds)
        self.own = own
        self._ends = np.cumsum([kind.weight for kind in kinds])
        self._right: dict[int, frozenset[str]] = {}

    def __call__(self, class_index: int, own_texts: Sequence[str], rng: np.random.Generator) -> str:
        which, kind_at, choice = rng.random(3)
        if own_texts and (class_index < 0 or which < self.own):
            return own_texts[int(choice * len(own_texts))]
        if class_index < 0:
            raise TrainingError("data: an image has neither a class nor a text of its own; its data set must skip it")
        kind = self.kinds[int(np.searchsorted(self._ends, kind_at * self._ends[-1], side="right"))]
        return kind.draw(class_index, rng)

    def right(self, class_index: int, own_texts: Sequence[str]) -> frozenset[str]:
        """Every text that holds for an image: its own, and all its class's of every kind."""
        if class_index < 0:
            return frozenset(own_texts)
        if class_index not in self._right:
            self._right[class_index] = frozenset(text for kind in self.kinds for text in kind.of(class_index))
        return self._right[class_index].union(own_texts)


class Tokens:
    """Tokenises each class text once in a run, and images' own texts once while they are among the last `most` met."""

    def __init__(self, encoder: TrainableEncoder, class_texts: Iterable[str], most: int = OWN_TEXTS) -> None:
        self._encoder = encoder
        self._class_texts = frozenset(class_texts)
        self._most = most
        self._of_classes: dict[str, Row] = {}
        self._own: OrderedDict[str, Row] = OrderedDict()
        self._cut: set[int] = set()

    @property
    def truncated(self) -> int:
        """How many distinct texts were longer than the model's context; of more than `MOST_CUT`, that many."""
        return len(self._cut)

    def __call__(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """The distinct texts' tokens, int64 [T, L], and which of them each text is, int64 [len(texts)]."""
        place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        rows = {text: row for text in place if (row := self._known(text)) is not None}
        rows |= self._tokenised([text for text in place if text not in rows])
        tokens_TL = torch.from_numpy(np.stack([rows[text] for text in place])).long()
        return tokens_TL, torch.tensor([place[text] for text in texts])

    def _known(self, text: str) -> Row | None:
        if text in self._own:
            self._own.move_to_end(text)
            return self._own[text]
        return self._of_classes.get(text)

    def _tokenised(self, new: Sequence[str]) -> dict[str, Row]:
        if not new:
            return {}
        # Copies: a view would keep the whole batch's tokens for as long as one of its rows.
        rows: dict[str, Row] = {
            text: row.copy() for text, row in zip(new, self._encoder.tokenize(new).numpy().astype(np.int32))
        }
        for text, row in rows.items():
            (self._of_classes if text in self._class_texts else self._own)[text] = row
        while len(self._own) > self._most:
            self._own.popitem(last=False)
        for text, length in zip(new, self._encoder.count_tokens(new)):
            if length > self._encoder.context_length and len(self._cut) < MOST_CUT:
                self._cut.add(hash(text))
        return rows
