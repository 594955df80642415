"""Computes class scores and predictions without one text of a class, in closed form: no image is scored twice.

Legend: P texts of one class, N images, c classes of a chunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats

Rows = npt.NDArray[np.int64]
TIE: Final = 1e-4
"""Logits closer than this are equal: about ten times the single-precision rounding error of numbers around 100."""
TINY: Final = 1e-24
"""Lower bound of a squared length: opposite texts may cancel."""


def compute_leave_one_out_changes(cos_PN: Floats, weight_P: Floats, gram_PP: Floats, pooling: str) -> Floats:
    """Computes the change of the class's pooled cosine when each text is left out: float64 [P, N], exact up to rounding.

    With s = Σ w cos and W = Σ w:  mean  (s - w_p cos_p)/(W - w_p) - s/W;  ensemble  the same with the lengths of the summed
    embeddings, |Σ w t|, in place of the summed weights, from the inner products gram_PP = t·t';  max  the largest of the
    others less the largest of all. P ≥ 2. weight_P: positive. gram_PP: used by "ensemble" only.
    """
    if pooling == "max":
        order = np.argsort(cos_PN, axis=0)
        best_N, next_N = (np.take_along_axis(cos_PN, order[row][None], 0)[0] for row in (-1, -2))
        is_best_PN = np.arange(len(cos_PN))[:, None] == order[-1]
        return np.where(is_best_PN, next_N - best_N, 0.0)
    sum_N: Floats = weight_P @ cos_PN
    rest_PN: Floats = sum_N - weight_P[:, None] * cos_PN
    if pooling == "mean":
        length_P, length = weight_P.sum() - weight_P, float(weight_P.sum())
    else:
        square, cross_P = float(weight_P @ gram_PP @ weight_P), gram_PP @ weight_P
        squares_P = square - 2 * weight_P * cross_P + weight_P**2 * np.diag(gram_PP)
        length_P, length = np.sqrt(np.maximum(squares_P, TINY)), math.sqrt(max(square, TINY))
    changed_PN: Floats = rest_PN / length_P[:, None] - sum_N / length
    return changed_PN


@dataclass(frozen=True, slots=True, eq=False)
class BestTwo:
    """The classes of the two largest logits of each image (int64 [N], -1 for none), and these logits.

    Of equal logits the first is the best, as in `find_top_logits`.
    """

    best_N: Rows
    best_logit_N: Floats
    second_N: Rows
    second_logit_N: Floats

    @property
    def n_tied(self) -> int:
        """The number of images whose two best classes are tied."""
        return int(((self.best_logit_N == self.second_logit_N) & (self.best_logit_N > -np.inf)).sum())

    @classmethod
    def none(cls, n: int) -> BestTwo:
        return cls(np.full(n, -1), np.full(n, -np.inf), np.full(n, -1), np.full(n, -np.inf))

    def and_part(self, first: int, logits_cN: Floats) -> BestTwo:
        """Updates the two best with the logits of the next chunk, whose classes start at `first`."""
        columns = np.arange(logits_cN.shape[1])
        best_row_N = logits_cN.argmax(0)
        best_logit_N = logits_cN[best_row_N, columns]
        others_cN = logits_cN.copy()
        others_cN[best_row_N, columns] = -np.inf
        second_row_N = others_cN.argmax(0)
        second_logit_N = others_cN[second_row_N, columns]
        candidates = [
            (self.best_N, self.best_logit_N),
            (self.second_N, self.second_logit_N),
            (best_row_N + first, best_logit_N),
            (np.where(len(logits_cN) > 1, second_row_N + first, -1), second_logit_N),
        ]
        classes_4N = np.stack([classes for classes, _ in candidates])
        logits_4N = np.stack([logits for _, logits in candidates])
        order_4N = np.argsort(-logits_4N, axis=0, kind="stable")  # stable: of equals, the earlier class
        (first_N, second_N), (first_logit_N, second_logit_N) = (
            np.take_along_axis(values, order_4N[:2], 0) for values in (classes_4N, logits_4N)
        )
        return BestTwo(first_N, first_logit_N, second_N, second_logit_N)


def find_changed_predictions(best: BestTwo, class_index: int, logit_N: Floats, change_PN: Floats) -> Rows:
    """Returns the predicted class of each image after the logits of one class change: int64 [P, N].

    logit_N: the unchanged logits of that class. change_PN: what is added to them, one row for each alternative. Logits `TIE`
    apart or less count as equal, so that a text that two classes share gives a tie however it was rounded.
    """
    is_best_N = best.best_N == class_index
    other_N = np.where(is_best_N, best.second_N, best.best_N)
    ahead_PN = logit_N + change_PN - np.where(is_best_N, best.second_logit_N, best.best_logit_N)
    is_first_N = (other_N < 0) | (class_index < other_N)
    wins_PN = (ahead_PN > TIE) | ((np.abs(ahead_PN) <= TIE) & is_first_N)
    return np.where(change_PN == 0, best.best_N, np.where(wins_PN, class_index, other_N))
