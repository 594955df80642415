"""UniCL's contrastive loss in image-text-label space (Yang et al. 2022, arXiv 2204.03610, equations 2 to 4).

Legend: B images, T distinct texts, D embedding.
"""

from __future__ import annotations

from typing import Final

import torch
from torch.nn.functional import softplus

from bioclip_x.plugin import LossInput

LOWEST: Final = -1e30
"""Replaces minus infinity, since the logsumexp of only -inf has no gradient."""


def compute_unicl_loss(
    image_BD: torch.Tensor,
    text_TD: torch.Tensor,
    logit_scale: torch.Tensor,
    positive_BT: torch.Tensor,
    logit_bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Computes ½ · ( mean_i [ -1/|P(i)| Σ_{k∈P(i)} log softmax_j(s·I_i·T_j + b)_k ] + the same from texts to images ).

    The paper's P(i) are the rows with i's label; here, they are the texts that apply to image i, `positive_BT[i]`, and the
    images that text j applies to, `positive_BT[:, j]`. The paper's sums over rows are means here, and their sum is halved,
    so that with one positive each, this is CLIP's loss. A text drawn for several images is a single column.

    image_BD, text_TD: float32, rows L2-normalised. logit_scale: s, exponentiated. logit_bias: b.
    positive_BT: bool, at least one true in each row and column.

    Returns a scalar. With several positives, its minimum is above 0: the entropy of the target distribution.
    """
    logits_BT = logit_scale * image_BD @ text_TD.T
    if logit_bias is not None:
        logits_BT = logits_BT + logit_bias
    return (_compute_one_way_loss(logits_BT, positive_BT) + _compute_one_way_loss(logits_BT.T, positive_BT.T)) / 2


def _compute_one_way_loss(logits_QK: torch.Tensor, positive_QK: torch.Tensor) -> torch.Tensor:
    target_QK = positive_QK.to(logits_QK.dtype) / positive_QK.sum(dim=1, keepdim=True)
    return -(target_QK * logits_QK.log_softmax(dim=1)).sum(dim=1).mean()


def compute_aspect_loss(logits_BT: torch.Tensor, right_BT: torch.Tensor, aspect_T: torch.Tensor) -> torch.Tensor:
    """Contrasts each text that applies to an image with its alternatives, and vice versa.

    The alternatives are the texts of the same aspect that do not apply to the image; images are those with an applicable text
    of the aspect. Computes the mean of -log( exp z_it / (exp z_it + Σ_w exp z_iw) ) over all pairs of an image i and a text t
    that applies to it, where w are the alternatives, the same from texts to images, and half their sum. Texts that apply to
    the same image do not compete, unlike in UniCL, where they share one softmax (this project's extension).

    logits_BT: s·I·Tᵀ, scale applied. right_BT: bool. aspect_T: int64, -1 for none.

    Returns a scalar, 0 if no text has an aspect.
    """
    losses = []
    for aspect in range(int(aspect_T.max()) + 1):
        texts = (aspect_T == aspect).nonzero().flatten()
        images = right_BT[:, texts].any(dim=1).nonzero().flatten()
        logits = logits_BT[images][:, texts]
        right = right_BT[images][:, texts]
        negatives = logits.masked_fill(right, LOWEST)
        for dim in (1, 0):
            log_sum = negatives.logsumexp(dim=dim, keepdim=True)
            losses.append(softplus(log_sum - logits)[right])
    return torch.cat(losses).mean() if losses else logits_BT.sum() * 0


class UniCl:
    """UniCL's loss. Every text that applies to an image is a positive: all texts of its class, and its own.

    aspects: weight of `compute_aspect_loss`, added for data sets whose texts have aspects.
    """

    def __init__(self, *, aspects: float = 0.0) -> None:
        self.aspects = aspects

    def __call__(self, batch: LossInput) -> torch.Tensor:
        loss = compute_unicl_loss(batch.image_BD, batch.text_TD, batch.logit_scale, batch.right_BT, batch.logit_bias)
        if not self.aspects:
            return loss
        logits_BT = batch.logit_scale * batch.image_BD @ batch.text_TD.T
        return loss + self.aspects * compute_aspect_loss(logits_BT, batch.right_BT, batch.aspect_T)
