"""SimpleShot: the nearest centroid of centred embeddings (Wang et al. 2019, arXiv 1911.04623, the variant CL2N).

As in BioCLIP's few-shot evaluation: the mean of all support embeddings is subtracted from support and query embeddings, both
are then scaled to unit length, and a class's centroid is the mean of its support embeddings, not scaled again. The best class
is that of the nearest centroid by Euclidean distance.

Legend: n support images, m query images, C classes, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class SimpleShot:
    """mean_D: float64 [D], of the support. centroid_CD: float64 [C, D], of centred support embeddings of unit length; 0, which
    is the mean of the support, for a class without support."""

    mean_D: Floats
    centroid_CD: Floats

    def score(self, query_mD: npt.ArrayLike) -> Floats:
        """Returns q·c - |c|²/2 of centred unit queries q and centroids c: float64 [m, C].

        That is (1 - |q - c|²) / 2, so the largest score is that of the nearest centroid. It is a cosine where |c| = 1, up to a
        constant, so that a model's logit scale applies to it.
        """
        query_mD = centre_and_normalise(query_mD, self.mean_D)
        scores_mC: Floats = query_mD @ self.centroid_CD.T - (self.centroid_CD**2).sum(1) / 2
        return scores_mC


def fit_simple_shot(support_nD: npt.ArrayLike, class_n: Ints, n_classes: int) -> SimpleShot:
    """Computes mean and centroids. support_nD: unit embeddings. class_n: int64 [n], 0 … n_classes - 1."""
    support_nD = np.asarray(support_nD, np.float64)
    mean_D = support_nD.mean(0)
    centroid_CD = np.zeros((n_classes, support_nD.shape[1]))
    np.add.at(centroid_CD, class_n, centre_and_normalise(support_nD, mean_D))
    centroid_CD /= np.bincount(class_n, minlength=n_classes).clip(1)[:, None]
    return SimpleShot(mean_D, centroid_CD)


def centre_and_normalise(embeddings_nD: npt.ArrayLike, mean_D: Floats) -> Floats:
    """Subtracts the mean, and scales to unit length: float64 [n, D]. A row that equals the mean stays 0.

    >>> centre_and_normalise([[4.0, 5.0], [1.0, 1.0]], np.ones(2)).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    centred_nD: Floats = np.asarray(embeddings_nD, np.float64) - mean_D
    length_n1 = np.linalg.norm(centred_nD, axis=1, keepdims=True)
    unit_nD: Floats = np.divide(centred_nD, length_n1, out=np.zeros_like(centred_nD), where=length_n1 > 0)
    return unit_nD
