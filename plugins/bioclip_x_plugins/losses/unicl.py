"""UniCL's contrastive loss in image-text-label space (Yang et al. 2022, arXiv 2204.03610, equations 2 to 4).

Legend: B images (and as many texts), D embedding.
"""

from __future__ import annotations

import torch

from bioclip_x.records import LossInput


def positives(taxon_B: torch.Tensor, text_B: torch.Tensor) -> torch.Tensor:
    """bool [B, B], symmetric, true on the diagonal: rows of the same taxon (-1 is none), or of the same text."""
    same_taxon_BB = (taxon_B[:, None] == taxon_B) & (taxon_B >= 0)
    same_text_BB = text_B[:, None] == text_B
    return same_taxon_BB | same_text_BB


def unicl_loss(
    image_BD: torch.Tensor,
    text_BD: torch.Tensor,
    logit_scale: torch.Tensor,
    positive_BB: torch.Tensor,
    logit_bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """½ · mean_i [ -1/|P(i)| Σ_{k∈P(i)} log softmax_j(s·I_i·T_j + b)_k ], and the same from texts to images.

    The paper's P(i) are the rows of i's label; here they are `positive_BB[i]` (see `positives`). Its sums over i are
    means here, and their sum is halved, so that with one positive each this is CLIP's loss.

    image_BD, text_BD: float32 [B, D], rows L2-normalised. logit_scale: s, exponentiated. logit_bias: b.
    positive_BB: bool [B, B], symmetric, true on the diagonal.

    Returns a scalar. Its least value is above 0 where rows have several positives: the entropy of their shares.
    """
    logits_BB = logit_scale * image_BD @ text_BD.T
    if logit_bias is not None:
        logits_BB = logits_BB + logit_bias
    target_BB = positive_BB.to(logits_BB.dtype) / positive_BB.sum(dim=1, keepdim=True)
    from_images = -(target_BB * logits_BB.log_softmax(dim=1)).sum(dim=1).mean()
    # P is symmetric, so a text's positives among images are its row as well.
    from_texts = -(target_BB * logits_BB.T.log_softmax(dim=1)).sum(dim=1).mean()
    return (from_images + from_texts) / 2


class UniCl:
    def __call__(self, batch: LossInput) -> torch.Tensor:
        positive_BB = positives(batch.gather(batch.taxon_B), batch.gather(batch.text_B))
        image_BD, text_BD = batch.gather(batch.image_BD), batch.gather(batch.text_BD)
        return unicl_loss(image_BD, text_BD, batch.logit_scale, positive_BB, batch.logit_bias)
