"""Scores images by a linear head on their embeddings, as the losses on linear heads train and `bioclip-x train` exports.

    logits = W · x + b,  x: the image's embedding of unit length

Legend: B images, C classes of the taxonomy, D embedding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from bioclip_x.plugin import (
    ImageFeatures,
    Logits,
    ModelCard,
    ScorerCapabilities,
    ScoresError,
    Taxonomy,
    TextBank,
    load_linear_head,
    match_head,
)


class LinearScorer:
    """Classifies by a linear head; no text has a part in it.

    Rows are matched with the classes by lineage, so that the list of classes may have another order, or be a part of that which
    the head was trained with. A class without weights has the logit -inf.

    path: a safetensors file.
    """

    capabilities = ScorerCapabilities(needs_texts=False)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._weight_CD: torch.Tensor | None = None
        self._bias_C1 = torch.empty(0, 1)

    @cached_property
    def revision(self) -> str:
        """A hash of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Reads the file and matches its rows with the classes. Raises ScoresError if none matches."""
        head = load_linear_head(self.path)
        if not head.normalised:
            raise ScoresError(
                f"{self.path}: the head takes embeddings that are not normalised; scorers have only those"
            )
        row_C, notes = match_head(head, taxonomy)
        rows_C = torch.from_numpy(row_C)
        self._weight_CD = head.weight_CD[rows_C.clamp(min=0)]
        self._bias_C1 = head.bias_C[rows_C.clamp(min=0)].masked_fill(rows_C < 0, -torch.inf)[:, None]
        return notes

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns the head's logits. Raises ScoresError for a model with embeddings of another size."""
        weight_CD = self._weight_CD
        if weight_CD is None:
            raise ScoresError(f"{self.path} has not been read; call prepare(taxonomy) first")
        if weight_CD.shape[1] != features.embeddings_BD.shape[1]:
            raise ScoresError(
                f"{self.path}: a head for embeddings of {weight_CD.shape[1]} numbers; those of {card.name} have "
                f"{features.embeddings_BD.shape[1]}: use the model that it was trained with"
            )
        x_DB = features.embeddings_BD.T.contiguous()

        def part(start: int, stop: int) -> torch.Tensor:
            return (weight_CD[start:stop] @ x_DB).add_(self._bias_C1[start:stop])

        return Logits(part, x_DB.shape[1], len(weight_CD))

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Returns an empty array, since there are no texts."""
        return np.empty(0, np.float32)
