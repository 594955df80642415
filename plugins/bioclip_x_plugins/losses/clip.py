"""CLIP's symmetric cross-entropy (Radford et al. 2021, arXiv 2103.00020, figure 3), as in open_clip's local loss.

Legend: B images of this process, M of all processes, D embedding.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from bioclip_x.plugin import LossInput
from bioclip_x_plugins.losses.contrast import gather_drawn_texts, locate_own


def compute_clip_values(
    query_BD: torch.Tensor,
    key_MD: torch.Tensor,
    own_B: torch.Tensor,
    logit_scale: torch.Tensor,
    logit_bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Computes -log softmax_j(s·Q_i·K_j + b) at j = own_B[i], for each query i: its own key against all others.

    query_BD, key_MD: floating point, rows L2-normalised. own_B: int64 [B], rows of `key_MD`. logit_scale: s, exponentiated.
    logit_bias: b.

    Returns [B]. CLIP's loss is the mean from images to texts and from texts to images, and half their sum.
    """
    logits_BM = logit_scale * query_BD @ key_MD.T
    if logit_bias is not None:
        logits_BM = logits_BM + logit_bias
    return cross_entropy(logits_BM, own_B, reduction="none")


class Clip:
    """CLIP's loss. If several texts are drawn for an image, the first is used.

    Images of the same species are negatives of each other; see `unicl`.
    """

    def __call__(self, batch: LossInput) -> torch.Tensor:
        own_B = locate_own(batch)
        text_MD = gather_drawn_texts(batch)
        scale, bias = batch.logit_scale, batch.logit_bias
        by_image_B = compute_clip_values(batch.image_BD, text_MD, own_B, scale, bias)
        by_text_B = compute_clip_values(batch.text_BD, batch.gathered.image_MD, own_B, scale, bias)
        return (batch.mean(by_image_B) + batch.mean(by_text_B)) / 2
