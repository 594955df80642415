"""Linear probes of scikit-learn on unit embeddings: ridge regression and logistic regression.

Legend: n support images, m query images, C classes, D embedding.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError

Scorer = Callable[[Floats], Floats]
"""Query embeddings [m, D] → scores [m, C]."""


def fit_ridge(support_nD: Floats, class_n: Ints, *, alpha: float) -> Scorer:
    """Fits a ridge regression to targets of ±1; the scores are its outputs.

    alpha: the weight of the squared coefficients. class_n: has all of 0 … C - 1. Raises EvaluationError without scikit-learn.
    """
    return _fit(_import_linear_models().RidgeClassifier(alpha=alpha), support_nD, class_n)


def fit_logistic_regression(support_nD: Floats, class_n: Ints, *, inverse_strength: float) -> Scorer:
    """Fits a multinomial logistic regression; the scores are its logits (for two classes, ± half of their difference).

    inverse_strength: scikit-learn's C, the inverse of the weight of the squared coefficients. class_n: has all of 0 … C - 1.
    Raises EvaluationError without scikit-learn.
    """
    model = _import_linear_models().LogisticRegression(C=inverse_strength, max_iter=1000)
    return _fit(model, support_nD, class_n)


def _fit(model: Any, support_nD: Floats, class_n: Ints) -> Scorer:
    if len(np.unique(class_n)) < 2:
        raise EvaluationError("a probe needs images of two classes or more; the support has one")
    with warnings.catch_warnings():  # as many classes as images is what one shot means
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(support_nD, class_n)

    def score(query_mD: Floats) -> Floats:
        scores: Floats = np.asarray(model.decision_function(query_mD), np.float64)
        return scores if scores.ndim == 2 else np.stack([-scores / 2, scores / 2], 1)  # two classes have one column

    return score


def _import_linear_models() -> Any:
    try:
        from sklearn import linear_model
    except ImportError:
        raise EvaluationError(
            "the methods ridge and logistic need scikit-learn, which is not installed; pip install 'bioclip-x[evaluate]'"
        ) from None
    return linear_model
