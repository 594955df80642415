"""CLIP's symmetric cross-entropy, as implemented by open_clip (Radford et al. 2021, arXiv 2103.00020, figure 3).

Legend: B images, D embedding.
"""

from __future__ import annotations

import torch
from open_clip.loss import ClipLoss

from bioclip_x.plugin import LossInput


def compute_clip_loss(
    image_BD: torch.Tensor, text_BD: torch.Tensor, logit_scale: torch.Tensor, logit_bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Computes ½ · (mean_i CE(s·I_i·Tᵀ + b, i) + mean_i CE(s·T_i·Iᵀ + b, i)): each image's text is its only positive.

    image_BD, text_BD: float32 [B, D], rows L2-normalised. logit_scale: s, exponentiated. logit_bias: b.

    Returns a scalar. Images of the same species are negatives of each other; see `unicl`.
    """
    loss: torch.Tensor = ClipLoss()(image_BD, text_BD, logit_scale, logit_bias)
    return loss


class Clip:
    """CLIP's loss. If several texts are drawn for an image, the first is used."""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        return compute_clip_loss(
            batch.world.gather_ragged(batch.image_BD),
            batch.world.gather_ragged(batch.text_BD),
            batch.logit_scale,
            batch.logit_bias,
        )
