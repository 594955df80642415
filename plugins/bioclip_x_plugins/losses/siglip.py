"""SigLIP's pairwise sigmoid loss, as implemented by open_clip (Zhai et al. 2023, arXiv 2303.15343).

Legend: B images of this process, M of all processes, D embedding.
"""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from bioclip_x.plugin import LossInput
from bioclip_x_plugins.losses.contrast import gather_drawn_texts, locate_own


def compute_siglip_values(
    image_BD: torch.Tensor,
    text_MD: torch.Tensor,
    own_B: torch.Tensor,
    logit_scale: torch.Tensor,
    logit_bias: torch.Tensor,
) -> torch.Tensor:
    """Computes -Σ_j log σ( y_ij · (s·I_i·T_j + b) ) for each image i, where y_ij is 1 for its own text, -1 for all others.

    image_BD, text_MD: floating point, rows L2-normalised. own_B: int64 [B], the row of each image's text. logit_scale: s,
    exponentiated. logit_bias: b.

    Returns [B]. SigLIP's loss is their mean over images (the sum over all pairs, divided by the number of images).
    """
    logits_BM = logit_scale * image_BD @ text_MD.T + logit_bias
    sign_BM = torch.full_like(logits_BM, -1.0).scatter_(1, own_B[:, None], 1.0)
    return -logsigmoid(sign_BM * logits_BM).sum(dim=1)


class SigLip(torch.nn.Module):
    """SigLIP's loss. If several texts are drawn for an image, the first is used.

    A model without a logit bias would start with the whole batch's negatives as its error, since nearly all pairs are
    negatives. The loss then brings a bias of its own, a parameter that starts at `bias` (the paper's -10). It is not part of
    the saved model, whose ranking it does not change. The logit scale is always the model's.

    bias: at the start, of a model without one.
    """

    def __init__(self, *, bias: float = -10.0) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.tensor(bias))

    def forward(self, batch: LossInput) -> torch.Tensor:
        bias = self.bias if batch.logit_bias is None else batch.logit_bias
        own_B = locate_own(batch)
        return batch.mean(
            compute_siglip_values(batch.image_BD, gather_drawn_texts(batch), own_B, batch.logit_scale, bias)
        )
