"""Samples the texts of training images, by class and kind, and tokenises them.

Legend: C classes, T distinct texts of a batch, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.components import Sample, TextBuilder
from bioclip_x.errors import TrainingError
from bioclip_x.records import TextRequest
from bioclip_x.text_bank.class_prompts import write_prompts

OWN_TEXTS: Final = 1 << 16
"""Number of images' own texts whose tokens are cached, since a data set may have millions."""
MOST_CUT: Final = 1 << 16
"""Maximum count of truncated texts; at this count, notes say "at least"."""

Row = npt.NDArray[np.int32]


class TextKind:
    """The prompts of one text builder by class. weight: how often this kind is drawn, relative to the others."""

    def __init__(self, builder: TextBuilder, request: TextRequest, weight: float) -> None:
        written = write_prompts([builder], request)
        self.weight = weight
        self.notes = written.notes
        self.texts = [prompt.text for prompt in written.prompts]
        owners = np.array([prompt.class_index for prompt in written.prompts])
        taxonomy = request.taxonomy
        node_C = taxonomy.owner_N[taxonomy.leaf_node_C]
        self.node_C = node_C
        self.nodes = node_C[owners].tolist()
        self._starts_C1 = np.searchsorted(owners, np.arange(request.taxonomy.n_classes + 1))
        self._ends = np.concatenate([[0.0], np.cumsum([prompt.weight for prompt in written.prompts])])

    def get_texts(self, class_index: int) -> Sequence[str]:
        """Returns all texts of a class."""
        return self.texts[self._starts_C1[class_index] : self._starts_C1[class_index + 1]]

    def draw(self, class_index: int, rng: np.random.Generator) -> str:
        """Draws one of the class's texts according to the prompts' weights."""
        first, last = int(self._starts_C1[class_index]), int(self._starts_C1[class_index + 1])
        low, high = self._ends[first], self._ends[last]
        index = int(np.searchsorted(self._ends, low + rng.random() * (high - low), side="right")) - 1
        return self.texts[min(max(index, first), last - 1)]


class TextSampler:
    """Draws a text for an image: one of its own, or one of its class of a random kind (BioCLIP, arXiv 2311.18803, section 3.2).

    own: the probability of drawing one of the image's own texts, if it has any.
    """

    def __init__(self, kinds: Sequence[TextKind], own: float) -> None:
        self.kinds = tuple(kinds)
        self.own = own
        self._ends = np.cumsum([kind.weight for kind in kinds])
        self._class_texts: dict[int, frozenset[str]] = {}
        self.pairs = sorted({pair for kind in self.kinds for pair in zip(kind.texts, kind.nodes)})
        self.node_of_text: dict[str, int] = {}
        for text, node in self.pairs:
            self.node_of_text[text] = -1 if text in self.node_of_text else node
        self._node_C = kinds[0].node_C

    def __call__(self, class_index: int, own_texts: Sequence[str], rng: np.random.Generator) -> str:
        own_draw, kind_draw, text_draw = rng.random(3)
        if own_texts and (class_index < 0 or own_draw < self.own):
            return own_texts[int(text_draw * len(own_texts))]
        if class_index < 0:
            raise TrainingError("data: an image has neither a class nor a text of its own; its data set must skip it")
        kind = self.kinds[int(np.searchsorted(self._ends, kind_draw * self._ends[-1], side="right"))]
        return kind.draw(class_index, rng)

    def find_node(self, sample: Sample) -> int:
        """Returns the node of an image's taxon, -1 for none."""
        return -1 if sample.class_index < 0 else int(self._node_C[sample.class_index])

    def find_applicable(self, class_index: int, own_texts: Sequence[str]) -> frozenset[str]:
        """Returns every text that applies to an image: its own, and those of its class of every kind."""
        if class_index < 0:
            return frozenset(own_texts)
        if class_index not in self._class_texts:
            texts = frozenset(text for kind in self.kinds for text in kind.get_texts(class_index))
            self._class_texts[class_index] = texts
        return self._class_texts[class_index].union(own_texts)
