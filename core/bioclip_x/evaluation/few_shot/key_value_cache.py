"""Tip-Adapter without training: a cache of support images that corrects the logits of texts (Zhang et al. 2022, arXiv
2207.09519, equations 3 to 6).

    logits = text logits + α · exp(-β (1 - f·F)) · L

f: a query's unit embedding. F: the support's unit embeddings. L: their classes, one-hot. So each support image adds at most α
to the logit of its class.

Legend: n support images, m query images, C classes, D embedding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats, Ints

ALPHA: Final = 1.0
BETA: Final = 5.5
"""The best values of the paper's ablation on ImageNet, 16 shots (its table 6)."""


def compute_cache_logits(
    query_mD: npt.ArrayLike, support_nD: npt.ArrayLike, class_n: Ints, n_classes: int, *, alpha: float, beta: float
) -> Floats:
    """Computes what the cache adds to the logits: float64 [m, C], 0 for a class without support.

    >>> one = np.eye(2)
    >>> compute_cache_logits(one[:1], one, np.array([0, 1]), 3, alpha=2.0, beta=1.0).round(3).tolist()
    [[2.0, 0.736, 0.0]]
    """
    cosine_mn = np.asarray(query_mD, np.float64) @ np.asarray(support_nD, np.float64).T
    affinity_mn = np.exp(-beta * (1 - cosine_mn))
    added_Cm = np.zeros((n_classes, len(affinity_mn)))
    np.add.at(added_Cm, class_n, affinity_mn.T)
    added_mC: Floats = alpha * added_Cm.T
    return added_mC
