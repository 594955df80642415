"""Selects the largest of many values; of equal values, always the first.

`torch.topk` returns any of equal values, depending on k and on the number of values. Here the order is the same whatever k
is: descending values, and ascending columns (class indices) among equal ones.

Legend: B images, C classes, c classes of a part, n values, K best classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch

BLOCK: Final = 256
"""Rows per block when selecting the largest of many by the maxima of blocks."""


def select_largest(values_Bn: torch.Tensor, k: int) -> torch.Tensor:
    """Returns the columns of the k largest values of each row, largest first, of equal values the first: int64 [B, k].

    Values of -inf come last, in any order. k: at most n.
    """
    top = values_Bn.topk(min(k + 1, values_Bn.shape[1]), dim=1)  # one more, to see a tie with the last
    columns_Bk = top.indices[:, :k]
    is_tie = (top.values[:, 1:] == top.values[:, :-1]) & (top.values[:, 1:] > -torch.inf)
    has_tie_B = is_tie.any(1)
    if bool(has_tie_B.any()):  # a stable sort is slower
        columns_Bk[has_tie_B] = values_Bn[has_tie_B].sort(dim=1, descending=True, stable=True).indices[:, :k]
    return columns_Bk


def select_top_rows(values_nB: torch.Tensor, k: int) -> torch.Tensor:
    """Returns the rows of the k largest values of each column, largest first, of equal values the first: int64 [B, k].

    With many rows, only the k blocks with the largest maxima are searched, which contain the k largest values: the maximum
    of each precedes every value of the blocks left out.
    """
    n_blocks = len(values_nB) // BLOCK
    if n_blocks <= 2 * k:
        return select_largest(values_nB.T, k)
    whole = n_blocks * BLOCK
    peaks_BM = values_nB[:whole].view(n_blocks, BLOCK, -1).amax(1).T
    blocks_BK = select_largest(peaks_BM, k).sort(dim=1).values  # ascending, as are the rows below
    rows_BM = (blocks_BK[:, :, None] * BLOCK + torch.arange(BLOCK, device=values_nB.device)).flatten(1)
    rest = torch.arange(whole, len(values_nB), device=values_nB.device).expand(len(rows_BM), -1)
    rows_BM = torch.cat([rows_BM, rest], dim=1)
    top = select_largest(values_nB.T.gather(1, rows_BM), k)
    return rows_BM.gather(1, top)


class BestClasses:
    """The K best classes of each image, updated part by part, in ascending order of their indices.

    They are K different classes: excluded ones (-inf) complete the list of an image with fewer than K possible classes.
    classes_BK: int64 [B, K]. values_BK: float32 [B, K], their logits. Best first; of equal logits, the lowest index. Fewer
    than K columns until that many classes have been added.
    """

    def __init__(self, k: int, n_images: int, device: torch.device | None = None) -> None:
        self._k = k
        self.values_BK = torch.empty(n_images, 0, device=device)
        self.classes_BK = torch.empty(n_images, 0, dtype=torch.int64, device=device)

    def update(self, start: int, logits_cB: torch.Tensor, peak_B: torch.Tensor) -> None:
        """Adds a part. logits_cB: float32 [c, B] of classes from `start` on. peak_B: their maxima."""
        is_complete = self.values_BK.shape[1] == self._k
        # Images whose maximum is not above their K-th best value can be skipped: after some parts, most of them.
        images = (
            torch.nonzero(peak_B > self.values_BK[:, -1])[:, 0]
            if is_complete
            else torch.arange(len(peak_B), device=peak_B.device)
        )
        if not len(images):
            return
        part_Bc = logits_cB.T[images]
        rows = select_largest(part_Bc, min(self._k, len(logits_cB)))
        values = torch.cat([self.values_BK[images], part_Bc.gather(1, rows)], dim=1)
        classes = torch.cat([self.classes_BK[images], rows + start], dim=1)
        kept = select_largest(values, min(self._k, values.shape[1]))
        if is_complete:
            self.values_BK[images], self.classes_BK[images] = values.gather(1, kept), classes.gather(1, kept)
        else:
            self.values_BK, self.classes_BK = values.gather(1, kept), classes.gather(1, kept)


def compute_exact_logits(exact: Callable[[int, int], torch.Tensor], classes_BK: torch.Tensor) -> torch.Tensor:
    """Computes the exact logits of some classes of each image: float64 [B, K]. exact: see `Logits`."""
    values_BK = torch.empty(classes_BK.shape, dtype=torch.float64, device=classes_BK.device)
    for class_index in sorted(set(classes_BK.flatten().tolist())):
        rows, columns = torch.nonzero(classes_BK == class_index, as_tuple=True)
        values_BK[rows, columns] = exact(class_index, class_index + 1)[0, rows].double()
    return values_BK


def sort_classes(classes_BK: torch.Tensor, values_BK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sorts each image's classes by their logits, best first; of equal logits, the lowest index."""
    classes_BK, order_BK = classes_BK.sort(dim=1)
    values_BK, by_value_BK = values_BK.gather(1, order_BK).sort(dim=1, descending=True, stable=True)
    return classes_BK.gather(1, by_value_BK), values_BK


def count_ties(values_BK: torch.Tensor) -> torch.Tensor:
    """Returns how many values of each row are equal to its first, itself included: int64 [B]."""
    return (values_BK == values_BK[:, :1]).sum(1)
