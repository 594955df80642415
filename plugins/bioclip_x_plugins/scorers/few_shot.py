"""Scores images by labelled examples: the nearest centroid (SimpleShot), or a cache beside the texts (Tip-Adapter).

With logit scale s, unit embedding x, and q and c_k the centred query and the centroid of class k (see `SimpleShot`):

    simpleshot, blend w   (1 - w) · s · (q·c_k - |c_k|²/2) + w · (text logit of k)
    tip-adapter           α · Σ exp(-β (1 - x·F_i)) over the class's examples F_i + (text logit of k)

Legend: B images, n examples, C classes of the taxonomy, m classes with examples, D embedding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch

from bioclip_x.plugin import (
    ImageFeatures,
    Logits,
    ModelCard,
    NearestImage,
    ScorerCapabilities,
    ScoresError,
    SimpleShot,
    SupportImages,
    Taxonomy,
    TextBank,
    compute_cache_logits,
    fit_simple_shot,
    list_some,
)
from bioclip_x_plugins.scorers.text import TextScorer

Mode = Literal["simpleshot", "tip-adapter"]

SHOWN: Final = 3
"""Nearest examples of each class in an explanation."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """class_m: int64 [m], ascending, the classes with examples. index_n: int64 [n], the place in class_m of each example's."""

    support: SupportImages
    class_m: np.ndarray
    index_n: np.ndarray
    nearest: SimpleShot


class FewShotScorer:
    """Names images by examples: a folder of folders named by class, or a table with the columns path and label.

    support: the folder or table. mode: "simpleshot", the nearest centroid; or "tip-adapter", which adds the similarity to
    examples to the logits of the texts. blend: the weight of the texts in simpleshot, from 0 (examples only) to 1 (texts only).
    Without blend, a class without examples cannot win; with it, its part of the examples is the image's mean over the classes
    that have some. alpha, beta: Tip-Adapter's weight and sharpness.
    """

    def __init__(
        self, support: Path, *, mode: Mode = "simpleshot", blend: float = 0.0, alpha: float = 1.0, beta: float = 5.5
    ) -> None:
        if not 0 <= blend <= 1:
            raise ScoresError(f"few-shot: blend is the weight of the texts, from 0 to 1; got {blend:g}")
        if mode == "tip-adapter" and blend:
            raise ScoresError("few-shot: tip-adapter adds to the texts with the weight alpha; leave out blend")
        self.support, self.mode, self.blend, self.alpha, self.beta = support, mode, blend, alpha, beta
        self.uses_texts = mode == "tip-adapter" or blend > 0
        self.capabilities = ScorerCapabilities(support_option="support", needs_texts=self.uses_texts)
        self._texts = TextScorer()
        self._fitted: _Fitted | None = None

    @property
    def revision(self) -> str:
        """A hash of the examples' embeddings and classes, and of the options."""
        given = self._prepared.support
        options = repr((self.mode, self.blend, self.alpha, self.beta)).encode()
        content = given.embeddings_nD.numpy().tobytes() + np.asarray(given.class_n, "<i8").tobytes() + options
        return hashlib.sha256(content).hexdigest()[:16]

    def prepare_support(self, support: SupportImages, taxonomy: Taxonomy) -> Sequence[str]:
        """Computes the centroids. Notes the number of examples, and the classes without any."""
        class_m, index_n = np.unique(support.class_n, return_inverse=True)
        nearest = fit_simple_shot(support.embeddings_nD.numpy(), index_n.astype(np.int64), len(class_m))
        self._fitted = _Fitted(support, class_m, index_n.astype(np.int64), nearest)
        notes = [f"{len(index_n)} examples of {len(class_m)} classes from {self.support}"]
        if len(class_m) < 2 and self.mode == "simpleshot" and not self.blend:
            raise ScoresError(
                f"{self.support}: examples of one class only ({taxonomy.class_taxon(int(class_m[0])).name}); give "
                "examples of two classes or more, or blend=0.5 to use the texts too"
            )
        if without := taxonomy.n_classes - len(class_m):
            some = (c for c in range(taxonomy.n_classes) if c not in set(class_m.tolist()))
            names = list_some([taxonomy.class_taxon(c).name for c, _ in zip(some, range(4))][:3])
            result = (
                "only their texts count" if self.uses_texts else "they cannot win (blend=0.5 lets them, by their texts)"
            )
            notes.append(f"{without} of {taxonomy.n_classes} classes have no example, among them {names}: {result}")
        return notes

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns the logits of examples, or of examples and texts; -inf for a class without examples if texts have no part."""
        fitted = self._prepared
        added_mB = self._score_examples(features.embeddings_BD, card.logit_scale)

        def make_part(start: int, stop: int, absent_B: torch.Tensor) -> torch.Tensor:
            logits_cB = absent_B.expand(stop - start, -1).clone()
            first, last = fitted.class_m.searchsorted([start, stop]).tolist()
            logits_cB[torch.from_numpy(fitted.class_m[first:last] - start)] = added_mB[first:last]
            return logits_cB

        if not self.uses_texts:
            excluded_B = torch.full_like(added_mB[0], -torch.inf)
            n_images, n_classes = added_mB.shape[1], taxonomy.n_classes
            return Logits(lambda start, stop: make_part(start, stop, excluded_B), n_images, n_classes)
        weight = self._text_weight
        absent_B = torch.zeros_like(added_mB[0]) if self.mode == "tip-adapter" else added_mB.mean(0)
        texts = self._texts.logits(features, bank, card, taxonomy)
        return texts.map(lambda start, stop, logits_cB: logits_cB * weight + make_part(start, stop, absent_B))

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Returns those of the texts, times their weight: what examples add is a remainder of the margin."""
        if not self.uses_texts:
            return np.empty(0, np.float32)
        coefficients_P: np.ndarray = self._texts.coefficients(embedding_D, bank, class_index) * np.float32(
            self._text_weight
        )
        return coefficients_P

    def nearest(self, embedding_D: torch.Tensor, class_index: int) -> Sequence[NearestImage]:
        """Returns the three examples of a class with the largest cosine."""
        support = self._prepared.support
        rows = np.flatnonzero(support.class_n == class_index)
        cosine_r = support.embeddings_nD[rows] @ embedding_D
        order = torch.argsort(cosine_r, descending=True, stable=True)[:SHOWN].tolist()
        return [NearestImage(support.names[rows[i]], class_index, float(cosine_r[i])) for i in order]

    @property
    def _text_weight(self) -> float:
        return 1.0 if self.mode == "tip-adapter" else self.blend

    def _score_examples(self, embeddings_BD: torch.Tensor, scale: float) -> torch.Tensor:
        """Computes what examples add to the logits of the classes that have any: float32 [m, B]."""
        fitted, query_BD = self._prepared, embeddings_BD.numpy()
        support_nD = fitted.support.embeddings_nD.numpy()
        if query_BD.shape[1] != support_nD.shape[1]:
            raise ScoresError(
                f"few-shot: expected embeddings of {support_nD.shape[1]} numbers, got {query_BD.shape[1]}"
            )
        if self.mode == "tip-adapter":
            scores_Bm = compute_cache_logits(
                query_BD, support_nD, fitted.index_n, len(fitted.class_m), alpha=self.alpha, beta=self.beta
            )
        else:
            scores_Bm = (1 - self.blend) * scale * fitted.nearest.score(query_BD)
        return torch.from_numpy(scores_Bm.T.astype(np.float32))

    @property
    def _prepared(self) -> _Fitted:
        if self._fitted is None:
            raise ScoresError(f"the examples of {self.support} are not embedded; call prepare_support first")
        return self._fitted
