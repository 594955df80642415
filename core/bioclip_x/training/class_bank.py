"""The embeddings of all classes' texts, for losses that compare images with every class.

Legend: C classes, c classes of this process, D embedding, P texts of a process's classes, b texts of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from bioclip_x.records.training import Processes

BATCH: Final = 256
"""Texts embedded at a time."""

EmbedTexts = Callable[[Sequence[str]], torch.Tensor]
"""Texts → their embeddings [b, D], rows L2-normalised."""


class ClassTexts(Protocol):
    """The texts of one kind by taxon; see `training.texts.TextKind`. weight: relative to the other kinds."""

    weight: float

    def get_weighted_texts(self, node: int) -> Sequence[tuple[str, float]]:
        """Returns all texts of a taxon, each with its share among them."""


class ClassBank:
    """One row per class: the mean of the embeddings of its texts, of all kinds in their mix, scaled to unit length.

    The expectation of the text that is drawn for an image of the class. Rows are divided among the processes: this one has
    `count` classes from `first` on. They are stale by up to the number of steps between two calls of `refresh`.

    kinds: the kinds of text. node_C: the taxon of each class. dtype: of the rows that are kept; half precision changes a
    cosine by less than 0.001.
    """

    def __init__(
        self,
        kinds: Sequence[ClassTexts],
        node_C: Sequence[int],
        embed_dim: int,
        world: Processes,
        device: torch.device,
        dtype: torch.dtype = torch.float16,
    ) -> None:
        n_classes = len(node_C)
        self._kinds, self._node_C, self._world = tuple(kinds), node_C, world
        share = -(-n_classes // world.size)
        self.first = min(world.rank * share, n_classes)
        self.count = min(share, n_classes - self.first)
        self._rows_cD = torch.zeros(self.count, embed_dim, dtype=dtype, device=device)

    def rows(self) -> torch.Tensor:
        """Returns this process's rows, L2-normalised: [c, D], without gradients."""
        return self._rows_cD

    @torch.no_grad()
    def refresh(self, embed_texts: EmbedTexts, *modules: nn.Module) -> None:
        """Embeds the texts of all classes again. All processes must call it, since they may share a model's parameters.

        modules: what `embed_texts` calls, in evaluation mode meanwhile. The random state is not used.
        """
        texts, class_P, weight_P = self._list_texts()
        most = int(self._world.max(torch.tensor(-(-len(texts) // BATCH), device=self._rows_cD.device)))
        sums_cD = torch.zeros(self._rows_cD.shape, device=self._rows_cD.device)
        with _evaluating(modules):
            for start in range(0, most * BATCH, BATCH):
                # A process that has no more texts embeds one again: those that share parameters must all take part.
                part = slice(start, start + BATCH) if start < len(texts) else slice(0, 1)
                rows_bD = embed_texts(texts[part] or [""])
                if start < len(texts):
                    weighted_bD = rows_bD.to(sums_cD) * weight_P[part, None].to(sums_cD)
                    sums_cD.index_add_(0, class_P[part].to(sums_cD.device), weighted_bD)
        self._rows_cD.copy_(normalize(sums_cD, dim=1))

    def _list_texts(self) -> tuple[list[str], torch.Tensor, torch.Tensor]:
        """Returns the texts of this process's classes, the row that each belongs to (int64), and its share (float32)."""
        total = sum(kind.weight for kind in self._kinds)
        texts, classes, weights = [], [], []
        for row in range(self.count):
            for kind in self._kinds:
                for text, share in kind.get_weighted_texts(self._node_C[self.first + row]):
                    texts.append(text)
                    classes.append(row)
                    weights.append(share * kind.weight / total)
        return texts, torch.from_numpy(np.array(classes, np.int64)), torch.tensor(weights)

    def state_dict(self) -> dict[str, Any]:
        """Returns the rows of all classes, on the CPU. All processes must call it."""
        return {"rows_CD": self._world.gather_ragged(self._rows_cD).cpu()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes this process's rows from a state that may have been saved by another number of processes."""
        self._rows_cD.copy_(state["rows_CD"][self.first : self.first + self.count])


@contextmanager
def _evaluating(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Puts modules into evaluation mode, and their parts back into the mode that each was in."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, was_training in modes:
            part.training = was_training
