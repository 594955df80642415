"""Class logits of labelled images."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bioclip_x.inference.scoring import ScoredBatch
from bioclip_x.records import Logits


@dataclass(frozen=True, slots=True, eq=False)
class LabelledLogits:
    """The logits of some images, and their true classes: int64 [B], -1 for an image of none of the classes."""

    scored: ScoredBatch
    class_B: torch.Tensor

    @property
    def logits(self) -> Logits:
        return self.scored.logits


@dataclass(frozen=True, slots=True, eq=False)
class TopLogits:
    """Of each image the class with the largest logit (int64 [B], the first of equals), that logit, and the true class's.

    top_B, true_B: float64 [B]; `true_B` is nan for an image of no class. right_B: bool [B], whether the best class is true.
    """

    best_B: torch.Tensor
    top_B: torch.Tensor
    true_B: torch.Tensor
    right_B: torch.Tensor


def find_top_logits(some: LabelledLogits) -> TopLogits:
    """One pass over the classes."""
    n = some.logits.n_images
    best_B, top_B = torch.zeros(n, dtype=torch.int64), torch.full((n,), -torch.inf, dtype=torch.float64)
    true_B = torch.full((n,), torch.nan, dtype=torch.float64)
    for first, logits_cB in some.logits.chunks():
        inside_B = (some.class_B >= first) & (some.class_B < first + len(logits_cB))
        columns = inside_B.nonzero()[:, 0]
        true_B[columns] = logits_cB[some.class_B[columns] - first, columns].double()
        largest_B, row_B = logits_cB.max(dim=0)
        is_larger_B = largest_B.double() > top_B
        best_B[is_larger_B] = row_B[is_larger_B] + first
        top_B = torch.maximum(top_B, largest_B.double())
    return TopLogits(best_B, top_B, true_B, best_B == some.class_B)
