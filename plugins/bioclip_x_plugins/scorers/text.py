"""Class scores from the similarity of a picture to the texts of each class.

For unit embeddings, weights w_p (Σ w = 1 within a class) and logit scale s:

    mean      s · Σ w_p cos(x, t_p)          CBD (Menon & Vondrick 2023, eq. 1); = s · x·m with m = Σ w_p t_p, *not* unit
    ensemble  s · x·m / |m|                  CLIP's prompt ensemble (Radford et al. 2021, section 3.1.4)
    max       s · max_p cos(x, t_p)

so mean and ensemble cost one product with [C, D], however many prompts there are.

Legend: B images, C classes, P prompts, D embedding.
"""

from __future__ import annotations

import numpy as np
import torch

from bioclip_x.records import ImageFeatures, Logits, ModelCard, TextBank


def pooled_means(bank: TextBank) -> torch.Tensor:
    """The weighted mean embedding of each class, not re-normalised: float32 [C, D]."""
    owner_P = torch.from_numpy(bank.owner_P)
    weight_P = torch.from_numpy(bank.weight_P)
    total_C = torch.zeros(bank.n_classes).index_add_(0, owner_P, weight_P)
    means_CD = torch.zeros(bank.n_classes, bank.embeddings_PD.shape[1])
    share_P = weight_P / total_C[owner_P]
    return means_CD.index_add_(0, owner_P, bank.embeddings_PD * share_P[:, None])


def prototypes(bank: TextBank) -> torch.Tensor:
    """One vector per class for the linear poolings: float32 [C, D]; unit for "ensemble", shorter for "mean"."""
    means_CD = pooled_means(bank)
    return torch.nn.functional.normalize(means_CD, dim=1) if bank.pooling == "ensemble" else means_CD


class TextScorer:
    """Similarity to the pooled texts of each class, times the model's logit scale."""

    def __init__(self) -> None:
        self._bank: TextBank | None = None
        self._prototypes_CD = torch.empty(0)

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard) -> Logits:
        """Logits, float32 [B, C]."""
        x_BD = features.embeddings_BD
        if bank.pooling == "max":
            cos_BP = x_BD @ bank.embeddings_PD.T
            owner_BP = torch.from_numpy(bank.owner_P).expand_as(cos_BP)
            empty_BC = torch.full((len(x_BD), bank.n_classes), -torch.inf)
            similarity_BC = empty_BC.scatter_reduce(1, owner_BP, cos_BP, "amax")
        else:
            similarity_BC = x_BD @ self._of(bank).T
        return Logits(card.logit_scale * similarity_BC + card.logit_bias)

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """a_p with similarity = Σ a_p cos(x, t_p): float32, one per prompt of the class."""
        rows = bank.of_class(class_index)
        embeddings_PD = bank.embeddings_PD[rows]
        if bank.pooling == "max":
            return (np.arange(len(embeddings_PD)) == int((embeddings_PD @ embedding_D).argmax())).astype(np.float32)
        share_P = bank.weight_P[rows] / bank.weight_P[rows].sum()
        if bank.pooling == "ensemble":
            share_P = share_P / float((torch.from_numpy(share_P) @ embeddings_PD).norm())
        return np.asarray(share_P, np.float32)

    def _of(self, bank: TextBank) -> torch.Tensor:
        if self._bank is not bank:
            self._bank, self._prototypes_CD = bank, prototypes(bank)
        return self._prototypes_CD
