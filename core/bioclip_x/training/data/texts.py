"""Samples the texts of training images, by taxon and kind.

Legend: C classes, N nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from bioclip_x.errors import TrainingError
from bioclip_x.hooks.components import TextBuilder
from bioclip_x.records import TextRequest
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.editing.restrict import add_inner_classes_with_index
from bioclip_x.text_bank.class_prompts import write_prompts


class TextKind:
    """The prompts of one text builder by taxon.

    weight: how often this kind is drawn, relative to the others. nodes: taxa above the classes to write texts for besides:
    those that images are labelled with.

    texts, nodes: every text, and the node that it is about.
    """

    def __init__(self, builder: TextBuilder, request: TextRequest, weight: float, nodes: Iterable[int] = ()) -> None:
        # One request for all: a builder may need other classes (to swap descriptors), or have descriptors of some only.
        tree, node_C = add_inner_classes_with_index(request.taxonomy, nodes)
        written = write_prompts([builder], replace(request, taxonomy=tree, classes=range(tree.n_classes)))
        self.weight = weight
        self.notes = written.notes
        self.texts = [prompt.text for prompt in written.prompts]
        owners = np.array([prompt.class_index for prompt in written.prompts])
        self.nodes: list[int] = node_C[owners].tolist()
        self._taxonomy = request.taxonomy
        self._class_N = np.full(request.taxonomy.n_nodes, -1, np.int64)
        self._class_N[node_C] = np.arange(tree.n_classes)
        self._starts_C1 = np.searchsorted(owners, np.arange(tree.n_classes + 1))
        self._ends = np.concatenate([[0.0], np.cumsum([prompt.weight for prompt in written.prompts])])

    def texts_of(self, node: int) -> Sequence[str]:
        """Returns all texts of a taxon; none for one above the classes that no image was known to be labelled with."""
        return self.texts[slice(*self._find_range(node))]

    def get_weighted_texts(self, node: int) -> list[tuple[str, float]]:
        """Returns all texts of a taxon, each with the probability that it is drawn."""
        first, last = self._find_range(node)
        shares = np.diff(self._ends[first : last + 1]) / (self._ends[last] - self._ends[first])
        return list(zip(self.texts[first:last], shares.tolist()))

    def draw(self, node: int, rng: np.random.Generator) -> str:
        """Draws one of the taxon's texts according to the prompts' weights. Raises TrainingError if it has none."""
        first, last = self._find_range(node)
        if first == last:
            taxon = self._taxonomy.taxon(node)
            raise TrainingError(
                f"text: no text was written for {taxon.rank} {taxon.name}, with which an image is labelled"
            )
        low, high = self._ends[first], self._ends[last]
        index = int(np.searchsorted(self._ends, low + rng.random() * (high - low), side="right")) - 1
        return self.texts[min(max(index, first), last - 1)]

    def _find_range(self, node: int) -> tuple[int, int]:
        c = int(self._class_N[node])
        return (int(self._starts_C1[c]), int(self._starts_C1[c + 1])) if c >= 0 else (0, 0)


class TextSampler:
    """Draws a text for an image: one of its own, or one of its taxon of a random kind.

    BioCLIP mixes five kinds of text (arXiv 2311.18803, section 3.2); its code draws one kind per batch, seeded by the step
    (github.com/Imageomics/bioclip, src/training/train.py, `text_type == "random"`). Here the kind is drawn for each image
    unless it is given (`draw_kind`).

    own: the probability of drawing one of the image's own texts, if it has any. ranks: at which `find_at_ranks` looks.
    pairs: (text, node it is about) for the texts of all kinds. node_of_text: text → node, -1 for a text about several.
    """

    def __init__(
        self, kinds: Sequence[TextKind], own: float, *, taxonomy: Taxonomy | None = None, ranks: Sequence[str] = ()
    ) -> None:
        self.kinds = tuple(kinds)
        self.own, self.ranks = own, tuple(ranks)
        self._taxonomy = taxonomy
        self._ends = np.cumsum([kind.weight for kind in kinds])
        self.pairs = sorted({pair for kind in self.kinds for pair in zip(kind.texts, kind.nodes)})
        self.node_of_text: dict[str, int] = {}
        for text, node in self.pairs:
            self.node_of_text[text] = -1 if text in self.node_of_text else node

    def __call__(self, node: int, own_texts: Sequence[str], rng: np.random.Generator, kind: int | None = None) -> str:
        """node: of the image, -1 for none. kind: the number of the kind to draw from; None to draw it by weight."""
        own_draw, kind_draw, text_draw = rng.random(3)
        if own_texts and (node < 0 or own_draw < self.own):
            return own_texts[int(text_draw * len(own_texts))]
        if node < 0:
            raise TrainingError("data: an image has neither a taxon nor a text of its own; its data set must skip it")
        return self.kinds[self._find_kind(kind_draw) if kind is None else kind].draw(node, rng)

    def find_at_ranks(self, node: int) -> list[int]:
        """Returns an image's taxon at each of `ranks`, and where it has none its own: as many as there are ranks."""
        if not self.ranks or self._taxonomy is None or node < 0:
            return [node] * len(self.ranks)
        taxa = [above for above in self._taxonomy.path(node) if self._taxonomy.kind_N[above] == TAXON]
        at = {self._taxonomy.rank(above): above for above in taxa}
        return [at.get(rank, node) for rank in self.ranks]

    def draw_kind(self, seed: int, epoch: int, step: int) -> int:
        """Draws one kind for all images of a step, by weight; equal on all processes and in a resumed run."""
        return self._find_kind(np.random.default_rng(np.random.SeedSequence((seed, epoch), spawn_key=(step,))).random())

    def _find_kind(self, draw: float) -> int:
        return int(np.searchsorted(self._ends, draw * self._ends[-1], side="right"))


def list_taxa_at_ranks(taxonomy: Taxonomy, ranks: Sequence[str]) -> list[int]:
    """Returns the taxa of these ranks that are no classes. Raises TrainingError for a rank that the taxonomy lacks."""
    nodes: list[int] = []
    for rank in ranks:
        of_rank = np.flatnonzero((np.array(taxonomy.rank_names)[taxonomy.rank_N] == rank) & (taxonomy.kind_N == TAXON))
        if not len(of_rank):
            known = ", ".join(name for name in taxonomy.rank_names if name)
            raise TrainingError(f"text_ranks: the taxonomy has no taxon of rank {rank!r}; its ranks are {known}")
        nodes += of_rank[taxonomy.class_of_N[of_rank] < 0].tolist()
    return nodes
