"""UniCL's contrastive loss in image-text-label space (Yang et al. 2022, arXiv 2204.03610, equations 2 to 4).

Legend: B images, T distinct texts, D embedding.
"""

from __future__ import annotations

from typing import Final

import torch
from torch.nn.functional import softplus

from bioclip_x.plugin import LossInput

LOWEST: Final = -1e30
"""Stands for minus infinity, whose logsumexp has no gradient where nothing else is summed."""


def compute_unicl_loss(
    image_BD: torch.Tensor,
    text_TD: torch.Tensor,
    logit_scale: torch.Tensor,
    positive_BT: torch.Tensor,
    logit_bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """½ · ( mean_i [ -1/|P(i)| Σ_{k∈P(i)} log softmax_j(s·I_i·T_j + b)_k ] + the same from texts to images ).

    The paper's P(i) are the rows of i's label; here they are the texts that hold for image i, `positive_BT[i]`, and
    for a text the images that it holds for, `positive_BT[:, j]`. The paper's sums over rows are means here, and their
    sum is halved, so that with one positive each this is CLIP's loss. A text drawn for several images is one
    column, not several.

    image_BD, text_TD: float32, rows L2-normalised. logit_scale: s, exponentiated. logit_bias: b.
    positive_BT: bool, at least one true in each row and column.

    Returns a scalar. Its least value is above 0 where there are several positives: the entropy of their shares.
    """
    logits_BT = logit_scale * image_BD @ text_TD.T
    if logit_bias is not None:
        logits_BT = logits_BT + logit_bias
    return (_compute_one_way_loss(logits_BT, positive_BT) + _compute_one_way_loss(logits_BT.T, positive_BT.T)) / 2


def _compute_one_way_loss(logits_QK: torch.Tensor, positive_QK: torch.Tensor) -> torch.Tensor:
    target_QK = positive_QK.to(logits_QK.dtype) / positive_QK.sum(dim=1, keepdim=True)
    return -(target_QK * logits_QK.log_softmax(dim=1)).sum(dim=1).mean()


def compute_aspect_loss(logits_BT: torch.Tensor, right_BT: torch.Tensor, aspect_T: torch.Tensor) -> torch.Tensor:
    """Each text that holds for an image against its alternatives, and each image against those it does not hold for.

    Of one aspect, the texts are alternatives and the images are those of which one of these texts holds. The mean of
    -log( exp z_it / (exp z_it + Σ_w exp z_iw) ) over all pairs of an image i and a text t that holds for it, w being the
    texts of t's aspect that do not hold for i; the same from texts to images; and half their sum. What holds side by
    side does not compete (ours; in UniCL it shares out one softmax).

    logits_BT: s·I·Tᵀ, scale applied. right_BT: bool. aspect_T: int64, -1 for none.

    Returns a scalar, 0 where no text has an aspect.
    """
    losses = []
    for aspect in range(int(aspect_T.max()) + 1):
        texts = (aspect_T == aspect).nonzero().flatten()
        pictures = right_BT[:, texts].any(dim=1).nonzero().flatten()
        logits = logits_BT[pictures][:, texts]
        right = right_BT[pictures][:, texts]
        wrong = logits.masked_fill(right, LOWEST)
        for dim in (1, 0):
            against = wrong.logsumexp(dim=dim, keepdim=True)
            losses.append(softplus(against - logits)[right])
    return torch.cat(losses).mean() if losses else logits_BT.sum() * 0


class UniCl:
    """Positive is every text that holds for an image: all texts of its class, and its own.

    aspects: weight of `aspect_loss`, added for data whose texts speak of aspects.
    """

    def __init__(self, *, aspects: float = 0.0) -> None:
        self.aspects = aspects

    def __call__(self, batch: LossInput) -> torch.Tensor:
        loss = compute_unicl_loss(batch.image_BD, batch.text_TD, batch.logit_scale, batch.right_BT, batch.logit_bias)
        if not self.aspects:
            return loss
        logits_BT = batch.logit_scale * batch.image_BD @ batch.text_TD.T
        return loss + self.aspects * compute_aspect_loss(logits_BT, batch.right_BT, batch.aspect_T)
