"""Computes class scores from the similarity of an image to the texts of each class.

For unit embeddings, weights w_p (Σ w = 1 within a class) and logit scale s:

    mean      s · Σ w_p cos(x, t_p)          CBD (Menon & Vondrick 2023, eq. 1); = s · x·m with m = Σ w_p t_p, *not* unit
    ensemble  s · x·m / |m|                  CLIP's prompt ensemble (Radford et al. 2021, section 3.1.4)
    max       s · max_p cos(x, t_p)

so mean and ensemble cost one product with [C, D], regardless of the number of prompts. With hardly more prompts than classes
(the names of the tree of life), they are computed from the prompts' cosines, without a copy of the bank, which may be
larger than memory and memory-mapped.

Legend: B images, C classes, P prompts, D embedding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bioclip_x.plugin import ImageFeatures, Logits, ModelCard, ScorerCapabilities, Taxonomy, TextBank
from bioclip_x_plugins.scorers.shared_texts import SharedTexts, find_shared_texts


def pool_means(bank: TextBank) -> torch.Tensor:
    """Computes each class's weighted mean embedding, not re-normalised, without copying the bank: float32 [C, D]."""
    owner_P = torch.from_numpy(bank.owner_P)
    weight_P = torch.from_numpy(bank.weight_P)
    total_C = torch.zeros(bank.n_classes).index_add_(0, owner_P, weight_P)
    start_C = torch.searchsorted(owner_P, torch.arange(bank.n_classes))
    return torch.nn.functional.embedding_bag(
        torch.arange(len(owner_P)),
        bank.embeddings_PD,
        start_C,
        mode="sum",
        per_sample_weights=weight_P / total_C[owner_P],
    )


def make_prototypes(bank: TextBank) -> torch.Tensor:
    """Computes one vector per class for the linear poolings: float32 [C, D]; unit length for "ensemble", not for "mean"."""
    means_CD = pool_means(bank)
    return torch.nn.functional.normalize(means_CD, dim=1) if bank.pooling == "ensemble" else means_CD


def compute_mean_lengths(bank: TextBank) -> torch.Tensor:
    """Computes |m| of each class, float32 [C], one class at a time; it is 1 for classes with one prompt."""
    length_C = torch.ones(bank.n_classes)
    counts_C = np.bincount(bank.owner_P, minlength=bank.n_classes)
    for class_index in np.flatnonzero(counts_C > 1):
        rows = bank.of_class(int(class_index))
        weight_P = torch.from_numpy(bank.weight_P[rows] / bank.weight_P[rows].sum())
        length_C[class_index] = (weight_P @ bank.embeddings_PD[rows]).norm()
    return length_C


class TextScorer:
    """Similarity to the pooled texts of each class, times the model's logit scale."""

    capabilities = ScorerCapabilities(pools_prompts=True)

    def __init__(self) -> None:
        self._bank: TextBank | None = None
        self._texts_PD = torch.empty(0)  # on the bank's device
        self._prototypes_CD = torch.empty(0)
        self._weight_P = torch.empty(0)
        self._length_C = torch.empty(0)
        self._shared: SharedTexts | None = None
        self._of_shared: TextScorer | None = None

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns logits that are computed on demand for any range of classes.

        Texts are the rows of each product, which is twice as fast on a CPU as images as rows. Classes with the same texts have
        the same logits, bit for bit.
        """
        self._prepare(bank)
        logits = self._make_logits(features, bank, card)
        if (shared := self._shared) is None or self._of_shared is None:
            return logits
        of_groups = self._of_shared.logits(features, shared.bank, card, taxonomy)
        # The texts of a group may be pooled in another way than those of all classes: rounded or not.
        exact_groups = of_groups.exact or of_groups.part
        if logits.exact is None:
            return replace(logits, part=shared.copy_to(logits.part, exact_groups))
        exact = shared.copy_to(logits.exact, exact_groups)
        return replace(logits, part=shared.copy_to(logits.part, of_groups.part), exact=exact)

    def _make_logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard) -> Logits:
        scaled_DB = (features.embeddings_BD * card.logit_scale).T.contiguous()
        on_device_DB = scaled_DB.to(bank.device)

        def part(start: int, stop: int) -> torch.Tensor:
            return self._compute_similarities(on_device_DB, bank, self._texts_PD, start, stop).add_(card.logit_bias)

        def exact(start: int, stop: int) -> torch.Tensor:
            return self._compute_similarities(scaled_DB, bank, bank.embeddings_PD, start, stop).add_(card.logit_bias)

        is_approximate = bank.half_PD is not None and self._reads_rows(bank)
        return Logits(part, scaled_DB.shape[1], bank.n_classes, exact if is_approximate else None, bank.device)

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Returns a_p with similarity = Σ a_p cos(x, t_p): float32, one per prompt of the class."""
        rows = bank.of_class(class_index)
        embeddings_PD = bank.embeddings_PD[rows]
        if bank.pooling == "max":
            best = int((embeddings_PD @ embedding_D).argmax())
            return np.asarray(np.arange(len(embeddings_PD)) == best, np.float32)
        weight_P = bank.weight_P[rows] / bank.weight_P[rows].sum()
        if bank.pooling == "ensemble":
            weight_P = weight_P / float((torch.from_numpy(weight_P) @ embeddings_PD).norm())
        return np.asarray(weight_P, np.float32)

    @staticmethod
    def _reads_rows(bank: TextBank) -> bool:
        """Returns whether class similarities are computed from those of the texts instead of prototypes."""
        return bank.pooling == "max" or _is_nearly_bare(bank)

    def _compute_similarities(
        self, x_DB: torch.Tensor, bank: TextBank, texts_PD: torch.Tensor, start: int, stop: int
    ) -> torch.Tensor:
        """Computes similarities on the device of the texts and images: float32 [stop - start, B]."""
        if not self._reads_rows(bank):
            return self._prototypes_CD[start:stop] @ x_DB
        is_bare = len(bank.owner_P) == bank.n_classes  # one prompt per class, in class order
        first, last = (start, stop) if is_bare else bank.owner_P.searchsorted([start, stop]).tolist()
        cos_pB = texts_PD[first:last].float() @ x_DB
        if is_bare:
            return cos_pB
        owner_p = torch.from_numpy(bank.owner_P[first:last]).to(x_DB.device) - start
        shape = (stop - start, x_DB.shape[1])
        if bank.pooling == "max":
            lowest = torch.full(shape, -torch.inf, device=x_DB.device)
            return lowest.scatter_reduce_(0, owner_p[:, None].expand_as(cos_pB), cos_pB, "amax")
        weight_p, length_c = (x.to(x_DB.device) for x in (self._weight_P[first:last], self._length_C[start:stop]))
        sums_cB = torch.zeros(shape, device=x_DB.device).index_add_(0, owner_p, cos_pB * weight_p[:, None])
        return sums_cB.div_(length_c[:, None])

    def _prepare(self, bank: TextBank) -> None:
        """Computes what depends only on the bank, once per bank."""
        if self._bank is bank:
            return
        self._bank = bank
        self._shared = find_shared_texts(bank)
        self._of_shared = TextScorer() if self._shared else None
        if self._reads_rows(bank):  # copied to the device once, and kept there
            self._texts_PD = (bank.embeddings_PD if bank.half_PD is None else bank.half_PD).to(bank.device)
        if bank.pooling == "max":
            return
        if not _is_nearly_bare(bank):
            self._prototypes_CD = make_prototypes(bank).to(bank.device)
        elif len(bank.owner_P) > bank.n_classes:
            owner_P, weight_P = torch.from_numpy(bank.owner_P), torch.from_numpy(bank.weight_P)
            self._weight_P = weight_P / torch.zeros(bank.n_classes).index_add_(0, owner_P, weight_P)[owner_P]
            self._length_C = compute_mean_lengths(bank) if bank.pooling == "ensemble" else torch.ones(bank.n_classes)


def _is_nearly_bare(bank: TextBank) -> bool:
    return len(bank.owner_P) <= 1.25 * bank.n_classes
