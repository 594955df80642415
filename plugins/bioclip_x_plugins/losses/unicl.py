"""UniCL's contrastive loss in image-text-label space (Yang et al. 2022, arXiv 2204.03610, equations 2 to 4).

Legend: B images and T distinct texts of this process, M and S of all processes, D embedding.
"""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from bioclip_x.plugin import LossInput
from bioclip_x_plugins.losses.contrast import LOWEST, compute_contrast


def compute_aspect_loss(
    logits_BT: torch.Tensor, right_BT: torch.Tensor, aspect_T: torch.Tensor, known_BT: torch.Tensor | None = None
) -> torch.Tensor:
    """Contrasts each text that applies to an image with its alternatives, and vice versa.

    The alternatives are the texts of the same aspect that do not apply to the image; images are those with an applicable text
    of the aspect. Computes the mean of -log( exp z_it / (exp z_it + Σ_w exp z_iw) ) over all pairs of an image i and a text t
    that applies to it, where w are the alternatives, the same from texts to images, and half their sum. Texts that apply to
    the same image do not compete, unlike in UniCL, where they share one softmax (this project's extension).

    logits_BT: s·I·Tᵀ, scale applied. right_BT: bool. aspect_T: int64, -1 for none. known_BT: bool, False where it is not known
    whether a text applies; such pairs do not take part. None if all are known.

    Returns a scalar, 0 if no text has an aspect.
    """
    known_BT = torch.ones_like(right_BT) if known_BT is None else known_BT
    losses = [logits_BT.new_zeros(0)]
    for aspect in sorted({aspect for aspect in aspect_T.tolist() if aspect >= 0}):
        texts = (aspect_T == aspect).nonzero().flatten()
        images = (right_BT & known_BT)[:, texts].any(dim=1).nonzero().flatten()
        logits, right, known = (matrix[images][:, texts] for matrix in (logits_BT, right_BT, known_BT))
        negatives = logits.masked_fill(right | ~known, LOWEST)
        for dim in (1, 0):
            log_sum = negatives.logsumexp(dim=dim, keepdim=True)
            losses.append(softplus(log_sum - logits)[right & known])
    pairs = torch.cat(losses)
    return pairs.mean() if len(pairs) else logits_BT.sum() * 0


class UniCl:
    """UniCL's loss. Every text that applies to an image is a positive: all texts of its taxon, and its own.

    Computes ½ · ( mean_i [ -1/|P(i)| Σ_{k∈P(i)} log softmax_j(s·I_i·T_j + b)_k ] + the same from texts to images ) with
    `compute_contrast`. The paper's P(i) are the rows with i's label; here, they are the texts that apply to image i, and the
    images that text j applies to. The paper's sums over rows are means here, and their sum is halved, so that with one
    positive each, this is CLIP's loss. A text drawn for several images, or on several processes, is a single column. With
    several positives, its minimum is above 0: the entropy of the target distribution.

    aspects: weight of `compute_aspect_loss`, added for data sets whose texts have aspects.
    """

    def __init__(self, *, aspects: float = 0.0) -> None:
        self.aspects = aspects

    def __call__(self, batch: LossInput) -> torch.Tensor:
        gathered, bias = batch.gathered, 0 if batch.logit_bias is None else batch.logit_bias
        logits_BS = batch.logit_scale * batch.image_BD @ gathered.text_SD.T + bias
        logits_TM = batch.logit_scale * batch.text_TD @ gathered.image_MD.T + bias
        by_image_B, has_text_B = compute_contrast(logits_BS, gathered.right_BS, gathered.known_BS)
        by_text_T, has_image_T = compute_contrast(logits_TM, gathered.right_TM, gathered.known_TM)
        has_image_T = has_image_T & gathered.own_first_T
        loss = (batch.mean(by_image_B, has_text_B) + batch.mean(by_text_T, has_image_T)) / 2
        return loss + self.aspects * self._contrast_aspects(batch) if self.aspects else loss

    def _contrast_aspects(self, batch: LossInput) -> torch.Tensor:
        """Returns `compute_aspect_loss` of the whole batch, which every process computes alike."""
        gathered = batch.gathered
        logits_MS = batch.logit_scale * gathered.image_MD @ gathered.text_SD.T
        right_MS = batch.world.gather_ragged(gathered.right_BS)
        known_MS = batch.world.gather_ragged(gathered.known_BS)
        return compute_aspect_loss(logits_MS, right_MS, gathered.aspect_S, known_MS)
