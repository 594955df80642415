"""What several contrastive losses share: the contrastive term, and means and places over processes.

Legend: Q queries (rows), K keys (columns), R ranks, B images of this process, M of all processes, D embedding.
"""

from __future__ import annotations

from typing import Final

import torch

from bioclip_x.plugin import LossInput, Processes

LOWEST: Final = -1e30
"""Replaces minus infinity, since the softmax of a row of only -inf is not a number."""


def compute_contrast(
    logits_QK: torch.Tensor, right_QK: torch.Tensor, known_QK: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes -1/|P(q)| · Σ_{k∈P(q)} log( exp z_qk / Σ_{k known} exp z_qk ) for each query q.

    logits_QK: z, floating point, scale and bias applied. right_QK: bool, P(q). known_QK: bool, False for keys of which it is
    not known whether they match q; these are neither positives nor negatives. None if all are known.

    Returns the values, [Q], 0 for queries without a positive, and which queries have one, bool [Q]. Rows without a positive
    have no gradient.
    """
    if known_QK is not None:
        right_QK = right_QK & known_QK
        logits_QK = logits_QK.masked_fill(~known_QK, LOWEST)
    positives_Q = right_QK.sum(dim=1)
    log_share_QK = logits_QK.log_softmax(dim=1).masked_fill(~right_QK, 0)
    return -log_share_QK.sum(dim=1) / positives_Q.clamp(min=1), positives_Q > 0


def average_by_level(
    values_RQ: torch.Tensor, counted_RQ: torch.Tensor, world: Processes
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Averages each level's values over the counted queries of all processes.

    values_RQ: floating point. counted_RQ: bool. Q may differ between processes.

    Returns this process's part of each mean, [R], with gradient, such that the mean over processes is the level's mean; the
    means themselves, [R], without gradient; and whether a level has any counted query, bool [R]. Both are 0 where none.
    """
    sum_R = values_RQ.masked_fill(~counted_RQ, 0).sum(dim=1)
    total_R, count_R = world.sum(torch.stack([sum_R.detach(), counted_RQ.sum(dim=1).to(sum_R)]))
    divisor_R = count_R.clamp(min=1)
    return world.size * sum_R / divisor_R, total_R / divisor_R, count_R > 0


def gather_drawn_texts(batch: LossInput, draw: int = 0) -> torch.Tensor:
    """Returns the text drawn for each image of all processes: [M, D], L2-normalised, with gradient.

    draw: which of an image's texts, if several are drawn. The same text of several images is repeated.
    """
    row_M = batch.world.gather_ragged(batch.text_BK[:, draw] + batch.gathered.text_at)
    return batch.gathered.text_SD[row_M]


def locate_own(batch: LossInput) -> torch.Tensor:
    """Returns the rows of this process's images among those of all processes: int64 [B]."""
    start = batch.gathered.image_at
    return torch.arange(start, start + len(batch.image_BD), device=batch.image_BD.device)
