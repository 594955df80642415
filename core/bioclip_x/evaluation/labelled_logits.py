"""Class logits of labelled images, and the largest of them.

Legend: B images, c classes of a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bioclip_x.inference.scoring import ScoredBatch
from bioclip_x.records import Logits, Source


@dataclass(frozen=True, slots=True, eq=False)
class LabelledLogits:
    """The scores of a batch of images, and their true classes: int64 [B], -1 for an unlisted class. sources: B images."""

    scored: ScoredBatch
    class_B: torch.Tensor
    sources: Sequence[Source] = ()

    @property
    def logits(self) -> Logits:
        return self.scored.logits


@dataclass(frozen=True, slots=True, eq=False)
class TopLogits:
    """The largest logit of each image and that of its true class.

    best_B: int64 [B], the class with the largest logit (the first of equals). top_B: float64 [B], that logit. true_B: float64
    [B], the logit of the true class; nan for an unlisted class. right_B: bool [B], whether the best class is the true one.
    """

    best_B: torch.Tensor
    top_B: torch.Tensor
    true_B: torch.Tensor
    right_B: torch.Tensor


def find_top_logits(labelled: LabelledLogits) -> TopLogits:
    """Finds the largest logits, in one pass over the classes."""
    n = labelled.logits.n_images
    best_B, top_B = torch.zeros(n, dtype=torch.int64), torch.full((n,), -torch.inf, dtype=torch.float64)
    true_B = torch.full((n,), torch.nan, dtype=torch.float64)
    for first, logits_cB in labelled.logits.chunks():
        inside_B = (labelled.class_B >= first) & (labelled.class_B < first + len(logits_cB))
        columns = inside_B.nonzero()[:, 0]
        true_B[columns] = logits_cB[labelled.class_B[columns] - first, columns].double()
        largest_B, row_B = logits_cB.max(dim=0)
        is_larger_B = largest_B.double() > top_B
        best_B[is_larger_B] = row_B[is_larger_B] + first
        top_B = torch.maximum(top_B, largest_B.double())
    return TopLogits(best_B, top_B, true_B, best_B == labelled.class_B)
