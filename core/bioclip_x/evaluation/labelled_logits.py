"""Class logits of labelled images, and the largest of them.

Legend: B images, c classes of a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bioclip_x.inference.scoring import ScoredBatch
from bioclip_x.records import Logits, Source
from bioclip_x.records.scores import BEST
from bioclip_x.taxonomy.scoring.best_classes import BestClasses, compute_exact_logits, count_ties, sort_classes


@dataclass(frozen=True, slots=True, eq=False)
class LabelledLogits:
    """The scores of a batch of images, and their true classes: int64 [B], -1 for an unlisted class. sources: B images."""

    scored: ScoredBatch
    class_B: torch.Tensor
    sources: Sequence[Source] = ()

    @property
    def logits(self) -> Logits:
        return self.scored.logits.cpu()


@dataclass(frozen=True, slots=True, eq=False)
class TopLogits:
    """The largest logit of each image and that of its true class.

    best_B: int64 [B], the class with the largest logit (exact, if there are exact ones; the first of equals), -1 if all
    classes are excluded. top_B: float64 [B], its logit. true_B: float64 [B], the logit of the true class; nan for an unlisted
    class. right_B: bool [B], whether the best class is the true one. n_tied_B: int64 [B], how many of the best `BEST` classes
    have the largest logit.
    """

    best_B: torch.Tensor
    top_B: torch.Tensor
    true_B: torch.Tensor
    right_B: torch.Tensor
    n_tied_B: torch.Tensor


def find_top_logits(labelled: LabelledLogits) -> TopLogits:
    """Finds the largest logits, in one pass over the classes; the best class is the one that `roll_up` finds."""
    logits, n = labelled.logits, labelled.logits.n_images
    best = BestClasses(min(BEST, logits.n_classes), n)
    true_B = torch.full((n,), torch.nan, dtype=torch.float64)
    for first, logits_cB in logits.chunks():
        inside_B = (labelled.class_B >= first) & (labelled.class_B < first + len(logits_cB))
        columns = inside_B.nonzero()[:, 0]
        true_B[columns] = logits_cB[labelled.class_B[columns] - first, columns].double()
        best.update(first, logits_cB, logits_cB.amax(0))
    classes_BK, values_BK = best.classes_BK, best.values_BK.double()
    best_B, top_B = classes_BK[:, 0], values_BK[:, 0]
    if logits.exact is not None:
        exact_BK, values_BK = sort_classes(classes_BK, compute_exact_logits(logits.exact, classes_BK))
        best_B = exact_BK[:, 0]
        top_B = best.values_BK[classes_BK == best_B[:, None]].double()
    best_B = torch.where(top_B > -torch.inf, best_B, -1)
    is_right_B = (best_B == labelled.class_B) & (labelled.class_B >= 0)
    return TopLogits(best_B, top_B, true_B, is_right_B, count_ties(values_BK))
