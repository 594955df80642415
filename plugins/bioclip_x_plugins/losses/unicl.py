"""UniCL's contrastive loss in image-text-label space (Yang et al. 2022, arXiv 2204.03610, equations 2 to 4).

Legend: B images, T distinct texts, D embedding.
"""

from __future__ import annotations

import torch

from bioclip_x.records import LossInput


def unicl_loss(
    image_BD: torch.Tensor,
    text_TD: torch.Tensor,
    logit_scale: torch.Tensor,
    positive_BT: torch.Tensor,
    logit_bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """½ · ( mean_i [ -1/|P(i)| Σ_{k∈P(i)} log softmax_j(s·I_i·T_j + b)_k ] + the same from texts to images ).

    The paper's P(i) are the rows of i's label; here they are the texts that hold for picture i, `positive_BT[i]`, and
    for a text the pictures that it holds for, `positive_BT[:, j]`. The paper's sums over rows are means here, and their
    sum is halved, so that with one positive each this is CLIP's loss. A text that was drawn for several pictures is one
    column, not several.

    image_BD, text_TD: float32, rows L2-normalised. logit_scale: s, exponentiated. logit_bias: b.
    positive_BT: bool, at least one true in each row and column.

    Returns a scalar. Its least value is above 0 where there are several positives: the entropy of their shares.
    """
    logits_BT = logit_scale * image_BD @ text_TD.T
    if logit_bias is not None:
        logits_BT = logits_BT + logit_bias
    return (_one_way(logits_BT, positive_BT) + _one_way(logits_BT.T, positive_BT.T)) / 2


def _one_way(logits_QK: torch.Tensor, positive_QK: torch.Tensor) -> torch.Tensor:
    target_QK = positive_QK.to(logits_QK.dtype) / positive_QK.sum(dim=1, keepdim=True)
    return -(target_QK * logits_QK.log_softmax(dim=1)).sum(dim=1).mean()


class UniCl:
    """Positive is every text that holds for a picture: all texts of its class, and its own."""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return unicl_loss(batch.image_BD, batch.text_TD, batch.logit_scale, batch.right_BT, batch.logit_bias)
